/* SPDX-License-Identifier: MIT
 * config_problem.c - problems, warnings and the texts in them, and reading JSON text with a position for what
 * is malformed. Which rules there are is not known here. */
#include "config/config_problem.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json_text.h"

enum { SEGMENT_MAX = 128, DOCUMENT_MAX = 4 << 20 };

bool evsi_check_init(evsi_check *check, bool expand) {
  memset(check, 0, sizeof *check);
  check->expand = expand;
  check->problems = json_array();
  check->warnings = json_array();
  if (check->problems && check->warnings)
    return true;
  evsi_check_free(check);
  return false;
}

void evsi_check_free(evsi_check *check) {
  json_decref(check->problems);
  json_decref(check->warnings);
  evsi_buf_free(&check->path);
}

size_t evsi_check_push(evsi_check *check, const char *name) {
  size_t mark = check->path.size;
  char shown[SEGMENT_MAX];
  evsi_text_cut(name, shown, sizeof shown);
  evsi_buf_add(&check->path, "/", 1);
  for (const char *c = shown; *c; c++) {
    if (*c == '~')
      evsi_buf_add(&check->path, "~0", 2);
    else if (*c == '/')
      evsi_buf_add(&check->path, "~1", 2);
    else
      evsi_buf_add(&check->path, c, 1);
  }
  return mark;
}

size_t evsi_check_push_index(evsi_check *check, size_t index) {
  size_t mark = check->path.size;
  evsi_buf_addf(&check->path, "/%zu", index);
  return mark;
}

void evsi_check_pop(evsi_check *check, size_t mark) {
  if (check->path.failed || !check->path.data)
    return;
  check->path.size = mark;
  check->path.data[mark] = '\0';
}

static void add(evsi_check *check, json_t *list, const evsi_problem *problem) {
  if (json_array_size(list) >= EVSI_PROBLEMS_MAX) {
    check->dropped += list == check->problems;
    return;
  }
  const char *path = check->path.data ? check->path.data : "";
  json_t *entry =
      json_pack("{s:s, s:s, s:s?, s:s?, s:s?}", "path", path, "message", problem->message, "found",
                problem->found, "expected", problem->expected, "suggestion", problem->suggestion);
  if (!entry || json_array_append_new(list, entry) != 0)
    check->nomem = true;
}

bool evsi_check_full(const evsi_check *check) {
  return json_array_size(check->problems) >= EVSI_PROBLEMS_MAX;
}

void evsi_check_problem(evsi_check *check, const evsi_problem *problem) {
  add(check, check->problems, problem);
}

void evsi_check_warning(evsi_check *check, const evsi_problem *problem) {
  add(check, check->strict ? check->problems : check->warnings, problem);
}

bool evsi_check_failed(const evsi_check *check) {
  return check->nomem || check->path.failed || json_array_size(check->problems) > 0;
}

evs_status evsi_check_error(const evsi_check *check, const char *what, evs_error **out_error) {
  if (check->nomem || check->path.failed)
    return evsi_error_nomem(out_error);
  const json_t *first = json_array_get(check->problems, 0);
  const char *path = json_string_value(json_object_get(first, "path"));
  size_t count = json_array_size(check->problems) + check->dropped;
  evsi_buf text = {0};
  evsi_buf_addf(&text, "%s: %zu problem%s: %s%s%s", what, count, count == 1 ? "" : "s",
                path && *path ? path : "", path && *path ? ": " : "",
                json_string_value(json_object_get(first, "message")));
  const char *suggestion = json_string_value(json_object_get(first, "suggestion"));
  if (suggestion)
    evsi_buf_addf(&text, "; did you mean \"%s\"?", suggestion);
  if (count > 1)
    evsi_buf_addf(&text, " (and %zu more, all in problems%s)", count - 1,
                  check->dropped ? " but for those past the hundredth" : "");
  char *message = evsi_buf_take(&text);
  char *problems = evsi_json_text(check->problems);
  evs_status status = message && problems ? evsi_error_problems(out_error, EVS_CONFIG, message, problems)
                                          : evsi_error_nomem(out_error);
  evsi_free(message);
  evsi_free(problems);
  return status;
}

