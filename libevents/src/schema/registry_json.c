/* SPDX-License-Identifier: MIT
 * registry_json.c - a version as JSON, and what is different between two. */
#include <string.h>

#include "base/error.h"
#include "schema/equal.h"
#include "schema/program.h"
#include "schema/registry_inner.h"

static void add_text(evsi_buf *out, const char *name, const char *text) {
  evsi_buf_addf(out, ",\"%s\":", name);
  if (text)
    evsi_buf_add_json(out, text, strlen(text));
  else
    evsi_buf_add_text(out, "null");
}

static void add_time(evsi_buf *out, const char *name, uint64_t ms) {
  if (ms)
    evsi_buf_addf(out, ",\"%s\":%llu", name, (unsigned long long)ms);
  else
    evsi_buf_addf(out, ",\"%s\":null", name);
}

/* What the schema says of itself. */
static void add_own(evsi_buf *out, const evsi_document *doc, const char *name) {
  bool is_object = doc->nodes[0].kind == EVSI_NODE_OBJECT;
  uint32_t node = is_object ? evsi_document_find(doc, 0, evsi_text(name)) : EVSI_NODE_NONE;
  evsi_buf_addf(out, ",\"%s\":", name);
  if (node != EVSI_NODE_NONE && doc->nodes[node].kind == EVSI_NODE_STRING)
    evsi_buf_add_json(out, doc->nodes[node].text, doc->nodes[node].size);
  else
    evsi_buf_add_text(out, "null");
}

void evsi_version_json(const evsi_schema_version *version, const evsi_compat_rule *rule, bool with_text,
                       evsi_buf *out) {
  const evsi_document *doc = &evsi_validator_program(version->schema)->documents[0].tree;
  const char *type = version->type->name;
  evsi_buf_add_text(out, "{\"type\":");
  evsi_buf_add_json(out, type, strlen(type));
  add_text(out, "version", version->name);
  evsi_buf_addf(out, ",\"latest\":%s", evsi_registry_is_latest(version) ? "true" : "false");
  add_own(out, doc, "title");
  add_own(out, doc, "description");
  add_text(out, "hash", version->hash);
  add_text(out, "compatibility", evsi_compat_rule_word(rule));
  add_text(out, "policy", evsi_compat_policy_word(rule->policy));
  add_time(out, "registeredAt", version->registered_ms);
  add_text(out, "registeredBy", version->registered_by);
  add_time(out, "removedAt", atomic_load(&version->removed_ms));
  evsi_buf_addf(out, ",\"validated\":%llu,\"invalid\":%llu",
                (unsigned long long)atomic_load(&version->validated),
                (unsigned long long)atomic_load(&version->invalid));
  if (with_text)
    add_text(out, "schemaText", version->text);
  evsi_buf_add_text(out, "}");
}

/* ---- differences -------------------------------------------------------------------------------- */

enum { DEPTH_MAX = 64, CHANGES_MAX = 1000, SHOWN_MAX = 2000 };

typedef struct comparison {
  evsi_document before, after;
  evsi_equality equality;
  evsi_buf path;
  evsi_buf *out;
  uint32_t changes;
} comparison;

static void add_side(evsi_buf *out, const char *name, const evsi_document *doc, uint32_t node) {
  const evsi_node *value = &doc->nodes[node];
  evsi_buf_addf(out, ",\"%s\":", name);
  if (value->kind == EVSI_NODE_STRING) {
    evsi_buf quoted = {0};
    evsi_buf_add_json(&quoted, value->text ? value->text : "", value->size);
    evsi_buf_add_json(out, quoted.data ? quoted.data : "", quoted.size < SHOWN_MAX ? quoted.size : SHOWN_MAX);
    out->failed |= quoted.failed;
    evsi_buf_free(&quoted);
    return;
  }
  evsi_buf_add_json(out, value->text, value->size < SHOWN_MAX ? value->size : SHOWN_MAX);
}

