/* SPDX-License-Identifier: MIT
 * dead_filter.c - see dead_filter.h. */
#include "event/dead_filter.h"

#include <stddef.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json_text.h"
#include "event/envelope.h"
#include "event/pattern.h"

/* ---- loading ---------------------------------------------------------------------------------- */

static const struct {
  const char *name;
  size_t offset;
} texts[] = {{"topic", offsetof(evsi_dead_filter, topic)},
             {"type", offsetof(evsi_dead_filter, type)},
             {"group", offsetof(evsi_dead_filter, group)},
             {"subscription", offsetof(evsi_dead_filter, subscription)},
             {"text", offsetof(evsi_dead_filter, text)},
             {"fingerprint", offsetof(evsi_dead_filter, fingerprint)}},
  numbers[] = {{"since", offsetof(evsi_dead_filter, since_ms)},
               {"until", offsetof(evsi_dead_filter, until_ms)},
               {"minAttempts", offsetof(evsi_dead_filter, min_attempts)}};
enum { TEXTS = sizeof texts / sizeof *texts, NUMBERS = sizeof numbers / sizeof *numbers };

static evs_status refuse(evs_error **out_error, const char *name, const char *what) {
  return evsi_error(out_error, EVS_VALIDATION, NULL, "%.64s of a filter of dead letters %s", name, what);
}

static bool is_known(const char *name) {
  bool known = strcmp(name, "requeued") == 0;
  for (size_t i = 0; i < TEXTS; i++)
    known |= strcmp(name, texts[i].name) == 0;
  for (size_t i = 0; i < NUMBERS; i++)
    known |= strcmp(name, numbers[i].name) == 0;
  return known;
}

static evs_status load_texts(evsi_dead_filter *filter, const json_t *object, evs_error **out_error) {
  for (size_t i = 0; i < TEXTS; i++) {
    const json_t *value = json_object_get(object, texts[i].name);
    char **out = (char **)((char *)filter + texts[i].offset);
    if (!value || json_is_null(value) || (json_is_string(value) && json_string_length(value) == 0))
      continue;
    if (!json_is_string(value))
      return refuse(out_error, texts[i].name, "must be a text");
    *out = evsi_strdup(json_string_value(value));
    if (!*out)
      return evsi_error_nomem(out_error);
  }
  return EVS_OK;
}

static evs_status load_numbers(evsi_dead_filter *filter, const json_t *object, evs_error **out_error) {
  for (size_t i = 0; i < NUMBERS; i++) {
    const json_t *value = json_object_get(object, numbers[i].name);
    if (!value || json_is_null(value))
      continue;
    if (!json_is_integer(value) || json_integer_value(value) < 0)
      return refuse(out_error, numbers[i].name, "must be a number that is not negative");
    *(uint64_t *)((char *)filter + numbers[i].offset) = (uint64_t)json_integer_value(value);
  }
  const json_t *requeued = json_object_get(object, "requeued");
  if (requeued && !json_is_null(requeued) && !json_is_boolean(requeued))
    return refuse(out_error, "requeued", "must be true or false");
  if (json_is_boolean(requeued))
    filter->requeued = json_is_true(requeued) ? EVSI_REQUEUED_YES : EVSI_REQUEUED_NO;
  return EVS_OK;
}

static evs_status load_pattern(evsi_dead_filter *filter, evs_error **out_error) {
  char pattern[EVSI_PATTERN_MAX + 1];
  if (!filter->type || !strchr(filter->type, '*'))
    return EVS_OK;
  const evsi_origin_rule rule = {.origin_prefix = "", .extended_types = true};
  evs_status status = evsi_pattern_normalize(evsi_text(filter->type), &rule, pattern, out_error);
  if (status != EVS_OK)
    return status;
  filter->pattern = evsi_pattern_trie_new();
  if (!filter->pattern || !evsi_pattern_trie_add(filter->pattern, pattern, 0))
    return evsi_error_nomem(out_error);
  return EVS_OK;
}

static evs_status check_names(const json_t *object, evs_error **out_error) {
  const char *name;
  json_t *value;
  json_object_foreach((json_t *)object, name, value) {
    if (!is_known(name))
      return refuse(out_error, name, "is no member of it (docs/requests.md lists them)");
  }
  return EVS_OK;
}

evs_status evsi_dead_filter_load(evsi_dead_filter *filter, const json_t *object, bool is_strict,
                                 evs_error **out_error) {
  evs_status status = is_strict ? check_names(object, out_error) : EVS_OK;
  if (status == EVS_OK)
    status = load_texts(filter, object, out_error);
  if (status == EVS_OK)
    status = load_numbers(filter, object, out_error);
  if (status == EVS_OK)
    status = load_pattern(filter, out_error);
  if (status != EVS_OK)
    evsi_dead_filter_free(filter);
  return status;
}

