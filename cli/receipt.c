/* SPDX-License-Identifier: MIT
 * receipt.c - writes receipts. */
#include "receipt.h"

#include <stdio.h>
#include <stdlib.h>

#include "input.h"
#include "output.h"

static json_t *text_or_null(evs_bytes bytes) {
  json_t *text = bytes.size ? json_stringn(bytes.data, bytes.size) : NULL;
  return text ? text : json_null();
}

static const char *outcome_name(uint32_t outcome) {
  switch (outcome) {
  case EVS_OUTCOME_STORED:
    return "stored";
  case EVS_OUTCOME_REFUSED:
    return "refused";
  default:
    return "unknown";
  }
}

static json_t *level_name(uint32_t level) {
  static const char *const names[] = {"none", "stored", "replicated", "fsynced"};
  return level >= EVS_ACKNOWLEDGE_NONE && level <= EVS_ACKNOWLEDGE_FSYNCED
             ? json_string(names[level - EVS_ACKNOWLEDGE_NONE])
             : json_null();
}

char *receipt_error(const evs_report *report) {
  if (report->detail.size)
    return input_copy(report->detail.data, report->detail.size);
  json_t *error = json_pack("{s:s, s:o}", "code", evs_status_name(report->status), "message",
                            text_or_null(report->message));
  char *text = json_dumps(error, JSON_COMPACT);
  json_decref(error);
  return text ? text : input_copy("{}", 2);
}

json_t *receipt_json(const evs_report *report) {
  json_t *receipt = json_object();
  json_object_set_new(receipt, "id", text_or_null(report->id));
  json_object_set_new(receipt, "outcome", json_string(outcome_name(report->outcome)));
  json_object_set_new(receipt, "transport", text_or_null(report->transport));
  json_object_set_new(receipt, "topic", text_or_null(report->topic));
  json_object_set_new(receipt, "partition",
                      report->partition < 0 ? json_null() : json_integer(report->partition));
  json_object_set_new(receipt, "offset", text_or_null(report->offset));
  json_object_set_new(receipt, "attempts", json_integer(report->attempts));
  json_object_set_new(receipt, "acknowledgement", level_name(report->acknowledgement));
  json_object_set_new(receipt, "duplicate", json_boolean(report->is_duplicate));
  if (report->status != EVS_OK) {
    char *text = receipt_error(report);
    json_t *error = json_loads(text, 0, NULL);
    json_object_set_new(receipt, "error", error ? error : json_null());
    free(text);
  }
  return receipt;
}

char *receipt_text(const evs_report *report) {
  char *text = NULL;
  size_t size = 0;
  FILE *to = open_memstream(&text, &size);
  if (!to)
    return input_copy("", 0);
  fprintf(to, "%s ", outcome_name(report->outcome));
  output_safe(to, report->id, 0);
  fputc(' ', to);
  output_safe(to, report->transport, 0);
  fputc('/', to);
  output_safe(to, report->topic, 0);
  if (report->partition >= 0)
    fprintf(to, ":%d", report->partition);
  fputc('/', to);
  output_safe(to, report->offset, 0);
  if (report->is_duplicate)
    fputs(" duplicate", to);
  fclose(to);
  return text;
}
