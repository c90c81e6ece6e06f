/* SPDX-License-Identifier: MIT
 * report.c - notes what is wrong while the frames that led there are still known, and writes it down. The
 * value itself is shown shortened, and only as `actual`. */
#include "schema/report.h"

#include <stdarg.h>
#include <stdio.h>

/* How a frame was reached from the one below: through a reference, or by its place in the document. */
static void add_way(const evaluation *e, const evsi_frame *below, const evsi_frame *f, evsi_buf *out) {
  const evsi_schema_record *from = &e->schema->records[below->record], *to = &e->schema->records[f->record];
  uint8_t keyword = e->schema->ops[below->op].keyword;
  if (keyword == EVSI_KEY_REF || keyword == EVSI_KEY_DYNAMIC_REF)
    evsi_buf_addf(out, "/%s", evsi_keyword_text(keyword));
  else
    evsi_document_pointer(&e->schema->documents[from->document].tree, from->node, to->node, out);
}

static void add_path(const evaluation *e, evsi_buf *out) {
  for (uint32_t i = 1; i < e->frame_count; i++)
    add_way(e, &e->frames[i - 1], &e->frames[i], out);
}

static void add_keyword(const evsi_op *op, evsi_buf *out) {
  if (op->keyword != EVSI_KEY_FALSE)
    evsi_buf_addf(out, "/%s", evsi_keyword_text(op->keyword));
}

evsi_step evsi_refuse(evaluation *e, const evsi_frame *f, const char *format, ...) {
  char message[512];
  if (f->is_quiet)
    return EVSI_STEP_INVALID;
  if (e->finding_count == e->findings_max) {
    e->is_cut = true;
    return EVSI_STEP_INVALID;
  }
  if (!evsi_grow(e->findings, e->finding_capacity, (uint64_t)e->finding_count + 1))
    return evsi_short_of_memory(e);
  va_list args;
  va_start(args, format);
  vsnprintf(message, sizeof message, format, args);
  va_end(args);
  evsi_finding *finding = &e->findings[e->finding_count++];
  *finding =
      (evsi_finding){.record = f->record, .op = f->op, .node = f->node, .path = (uint32_t)e->texts.size};
  add_path(e, &e->texts);
  add_keyword(&e->schema->ops[f->op], &e->texts);
  finding->path_size = (uint32_t)(e->texts.size - finding->path);
  finding->message = (uint32_t)e->texts.size;
  evsi_buf_add_text(&e->texts, message);
  finding->message_size = (uint32_t)(e->texts.size - finding->message);
  return e->texts.failed ? evsi_short_of_memory(e) : EVSI_STEP_INVALID;
}

void evsi_forget(evaluation *e, const evsi_frame *f) {
  if (e->finding_count == f->findings)
    return;
  e->texts.size = e->findings[f->findings].path;
  e->finding_count = f->findings;
}

/* Keywords that decide something are no remarks; unknown ones are. */
static bool is_remark(evsi_keyword keyword) {
  return keyword >= EVSI_KEY_TITLE || keyword == EVSI_KEY_FORMAT;
}

static void remark(evaluation *e, const evsi_frame *f, uint32_t key) {
  if (e->remark_count == e->findings_max) {
    e->is_cut = true;
    return;
  }
  if (!evsi_grow(e->remarks, e->remark_capacity, (uint64_t)e->remark_count + 1)) {
    e->no_memory = true;
    return;
  }
  evsi_remark *r = &e->remarks[e->remark_count++];
  *r =
      (evsi_remark){.record = f->record, .key = key, .node = f->node, .path = (uint32_t)e->remark_texts.size};
  add_path(e, &e->remark_texts);
  evsi_pointer_token(&e->remark_texts, evsi_node_bytes(evsi_tree(e, f), key));
  r->path_size = (uint32_t)(e->remark_texts.size - r->path);
  e->no_memory |= e->remark_texts.failed;
}

void evsi_remark_frame(evaluation *e, const evsi_frame *f) {
  const evsi_document *doc = evsi_tree(e, f);
  const evsi_schema_record *record = &e->schema->records[f->record];
  const evsi_resource *resource = &e->schema->resources[record->resource];
  if (f->is_invalid && e->remark_count > f->remarks) {
    e->remark_texts.size = e->remarks[f->remarks].path;
    e->remark_count = f->remarks;
  }
  bool is_only_reference = resource->draft == EVSI_DRAFT_07 && record->op_count == 1 &&
                           e->schema->ops[record->first_op].keyword == EVSI_KEY_REF;
  if (f->is_invalid || is_only_reference || doc->nodes[record->node].kind != EVSI_NODE_OBJECT)
    return;
  for (uint32_t key = evsi_node_first(record->node); key < doc->nodes[record->node].end;
       key = evsi_node_next(doc, key + 1))
    if (is_remark(evsi_keyword_find(evsi_node_bytes(doc, key), resource)))
      remark(e, f, key);
}

static void add_string(evsi_buf *out, const char *name, const char *data, size_t size) {
  evsi_buf_addf(out, "\"%s\":", name);
  evsi_buf_add_json(out, data ? data : "", size);
}

