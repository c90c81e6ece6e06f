/* SPDX-License-Identifier: MIT
 * config_struct_test.c - what a correct document becomes: the struct that every other part reads, options of
 * transports, precedence of retries; and what happens at the bounds and without memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "config/config.h"
#include "unit/support/shortage.h"

static evsi_config *load(const char *json) {
  evsi_config *config = NULL;
  evs_error *error = NULL;
  if (evsi_config_load(json, strlen(json), &config, &error) != EVS_OK)
    fail_msg("%s", evs_error_json(error));
  return config;
}

static evsi_subscription_options subscribe(const evsi_config *config, const char *json) {
  evsi_subscription_options options;
  evs_error *error = NULL;
  if (evsi_subscription_options_load(config, json, strlen(json), &options, &error) != EVS_OK)
    fail_msg("%s", evs_error_json(error));
  return options;
}

static void defaults_reach_the_struct(void **state) {
  (void)state;
  evsi_config *c = load("{\"service\":\"shop\",\"transports\":{\"main\":{\"type\":\"memory\"}}}");
  assert_string_equal(c->service, "shop");
  assert_string_equal(c->origin_prefix, "");
  assert_false(c->origins_set);
  assert_int_equal(c->validation_mode, EVSI_VALIDATE_WARN);
  assert_int_equal(c->limits.body_bytes, 1048576);
  assert_int_equal(c->limits.header_count, 64);
  assert_int_equal(c->limits.header_bytes, 16384);
  assert_int_equal(c->limits.patterns, 10000);
  assert_int_equal(c->publisher.retry.max_retries, 3);
  assert_int_equal(c->publisher.retry.strategy, EVS_BACKOFF_EXPONENTIAL);
  assert_int_equal(c->publisher.retry.base_delay_ms, 1000);
  assert_int_equal(c->publisher.retry.max_delay_ms, 30000);
  assert_true(c->publisher.retry.jitter > 0.19 && c->publisher.retry.jitter < 0.21);
  assert_int_equal(c->publisher.timeout_ms, 30000);
  assert_int_equal(c->publisher.max_in_flight, 10000);
  assert_int_equal(c->publisher.max_in_flight_bytes, 64 << 20);
  assert_true(c->publisher.hash);
  assert_int_equal(c->consumer.retry.max_retries, 3);
  assert_int_equal(c->consumer.handler_timeout_ms, 30000);
  assert_int_equal(c->consumer.concurrency, 1);
  assert_int_equal(c->consumer.prefetch, 256);
  assert_int_equal(c->consumer.prefetch_bytes, 8 << 20);
  assert_int_equal(c->consumer.unmatched_grace_ms, 60000);
  assert_int_equal(c->consumer.max_deferrals, 100);
  assert_int_equal(c->consumer.close_deadline_ms, 10000);
  assert_int_equal(c->consumer.on_unmatched, EVSI_UNMATCHED_ACK);
  assert_true(c->consumer.verify_hash);
  assert_int_equal(c->routing.strategy, EVSI_TOPIC_NAMESPACE);
  assert_null(c->routing.custom_topic);
  assert_string_equal(c->routing.topic_suffix, "-events");
  assert_int_equal(c->routing.default_transport, 0);
  assert_int_equal(c->transport_count, 1);
  assert_string_equal(c->transports[0].type, "memory");
  assert_null(c->transports[0].group_id);
  assert_false(c->transports[0].enable_dlq);
  assert_int_equal(c->statistics.max_labels, 1000);
  evsi_config_free(c);
}

static void declaration_order_is_kept(void **state) {
  (void)state;
  evsi_config *c = load(
      "{\"transports\":{\"zeta\":{\"type\":\"memory\"},\"alpha\":{\"type\":\"redis-streams\"},"
      "\"mid\":{\"type\":\"memory\"}},\"service\":\"s\",\"routing\":{\"defaultTransport\":\"mid\","
      "\"topicMapping\":{\"z.*\":\"one\",\"a.*\":\"two\",\"m.*\":\"three\"},"
      "\"routes\":[{\"pattern\":\"z\",\"transports\":[\"mid\",\"zeta\"],\"priority\":-3,\"partitions\":5},"
      "{\"pattern\":\"a\",\"transport\":\"alpha\",\"enabled\":false,\"topic\":\"x\"}]}}");
  assert_string_equal(c->transports[0].name, "zeta");
  assert_string_equal(c->transports[1].name, "alpha");
  assert_true(c->transports[1].enable_dlq);
  assert_string_equal(c->transports[2].name, "mid");
  assert_int_equal(c->routing.default_transport, 2);
  assert_int_equal(c->routing.mapping_count, 3);
  assert_string_equal(c->routing.mappings[0].pattern, "z.*");
  assert_string_equal(c->routing.mappings[1].topic, "two-events");
  assert_string_equal(c->routing.mappings[2].pattern, "m.*");
  assert_int_equal(c->routing.route_count, 2);
  assert_int_equal(c->routing.routes[0].transport_count, 2);
  assert_int_equal(c->routing.routes[0].transports[0], 2);
  assert_int_equal(c->routing.routes[0].transports[1], 0);
  assert_int_equal(c->routing.routes[0].priority, -3);
  assert_int_equal(c->routing.routes[0].partitions, 5);
  assert_int_equal(c->routing.routes[0].partitioning, EVSI_PARTITION_BY_KEY);
  assert_null(c->routing.routes[0].topic);
  assert_true(c->routing.routes[0].enabled);
  assert_false(c->routing.routes[1].enabled);
  assert_string_equal(c->routing.routes[1].topic, "x-events");
  evsi_config_free(c);
}

static void validation_modes_are_inherited_and_overridden(void **state) {
  (void)state;
  evsi_config *c =
      load("{\"service\":\"s\",\"validationMode\":\"ignore\",\"consumer\":{\"validationMode\":\"strict\"},"
           "\"routing\":{\"validationMode\":\"warn\"},\"transports\":{\"m\":{\"type\":\"memory\"}}}");
  assert_int_equal(c->validation_mode, EVSI_VALIDATE_IGNORE);
  assert_int_equal(c->publisher.validation_mode, EVSI_VALIDATE_IGNORE);
  assert_int_equal(c->consumer.validation_mode, EVSI_VALIDATE_STRICT);
  assert_int_equal(c->routing.validation_mode, EVSI_VALIDATE_WARN);
  evsi_config_free(c);
}

static void a_transport_gets_every_key_and_the_real_password(void **state) {
  (void)state;
  evsi_config *c =
      load("{\"service\":\"s\",\"transports\":{\"r\":{\"type\":\"redis-streams\","
           "\"url\":\"redis://me:a%40b%2F%24%7Bc@h:7/2\",\"consumerGroup\":\"g\",\"consumerId\":\"c1\"}}}");
  json_t *options = json_loads(c->transports[0].options_json, 0, NULL);
  assert_non_null(options);
  assert_string_equal(json_string_value(json_object_get(options, "password")), "a@b/${c");
  assert_string_equal(json_string_value(json_object_get(options, "username")), "me");
  assert_string_equal(json_string_value(json_object_get(options, "host")), "h");
  assert_int_equal(json_integer_value(json_object_get(options, "port")), 7);
  assert_int_equal(json_integer_value(json_object_get(options, "db")), 2);
  assert_true(json_is_null(json_object_get(options, "path")));
  assert_null(json_object_get(options, "url"));
  assert_int_equal(json_integer_value(json_object_get(options, "batchSize")), 500);
  assert_int_equal(json_integer_value(json_object_get(json_object_get(options, "reconnect"), "maxDelay")),
                   5000);
  assert_string_equal(c->transports[0].group_id, "g");
  assert_string_equal(c->transports[0].consumer_id, "c1");
  assert_null(strstr(c->normalized_json, "a@b"));
  assert_null(strstr(c->normalized_json, "a%40b"));
  json_decref(options);
  evsi_config_free(c);
}

static void the_nearest_given_retry_value_wins(void **state) {
  (void)state;
  evsi_config *c = load("{\"service\":\"s\",\"consumer\":{\"retry\":{\"baseDelay\":20}},"
                        "\"transports\":{\"m\":{\"type\":\"memory\",\"maxRetries\":7,"
                        "\"retry\":{\"baseDelay\":10,\"maxDelay\":99,\"backoffStrategy\":\"fixed\"}}}}");
  evsi_subscription_options o = subscribe(c, "{\"pattern\":\"a\"}");
  assert_int_equal(o.retry.max_retries, 7);
  assert_int_equal(o.retry.base_delay_ms, 20);
  assert_int_equal(o.retry.max_delay_ms, 99);
  assert_int_equal(o.retry.strategy, EVS_BACKOFF_FIXED);
  assert_int_equal(c->transports[0].retry.base_delay_ms, 20);
  assert_int_equal(c->consumer.retry.max_retries, 3);
  evsi_subscription_options_free(&o);
  o = subscribe(c, "{\"pattern\":\"a\",\"maxRetries\":0,\"retry\":{\"backoffStrategy\":\"fibonacci\"}}");
  assert_int_equal(o.retry.max_retries, 0);
  assert_int_equal(o.retry.base_delay_ms, 20);
  assert_int_equal(o.retry.strategy, EVS_BACKOFF_FIBONACCI);
  evsi_subscription_options_free(&o);
  evsi_config_free(c);
  c = load("{\"service\":\"s\",\"consumer\":{\"maxRetries\":2},"
           "\"transports\":{\"m\":{\"type\":\"memory\",\"maxRetriesBeforeDLQ\":7}}}");
  o = subscribe(c, "{\"pattern\":\"a\"}");
  assert_int_equal(o.retry.max_retries, 2);
  evsi_subscription_options_free(&o);
  evsi_config_free(c);
}

static void a_subscription_takes_what_it_does_not_say_from_the_configuration(void **state) {
  (void)state;
  evsi_config *c =
      load("{\"service\":\"svc\",\"origins\":[\"EU\"],\"consumer\":{\"concurrency\":4,\"prefetch\":9,"
           "\"handlerTimeout\":5},\"transports\":{\"m\":{\"type\":\"memory\"},"
           "\"r\":{\"type\":\"redis-streams\",\"groupId\":\"rg\",\"consumerId\":\"rc\"}}}");
  evsi_subscription_options o = subscribe(c, "{\"pattern\":\"User.*\"}");
  assert_string_equal(o.pattern, "User.*");
  assert_string_equal(o.group, "svc");
  assert_null(o.name);
  assert_null(o.consumer);
  assert_int_equal(o.transport, 0);
  assert_int_equal(o.topic_count, 0);
  assert_true(o.origins_set);
  assert_int_equal(o.origin_count, 1);
  assert_string_equal(o.origins[0], "eu");
  assert_false(o.from_new);
  assert_int_equal(o.concurrency, 4);
  assert_int_equal(o.prefetch, 9);
  assert_int_equal(o.handler_timeout_ms, 5);
  evsi_subscription_options_free(&o);
  o = subscribe(c,
                "{\"pattern\":\"a\",\"transport\":\"r\",\"from\":\"new\",\"origins\":[],\"topics\":[\"x-y\"],"
                "\"handlerTimeout\":0,\"onUnmatched\":\"dlq\"}");
  assert_string_equal(o.group, "rg");
  assert_string_equal(o.consumer, "rc");
  assert_int_equal(o.transport, 1);
  assert_true(o.from_new);
  assert_true(o.origins_set);
  assert_int_equal(o.origin_count, 0);
  assert_int_equal(o.topic_count, 1);
  assert_string_equal(o.topics[0], "x-y");
  assert_int_equal(o.handler_timeout_ms, 0);
  assert_int_equal(o.on_unmatched, EVSI_UNMATCHED_DLQ);
  evsi_subscription_options_free(&o);
  o = subscribe(c, "{\"pattern\":\"a\",\"consumerGroup\":\"own\",\"transport\":\"r\",\"consumerId\":\"me\"}");
  assert_string_equal(o.group, "own");
  assert_string_equal(o.consumer, "me");
  evsi_subscription_options_free(&o);
  evsi_config_free(c);
}

static void the_nearest_level_says_how_many_crashes_and_where_a_group_begins(void **state) {
  (void)state;
  evsi_config *c =
      load("{\"service\":\"s\",\"transports\":{\"r\":{\"type\":\"redis-streams\",\"maxCrashes\":7},"
           "\"m\":{\"type\":\"memory\"}}}");
  evsi_subscription_options far = subscribe(c, "{\"pattern\":\"a\"}");
  evsi_subscription_options near =
      subscribe(c, "{\"pattern\":\"a\",\"maxCrashes\":2,\"from\":1763920000000,\"partition\":3}");
  assert_int_equal(far.max_crashes, 7);
  assert_null(far.from);
  assert_int_equal(far.partition, EVS_PARTITION_NONE);
  assert_int_equal(near.max_crashes, 2);
  assert_string_equal(near.from, "1763920000000");
  assert_int_equal(near.partition, 3);
  assert_int_equal(c->transports[1].max_crashes, 0);
  evsi_subscription_options_free(&far);
  evsi_subscription_options_free(&near);
  evsi_config_free(c);
  c = load("{\"service\":\"s\",\"consumer\":{\"maxCrashes\":5},\"transports\":{\"r\":{\"type\":"
           "\"redis-streams\",\"maxCrashes\":7}}}");
  assert_int_equal(c->transports[0].max_crashes, 5);
  evsi_config_free(c);
}

static void the_publisher_speaks_for_transports_that_do_not_themselves(void **state) {
  (void)state;
  evsi_config *c =
      load("{\"service\":\"s\",\"publisher\":{\"acknowledgement\":\"fsynced\",\"idempotent\":true},"
           "\"transports\":{\"a\":{\"type\":\"redis-streams\"},\"b\":{\"type\":\"redis-streams\","
           "\"acknowledgement\":\"none\",\"idempotent\":false},\"m\":{\"type\":\"memory\"}}}");
  assert_non_null(strstr(c->transports[0].options_json, "\"acknowledgement\":\"fsynced\""));
  assert_non_null(strstr(c->transports[0].options_json, "\"idempotent\":true"));
  assert_non_null(strstr(c->transports[1].options_json, "\"acknowledgement\":\"none\""));
  assert_non_null(strstr(c->transports[1].options_json, "\"idempotent\":false"));
  assert_null(strstr(c->transports[2].options_json, "acknowledgement"));
  evsi_config_free(c);
}

static void compat_begins_new_groups_at_the_newest_event(void **state) {
  (void)state;
  evsi_config *c = load("{\"service\":\"s\",\"transports\":{\"old\":{\"type\":\"redis-streams\",\"compat\":"
                        "\"logistically-3\"},\"own\":{\"type\":\"redis-streams\"}}}");
  assert_true(c->transports[0].is_plain);
  assert_false(c->transports[1].is_plain);
  evsi_subscription_options old = subscribe(c, "{\"pattern\":\"a.b\",\"transport\":\"old\"}");
  evsi_subscription_options all =
      subscribe(c, "{\"pattern\":\"a.b\",\"transport\":\"old\",\"from\":\"earliest\"}");
  evsi_subscription_options own = subscribe(c, "{\"pattern\":\"a.b\",\"transport\":\"own\"}");
  assert_true(old.from_new);
  assert_string_equal(old.group, "default-group");
  assert_false(all.from_new);
  assert_false(own.from_new);
  assert_string_equal(own.group, "s");
  evsi_subscription_options_free(&old);
  evsi_subscription_options_free(&all);
  evsi_subscription_options_free(&own);
  evsi_config_free(c);
}

static void a_subscription_must_choose_where_no_transport_is_the_default(void **state) {
  (void)state;
  evsi_config *c = load("{\"service\":\"s\",\"routing\":{\"defaultTransport\":null},"
                        "\"transports\":{\"m\":{\"type\":\"memory\"},\"n\":{\"type\":\"memory\"}}}");
  evsi_subscription_options o;
  evs_error *error = NULL;
  assert_int_equal(c->routing.default_transport, -1);
  assert_int_equal(evsi_subscription_options_load(c, "{\"pattern\":\"a\"}", 15, &o, &error), EVS_CONFIG);
  assert_non_null(strstr(evs_error_message(error), "/transport"));
  evs_error_free(error);
  o = subscribe(c, "{\"pattern\":\"a\",\"transport\":\"n\"}");
  assert_int_equal(o.transport, 1);
  evsi_subscription_options_free(&o);
  evsi_config_free(c);
}

static void problems_are_bounded_and_counted(void **state) {
  (void)state;
  char *json = malloc(64000);
  size_t used = (size_t)sprintf(json, "{\"service\":\"s\",\"transports\":{\"m\":{\"type\":\"memory\"}}");
  for (int i = 0; i < 1500; i++)
    used += (size_t)sprintf(json + used, ",\"key%d\":%d", i, i);
  sprintf(json + used, "}");
  evsi_config *config = NULL;
  evs_error *error = NULL;
  assert_int_equal(evsi_config_load(json, strlen(json), &config, &error), EVS_CONFIG);
  json_t *document = json_loads(evs_error_json(error), 0, NULL);
  assert_int_equal(json_array_size(json_object_get(document, "problems")), 100);
  assert_non_null(strstr(evs_error_message(error), "1500 problems"));
  json_decref(document);
  evs_error_free(error);
  free(json);
}

static void a_text_of_four_mebibytes_is_the_largest(void **state) {
  (void)state;
  enum { LIMIT = 4 << 20 };
  static const char document[] = "{\"service\":\"s\",\"transports\":{\"m\":{\"type\":\"memory\"}}}";
  char *json = malloc(LIMIT + 1);
  memset(json, ' ', LIMIT + 1);
  memcpy(json, document, sizeof document - 1);
  evsi_config *config = NULL;
  evs_error *error = NULL;
  assert_int_equal(evsi_config_load(json, LIMIT, &config, NULL), EVS_OK);
  evsi_config_free(config);
  assert_int_equal(evsi_config_load(json, LIMIT + 1, &config, &error), EVS_CONFIG);
  assert_non_null(strstr(evs_error_message(error), "too long"));
  evs_error_free(error);
  free(json);
}

static void deep_nesting_is_refused_not_followed(void **state) {
  (void)state;
  enum { DEPTH = 100000 };
  char *json = malloc(2 * DEPTH + 1);
  memset(json, '[', DEPTH);
  memset(json + DEPTH, ']', DEPTH);
  json[2 * DEPTH] = '\0';
  evsi_config *config = NULL;
  assert_int_equal(evsi_config_load(json, 2 * DEPTH, &config, NULL), EVS_CONFIG);
  free(json);
}

static void variables_cannot_blow_up_a_document(void **state) {
  (void)state;
  enum { VARIABLE = 100000, COUNT = 900 };
  char *value = malloc(VARIABLE + 1);
  memset(value, 'a', VARIABLE);
  value[VARIABLE] = '\0';
  setenv("EVS_T_LONG", value, 1);
  char *json = malloc(COUNT * 20 + 200);
  size_t used =
      (size_t)sprintf(json, "{\"service\":\"s\",\"transports\":{\"m\":{\"type\":\"memory\"}},\"origins\":[");
  for (int i = 0; i < COUNT; i++)
    used += (size_t)sprintf(json + used, "%s\"${EVS_T_LONG}\"", i ? "," : "");
  sprintf(json + used, "]}");
  evsi_config *config = NULL;
  evs_error *error = NULL;
  assert_int_equal(evsi_config_load(json, strlen(json), &config, &error), EVS_CONFIG);
  assert_non_null(strstr(evs_error_json(error), "too much text"));
  assert_true(strlen(evs_error_json(error)) < 100000);
  evs_error_free(error);
  unsetenv("EVS_T_LONG");
  free(value);
  free(json);
}

/* Either nothing or everything comes of it. */
static evs_status load_and_subscribe(void *none) {
  (void)none;
  static const char good[] =
      "{\"service\":\"s\",\"originPrefix\":\"EU\",\"origins\":[\"us\",\"\"],\"routing\":{\"topicMapping\":{"
      "\"A.*\":\"a\"},"
      "\"routes\":[{\"pattern\":\"b.*\",\"transport\":\"r\",\"topic\":\"c\",\"name\":\"n\"}]},"
      "\"transports\":{\"m\":{\"type\":\"memory\"},\"r\":{\"type\":\"redis-streams\",\"url\":\"redis://u:p@h/"
      "1\"}}}";
  static const char options[] = "{\"pattern\":\"a\",\"topics\":[\"x\"],\"name\":\"n\",\"transport\":\"r\"}";
  evsi_config *config = NULL;
  evs_error *error = NULL;
  evsi_subscription_options o = {0};
  evs_status status = evsi_config_load(good, strlen(good), &config, &error);
  if (status == EVS_OK &&
      (status = evsi_subscription_options_load(config, options, strlen(options), &o, &error)) == EVS_OK)
    evsi_subscription_options_free(&o);
  evsi_config_free(config);
  evs_error_free(error);
  return status;
}

