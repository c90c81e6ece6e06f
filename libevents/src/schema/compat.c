/* SPDX-License-Identifier: MIT
 * compat.c - which schemas are compared with which, in which direction, and the reasons. */
#include "schema/compat.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"
#include "schema/compat_inner.h"

enum { REASONS_MAX = 100, EXAMPLES_MAX = 3 };

verdict evsi_worse(verdict a, verdict b) {
  return a > b ? a : b;
}

static const char *verdict_word(verdict v) {
  return v == EVSI_COMPAT_YES ? "compatible" : v == EVSI_COMPAT_NO ? "incompatible" : "unknown";
}

static void add_text(evsi_buf *out, const char *name, const char *data, size_t size) {
  evsi_buf_addf(out, ",\"%s\":", name);
  evsi_buf_add_json(out, data ? data : "", size);
}

verdict evsi_reason(evsi_comparison *c, verdict v, const evsi_op *op, const char *format, ...) {
  char message[256];
  if (v == EVSI_COMPAT_YES || c->quiet || c->reason_count == REASONS_MAX)
    return v;
  va_list args;
  va_start(args, format);
  vsnprintf(message, sizeof message, format, args);
  va_end(args);
  const char *keyword = op ? evsi_keyword_text(op->keyword) : "";
  evsi_buf *out = &c->reasons;
  evsi_buf_addf(out, "%s{\"direction\":\"%s\"", c->reason_count++ ? "," : "", c->direction);
  if (c->label)
    add_text(out, "version", c->label, strlen(c->label));
  add_text(out, "path", c->path.data, c->path.size);
  add_text(out, "keyword", keyword, strlen(keyword));
  evsi_buf_addf(out, ",\"verdict\":\"%s\"", verdict_word(v));
  add_text(out, "message", message, strlen(message));
  evsi_buf_add_text(out, "}");
  c->no_memory |= out->failed;
  return v;
}

/* The same text means the same, when nothing from elsewhere takes part. */
static bool is_same(evsi_comparison *c) {
  const evsi_schema *a = c->narrow, *b = c->wide;
  bool is_alone =
      a->document_count == 1 && b->document_count == 1 && a->resources[0].draft == b->resources[0].draft;
  evsi_equality *e = &c->validation->equality;
  bool same = is_alone && evsi_equal(e, &a->documents[0].tree, 0, &b->documents[0].tree, 0);
  c->no_memory |= e->no_memory;
  return same;
}

/* The reason that was told last gets it. */
static void add_example(evsi_comparison *c) {
  if (c->examples++ >= EXAMPLES_MAX)
    return;
  bool was_uncertain = c->is_uncertain;
  char *example = evsi_compat_example(c);
  c->is_uncertain = was_uncertain; /* that is about the verdict */
  if (!example)
    return;
  c->reasons.size--; /* the closing brace */
  add_text(&c->reasons, "example", example, strlen(example));
  evsi_buf_add_text(&c->reasons, "}");
  c->no_memory |= c->reasons.failed;
  evsi_free(example);
}

static verdict compare(evsi_comparison *c, const evsi_schema *narrow, const evsi_schema *wide,
                       const char *direction) {
  evsi_set all;
  c->narrow = narrow;
  c->wide = wide;
  c->direction = direction;
  c->work = 0;
  c->is_uncertain = false;
  if (is_same(c))
    return EVSI_COMPAT_YES;
  evsi_set_clear(&all);
  evsi_set_add(c, &all, 0);
  uint32_t before = c->reason_count;
  verdict v = evsi_subset(c, &all, 0);
  if (v == EVSI_COMPAT_NO && c->reason_count > before)
    add_example(c);
  if (c->is_uncertain)
    v = evsi_worse(v, evsi_reason(c, EVSI_COMPAT_UNKNOWN, NULL,
                                  "too much work to hold names against regular expressions"));
  return v;
}

static verdict compare_with(evsi_comparison *c, const evsi_compat_question *q, uint32_t index) {
  verdict v = EVSI_COMPAT_YES;
  c->label = q->labels ? q->labels[index] : NULL;
  if (q->mode == EVSI_COMPAT_BACKWARD || q->mode == EVSI_COMPAT_FULL)
    v = evsi_worse(v, compare(c, q->earlier[index], q->candidate, "backward"));
  if (q->mode == EVSI_COMPAT_FORWARD || q->mode == EVSI_COMPAT_FULL)
    v = evsi_worse(v, compare(c, q->candidate, q->earlier[index], "forward"));
  return v;
}

evs_status evsi_compat_check(const evsi_compat_question *q, bool *out_allowed, char **out_json,
                             evs_error **out_error) {
  evsi_comparison c = {.policy = q->policy, .validation = evsi_validation_create()};
  evsi_buf out = {0};
  verdict v = EVSI_COMPAT_YES;
  c.no_memory = !c.validation;
  uint32_t first = q->is_transitive || !q->earlier_count ? 0 : q->earlier_count - 1;
  for (uint32_t i = first; i < q->earlier_count && q->mode != EVSI_COMPAT_NONE && !c.no_memory; i++)
    v = evsi_worse(v, compare_with(&c, q, i));
  *out_allowed = v == EVSI_COMPAT_YES || (v == EVSI_COMPAT_UNKNOWN && q->policy == EVSI_COMPAT_PRAGMATIC);
  evsi_buf_addf(&out, "{\"verdict\":\"%s\",\"allowed\":%s,\"reasons\":[", verdict_word(v),
                *out_allowed ? "true" : "false");
  evsi_buf_add(&out, c.reasons.data, c.reasons.size);
  evsi_buf_add_text(&out, "]}");
  char *json = c.no_memory ? NULL : evsi_buf_take(&out);
  evsi_buf_free(&out);
  evsi_buf_free(&c.reasons);
  evsi_buf_free(&c.path);
  evsi_free(c.assumed);
  evsi_validation_free(c.validation);
  if (!json)
    return evsi_error_nomem(out_error);
  *out_json = json;
  return EVS_OK;
}