void evsi_dead_filter_free(evsi_dead_filter *filter) {
  for (size_t i = 0; i < TEXTS; i++)
    evsi_free(*(char **)((char *)filter + texts[i].offset));
  evsi_pattern_trie_free(filter->pattern);
  memset(filter, 0, sizeof *filter);
}

/* ---- selecting -------------------------------------------------------------------------------- */

static bool found(void *data, uint32_t id) {
  (void)id;
  *(bool *)data = true;
  return false;
}

static bool is_type(const evsi_dead_filter *filter, evs_bytes type) {
  bool takes = false;
  if (!filter->pattern)
    return evsi_bytes_equal(type, evsi_text(filter->type));
  evsi_pattern_trie_match(filter->pattern, type, found, &takes);
  return takes;
}

/* A type is meant with or without the prefix of its origin. */
static bool takes_type(const evsi_dead_filter *filter, const evsi_dead_letter *letter) {
  evsi_buf scratch = {0}, full = {0}, frame = {0};
  evsi_dead_event event;
  evsi_envelope envelope;
  bool takes = false;
  if (!evsi_dead_letter_event(letter, &event))
    return false;
  evsi_buf_add_text(&frame, "{\"header\":");
  evsi_buf_add_bytes(&frame, event.header);
  evsi_buf_add_text(&frame, "}");
  if (!frame.failed && !evsi_envelope_decode(evsi_bytes(frame.data, frame.size), &envelope, &scratch)) {
    evsi_buf_add_bytes(&full, envelope.origin_prefix);
    evsi_buf_add_text(&full, envelope.origin_prefix.size > 0 ? "." : "");
    evsi_buf_add_bytes(&full, envelope.type);
    takes =
        !full.failed && (is_type(filter, evsi_bytes(full.data, full.size)) || is_type(filter, envelope.type));
  }
  evsi_buf_free(&frame);
  evsi_buf_free(&scratch);
  evsi_buf_free(&full);
  return takes;
}

static bool is_text(const json_t *object, const char *name, const char *wanted) {
  const char *text = json_string_value(json_object_get(object, name));
  return !wanted || (text && strcmp(text, wanted) == 0);
}

static bool has_subscription(const json_t *record, const char *wanted) {
  size_t i;
  json_t *each;
  if (!wanted)
    return true;
  json_array_foreach(json_object_get(record, "subscriptions"), i, each) {
    if (json_is_string(each) && strcmp(json_string_value(each), wanted) == 0)
      return true;
  }
  return false;
}

static uint64_t number_of(const json_t *record, const char *name) {
  json_int_t number = json_integer_value(json_object_get(record, name));
  return number > 0 ? (uint64_t)number : 0;
}

static bool takes_record(const evsi_dead_filter *filter, const json_t *record) {
  uint64_t at = number_of(record, "lastFailureAt");
  bool is_back = number_of(record, "requeueCount") > 0;
  return is_text(record, "group", filter->group) && is_text(record, "fingerprint", filter->fingerprint) &&
         has_subscription(record, filter->subscription) && at >= filter->since_ms &&
         (filter->until_ms == 0 || at <= filter->until_ms) &&
         number_of(record, "attempts") >= filter->min_attempts &&
         (filter->requeued == EVSI_REQUEUED_ANY || is_back == (filter->requeued == EVSI_REQUEUED_YES));
}

static bool asks_for_record(const evsi_dead_filter *filter) {
  return filter->group || filter->subscription || filter->fingerprint || filter->since_ms > 0 ||
         filter->until_ms > 0 || filter->min_attempts > 0 || filter->requeued != EVSI_REQUEUED_ANY;
}

bool evsi_dead_filter_takes(const evsi_dead_filter *filter, const evsi_dead_letter *letter) {
  if (filter->topic && !evsi_bytes_equal(letter->topic, evsi_text(filter->topic)))
    return false;
  if (asks_for_record(filter)) {
    json_t *record = evsi_json_load(letter->record, JSON_ALLOW_NUL, NULL);
    bool takes = takes_record(filter, record);
    json_decref(record);
    if (!takes)
      return false;
  }
  return !filter->type || takes_type(filter, letter);
}

bool evsi_dead_filter_is_simple(const evsi_dead_filter *filter) {
  return !filter->type && !filter->group && !filter->subscription && !filter->text && filter->since_ms == 0 &&
         filter->until_ms == 0 && filter->min_attempts == 0 && filter->requeued == EVSI_REQUEUED_ANY;
}