static void any_failed_allocation_is_reported(void **state) {
  (void)state;
  assert_true(shortage_of_each(load_and_subscribe, NULL, SHORTAGE_IS_TOLD) > 30);
}

static evs_status load_what_is_wrong(void *none) {
  (void)none;
  static const char bad[] =
      "{\"srvice\":1,\"origins\":[\"a b\"],\"transports\":{\"r\":{\"type\":\"redis-streams\","
      "\"url\":\"http://u:p@h\",\"path\":\"/x\",\"host\":\"h\"}},\"routing\":{\"routes\":[{}]}}";
  evsi_config *config = NULL;
  evs_error *error = NULL;
  evs_status status = evsi_config_load(bad, strlen(bad), &config, &error);
  evs_error_free(error);
  return status == EVS_CONFIG ? EVS_OK : status;
}

static void wrong_documents_survive_failed_allocations(void **state) {
  (void)state;
  shortage_of_each(load_what_is_wrong, NULL, SHORTAGE_IS_BORNE);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(defaults_reach_the_struct),
      cmocka_unit_test(declaration_order_is_kept),
      cmocka_unit_test(validation_modes_are_inherited_and_overridden),
      cmocka_unit_test(a_transport_gets_every_key_and_the_real_password),
      cmocka_unit_test(the_nearest_given_retry_value_wins),
      cmocka_unit_test(a_subscription_takes_what_it_does_not_say_from_the_configuration),
      cmocka_unit_test(the_nearest_level_says_how_many_crashes_and_where_a_group_begins),
      cmocka_unit_test(the_publisher_speaks_for_transports_that_do_not_themselves),
      cmocka_unit_test(compat_begins_new_groups_at_the_newest_event),
      cmocka_unit_test(a_subscription_must_choose_where_no_transport_is_the_default),
      cmocka_unit_test(problems_are_bounded_and_counted),
      cmocka_unit_test(a_text_of_four_mebibytes_is_the_largest),
      cmocka_unit_test(deep_nesting_is_refused_not_followed),
      cmocka_unit_test(variables_cannot_blow_up_a_document),
      cmocka_unit_test(any_failed_allocation_is_reported),
      cmocka_unit_test(wrong_documents_survive_failed_allocations),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