/* A value as it may be shown: numbers and short texts themselves, containers by what they hold. */
static void add_value(evsi_buf *out, const char *name, const evsi_document *doc, uint32_t node) {
  enum { SHOWN_SIZE_MAX = 120 };
  const evsi_node *value = &doc->nodes[node];
  evsi_buf text = {0};
  if (value->kind == EVSI_NODE_STRING && value->size <= SHOWN_SIZE_MAX)
    evsi_buf_add_json(&text, value->text, value->size);
  else if (value->size <= SHOWN_SIZE_MAX)
    evsi_buf_add_bytes(&text, evsi_node_bytes(doc, node));
  else if (value->kind == EVSI_NODE_ARRAY)
    evsi_buf_addf(&text, "an array of %u", value->count);
  else if (value->kind == EVSI_NODE_OBJECT)
    evsi_buf_addf(&text, "an object of %u", value->count);
  else
    evsi_buf_addf(&text, "a %s of %u bytes", evsi_node_kind_name(value->kind), value->size);
  out->failed |= text.failed;
  add_string(out, name, text.data, text.size);
  evsi_buf_free(&text);
}

static void add_own(const evaluation *e, const evsi_finding *f, evsi_buf *out) {
  const evsi_schema_record *record = &e->schema->records[f->record];
  const evsi_op *op = &e->schema->ops[f->op];
  add_string(out, "schemaPath", e->texts.data + f->path, f->path_size);
  evsi_buf_add_text(out, ",");
  add_string(out, "keyword", evsi_keyword_text(op->keyword), strlen(evsi_keyword_text(op->keyword)));
  evsi_buf_add_text(out, ",");
  add_value(out, "expected", &e->schema->documents[record->document].tree, op->value);
  evsi_buf_add_text(out, ",");
  add_value(out, "actual", &e->document, f->node);
  evsi_buf_add_text(out, ",");
  add_string(out, "message", e->texts.data + f->message, f->message_size);
}

/* The URI of a place in a schema. */
static void add_absolute(const evaluation *e, uint32_t of, uint32_t node, evsi_buf *out) {
  const evsi_schema_record *record = &e->schema->records[of];
  const evsi_resource *resource = &e->schema->resources[record->resource];
  evsi_buf uri = {0};
  evsi_buf_addf(&uri, "%s#", resource->uri);
  evsi_document_pointer(&e->schema->documents[record->document].tree, resource->node, node, &uri);
  out->failed |= uri.failed;
  add_string(out, "absoluteKeywordLocation", uri.data, uri.size);
  evsi_buf_free(&uri);
}

static void add_basic(const evaluation *e, const evsi_finding *f, evsi_buf *out) {
  add_string(out, "keywordLocation", e->texts.data + f->path, f->path_size);
  evsi_buf_add_text(out, ",");
  add_absolute(e, f->record, e->schema->ops[f->op].value, out);
  evsi_buf_add_text(out, ",");
  add_string(out, "error", e->texts.data + f->message, f->message_size);
}

static void add_instance(const evaluation *e, const char *name, uint32_t node, evsi_buf *out) {
  evsi_buf pointer = {0};
  evsi_document_pointer(&e->document, 0, node, &pointer);
  out->failed |= pointer.failed;
  add_string(out, name, pointer.data, pointer.size);
  evsi_buf_free(&pointer);
}

static void add_remark(const evaluation *e, const evsi_remark *r, evsi_buf *out) {
  const evsi_node *value = &evsi_schema_tree(e->schema, r->record)->nodes[r->key + 1];
  evsi_buf_add_text(out, "{");
  add_instance(e, "instanceLocation", r->node, out);
  evsi_buf_add_text(out, ",");
  add_string(out, "keywordLocation", e->remark_texts.data + r->path, r->path_size);
  evsi_buf_add_text(out, ",");
  add_absolute(e, r->record, r->key + 1, out);
  evsi_buf_add_text(out, ",\"annotation\":");
  if (value->kind == EVSI_NODE_STRING)
    evsi_buf_add_json(out, value->text, value->size);
  else
    evsi_buf_add(out, value->text, value->size);
  evsi_buf_add_text(out, "}");
}

static void add_finding(const evaluation *e, const evsi_finding *f, evsi_report_form form, evsi_buf *out) {
  evsi_buf_add_text(out, "{");
  add_instance(e, form == EVSI_REPORT_OWN ? "instancePath" : "instanceLocation", f->node, out);
  evsi_buf_add_text(out, ",");
  if (form == EVSI_REPORT_OWN)
    add_own(e, f, out);
  else
    add_basic(e, f, out);
  evsi_buf_add_text(out, "}");
}

static void add_findings(const evaluation *e, evsi_report_form form, evsi_buf *out) {
  evsi_buf_add_text(out, ",\"errors\":[");
  for (uint32_t i = 0; i < e->finding_count; i++) {
    evsi_buf_add_text(out, i ? "," : "");
    add_finding(e, &e->findings[i], form, out);
  }
  evsi_buf_add_text(out, "]");
}

static void add_remarks(const evaluation *e, evsi_buf *out) {
  evsi_buf_add_text(out, ",\"annotations\":[");
  for (uint32_t i = 0; i < e->remark_count; i++) {
    evsi_buf_add_text(out, i ? "," : "");
    add_remark(e, &e->remarks[i], out);
  }
  evsi_buf_add_text(out, "]");
}

char *evsi_report_text(const evsi_validation *v, bool is_valid, evsi_report_form form) {
  evsi_buf out = {0};
  evsi_buf_addf(&out, "{\"valid\":%s", is_valid ? "true" : "false");
  if (form == EVSI_REPORT_BASIC && is_valid)
    add_remarks(v, &out);
  else
    add_findings(v, form, &out);
  if (form == EVSI_REPORT_OWN)
    evsi_buf_addf(&out, ",\"more\":%s", v->is_cut ? "true" : "false");
  evsi_buf_add_text(&out, "}");
  return evsi_buf_take(&out);
}
