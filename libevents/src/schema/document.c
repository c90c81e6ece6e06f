/* SPDX-License-Identifier: MIT
 * document.c - parsing. The open containers are the chain of parents, so that depth costs no stack. */
#include "schema/document.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "event/json_token.h"
#include "schema/grow.h"

enum { FEW_MEMBERS = 16 }; /* up to here looking at each is faster than an index */

typedef struct parser {
  evsi_document *doc;
  evsi_token_scan scan;
  const char *start;
  uint32_t open; /* the innermost open container */
  uint32_t depth;
  bool no_memory;
} parser;

static bool no_memory(parser *p) {
  p->no_memory = true;
  return false;
}

static evsi_node *push(parser *p, evsi_node_kind kind) {
  evsi_document *doc = p->doc;
  if (!evsi_grow(doc->nodes, doc->capacity, (uint64_t)doc->count + 1)) {
    no_memory(p);
    return NULL;
  }
  evsi_node *node = &doc->nodes[doc->count++];
  *node = (evsi_node){.text = p->scan.at, .end = doc->count, .parent = p->open, .kind = (uint8_t)kind};
  if (p->depth)
    doc->nodes[p->open].count++;
  return node;
}

/* All strings with escapes together are not longer than the text, so the memory for them never moves. */
static bool unescape(parser *p, evsi_node *node, evs_bytes raw) {
  evsi_document *doc = p->doc;
  size_t size;
  if (!doc->strings_size) {
    size_t need = (size_t)(p->scan.end - p->start);
    if (need > doc->strings_capacity) {
      evsi_free(doc->strings);
      doc->strings_capacity = 0;
      doc->strings = evsi_alloc(need);
      if (!doc->strings)
        return no_memory(p);
      doc->strings_capacity = need;
    }
  }
  char *to = doc->strings + doc->strings_size;
  if (!evsi_token_unescape(raw, to, &size)) {
    p->scan.at = raw.data;
    return evsi_token_fail(&p->scan, "half of a surrogate pair in a string");
  }
  doc->strings_size += size;
  node->text = to;
  node->size = (uint32_t)size;
  return true;
}

static bool string(parser *p) {
  const char *quote = p->scan.at;
  evsi_node *node = push(p, EVSI_NODE_STRING);
  if (!node || !evsi_token_string(&p->scan))
    return false;
  evs_bytes raw = evsi_bytes(quote + 1, (uint64_t)(p->scan.at - quote - 2));
  node->text = raw.data;
  node->size = (uint32_t)raw.size;
  return !p->scan.has_escape || unescape(p, node, raw);
}

static bool key(parser *p) {
  evsi_token_space(&p->scan);
  if (p->scan.at == p->scan.end || *p->scan.at != '"')
    return evsi_token_fail(&p->scan, "a key in quotes is expected here");
  uint32_t node = p->doc->count;
  if (!string(p))
    return false;
  p->doc->nodes[node].is_key = true;
  p->doc->nodes[p->open].count--; /* a member is counted once, with its value */
  evsi_token_space(&p->scan);
  if (p->scan.at == p->scan.end || *p->scan.at != ':')
    return evsi_token_fail(&p->scan, "a colon is expected here");
  p->scan.at++;
  return true;
}

static bool scalar(parser *p) {
  char c = *p->scan.at;
  if (c == '"')
    return string(p);
  evsi_node_kind kind = c == 'n'               ? EVSI_NODE_NULL
                        : c == 't' || c == 'f' ? EVSI_NODE_BOOLEAN
                                               : EVSI_NODE_NUMBER;
  evsi_node *node = push(p, kind);
  if (!node || !evsi_token_scalar(&p->scan))
    return false;
  node->size = (uint32_t)(p->scan.at - node->text);
  return true;
}

/* The first byte decides nearly always, and costs no call. */
static bool is_key(const evsi_node *node, const char *data, size_t size) {
  return node->size == size &&
         (size == 0 || (node->text[0] == data[0] && memcmp(node->text, data, size) == 0));
}

static int compare_keys(const char *a, uint32_t a_size, const char *b, uint32_t b_size) {
  int order = memcmp(a, b, a_size < b_size ? a_size : b_size);
  return order ? order : (a_size > b_size) - (a_size < b_size);
}

static int compare_members(const void *left, const void *right) {
  const evsi_member *a = left, *b = right;
  return compare_keys(a->key, a->size, b->key, b->size);
}

static bool duplicate(parser *p) {
  return evsi_token_fail(&p->scan, "the object that ends here has a key twice");
}

static bool few_are_distinct(const evsi_document *doc, uint32_t object) {
  uint32_t end = doc->nodes[object].end;
  for (uint32_t a = evsi_node_first(object); a < end; a = evsi_node_next(doc, a + 1))
    for (uint32_t b = evsi_node_next(doc, a + 1); b < end; b = evsi_node_next(doc, b + 1))
      if (is_key(&doc->nodes[a], doc->nodes[b].text, doc->nodes[b].size))
        return false;
  return true;
}

/* Many members get an index, which shows equal keys beside each other. */
static bool index_members(parser *p, uint32_t object) {
  evsi_document *doc = p->doc;
  evsi_node *node = &doc->nodes[object];
  if (!evsi_grow(doc->members, doc->member_capacity, (uint64_t)doc->member_count + node->count))
    return no_memory(p);
  evsi_member *members = doc->members + doc->member_count;
  uint32_t count = 0;
  for (uint32_t at = evsi_node_first(object); at < node->end; at = evsi_node_next(doc, at + 1))
    members[count++] = (evsi_member){doc->nodes[at].text, doc->nodes[at].size, at + 1};
  qsort(members, count, sizeof *members, compare_members);
  for (uint32_t i = 1; i < count; i++)
    if (compare_members(&members[i - 1], &members[i]) == 0)
      return duplicate(p);
  node->sorted = doc->member_count;
  doc->member_count += count;
  return true;
}

