/* SPDX-License-Identifier: MIT
 * config_table_test.c - the table itself: its documentation is up to date, its defaults keep its own rules,
 * its synonyms lead somewhere; and the search for near misses. EVS_UPDATE_DOCS=1 writes
 * docs/configuration.md. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/alloc.h"
#include "config/config.h"
#include "config/config_suggest.h"
#include "config/config_table.h"
#include "config/config_walk.h"

#define DOCUMENT EVS_SOURCE_DIR "/docs/configuration.md"

static char *read_document(void) {
  FILE *file = fopen(DOCUMENT, "rb");
  if (!file)
    return strdup("");
  char *text = calloc(1, 1 << 20);
  size_t size = fread(text, 1, (1 << 20) - 1, file);
  text[size] = '\0';
  fclose(file);
  return text;
}

static void the_documentation_is_the_table(void **state) {
  (void)state;
  evsi_buf text = {0};
  evsi_config_table_markdown(&text);
  assert_false(text.failed);
  if (getenv("EVS_UPDATE_DOCS")) {
    FILE *file = fopen(DOCUMENT, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text.data, 1, text.size, file), text.size);
    assert_int_equal(fclose(file), 0);
  }
  char *document = read_document();
  if (strcmp(document, text.data) != 0)
    fail_msg("%s is behind the table: run this test with EVS_UPDATE_DOCS=1", DOCUMENT);
  free(document);
  evsi_buf_free(&text);
}

/* Returns how many keys it looked at. */
static size_t check_section(const evsi_section *section) {
  size_t count = 0;
  for (size_t i = 0; i < section->count; i++) {
    const evsi_key *key = &section->keys[i];
    count++;
    assert_ptr_equal(evsi_section_find(section, key->name), key);
    if (key->target) {
      int top = key->target[0] == '/';
      const evsi_key *target =
          evsi_section_find_path(top ? &evsi_section_system : section, key->target + top);
      assert_non_null(target);
      assert_null(target->target);
      continue;
    }
    assert_non_null(key->doc);
    if (key->section)
      count += check_section(key->section);
    json_t *fallback = key->fallback ? json_loads(key->fallback, JSON_DECODE_ANY, NULL) : NULL;
    if (key->fallback && !fallback)
      fail_msg("default of %s is not JSON", key->name);
    evsi_check check;
    assert_true(evsi_check_init(&check, false));
    if (fallback && key->kind <= EVSI_KEY_TEXTS) {
      json_t *value = evsi_value_check(&check, key, fallback);
      if (!value)
        fail_msg("default of %s breaks its own rule", key->name);
      json_decref(value);
    }
    evsi_check_free(&check);
    json_decref(fallback);
  }
  return count;
}

static void every_key_keeps_its_own_rules(void **state) {
  (void)state;
  size_t count = check_section(&evsi_section_system) + check_section(&evsi_section_subscription) +
                 check_section(evsi_section_transport("memory")) +
                 check_section(evsi_section_transport("redis-streams"));
  print_message("%zu keys\n", count);
  assert_true(count > 200);
}

/* The names of the library that this one replaces: each must be known, built or not. */
static const char *const published_system[] = {"service",
                                               "originPrefix",
                                               "origins",
                                               "validationMode",
                                               "transports",
                                               "routing",
                                               "publisher",
                                               "consumer",
                                               "publisher/batching/enabled",
                                               "publisher/batching/maxSize",
                                               "publisher/batching/maxWaitMs",
                                               "publisher/batching/maxConcurrentBatches",
                                               "publisher/batching/strategy",
                                               "publisher/batching/compression",
                                               "publisher/retry/maxRetries",
                                               "publisher/retry/backoffStrategy",
                                               "publisher/retry/baseDelay",
                                               "publisher/retry/maxDelay",
                                               "publisher/rateLimiting/maxRequests",
                                               "publisher/rateLimiting/timeWindow",
                                               "publisher/rateLimiting/strategy",
                                               "publisher/validationMode",
                                               "consumer/enablePatternRouting",
                                               "consumer/enableConsumerGroups",
                                               "consumer/poisonMessageHandler",
                                               "consumer/validationMode",
                                               "routing/routes/pattern",
                                               "routing/routes/transport",
                                               "routing/routes/priority",
                                               "routing/routes/options/topic",
                                               "routing/routes/options/partition",
                                               "routing/routes/options/ordering",
                                               "routing/routes/options/retention",
                                               "routing/validationMode",
                                               "routing/originPrefix",
                                               "routing/topicMapping",
                                               "routing/defaultTopicStrategy",
                                               "routing/customTopicWord",
                                               "routing/enablePatternRouting",
                                               "routing/enableBatching",
                                               "routing/enablePartitioning",
                                               "routing/enableConsumerGroups",
                                               "transportCapabilities"};
