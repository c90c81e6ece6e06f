/* SPDX-License-Identifier: MIT
 * shape.c - checks of keywords' values, so that compiling can rely on them. */
#include "schema/shape.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

uint8_t evsi_type_bit(const evsi_document *doc, uint32_t node) {
  for (uint8_t kind = EVSI_NODE_NULL; kind <= EVSI_NODE_OBJECT; kind++)
    if (evsi_node_is(doc, node, evsi_node_kind_name(kind)))
      return (uint8_t)(1 << kind);
  return evsi_node_is(doc, node, "integer") ? EVSI_TYPE_INTEGER : 0;
}

static int compare_strings(const void *left, const void *right) {
  const evs_bytes *a = left, *b = right;
  int order = memcmp(a->data, b->data, a->size < b->size ? a->size : b->size);
  return order ? order : (a->size > b->size) - (a->size < b->size);
}

/* Equal strings are beside each other once they are sorted. Short of memory they pass: that is found
 * elsewhere. */
static bool are_distinct(const evsi_document *doc, uint32_t array) {
  uint32_t count = doc->nodes[array].count;
  evs_bytes *sorted = count > 1 ? evsi_calloc(count, sizeof *sorted) : NULL;
  if (!sorted)
    return true;
  uint32_t n = 0;
  for (uint32_t at = evsi_node_first(array); at < doc->nodes[array].end; at = evsi_node_next(doc, at))
    sorted[n++] = evsi_node_bytes(doc, at);
  qsort(sorted, count, sizeof *sorted, compare_strings);
  bool distinct = true;
  for (uint32_t i = 1; i < count && distinct; i++)
    distinct = compare_strings(&sorted[i - 1], &sorted[i]) != 0;
  evsi_free(sorted);
  return distinct;
}

static const char *check_strings(const evsi_document *doc, uint32_t value, uint32_t *out_node) {
  static const char expected[] = "an array of different strings";
  if (doc->nodes[value].kind != EVSI_NODE_ARRAY)
    return expected;
  for (uint32_t at = evsi_node_first(value); at < doc->nodes[value].end; at = evsi_node_next(doc, at)) {
    *out_node = at;
    if (doc->nodes[at].kind != EVSI_NODE_STRING)
      return "a string";
  }
  *out_node = value;
  return are_distinct(doc, value) ? NULL : expected;
}

static const char *check_types(const evsi_document *doc, uint32_t value, uint32_t *out_node) {
  static const char expected[] = "\"null\", \"boolean\", \"integer\", \"number\", \"string\", \"array\", "
                                 "\"object\", or an array of some of them";
  if (doc->nodes[value].kind != EVSI_NODE_ARRAY)
    return evsi_type_bit(doc, value) ? NULL : expected;
  const char *wrong = check_strings(doc, value, out_node);
  if (wrong || !doc->nodes[value].count)
    return expected;
  for (uint32_t at = evsi_node_first(value); at < doc->nodes[value].end; at = evsi_node_next(doc, at)) {
    *out_node = at;
    if (!evsi_type_bit(doc, at))
      return expected;
  }
  return NULL;
}

static const char *check_object_of(const evsi_document *doc, uint32_t value, evsi_shape shape,
                                   uint32_t *out_node) {
  if (doc->nodes[value].kind != EVSI_NODE_OBJECT)
    return shape == EVSI_SHAPE_STRINGS_MAP ? "an object of arrays of strings" : "an object of schemas";
  if (shape == EVSI_SHAPE_SCHEMA_MAP || shape == EVSI_SHAPE_REGEX_MAP)
    return NULL;
  for (uint32_t at = evsi_node_first(value); at < doc->nodes[value].end; at = evsi_node_next(doc, at + 1)) {
    *out_node = at + 1;
    if (shape == EVSI_SHAPE_DEPENDENCIES && doc->nodes[at + 1].kind != EVSI_NODE_ARRAY)
      continue; /* a schema, and checked as one */
    const char *wrong = check_strings(doc, at + 1, out_node);
    if (wrong)
      return wrong;
  }
  return NULL;
}

static const char *check_number(const evsi_document *doc, uint32_t value, evsi_shape shape) {
  evsi_divisor divisor;
  uint64_t count;
  if (doc->nodes[value].kind != EVSI_NODE_NUMBER)
    return shape == EVSI_SHAPE_COUNT ? "a whole number, at least 0" : "a number";
  evsi_decimal number = evsi_decimal_parse(evsi_node_bytes(doc, value));
  if (shape == EVSI_SHAPE_COUNT && !evsi_decimal_to_count(&number, &count))
    return "a whole number, at least 0";
  if (shape == EVSI_SHAPE_DIVISOR && !evsi_divisor_prepare(&divisor, &number))
    return "a number above 0 with at most 108 digits";
  return NULL;
}

static bool is_anchor(evs_bytes text) {
  for (uint64_t i = 0; i < text.size; i++) {
    char c = text.data[i];
    bool is_letter = c == '_' || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
    bool is_inner = i && (c == '-' || c == '.' || (c >= '0' && c <= '9'));
    if (!is_letter && !is_inner)
      return false;
  }
  return text.size > 0;
}

const char *evsi_shape_check(const evsi_document *doc, uint32_t value, evsi_shape shape, uint32_t *out_node) {
  uint8_t kind = doc->nodes[value].kind;
  *out_node = value;
  switch (shape) {
  case EVSI_SHAPE_SCHEMA:
    return kind == EVSI_NODE_OBJECT || kind == EVSI_NODE_BOOLEAN ? NULL : "a schema: an object or a boolean";
  case EVSI_SHAPE_SCHEMAS:
    return kind == EVSI_NODE_ARRAY && doc->nodes[value].count ? NULL : "an array of at least one schema";
  case EVSI_SHAPE_ITEMS:
    return kind == EVSI_NODE_OBJECT || kind == EVSI_NODE_BOOLEAN || kind == EVSI_NODE_ARRAY ? NULL
                                                                                            : "a schema";
  case EVSI_SHAPE_SCHEMA_MAP:
  case EVSI_SHAPE_REGEX_MAP:
  case EVSI_SHAPE_DEPENDENCIES:
  case EVSI_SHAPE_STRINGS_MAP:
    return check_object_of(doc, value, shape, out_node);
  case EVSI_SHAPE_COUNT:
  case EVSI_SHAPE_NUMBER:
  case EVSI_SHAPE_DIVISOR:
    return check_number(doc, value, shape);
  case EVSI_SHAPE_STRING:
  case EVSI_SHAPE_REGEX:
  case EVSI_SHAPE_REFERENCE:
    return kind == EVSI_NODE_STRING ? NULL : "a string";
  case EVSI_SHAPE_BOOLEAN:
    return kind == EVSI_NODE_BOOLEAN ? NULL : "true or false";
  case EVSI_SHAPE_ARRAY:
    return kind == EVSI_NODE_ARRAY ? NULL : "an array";
  case EVSI_SHAPE_STRINGS:
    return check_strings(doc, value, out_node);
  case EVSI_SHAPE_TYPES:
    return check_types(doc, value, out_node);
  case EVSI_SHAPE_ANCHOR:
    return kind == EVSI_NODE_STRING && is_anchor(evsi_node_bytes(doc, value))
               ? NULL
               : "a name of letters, digits, _, - and ., not beginning with a digit";
  case EVSI_SHAPE_ANY:
    break;
  }
  return NULL;
}
