/* SPDX-License-Identifier: MIT
 * redis_letters.h - dead letters for tests of the transport: made as a consumer makes them, and what requests
 * answer about them. */
#ifndef REDIS_LETTERS_H
#define REDIS_LETTERS_H

#include <jansson.h>

#include "unit/transport/redis_fixture.h"

/* A request's answer as JSON; it must succeed. */
static inline json_t *ask(evs_host *host, const char *method, const char *format, ...) {
  char params[4096];
  va_list args;
  va_start(args, format);
  vsnprintf(params, sizeof params, format, args);
  va_end(args);
  const char *text = request(host, method, params);
  if (host->replies[host->reply_count - 1].status != EVS_OK)
    fail_msg("%s %s: %s", method, params, text);
  json_t *answer = json_loads(text, JSON_ALLOW_NUL, NULL);
  assert_non_null(answer);
  free(host->replies[--host->reply_count].text); /* many requests in one test */
  return answer;
}

static inline long long number_at(const json_t *object, const char *name) {
  return json_integer_value(json_object_get(object, name));
}

static inline const char *word_at(const json_t *object, const char *name) {
  const char *text = json_string_value(json_object_get(object, name));
  return text ? text : "";
}

/* Dead letters that are in the store as a group `g` left them, the first `count` of those that are held.
 * Their fingerprint is that digit 16 times; requeued: how often they came back before. */
static inline void bury(evs_host *host, size_t from, size_t count, char digit, int requeued) {
  char record[512], fingerprint[17];
  size_t before = host->settled_count;
  memset(fingerprint, digit, 16);
  fingerprint[16] = '\0';
  for (size_t i = from; i < from + count; i++) {
    evs_tp_settlement each = settlement_of(&host->entries[i], EVS_SETTLE_DEAD_LETTER);
    snprintf(
        record, sizeof record,
        "{\"originalId\":\"%s\",\"type\":\"a.b\",\"group\":\"g\",\"subscriptions\":[\"s\"],\"attempts\":%zu,"
        "\"error\":{\"class\":\"E%c\",\"message\":\"no user %zu\",\"stack\":\"at home\"},"
        "\"history\":[{\"at\":1}],\"lastFailureAt\":%zu,\"fingerprint\":\"%s\",\"requeueCount\":%d}",
        host->entries[i].offset, 1 + i % 3, digit, i, 1000 + i, fingerprint, requeued);
    each.record = bytes(record);
    evsi_redis_transport.settle(host->transport, &each, 1);
    wait_count(&host->settled_count, before + 1 + i - from);
  }
}

/* A host that holds entries of topic t, ready to be buried. */
static inline evs_host *host_holding(size_t count) {
  evs_host *host = host_connected();
  publish_and_wait(host, "t", "a.b", count);
  join(host, "g", "t");
  wait_count(&host->entry_count, count);
  return host;
}

/* How many letters of a kind the index counts; -1: it has no such row. */
static inline long long indexed(evs_host *host, char digit) {
  json_t *answer = ask(host, "dlq.groups", "{}"), *row;
  long long count = -1;
  size_t i;
  json_array_foreach(json_object_get(answer, "groups"), i, row) {
    if (word_at(row, "fingerprint")[0] == digit)
      count = number_at(row, "count");
  }
  json_decref(answer);
  return count;
}

/* Requeues, discards or restores one; gives its outcome, which lives until the next call. */
static inline const char *change_one(evs_host *host, const char *method, const char *id, const char *more) {
  static char word[64];
  json_t *answer = ask(host, method, "{\"ids\":[\"%s\"]%s}", id, more);
  const json_t *results = json_object_get(answer, "results");
  assert_int_equal(json_array_size(results), 1);
  snprintf(word, sizeof word, "%s", word_at(json_array_get(results, 0), "outcome"));
  json_decref(answer);
  return word;
}

/* The id of the n-th letter, oldest first. */
static inline const char *letter_id(evs_host *host, size_t n) {
  static char id[128];
  json_t *answer = ask(host, "dlq.list", "{\"body\":false,\"limit\":500}");
  snprintf(id, sizeof id, "%s", word_at(json_array_get(json_object_get(answer, "items"), n), "id"));
  json_decref(answer);
  return id;
}

#endif
