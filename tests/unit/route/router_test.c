/* SPDX-License-Identifier: MIT
 * router_test.c - which route wins, what topic, transport and partition follow, and that explain tells the
 * same decision with reasons. Configurations are built by hand: reading them is tested with config. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "event/pattern.h"
#include "route/router.h"
#include "unit/support/shortage.h"

static uint32_t transport_0[] = {0}, transport_1[] = {1}, both[] = {1, 0};
static evsi_transport_config transports[] = {{.name = "main"}, {.name = "backup"}};

static evsi_config config_of(evsi_route *routes, uint32_t route_count) {
  evsi_config config = {.origin_prefix = "eu.de", .transports = transports, .transport_count = 2};
  config.routing.routes = routes;
  config.routing.route_count = route_count;
  config.routing.topic_suffix = "-events";
  return config;
}

static evsi_route route_of(const char *pattern, int64_t priority, const char *topic) {
  return (evsi_route){.pattern = (char *)pattern,
                      .transports = transport_0,
                      .transport_count = 1,
                      .priority = priority,
                      .topic = (char *)topic,
                      .partition = EVS_PARTITION_NONE,
                      .enabled = true};
}

static evsi_route_query query_of(const char *type) {
  return (evsi_route_query){.type = evsi_text(type), .partition = EVS_PARTITION_NONE, .transport = -1};
}

static evsi_router *router_of(const evsi_config *config) {
  evsi_router *router = NULL;
  assert_int_equal(evsi_router_new(config, &router, NULL), EVS_OK);
  return router;
}

static void assert_topic(const evsi_config *config, const char *type, const char *topic) {
  evsi_router *router = router_of(config);
  evsi_route_query query = query_of(type);
  evsi_decision decision;
  assert_int_equal(evsi_router_route(router, &query, &decision, NULL), EVS_OK);
  assert_string_equal(decision.topic, topic);
  evsi_router_free(router);
}

static json_t *explain(evsi_router *router, const char *query) {
  char *text = NULL;
  assert_int_equal(evsi_router_explain(router, query, strlen(query), &text, NULL), EVS_OK);
  json_t *told = json_loads(text, 0, NULL);
  assert_non_null(told);
  evsi_free(text);
  return told;
}

static const char *member(const json_t *object, const char *name) {
  const char *text = json_string_value(json_object_get(object, name));
  return text ? text : "(none)";
}

static const json_t *told_route(const json_t *told, size_t number) {
  return json_array_get(json_object_get(told, "routes"), number);
}

static void priority_then_specificity_then_declaration_decide(void **state) {
  (void)state;
  evsi_route routes[] = {
      route_of("*", 0, "all"),
      route_of("*.created", 0, "made"),
      route_of("user.*", 0, "people"),
      route_of("user.created", 0, "new"),
      route_of("user.created", 0, "late"),
      route_of("order.*", 2, "high"),
      route_of("order.placed", 1, "low"),
  };
  evsi_config config = config_of(routes, 7);
  assert_topic(&config, "user.created", "new");
  assert_topic(&config, "user.deleted", "people");
  assert_topic(&config, "thing.created", "made");
  assert_topic(&config, "thing.deleted", "all");
  assert_topic(&config, "order.placed", "high");
}

static void disabled_routes_lose_to_every_other(void **state) {
  (void)state;
  evsi_route routes[] = {route_of("user.*", 9, "off"), route_of("*", -5, "on")};
  evsi_config config = config_of(routes, 2);
  routes[0].enabled = false;
  assert_topic(&config, "user.created", "on");
  config.routing.route_count = 1;
  assert_topic(&config, "user.created", "user-events");
}

static void routes_are_for_events_of_the_own_origin(void **state) {
  (void)state;
  evsi_route routes[] = {route_of("eu.de.user.*", 0, "written"), route_of("order.*", 0, "joined")};
  evsi_config config = config_of(routes, 2);
  assert_topic(&config, "user.created", "written");
  assert_topic(&config, "order.placed", "joined");
  evsi_router *router = router_of(&config);
  json_t *told = explain(router, "{\"type\":\"order.placed\",\"originPrefix\":\"us.ca\"}");
  assert_string_equal(member(told, "topic"), "order-events");
  assert_string_equal(member(told, "fullType"), "us.ca.order.placed");
  assert_string_equal(member(told_route(told, 1), "reason"), "origin us.ca is not eu.de");
  json_decref(told);
  evsi_router_free(router);
}

static void mappings_match_at_any_origin_in_declaration_order(void **state) {
  (void)state;
  evsi_topic_mapping mappings[] = {{"user.created", "new"}, {"*.payment.*", "money"}, {"order.*", "orders"}};
  evsi_config config = config_of(NULL, 0);
  config.routing.mappings = mappings;
  config.routing.mapping_count = 3;
  assert_topic(&config, "user.created", "new");
  assert_topic(&config, "us.ca.user.created", "new");
  assert_topic(&config, "order.payment.failed", "money");
  assert_topic(&config, "order.placed", "orders");
  assert_topic(&config, "superuser.created", "superuser-events");
  config.routing.strategy = EVSI_TOPIC_CUSTOM;
  config.routing.custom_topic = "app-events";
  assert_topic(&config, "other.thing", "app-events");
}

static void a_namespace_becomes_a_valid_topic_name(void **state) {
  (void)state;
  evsi_config config = config_of(NULL, 0);
  assert_topic(&config, "user_data--x.made", "user-data-x-events");
  assert_topic(&config, "user-events.made", "user-events");
  config.routing.topic_suffix = "";
  assert_topic(&config, "user.made", "user");
}

static void a_namespace_that_makes_no_topic_is_refused(void **state) {
  (void)state;
  char type[220];
  memset(type, 'a', sizeof type);
  type[194] = '\0';
  evsi_config config = config_of(NULL, 0);
  evsi_router *router = router_of(&config);
  const char *const types[] = {type, "-_-.made"};
  for (int i = 0; i < 2; i++) {
    evsi_route_query query = query_of(types[i]);
    evsi_decision decision;
    evs_error *error = NULL;
    assert_int_equal(evsi_router_route(router, &query, &decision, &error), EVS_ROUTING);
    assert_non_null(strstr(evs_error_message(error), "topic"));
    evs_error_free(error);
  }
  type[193] = '\0';
  evsi_route_query query = query_of(type);
  evsi_decision decision;
  assert_int_equal(evsi_router_route(router, &query, &decision, NULL), EVS_OK);
  assert_int_equal(strlen(decision.topic), EVSI_TOPIC_MAX);
  evsi_router_free(router);
}

static void transports_come_from_the_event_the_route_or_the_default(void **state) {
  (void)state;
  evsi_route routes[] = {route_of("user.*", 0, NULL), route_of("order.*", 0, NULL)};
  routes[0].transports = both;
  routes[0].transport_count = 2;
  routes[1].transports = transport_1;
  evsi_config config = config_of(routes, 2);
  evsi_router *router = router_of(&config);
  evsi_decision decision;
  evsi_route_query query = query_of("user.created");
  evsi_router_route(router, &query, &decision, NULL);
  assert_int_equal(decision.transport_count, 2);
  assert_int_equal(decision.transports[0], 1);
  assert_int_equal(decision.transports[1], 0);
  query.transport = 0;
  evsi_router_route(router, &query, &decision, NULL);
  assert_int_equal(decision.transport_count, 1);
  assert_int_equal(decision.transports[0], 0);
  query = query_of("other");
  evsi_router_route(router, &query, &decision, NULL);
  assert_null(decision.route);
  assert_int_equal(decision.transports[0], 0);
  query.transport = 2;
  assert_int_equal(evsi_router_route(router, &query, &decision, NULL), EVS_ROUTING);
  evsi_router_free(router);
}

static void without_a_default_transport_an_unrouted_event_is_unroutable(void **state) {
  (void)state;
  evsi_route routes[] = {route_of("user.*", 0, NULL)};
  evsi_config config = config_of(routes, 1);
  config.routing.default_transport = -1;
  evsi_router *router = router_of(&config);
  evsi_route_query query = query_of("order.placed");
  evsi_decision decision;
  evs_error *error = NULL;
  assert_int_equal(evsi_router_route(router, &query, &decision, &error), EVS_ROUTING);
  assert_non_null(strstr(evs_error_message(error), "order.placed"));
  evs_error_free(error);
  json_t *told = explain(router, "{\"type\":\"order.placed\"}");
  assert_string_equal(member(told, "topic"), "unroutable");
  assert_int_equal(json_array_size(json_object_get(told, "transports")), 0);
  assert_string_equal(member(told_route(told, 0), "reason"), "segment 3: order is not user");
  assert_non_null(strstr(member(told, "error"), "default transport"));
  json_decref(told);
  query.transport = 1;
  assert_int_equal(evsi_router_route(router, &query, &decision, NULL), EVS_OK);
  evsi_router_free(router);
}

static void partitions_are_explicit_by_key_or_in_turn(void **state) {
  (void)state;
  evsi_route routes[] = {route_of("user.*", 0, NULL), route_of("order.*", 0, NULL)};
  routes[0].partitions = 4;
  routes[1].partitions = 4;
  routes[1].partitioning = EVSI_PARTITION_ROUND_ROBIN;
  evsi_config config = config_of(routes, 2);
  evsi_router *router = router_of(&config);
  evsi_decision decision;
  evsi_route_query query = query_of("user.created");
  for (int i = 0; i < 9; i++) {
    evsi_router_route(router, &query, &decision, NULL);
    assert_int_equal(decision.partition, i % 4);
  }
  query.key = evsi_text("foobar");
  evsi_router_route(router, &query, &decision, NULL);
  assert_int_equal(decision.partition, 2);
  assert_int_equal(decision.partitions, 4);
  query.partition = 3;
  evsi_router_route(router, &query, &decision, NULL);
  assert_int_equal(decision.partition, 3);
  query = query_of("order.placed");
  query.key = evsi_text("foobar");
  for (int i = 0; i < 5; i++) {
    evsi_router_route(router, &query, &decision, NULL);
    assert_int_equal(decision.partition, i % 4);
  }
  evsi_router_free(router);
}

static void a_route_may_name_the_partition_of_events_that_do_not(void **state) {
  (void)state;
  evsi_route routes[] = {route_of("user.*", 0, NULL)};
  routes[0].partitions = 4;
  routes[0].partition = 2;
  evsi_config config = config_of(routes, 1);
  evsi_router *router = router_of(&config);
  evsi_decision decision;
  evsi_route_query query = query_of("user.created");
  query.key = evsi_text("any");
  evsi_router_route(router, &query, &decision, NULL);
  assert_int_equal(decision.partition, 2);
  query.partition = 1;
  evsi_router_route(router, &query, &decision, NULL);
  assert_int_equal(decision.partition, 1);
  evsi_router_free(router);
}

static void a_partition_that_does_not_exist_is_refused(void **state) {
  (void)state;
  evsi_route routes[] = {route_of("user.*", 0, NULL)};
  routes[0].partitions = 4;
  evsi_config config = config_of(routes, 1);
  evsi_router *router = router_of(&config);
  static const struct {
    const char *type;
    int32_t partition;
  } cases[] = {{"user.created", 4}, {"user.created", -2}, {"user.created", INT32_MIN}, {"order.placed", 0}};
  for (size_t i = 0; i < 4; i++) {
    evsi_route_query query = query_of(cases[i].type);
    query.partition = cases[i].partition;
    evsi_decision decision;
    evs_error *error = NULL;
    assert_int_equal(evsi_router_route(router, &query, &decision, &error), EVS_ROUTING);
    assert_string_equal(evs_error_path(error), "/partition");
    evs_error_free(error);
  }
  evsi_router_free(router);
}

static void explain_tells_every_route_and_why_it_lost(void **state) {
  (void)state;
  evsi_route routes[] = {
      route_of("user.*", 2, NULL),      route_of("*.deleted", 0, NULL),   route_of("*", 1, NULL),
      route_of("*.user.*", 2, NULL),    route_of("user.*", 2, NULL),      route_of("user.created", 9, NULL),
      route_of("user", 0, NULL),        route_of("user.*.more", 0, NULL), route_of("*.order.*", 0, NULL),
      route_of("*.a.b.c.d.e", 0, NULL),
  };
  static const struct {
    bool matched;
    const char *reason;
  } expected[] = {
      {true, "priority 2"},
      {false, "segment 4: created is not deleted"},
      {true, "priority 1 is lower priority than 2 of routes[0] (people)"},
      {true, "less specific than routes[0] (people)"},
      {true, "declared after routes[0] (people)"},
      {false, "disabled"},
      {false, "segment 4: created is one too many"},
      {false, "segment 5 is missing, expected more"},
      {false, "order.* is nowhere in eu.de.user.created"},
      {false, "segment 1: eu is not a"},
  };
  evsi_topic_mapping mappings[] = {{"order.*", "orders"}, {"*.created", "made-events"}};
  evsi_config config = config_of(routes, 10);
  routes[0].name = "people";
  routes[5].enabled = false;
  config.routing.mappings = mappings;
  config.routing.mapping_count = 2;
  evsi_router *router = router_of(&config);
  json_t *told = explain(router, "{\"type\":\"EU.DE.User.Created\",\"body\":{\"x\":1},\"key\":\"k\"}");
  assert_string_equal(member(told, "type"), "user.created");
  assert_string_equal(member(told, "fullType"), "eu.de.user.created");
  assert_string_equal(member(told, "topic"), "made-events");
  assert_string_equal(member(told, "topicRule"), "topicMapping[1]");
  assert_true(json_is_null(json_object_get(told, "partition")));
  assert_true(json_is_null(json_object_get(told, "schema")));
  assert_string_equal(json_string_value(json_array_get(json_object_get(told, "transports"), 0)), "main");
  assert_int_equal(json_array_size(json_object_get(told, "routes")), 10);
  for (size_t i = 0; i < 10; i++) {
    const json_t *route = told_route(told, i);
    assert_string_equal(member(route, "pattern"), routes[i].pattern);
    assert_string_equal(member(route, "reason"), expected[i].reason);
    assert_int_equal(json_is_true(json_object_get(route, "matched")), expected[i].matched);
  }
  assert_string_equal(member(told_route(told, 0), "name"), "people");
  assert_true(json_is_null(json_object_get(told_route(told, 1), "name")));
  json_decref(told);
  evsi_router_free(router);
}

static void explain_neither_counts_nor_takes_a_turn(void **state) {
  (void)state;
  evsi_route routes[] = {route_of("user.*", 0, "people-events")};
  routes[0].partitions = 3;
  evsi_config config = config_of(routes, 1);
  evsi_router *router = router_of(&config);
  for (int i = 0; i < 2; i++) {
    json_t *told = explain(router, "{\"type\":\"user.created\"}");
    assert_int_equal(json_integer_value(json_object_get(told, "partition")), 0);
    assert_string_equal(member(told, "topicRule"), "routes[0]");
    json_decref(told);
  }
  json_t *keyed = explain(router, "{\"type\":\"user.created\",\"key\":\"foobar\"}");
  assert_int_equal(json_integer_value(json_object_get(keyed, "partition")), 0);
  json_decref(keyed);
  char *uses = evsi_router_routes_json(router);
  assert_string_equal(
      uses, "[{\"order\":0,\"name\":null,\"pattern\":\"user.*\",\"transports\":[\"main\"],\"priority\":0,"
            "\"topic\":\"people-events\",\"enabled\":true,\"hits\":0,\"lastHit\":null}]");
  evsi_free(uses);
  evsi_router_free(router);
}

static void hits_are_counted_with_the_time_of_the_last(void **state) {
  (void)state;
  evsi_route routes[] = {route_of("user.*", 0, NULL), route_of("order.*", 0, NULL)};
  routes[0].name = "a\"b";
  evsi_config config = config_of(routes, 2);
  evsi_router *router = router_of(&config);
  evsi_decision decision;
  evsi_route_query query = query_of("user.created");
  query.wall_ms = 1769860800123;
  evsi_router_route(router, &query, &decision, NULL);
  query.wall_ms = 0;
  evsi_router_route(router, &query, &decision, NULL);
  char *text = evsi_router_routes_json(router);
  json_t *uses = json_loads(text, 0, NULL);
  evsi_free(text);
  assert_int_equal(json_integer_value(json_object_get(json_array_get(uses, 0), "hits")), 2);
  assert_true(json_integer_value(json_object_get(json_array_get(uses, 0), "lastHit")) == 1769860800123);
  assert_string_equal(member(json_array_get(uses, 0), "name"), "a\"b");
  assert_int_equal(json_integer_value(json_object_get(json_array_get(uses, 1), "hits")), 0);
  json_decref(uses);
  evsi_router_free(router);
}

static void an_invalid_type_is_explained_as_unroutable(void **state) {
  (void)state;
  evsi_route routes[] = {route_of("*", 0, NULL)};
  evsi_config config = config_of(routes, 1);
  evsi_router *router = router_of(&config);
  static const char *const queries[] = {"{\"type\":\"\"}", "{\"type\":\"a..b\"}", "{\"type\":\"user_x\"}"};
  for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
    json_t *told = explain(router, queries[i]);
    assert_string_equal(member(told, "topic"), "unroutable");
    assert_true(strlen(member(told, "error")) > 10);
    assert_int_equal(json_array_size(json_object_get(told, "transports")), 0);
    json_decref(told);
  }
  evsi_router_free(router);
}

static void wrong_queries_are_refused(void **state) {
  (void)state;
  evsi_config config = config_of(NULL, 0);
  evsi_router *router = router_of(&config);
  static const char *const queries[] = {"",
                                        "{",
                                        "[]",
                                        "{}",
                                        "{\"type\":null}",
                                        "{\"type\":1}",
                                        "{\"type\":\"a\",\"key\":1}",
                                        "{\"type\":\"a\",\"origin\":\"x\"}",
                                        "{\"type\":\"a\",\"originPrefix\":\"..\"}",
                                        "{\"type\":\"a\",\"type\":\"b\"}",
                                        "{\"type\":\"a\\u0000b\"}"};
  for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
    char *text = NULL;
    evs_error *error = NULL;
    if (evsi_router_explain(router, queries[i], strlen(queries[i]), &text, &error) != EVS_VALIDATION)
      fail_msg("%s is not refused", queries[i]);
    assert_null(text);
    evs_error_free(error);
  }
  evsi_router_free(router);
}

static evs_status make_and_explain(void *config) {
  static const char query[] = "{\"type\":\"a.b\"}";
  evsi_router *router = NULL;
  evs_error *error = NULL;
  char *text = NULL;
  evs_status status = evsi_router_new(config, &router, &error);
  if (status == EVS_OK)
    status = evsi_router_explain(router, query, sizeof query - 1, &text, &error);
  assert_true((text != NULL) == (status == EVS_OK));
  evs_error_free(error);
  evsi_free(text);
  evsi_router_free(router);
  return status;
}

static void any_failed_allocation_is_told(void **state) {
  (void)state;
  evsi_route routes[] = {route_of("user.*", 0, NULL), route_of("*.x", 0, NULL)};
  evsi_topic_mapping mappings[] = {{"order.*", "orders"}};
  evsi_config config = config_of(routes, 2);
  config.routing.mappings = mappings;
  config.routing.mapping_count = 1;
  shortage_of_each(make_and_explain, &config, SHORTAGE_IS_TOLD);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(priority_then_specificity_then_declaration_decide),
      cmocka_unit_test(disabled_routes_lose_to_every_other),
      cmocka_unit_test(routes_are_for_events_of_the_own_origin),
      cmocka_unit_test(mappings_match_at_any_origin_in_declaration_order),
      cmocka_unit_test(a_namespace_becomes_a_valid_topic_name),
      cmocka_unit_test(a_namespace_that_makes_no_topic_is_refused),
      cmocka_unit_test(transports_come_from_the_event_the_route_or_the_default),
      cmocka_unit_test(without_a_default_transport_an_unrouted_event_is_unroutable),
      cmocka_unit_test(partitions_are_explicit_by_key_or_in_turn),
      cmocka_unit_test(a_route_may_name_the_partition_of_events_that_do_not),
      cmocka_unit_test(a_partition_that_does_not_exist_is_refused),
      cmocka_unit_test(explain_tells_every_route_and_why_it_lost),
      cmocka_unit_test(explain_neither_counts_nor_takes_a_turn),
      cmocka_unit_test(hits_are_counted_with_the_time_of_the_last),
      cmocka_unit_test(an_invalid_type_is_explained_as_unroutable),
      cmocka_unit_test(wrong_queries_are_refused),
      cmocka_unit_test(any_failed_allocation_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
