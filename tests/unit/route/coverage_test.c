/* SPDX-License-Identifier: MIT
 * coverage_test.c - what is said of a route table: never taken, can never be taken, meets another; and that
 * each of it is what matching types shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "event/pattern.h"
#include "route/coverage.h"

static uint32_t transport_0[] = {0};
static evsi_transport_config transports[] = {{.name = "main"}};

static evsi_route route_of(const char *pattern, int64_t priority) {
  return (evsi_route){.pattern = (char *)pattern,
                      .transports = transport_0,
                      .transport_count = 1,
                      .priority = priority,
                      .partition = EVS_PARTITION_NONE,
                      .enabled = true};
}

static evsi_config config_of(evsi_route *routes, uint32_t count, char *prefix) {
  evsi_config config = {.origin_prefix = prefix, .transports = transports, .transport_count = 1};
  config.routing.routes = routes;
  config.routing.route_count = count;
  config.routing.topic_suffix = "-events";
  return config;
}

static json_t *coverage_of(const evsi_config *config) {
  evsi_router *router = NULL;
  evsi_buf out = {0};
  assert_int_equal(evsi_router_new(config, &router, NULL), EVS_OK);
  evsi_buf_add_text(&out, "{");
  evsi_router_unused(router, &out);
  evsi_buf_add_text(&out, ",");
  evsi_router_compare(router, 1000, &out);
  evsi_buf_add_text(&out, "}");
  json_t *told = json_loadb(out.data, out.size, 0, NULL);
  assert_non_null(told);
  evsi_buf_free(&out);
  evsi_router_free(router);
  return told;
}

/* Of two routes, the first of which is asked first: 's'hadowed is the second, they 'o'verlap, or '-'. */
static char relation(const char *first, const char *second, char *prefix) {
  evsi_route routes[] = {route_of(first, 9), route_of(second, 0)};
  evsi_config config = config_of(routes, 2, prefix);
  json_t *told = coverage_of(&config);
  char found = json_array_size(json_object_get(told, "shadowed"))      ? 's'
               : json_array_size(json_object_get(told, "overlapping")) ? 'o'
                                                                       : '-';
  json_decref(told);
  return found;
}

static void pairs_are_told_for_what_they_are(void **state) {
  (void)state;
  static const struct {
    const char *first, *second;
    char found;
  } cases[] = {
      {"order.*", "order.placed", 's'},
      {"order.placed", "order.*", '-'},
      {"*", "order.*", 's'},
      {"*.placed", "order.placed", 's'},
      {"*.placed", "order.*", 'o'},
      {"order.*", "user.*", '-'},
      {"order.*.paid", "order.card.*", 'o'},
      {"order.*", "order.*.paid", 's'},
      {"*.order.*", "order.*", 's'},
      {"order.*", "*.order.*", '-'},
      {"order.*", "order", '-'},
      {"*.a.*", "*.a", 'o'},
      {"a.*.b", "a.b.*", 'o'},
      {"a.*", "a.*", 's'},
      {"*", "*", 's'},
      {"*.b", "*.a.b", 's'},
      {"*.a.b", "*.b", '-'},
      {"a.*.*", "a.*.b", 's'},
      {"*.a.*", "*.b.*", 'o'},
      {"a.*.c", "a.b.d", '-'},
      {"*.a", "*.b", '-'},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char found = relation(cases[i].first, cases[i].second, "");
    if (found != cases[i].found)
      fail_msg("%s before %s: %c, not %c", cases[i].first, cases[i].second, found, cases[i].found);
  }
}

static void patterns_stand_behind_the_own_origin(void **state) {
  (void)state;
  assert_int_equal(relation("eu.de.order.*", "order.placed", "eu.de"), 's');
  assert_int_equal(relation("*.eu.*", "order.*", "eu.de"), 's');
  assert_int_equal(relation("order.*", "*.eu.*", "eu.de"), '-'); /* the second has all, and more */
}