static const char *const published_redis[] = {"host",
                                              "port",
                                              "url",
                                              "db",
                                              "password",
                                              "groupId",
                                              "consumerGroup",
                                              "consumerId",
                                              "streamPrefix",
                                              "maxLen",
                                              "trimStrategy",
                                              "batchSize",
                                              "blockTime",
                                              "pollInterval",
                                              "maxRetries",
                                              "retryDelay",
                                              "enableDLQ",
                                              "dlqStreamPrefix",
                                              "maxRetriesBeforeDLQ",
                                              "enablePipelining",
                                              "pipelineSize",
                                              "skipStreamGroupCheck",
                                              "enableMetrics",
                                              "connectionPool/enabled",
                                              "connectionPool/size",
                                              "connectionPool/maxConcurrentPublishers",
                                              "staleConsumerDetection/enabled",
                                              "staleConsumerDetection/heartbeatInterval",
                                              "staleConsumerDetection/staleThreshold",
                                              "staleConsumerDetection/cleanupInterval",
                                              "staleConsumerDetection/maxStaleConsumers",
                                              "staleConsumerDetection/enableHeartbeat",
                                              "staleConsumerDetection/enablePingPong",
                                              "staleConsumerDetection/cleanupStrategy",
                                              "staleConsumerDetection/preserveConsumerHistory",
                                              "ordering",
                                              "partitioning",
                                              "schema",
                                              "replay"};
static const char *const published_subscribe[] = {
    "groupId",   "consumerId",  "autoOffsetReset", "enableAutoCommit", "autoCommitInterval",
    "partition", "startOffset", "maxPollRecords",  "sessionTimeout",   "heartbeatInterval"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void check_known(const evsi_section *section, const char *const *paths, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (!evsi_section_find_path(section, paths[i]))
      fail_msg("unknown: %s", paths[i]);
}

static void every_published_key_is_known(void **state) {
  (void)state;
  check_known(&evsi_section_system, published_system, COUNT(published_system));
  check_known(evsi_section_transport("redis-streams"), published_redis, COUNT(published_redis));
  check_known(&evsi_section_subscription, published_subscribe, COUNT(published_subscribe));
}

static void the_example_in_the_documentation_is_valid(void **state) {
  (void)state;
  char *document = read_document();
  char *start = strstr(document, "```json\n");
  assert_non_null(start);
  start += strlen("```json\n");
  char *end = strstr(start, "```");
  assert_non_null(end);
  char *report = NULL;
  assert_int_equal(evsi_config_report(start, (size_t)(end - start), &report, NULL), EVS_OK);
  assert_non_null(strstr(report, "{\"valid\":true,\"problems\":[],\"warnings\":[]"));
  evsi_free(report);
  free(document);
}

static size_t distance(const char *a, const char *b) {
  return evsi_edit_distance(a, strlen(a), b, strlen(b));
}

static void edits_are_counted(void **state) {
  (void)state;
  assert_int_equal(distance("timeout", "timeout"), 0);
  assert_int_equal(distance("TimeOut", "timeout"), 0);
  assert_int_equal(distance("tmieout", "timeout"), 1);
  assert_int_equal(distance("timeut", "timeout"), 1);
  assert_int_equal(distance("timeoutt", "timeout"), 1);
  assert_int_equal(distance("timxout", "timeout"), 1);
  assert_int_equal(distance("", "abc"), 3);
  assert_int_equal(distance("abc", ""), 3);
  assert_int_equal(distance("kitten", "sitting"), 3);
}

static const char *suggest(const char *word, const char *choices) {
  evsi_suggest s = {.word = word};
  evsi_suggest_offer_all(&s, choices);
  return s.best;
}

static void the_nearest_name_is_suggested_or_none(void **state) {
  (void)state;
  static const char names[] = "maxRetries|maxDelay|url|redis-streams";
  assert_memory_equal(suggest("maxRetry", names), "maxRetries", 10);
  assert_memory_equal(suggest("redis", names), "redis-streams", 13);
  assert_memory_equal(suggest("ulr", names), "url", 3);
  assert_null(suggest("colour", names));
  assert_null(suggest("", names));
  char longest[EVSI_SUGGEST_MAX + 2];
  memset(longest, 'a', sizeof longest - 1);
  longest[sizeof longest - 1] = '\0';
  assert_null(suggest(longest, names));
  assert_null(suggest(longest + 1, names));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_documentation_is_the_table),
      cmocka_unit_test(every_key_keeps_its_own_rules),
      cmocka_unit_test(every_published_key_is_known),
      cmocka_unit_test(the_example_in_the_documentation_is_valid),
      cmocka_unit_test(edits_are_counted),
      cmocka_unit_test(the_nearest_name_is_suggested_or_none),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
