/* SPDX-License-Identifier: MIT
 * pointer.c - JSON pointers (RFC 6901) of a document's nodes, and the way back. */
#include <string.h>

#include "schema/document.h"

void evsi_pointer_token(evsi_buf *out, evs_bytes token) {
  evsi_buf_add(out, "/", 1);
  uint64_t from = 0;
  for (uint64_t i = 0; i < token.size; i++) {
    char c = token.data[i];
    if (c != '~' && c != '/')
      continue;
    evsi_buf_add(out, token.data + from, i - from);
    evsi_buf_add(out, c == '~' ? "~0" : "~1", 2);
    from = i + 1;
  }
  evsi_buf_add(out, token.data + from, token.size - from);
}

/* The next node on the way down from `from` to `node`: the child of `from` that it is or is inside of. For a
 * member the value. */
static uint32_t step_down(const evsi_document *doc, uint32_t from, uint32_t node, uint32_t *out_position) {
  bool is_object = doc->nodes[from].kind == EVSI_NODE_OBJECT;
  uint32_t child = evsi_node_first(from), position = 0;
  for (;; position++) {
    uint32_t value = is_object ? child + 1 : child;
    if (node < doc->nodes[value].end)
      break;
    child = doc->nodes[value].end;
  }
  *out_position = position;
  return is_object ? child + 1 : child;
}

void evsi_document_pointer(const evsi_document *doc, uint32_t from, uint32_t node, evsi_buf *out) {
  uint32_t at = from;
  if (doc->nodes[node].is_key)
    node++;
  while (at != node) {
    uint32_t position;
    uint32_t child = step_down(doc, at, node, &position);
    if (doc->nodes[at].kind == EVSI_NODE_OBJECT)
      evsi_pointer_token(out, evsi_node_bytes(doc, child - 1));
    else
      evsi_buf_addf(out, "/%u", position);
    at = child;
  }
}

/* "0", "12", but not "" and "01". */
static bool parse_index(evs_bytes token, uint32_t *out_index) {
  if (!token.size || token.size > 9 || (token.size > 1 && token.data[0] == '0'))
    return false;
  uint32_t index = 0;
  for (uint64_t i = 0; i < token.size; i++) {
    if (token.data[i] < '0' || token.data[i] > '9')
      return false;
    index = index * 10 + (uint32_t)(token.data[i] - '0');
  }
  *out_index = index;
  return true;
}

static bool unescape_token(evs_bytes token, evsi_buf *out) {
  evsi_buf_clear(out);
  for (uint64_t i = 0; i < token.size; i++) {
    char c = token.data[i];
    if (c == '~') {
      if (++i == token.size || (token.data[i] != '0' && token.data[i] != '1'))
        return false;
      c = token.data[i] == '0' ? '~' : '/';
    }
    evsi_buf_add(out, &c, 1);
  }
  evsi_buf_reserve(out, 0);
  return !out->failed;
}

static bool enter(const evsi_document *doc, uint32_t *at, evs_bytes token, uint64_t *work) {
  const evsi_node *node = &doc->nodes[*at];
  if (node->kind == EVSI_NODE_OBJECT) {
    *at = evsi_document_find(doc, *at, token);
    return *at != EVSI_NODE_NONE;
  }
  uint32_t index;
  if (node->kind != EVSI_NODE_ARRAY || !parse_index(token, &index) || index >= node->count)
    return false;
  uint32_t child = evsi_node_first(*at);
  *work += index;
  while (index--)
    child = evsi_node_next(doc, child);
  *at = child;
  return true;
}

bool evsi_document_resolve(const evsi_document *doc, uint32_t *node, evs_bytes pointer, evsi_buf *scratch,
                           uint64_t *work) {
  uint32_t at = *node;
  if (pointer.size && pointer.data[0] != '/')
    return false;
  for (uint64_t from = 0; from < pointer.size;) {
    const char *begin = pointer.data + from + 1;
    uint64_t left = pointer.size - from - 1;
    const char *slash = left ? memchr(begin, '/', left) : NULL;
    uint64_t size = slash ? (uint64_t)(slash - begin) : left;
    if (!unescape_token(evsi_bytes(begin, size), scratch) ||
        !enter(doc, &at, evsi_bytes(scratch->data, scratch->size), work))
      return false;
    from += size + 1;
  }
  *node = at;
  return true;
}