/* A node that is not there is EVSI_NODE_NONE; the root is there in both. */
static void add_change(comparison *c, uint32_t before, uint32_t after, const char *change) {
  if (c->changes++ >= CHANGES_MAX)
    return;
  evsi_buf_add_text(c->out, c->changes > 1 ? ",{\"path\":" : "{\"path\":");
  evsi_buf_add_json(c->out, c->path.data ? c->path.data : "", c->path.size);
  evsi_buf_addf(c->out, ",\"change\":\"%s\"", change);
  if (strcmp(change, "added") != 0)
    add_side(c->out, "before", &c->before, before);
  if (strcmp(change, "removed") != 0)
    add_side(c->out, "after", &c->after, after);
  evsi_buf_add_text(c->out, "}");
}

static void compare(comparison *c, uint32_t before, uint32_t after, int depth);

static void compare_members(comparison *c, uint32_t before, uint32_t after, int depth) {
  size_t size = c->path.size;
  for (uint32_t at = evsi_node_first(before); at < c->before.nodes[before].end;
       at = evsi_node_next(&c->before, at + 1)) {
    evs_bytes name = evsi_node_bytes(&c->before, at);
    uint32_t other = evsi_document_find(&c->after, after, name);
    evsi_pointer_token(&c->path, name);
    if (other == EVSI_NODE_NONE)
      add_change(c, at + 1, 0, "removed");
    else
      compare(c, at + 1, other, depth + 1);
    c->path.size = size;
  }
  for (uint32_t at = evsi_node_first(after); at < c->after.nodes[after].end;
       at = evsi_node_next(&c->after, at + 1)) {
    evs_bytes name = evsi_node_bytes(&c->after, at);
    if (evsi_document_find(&c->before, before, name) != EVSI_NODE_NONE)
      continue;
    evsi_pointer_token(&c->path, name);
    add_change(c, 0, at + 1, "added");
    c->path.size = size;
  }
}

static void compare_items(comparison *c, uint32_t before, uint32_t after, int depth) {
  size_t size = c->path.size;
  uint32_t left = evsi_node_first(before), right = evsi_node_first(after);
  for (uint32_t i = 0; i < c->before.nodes[before].count; i++) {
    evsi_buf_addf(&c->path, "/%u", i);
    compare(c, left, right, depth + 1);
    c->path.size = size;
    left = evsi_node_next(&c->before, left);
    right = evsi_node_next(&c->after, right);
  }
}

static void compare(comparison *c, uint32_t before, uint32_t after, int depth) {
  const evsi_node *left = &c->before.nodes[before], *right = &c->after.nodes[after];
  if (evsi_equal(&c->equality, &c->before, before, &c->after, after))
    return;
  if (depth < DEPTH_MAX && left->kind == EVSI_NODE_OBJECT && right->kind == EVSI_NODE_OBJECT)
    compare_members(c, before, after, depth);
  else if (depth < DEPTH_MAX && left->kind == EVSI_NODE_ARRAY && right->kind == EVSI_NODE_ARRAY &&
           left->count == right->count)
    compare_items(c, before, after, depth);
  else
    add_change(c, before, after, "changed");
}

evs_status evsi_schema_diff(evs_bytes before, evs_bytes after, evsi_buf *out, evs_error **out_error) {
  comparison c = {.out = out};
  evs_status status = evsi_document_parse(&c.before, before, out_error);
  if (status == EVS_OK)
    status = evsi_document_parse(&c.after, after, out_error);
  if (status == EVS_OK)
    compare(&c, 0, 0, 0);
  if (status == EVS_OK && (out->failed || c.path.failed || c.equality.no_memory))
    status = evsi_error_nomem(out_error);
  evsi_document_free(&c.before);
  evsi_document_free(&c.after);
  evsi_equality_free(&c.equality);
  evsi_buf_free(&c.path);
  return status;
}
