/* SPDX-License-Identifier: MIT
 * validate.c - validating a text: parse, evaluate for the verdict alone, and only when somebody asks once
 * more for what is wrong. */
#include "base/error.h"
#include "schema/evaluate.h"
#include "schema/report.h"

enum { WORK_LEAST = 5000000, WORK_PER_NODE = 200, KEEP_NODES_MAX = 1 << 16 };

evsi_validation *evsi_validation_create(void) {
  return evsi_calloc(1, sizeof(evsi_validation));
}

void evsi_validation_read(evsi_validation *v, evsi_reading how) {
  v->is_closed = how == EVSI_READ_CLOSED;
  v->fills_in = how == EVSI_READ_FILLED;
}

static void drop_memory(evsi_validation *v) {
  evsi_document_free(&v->document);
  evsi_equality_free(&v->equality);
  evsi_regex_memory_free(v->regex);
  evsi_buf_free(&v->texts);
  evsi_buf_free(&v->remark_texts);
  evsi_free(v->frames);
  evsi_free(v->marks);
  evsi_free(v->scopes);
  evsi_free(v->stamps);
  evsi_free(v->hashes);
  evsi_free(v->findings);
  evsi_free(v->remarks);
  evsi_free(v->fills);
  *v = (evsi_validation){.is_closed = v->is_closed, .fills_in = v->fills_in};
}

void evsi_validation_free(evsi_validation *v) {
  if (!v)
    return;
  drop_memory(v);
  evsi_free(v);
}

static evs_status no_verdict(const evsi_validation *v, evs_error **out_error) {
  if (v->no_memory)
    return evsi_error_nomem(out_error);
  return evsi_error(out_error, EVS_VALIDATION, NULL,
                    "it cannot be decided within bounds whether the text is valid: %s; simplify the schema",
                    v->gave_up);
}

evs_status evsi_schema_validate_by(const evsi_schema *schema, uint32_t record, evsi_validation *v,
                                   evs_bytes text, bool *out_valid, evs_error **out_error) {
  if (v->document.capacity > KEEP_NODES_MAX) /* of one large text; the next are small again */
    drop_memory(v);
  v->schema = NULL;
  v->has_hashes = v->no_memory = v->equality.no_memory = false;
  evs_status status = evsi_document_parse(&v->document, text, out_error);
  if (status != EVS_OK)
    return status;
  v->schema = schema;
  v->root = record;
  v->work_max = WORK_LEAST + (uint64_t)v->document.count * WORK_PER_NODE;
  return evsi_evaluate(v, true, out_valid) ? EVS_OK : no_verdict(v, out_error);
}

evs_status evsi_schema_validate(const evsi_schema *schema, evsi_validation *v, evs_bytes text,
                                bool *out_valid, evs_error **out_error) {
  return evsi_schema_validate_by(schema, 0, v, text, out_valid, out_error);
}

evs_status evsi_schema_fill(evsi_validation *v, evs_bytes text, char **out_text, evs_error **out_error) {
  evsi_buf out = {0};
  if (!v->fill_count)
    return EVS_OK;
  evsi_fill_text(v, text, &out);
  *out_text = evsi_buf_take(&out);
  return *out_text ? EVS_OK : evsi_error_nomem(out_error);
}

evs_status evsi_schema_report(const evsi_schema *schema, evsi_validation *v, evsi_report_form form,
                              uint32_t limit, char **out_json, evs_error **out_error) {
  bool valid;
  if (v->schema != schema)
    return evsi_error(out_error, EVS_ARGUMENT, NULL, "nothing was validated by this schema before");
  v->findings_max = limit;
  v->is_cut = v->collects = false;
  evsi_buf_clear(&v->texts);
  evsi_buf_clear(&v->remark_texts);
  bool is_known = evsi_evaluate(v, false, &valid);
  if (is_known && valid && form == EVSI_REPORT_BASIC) {
    v->collects = true;
    is_known = evsi_evaluate(v, false, &valid);
    v->collects = false;
  }
  if (!is_known)
    return no_verdict(v, out_error);
  *out_json = evsi_report_text(v, valid, form);
  return *out_json ? EVS_OK : evsi_error_nomem(out_error);
}