enum { LONGEST = 6, TYPES = 1092 };
static const char *const segments[] = {"a", "b", "c"};

/* All types of up to LONGEST segments, one after the other; false at the end. */
static bool next_type(uint32_t *state, char out[64]) {
  uint32_t number = (*state)++, length = 1, count = 3;
  while (length <= LONGEST && number >= count) {
    number -= count;
    length++;
    count *= 3;
  }
  if (length > LONGEST)
    return false;
  for (uint32_t i = 0, used = 0; i < length; i++, number /= 3)
    used += (uint32_t)snprintf(out + used, 64 - used, "%s%s", i ? "." : "", segments[number % 3]);
  return true;
}

static bool matches(const char *pattern, const char *type) {
  bool failed;
  return evsi_pattern_matches_text(pattern, evsi_text(type), "", &failed);
}

/* A shadowed route takes nothing that the other does not; of two that meet each takes something of its own.
 */
static void what_is_told_is_what_types_show(void **state) {
  (void)state;
  static const char *const patterns[] = {"*",     "a",     "a.*",   "*.a",     "*.a.*",   "a.b",    "a.*.b",
                                         "a.*.*", "*.a.b", "b.*.c", "*.b.c.*", "a.b.*",   "*.c",    "b.*",
                                         "a.*.c", "c.*",   "*.b.*", "a.b.c",   "a.*.b.*", "*.a.*.b"};
  enum { COUNT = sizeof patterns / sizeof patterns[0] };
  static bool takes[COUNT][TYPES];
  char type[64];
  for (uint32_t at = 0, i = 0; next_type(&at, type); i++) {
    for (size_t k = 0; k < COUNT; k++)
      takes[k][i] = matches(patterns[k], type);
  }
  for (size_t i = 0; i < COUNT * COUNT; i++) {
    const char *first = patterns[i / COUNT], *second = patterns[i % COUNT];
    uint32_t both = 0, only_first = 0, only_second = 0;
    for (size_t t = 0; t < TYPES; t++) {
      bool by_first = takes[i / COUNT][t], by_second = takes[i % COUNT][t];
      both += by_first && by_second;
      only_first += by_first && !by_second;
      only_second += by_second && !by_first;
    }
    char expected = only_second == 0 ? 's' : both && only_first ? 'o' : '-';
    char found = relation(first, second, "");
    if (found != expected)
      fail_msg("%s before %s: %c, not %c", first, second, found, expected);
  }
}

static void many_routes_are_examined_up_to_a_bound(void **state) {
  (void)state;
  enum { COUNT = 3000 };
  static evsi_route routes[COUNT];
  static char names[COUNT][24];
  for (uint32_t i = 0; i < COUNT; i++) {
    snprintf(names[i], sizeof names[i], "order.n%u.*", i % 2000);
    routes[i] = route_of(names[i], 0);
  }
  evsi_config config = config_of(routes, COUNT, "");
  json_t *told = coverage_of(&config);
  assert_int_equal(json_integer_value(json_object_get(told, "examined")), 1000);
  assert_int_equal(json_array_size(json_object_get(told, "neverHit")), COUNT);
  json_decref(told);
}

static void the_longest_patterns_fit(void **state) {
  (void)state;
  char longest[EVSI_PATTERN_MAX + 1];
  for (int i = 0; i < EVSI_PATTERN_MAX - 1; i++)
    longest[i] = i % 2 ? '.' : 'a';
  longest[EVSI_PATTERN_MAX - 1] = '\0';
  assert_int_equal(relation("*", longest, "eu.de"), 's');
  assert_int_equal(relation(longest, longest, "eu.de"), 's');
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pairs_are_told_for_what_they_are),
      cmocka_unit_test(patterns_stand_behind_the_own_origin),
      cmocka_unit_test(what_is_told_is_what_types_show),
      cmocka_unit_test(many_routes_are_examined_up_to_a_bound),
      cmocka_unit_test(the_longest_patterns_fit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
