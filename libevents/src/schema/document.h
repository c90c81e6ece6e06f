/* SPDX-License-Identifier: MIT
 * document.h - a JSON text as one flat array of nodes, in the text's order: a schema, or a body that is held
 * against one. Numbers keep their text, strings are without escapes, duplicate keys are refused, and nothing
 * here recurses, however deep the text is nested. */
#ifndef EVSI_DOCUMENT_H
#define EVSI_DOCUMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "libevents.h"

enum {
  EVSI_DOCUMENT_DEPTH_MAX = 20000,
  EVSI_DOCUMENT_SIZE_MAX = 256 * 1024 * 1024,
  EVSI_NODE_NONE = 0 /* as the result of a search: the root is nobody's member */
};

typedef enum evsi_node_kind {
  EVSI_NODE_NULL,
  EVSI_NODE_BOOLEAN,
  EVSI_NODE_NUMBER,
  EVSI_NODE_STRING,
  EVSI_NODE_ARRAY,
  EVSI_NODE_OBJECT
} evsi_node_kind;

/* An array is followed by its items; an object by key, value, key, value: keys are nodes, too. */
typedef struct evsi_node {
  const char *text; /* a string's characters, else the value as it stands in the text */
  uint32_t size;
  uint32_t end; /* of the node behind everything inside this one */
  uint32_t parent;
  uint32_t count;  /* items or members */
  uint32_t sorted; /* of a large object: where its members begin in `members` */
  uint8_t kind;
  bool is_key;
} evsi_node;

typedef struct evsi_member {
  const char *key;
  uint32_t size;
  uint32_t value;
} evsi_member;

/* All zero is an empty one. It may be parsed again and again and keeps its memory. */
typedef struct evsi_document {
  evsi_node *nodes;
  uint32_t count;
  uint32_t capacity;
  evsi_member *members; /* of large objects, by key */
  uint32_t member_count;
  uint32_t member_capacity;
  char *strings; /* those that had escapes */
  size_t strings_size;
  size_t strings_capacity;
} evsi_document;

/* Parses; `text` has to stay as long as the document is used.
 * errors: EVS_VALIDATION with offset and reason, EVS_NOMEM */
evs_status evsi_document_parse(evsi_document *doc, evs_bytes text, evs_error **out_error);
void evsi_document_free(evsi_document *doc); /* leaves an empty one */

/* The value of a member, or EVSI_NODE_NONE; `object` has to be an object. */
uint32_t evsi_document_find(const evsi_document *doc, uint32_t object, evs_bytes key);
/* The same for many keys one after the other: members mostly stand in the order in which they are asked for,
 * so *place (at first 0) is looked at before all others. */
uint32_t evsi_document_find_next(const evsi_document *doc, uint32_t object, evs_bytes key, uint32_t *place);

/* First child of an array or object, and the sibling behind a node; the end is doc->nodes[parent].end. */
static inline uint32_t evsi_node_first(uint32_t node) {
  return node + 1;
}
static inline uint32_t evsi_node_next(const evsi_document *doc, uint32_t node) {
  return doc->nodes[node].end;
}
static inline evs_bytes evsi_node_bytes(const evsi_document *doc, uint32_t node) {
  return evsi_bytes(doc->nodes[node].text, doc->nodes[node].size);
}
bool evsi_node_is(const evsi_document *doc, uint32_t node, const char *string);

/* Appends the JSON pointer that leads from a node to one inside of it; a key's is that of its value. */
void evsi_document_pointer(const evsi_document *doc, uint32_t from, uint32_t node, evsi_buf *out);
/* Follows a JSON pointer (without percent escapes) from *node on. False when nothing is there, and when
 * memory for `scratch` is short. Adds to *work how many nodes it went over. */
bool evsi_document_resolve(const evsi_document *doc, uint32_t *node, evs_bytes pointer, evsi_buf *scratch,
                           uint64_t *work);
/* Appends a reference token of a JSON pointer. */
void evsi_pointer_token(evsi_buf *out, evs_bytes token);

/* "null", "a string", … and whether the value is what JSON Schema calls an integer is not asked. */
const char *evsi_node_kind_name(uint8_t kind);

#endif
