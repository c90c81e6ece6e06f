/* SPDX-License-Identifier: MIT
 * shape.c - checks of keywords' values, so that compiling can rely on them. */
#include "schema/shape.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

uint8_t evsi_type_bit(const evsi_document *doc, uint32_t node) {
  for (int kind = EVSI_NODE_NULL; kind <= EVSI_NODE_OBJECT; kind++)
    if (evsi_node_is(doc, node, evsi_node_kind_name((uint8_t)kind)))
      return (uint8_t)(1 << kind);
  return evsi_node_is(doc, node, "integer") ? EVSI_TYPE_INTEGER : 0;
}

static int compare_strings(const void *left, const void *right) {
  const evs_bytes *a = left, *b = right;
  int order = memcmp(a->data, b->data, a->size < b->size ? a->size : b->size);
  return order ? order : (a->size > b->size) - (a->size < b->size);
}

static evsi_shape_fault fine(void) {
  return (evsi_shape_fault){.expected = NULL};
}

static evsi_shape_fault wrong(uint32_t node, const char *expected) {
  return (evsi_shape_fault){.expected = expected, .node = node};
}

static evsi_shape_fault unless(bool is_right, uint32_t node, const char *expected) {
  return is_right ? fine() : wrong(node, expected);
}

/* Equal strings are beside each other once they are sorted. */
static evsi_shape_fault check_distinct(const evsi_document *doc, uint32_t array, const char *expected) {
  uint32_t count = doc->nodes[array].count, n = 0;
  if (count < 2)
    return fine();
  evs_bytes *sorted = evsi_calloc(count, sizeof *sorted);
  if (!sorted)
    return (evsi_shape_fault){.no_memory = true};
  for (uint32_t at = evsi_node_first(array); at < doc->nodes[array].end; at = evsi_node_next(doc, at))
    sorted[n++] = evsi_node_bytes(doc, at);
  qsort(sorted, count, sizeof *sorted, compare_strings);
  bool is_distinct = true;
  for (uint32_t i = 1; i < count && is_distinct; i++)
    is_distinct = compare_strings(&sorted[i - 1], &sorted[i]) != 0;
  evsi_free(sorted);
  return unless(is_distinct, array, expected);
}

static evsi_shape_fault check_strings(const evsi_document *doc, uint32_t value) {
  static const char expected[] = "an array of different strings";
  if (doc->nodes[value].kind != EVSI_NODE_ARRAY)
    return wrong(value, expected);
  for (uint32_t at = evsi_node_first(value); at < doc->nodes[value].end; at = evsi_node_next(doc, at))
    if (doc->nodes[at].kind != EVSI_NODE_STRING)
      return wrong(at, "a string");
  return check_distinct(doc, value, expected);
}

static evsi_shape_fault check_types(const evsi_document *doc, uint32_t value) {
  static const char expected[] =
      "\"null\", \"boolean\", \"integer\", \"number\", \"string\", \"array\", \"object\", "
      "or an array of some of them";
  if (doc->nodes[value].kind != EVSI_NODE_ARRAY)
    return unless(evsi_type_bit(doc, value) != 0, value, expected);
  if (!doc->nodes[value].count)
    return wrong(value, expected);
  for (uint32_t at = evsi_node_first(value); at < doc->nodes[value].end; at = evsi_node_next(doc, at))
    if (!evsi_type_bit(doc, at))
      return wrong(at, expected);
  return check_distinct(doc, value, expected);
}

static evsi_shape_fault check_object_of(const evsi_document *doc, uint32_t value, evsi_shape shape) {
  if (doc->nodes[value].kind != EVSI_NODE_OBJECT)
    return wrong(value,
                 shape == EVSI_SHAPE_STRINGS_MAP ? "an object of arrays of strings" : "an object of schemas");
  if (shape == EVSI_SHAPE_SCHEMA_MAP || shape == EVSI_SHAPE_REGEX_MAP)
    return fine();
  for (uint32_t at = evsi_node_first(value); at < doc->nodes[value].end; at = evsi_node_next(doc, at + 1)) {
    if (shape == EVSI_SHAPE_DEPENDENCIES && doc->nodes[at + 1].kind != EVSI_NODE_ARRAY)
      continue; /* a schema, and checked as one */
    evsi_shape_fault fault = check_strings(doc, at + 1);
    if (fault.expected || fault.no_memory)
      return fault;
  }
  return fine();
}

static evsi_shape_fault check_number(const evsi_document *doc, uint32_t value, evsi_shape shape) {
  static const char count_expected[] = "a whole number, at least 0";
  evsi_divisor divisor;
  uint64_t count;
  if (doc->nodes[value].kind != EVSI_NODE_NUMBER)
    return wrong(value, shape == EVSI_SHAPE_COUNT ? count_expected : "a number");
  evsi_decimal number = evsi_decimal_parse(evsi_node_bytes(doc, value));
  if (shape == EVSI_SHAPE_COUNT)
    return unless(evsi_decimal_to_count(&number, &count), value, count_expected);
  if (shape == EVSI_SHAPE_DIVISOR)
    return unless(evsi_divisor_prepare(&divisor, &number), value, "a number above 0 with at most 108 digits");
  return fine();
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

evsi_shape_fault evsi_shape_check(const evsi_document *doc, uint32_t value, evsi_shape shape) {
  uint8_t kind = doc->nodes[value].kind;
  bool can_be_schema = kind == EVSI_NODE_OBJECT || kind == EVSI_NODE_BOOLEAN;
  switch (shape) {
  case EVSI_SHAPE_SCHEMA:
    return unless(can_be_schema, value, "a schema: an object or a boolean");
  case EVSI_SHAPE_ITEMS:
    return unless(can_be_schema || kind == EVSI_NODE_ARRAY, value, "a schema: an object or a boolean");
  case EVSI_SHAPE_SCHEMAS:
    return unless(kind == EVSI_NODE_ARRAY && doc->nodes[value].count, value,
                  "an array of at least one schema");
  case EVSI_SHAPE_SCHEMA_MAP:
  case EVSI_SHAPE_REGEX_MAP:
  case EVSI_SHAPE_DEPENDENCIES:
  case EVSI_SHAPE_STRINGS_MAP:
    return check_object_of(doc, value, shape);
  case EVSI_SHAPE_COUNT:
  case EVSI_SHAPE_NUMBER:
  case EVSI_SHAPE_DIVISOR:
    return check_number(doc, value, shape);
  case EVSI_SHAPE_STRING:
  case EVSI_SHAPE_REGEX:
  case EVSI_SHAPE_REFERENCE:
    return unless(kind == EVSI_NODE_STRING, value, "a string");
  case EVSI_SHAPE_BOOLEAN:
    return unless(kind == EVSI_NODE_BOOLEAN, value, "true or false");
  case EVSI_SHAPE_ARRAY:
    return unless(kind == EVSI_NODE_ARRAY, value, "an array");
  case EVSI_SHAPE_STRINGS:
    return check_strings(doc, value);
  case EVSI_SHAPE_TYPES:
    return check_types(doc, value);
  case EVSI_SHAPE_ANCHOR:
    return unless(kind == EVSI_NODE_STRING && is_anchor(evsi_node_bytes(doc, value)), value,
                  "a name of letters, digits, _, - and ., not beginning with a digit");
  case EVSI_SHAPE_ANY:
    break;
  }
  return fine();
}