void evsi_text_cut(const char *text, char *out, size_t size) {
  static const char sign[] = "...";
  size_t length = strnlen(text, size);
  if (length < size) {
    memcpy(out, text, length + 1);
    return;
  }
  length = size - sizeof sign;
  while (length > 0 && ((unsigned char)text[length] & 0xC0) == 0x80)
    length--;
  memcpy(out, text, length);
  memcpy(out + length, sign, sizeof sign);
}

bool evsi_url_mask(const char *url, char *out, size_t size) {
  const char *scheme_end = strstr(url, "://");
  const char *query = strchr(url, '?');
  const char *start = scheme_end ? scheme_end + 3 : url;
  /* Up to the last `@`: a password with an `@` that was not encoded must not show its second half. */
  const char *at = strrchr(start, '@');
  if (query && (!at || at < query))
    at = at && at > start ? at : NULL;
  const char *rest = at ? at : start;
  const char *end = query && query > rest ? query : NULL;
  evsi_buf text = {0};
  evsi_buf_add(&text, url, (size_t)(start - url));
  if (at)
    evsi_buf_add_text(&text, "***");
  evsi_buf_add(&text, rest, end ? (size_t)(end - rest) : strlen(rest));
  if (end)
    evsi_buf_add_text(&text, "?***");
  char *masked = evsi_buf_take(&text);
  evsi_text_cut(masked ? masked : "***", out, size);
  evsi_free(masked);
  return masked != NULL;
}

void evsi_found(char out[EVSI_FOUND_SIZE], const json_t *value, bool secret) {
  char text[EVSI_FOUND_SIZE - 2];
  switch (secret && value ? JSON_STRING : json_typeof(value)) {
  case JSON_STRING:
    if (secret) {
      memcpy(out, "***", 4);
      return;
    }
    if (strstr(json_string_value(value), "://"))
      evsi_url_mask(json_string_value(value), text, sizeof text);
    else
      evsi_text_cut(json_string_value(value), text, sizeof text);
    snprintf(out, EVSI_FOUND_SIZE, "\"%s\"", text);
    return;
  case JSON_INTEGER:
    snprintf(out, EVSI_FOUND_SIZE, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    return;
  case JSON_REAL:
    snprintf(out, EVSI_FOUND_SIZE, "%.17g", json_real_value(value));
    return;
  case JSON_ARRAY:
    snprintf(out, EVSI_FOUND_SIZE, "a list of %zu", json_array_size(value));
    return;
  case JSON_OBJECT:
    snprintf(out, EVSI_FOUND_SIZE, "an object of %zu", json_object_size(value));
    return;
  case JSON_NULL:
    memcpy(out, "null", 5);
    return;
  default:
    snprintf(out, EVSI_FOUND_SIZE, "%s", json_is_true(value) ? "true" : "false");
  }
}

static void malformed(evsi_check *check, const json_error_t *error) {
  char reason[JSON_ERROR_TEXT_LENGTH];
  char message[JSON_ERROR_TEXT_LENGTH + 80];
  snprintf(reason, sizeof reason, "%s", error->text);
  /* What stands near the error may be a password; the name of a doubled key is needed and is none. */
  char *near = json_error_code(error) == json_error_duplicate_key ? NULL : strstr(reason, " near ");
  if (near)
    *near = '\0';
  snprintf(message, sizeof message, "malformed JSON at line %d, column %d: %s", error->line, error->column,
           reason);
  evsi_check_problem(check,
                     &(evsi_problem){.message = message, .expected = "one JSON object, each key once"});
}

json_t *evsi_check_parse(evsi_check *check, const char *json, size_t size) {
  if (size > DOCUMENT_MAX) {
    char found[64];
    snprintf(found, sizeof found, "%zu bytes", size);
    evsi_check_problem(
        check,
        &(evsi_problem){.message = "the text is too long", .found = found, .expected = "at most 4 MiB"});
    return NULL;
  }
  json_error_t error;
  json_t *input = evsi_json_load(evsi_bytes(json, json ? size : 0), JSON_REJECT_DUPLICATES, &error);
  if (!input) {
    if (json_error_code(&error) == json_error_out_of_memory)
      check->nomem = true;
    malformed(check, &error);
    return NULL;
  }
  if (json_is_object(input))
    return input;
  char found[EVSI_FOUND_SIZE];
  evsi_found(found, input, false);
  evsi_check_problem(
      check, &(evsi_problem){.message = "must be an object", .found = found, .expected = "one JSON object"});
  json_decref(input);
  return NULL;
}