static bool open_container(parser *p, bool is_object) {
  if (p->depth == EVSI_DOCUMENT_DEPTH_MAX)
    return evsi_token_fail(&p->scan, "nested deeper than 20,000 levels");
  uint32_t node = p->doc->count;
  if (!push(p, is_object ? EVSI_NODE_OBJECT : EVSI_NODE_ARRAY))
    return false;
  p->open = node;
  p->depth++;
  p->scan.at++;
  return true;
}

static bool close_container(parser *p) {
  uint32_t container = p->open;
  evsi_node *node = &p->doc->nodes[container];
  p->scan.at++;
  node->end = p->doc->count;
  node->size = (uint32_t)(p->scan.at - node->text);
  p->open = node->parent;
  p->depth--;
  if (node->kind != EVSI_NODE_OBJECT)
    return true;
  if (node->count > FEW_MEMBERS)
    return index_members(p, container);
  return few_are_distinct(p->doc, container) || duplicate(p);
}

/* Behind a value: closes what ends here, and stops before the next value or behind the root. */
static bool after_value(parser *p) {
  while (p->depth > 0) {
    bool is_object = p->doc->nodes[p->open].kind == EVSI_NODE_OBJECT;
    evsi_token_space(&p->scan);
    if (p->scan.at == p->scan.end)
      return evsi_token_fail(&p->scan,
                             is_object ? "the text ends inside an object" : "the text ends inside an array");
    if (*p->scan.at == ',') {
      p->scan.at++;
      return !is_object || key(p);
    }
    if (*p->scan.at != (is_object ? '}' : ']'))
      return evsi_token_fail(&p->scan,
                             is_object ? "a comma or } is expected here" : "a comma or ] is expected here");
    if (!close_container(p))
      return false;
  }
  return true;
}

static bool parse_value(parser *p) {
  do {
    evsi_token_space(&p->scan);
    if (p->scan.at == p->scan.end)
      return evsi_token_fail(&p->scan, "the text ends where a value is expected");
    char c = *p->scan.at;
    if (c == '{' || c == '[') {
      if (!open_container(p, c == '{'))
        return false;
      evsi_token_space(&p->scan);
      bool is_empty = p->scan.at < p->scan.end && *p->scan.at == (c == '{' ? '}' : ']');
      if (!is_empty) {
        if (c == '{' && !key(p))
          return false;
        continue;
      }
    } else if (!scalar(p)) {
      return false;
    }
    if (!after_value(p))
      return false;
  } while (p->depth > 0);
  evsi_token_space(&p->scan);
  return p->scan.at == p->scan.end || evsi_token_fail(&p->scan, "nothing may follow the value");
}

evs_status evsi_document_parse(evsi_document *doc, evs_bytes text, evs_error **out_error) {
  const char *data = text.size ? text.data : "";
  doc->count = doc->member_count = 0;
  doc->strings_size = 0;
  if (text.size > EVSI_DOCUMENT_SIZE_MAX)
    return evsi_error(out_error, EVS_VALIDATION, NULL,
                      "a JSON text of %llu bytes; at most %d can be validated", (unsigned long long)text.size,
                      EVSI_DOCUMENT_SIZE_MAX);
  parser p = {.doc = doc, .scan = {.at = data, .end = data + text.size}, .start = data};
  if (parse_value(&p))
    return EVS_OK;
  if (p.no_memory)
    return evsi_error_nomem(out_error);
  return evsi_error(out_error, EVS_VALIDATION, NULL, "no JSON at byte %zu: %s", (size_t)(p.scan.at - data),
                    p.scan.error);
}

void evsi_document_free(evsi_document *doc) {
  evsi_free(doc->nodes);
  evsi_free(doc->members);
  evsi_free(doc->strings);
  *doc = (evsi_document){.nodes = NULL};
}

uint32_t evsi_document_find(const evsi_document *doc, uint32_t object, evs_bytes key) {
  const evsi_node *node = &doc->nodes[object];
  if (node->count <= FEW_MEMBERS) {
    for (uint32_t at = evsi_node_first(object); at < node->end; at = evsi_node_next(doc, at + 1))
      if (is_key(&doc->nodes[at], key.data, key.size))
        return at + 1;
    return EVSI_NODE_NONE;
  }
  const evsi_member *members = doc->members + node->sorted;
  uint32_t low = 0, high = node->count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    int order = compare_keys(key.data, (uint32_t)key.size, members[middle].key, members[middle].size);
    if (order == 0)
      return members[middle].value;
    if (order < 0)
      high = middle;
    else
      low = middle + 1;
  }
  return EVSI_NODE_NONE;
}

uint32_t evsi_document_find_next(const evsi_document *doc, uint32_t object, evs_bytes key, uint32_t *place) {
  uint32_t at = *place ? *place : evsi_node_first(object);
  bool is_there = at < doc->nodes[object].end && is_key(&doc->nodes[at], key.data, key.size);
  uint32_t value = is_there ? at + 1 : evsi_document_find(doc, object, key);
  if (value != EVSI_NODE_NONE)
    *place = evsi_node_next(doc, value);
  return value;
}

bool evsi_node_is(const evsi_document *doc, uint32_t node, const char *string) {
  const evsi_node *n = &doc->nodes[node];
  return n->kind == EVSI_NODE_STRING && n->size == strlen(string) && memcmp(n->text, string, n->size) == 0;
}

const char *evsi_node_kind_name(uint8_t kind) {
  static const char *const names[] = {"null", "boolean", "number", "string", "array", "object"};
  return names[kind];
}
