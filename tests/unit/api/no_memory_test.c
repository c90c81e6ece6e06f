/* SPDX-License-Identifier: MIT
 * no_memory_test.c - what needs no system, and parts of one that no request reaches, while each allocation
 * fails once: EVS_NOMEM is said, and nothing is left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "event/dead_filter.h"
#include "libevents.h"
#include "route/coverage.h"
#include "unit/support/shortage.h"

static evs_bytes text(const char *from) {
  return (evs_bytes){from, strlen(from)};
}

static evs_status check_a_configuration(void *config) {
  char *json = NULL;
  evs_error *error = NULL;
  evs_status status = evs_config_check(config, strlen(config), &json, &error);
  evs_string_free(json);
  evs_error_free(error);
  return status;
}

static void checking_a_configuration_tells_of_no_memory(void **state) {
  (void)state;
  char config[] = "{\"service\":\"shop\",\"transports\":{\"main\":{\"type\":\"memory\"}},\"schemas\":{"
                  "\"types\":{\"order.paid\":{"
                  "\"1.0.0\":{\"type\":\"object\"}}}}}";
  shortage_of_each(check_a_configuration, config, SHORTAGE_IS_BORNE); /* a schema is tried twice */
}

static evs_status normalize(void *pattern) {
  char *normal = NULL;
  evs_error *error = NULL;
  evs_status status = evs_pattern_normalize(text(pattern), text("eu"), 0, &normal, &error);
  evs_string_free(normal);
  evs_error_free(error);
  return status;
}

static evs_status match(void *pattern) {
  int32_t matches = 0;
  evs_error *error = NULL;
  evs_status status = evs_pattern_matches(text(pattern), text("eu.order.paid"), text("eu"), &matches, &error);
  evs_error_free(error);
  return status;
}

static evs_status full_type(void *type) {
  char *full = NULL;
  evs_error *error = NULL;
  evs_status status = evs_full_type(text(type), text("eu"), &full, &error);
  evs_string_free(full);
  evs_error_free(error);
  return status;
}

static evs_status is_delivered(void *query) {
  int32_t delivered = 0;
  evs_error *error = NULL;
  evs_status status = evs_origin_delivered(query, strlen(query), &delivered, &error);
  evs_error_free(error);
  return status;
}

static void patterns_and_origins_tell_of_no_memory(void **state) {
  (void)state;
  shortage_of_each(normalize, "order.*", SHORTAGE_IS_TOLD);
  shortage_of_each(normalize, "/^order/", SHORTAGE_IS_BORNE); /* without machine code it is slower */
  shortage_of_each(match, "*.order.*", SHORTAGE_IS_TOLD);
  shortage_of_each(match, "/^order/", SHORTAGE_IS_BORNE);
  shortage_of_each(full_type, "order.paid", SHORTAGE_IS_TOLD);
  shortage_of_each(
      is_delivered,
      "{\"pattern\":\"order.*\",\"type\":\"order.paid\",\"originPrefix\":\"eu\",\"origins\":[\"us\",\"eu\"],"
      "\"eventPrefix\":\"us\"}",
      SHORTAGE_IS_TOLD);
}

static evs_status load_filter(void *object) {
  evsi_dead_filter filter = {0};
  evs_error *error = NULL;
  evs_status status = evsi_dead_filter_load(&filter, object, true, &error);
  evsi_dead_filter_free(&filter);
  evs_error_free(error);
  return status;
}

static void filters_of_dead_letters_tell_of_no_memory(void **state) {
  (void)state;
  json_t *object = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s}", "topic", "orders", "type", "order.*", "group",
                             "shop", "subscription", "s", "text", "lost", "fingerprint", "0123");
  shortage_of_each(load_filter, object, SHORTAGE_IS_TOLD);
  json_decref(object);
}

static evs_status cover(void *config) {
  evsi_router *router = NULL;
  evsi_buf out = {0};
  evs_status status = evsi_router_new(config, &router, NULL);
  if (status == EVS_OK) {
    evsi_router_compare(router, 1000, &out);
    status = out.failed ? EVS_NOMEM : EVS_OK;
  }
  evsi_buf_free(&out);
  evsi_router_free(router);
  return status;
}

static void coverage_of_routes_tells_of_no_memory(void **state) {
  (void)state;
  evsi_config *config = NULL;
  static const char document[] =
      "{\"service\":\"shop\",\"transports\":{\"main\":{\"type\":\"memory\"}},\"routing\":{\"routes\":["
      "{\"pattern\":\"order.*\",\"transport\":\"main\"},{\"pattern\":\"order.paid\",\"transport\":\"main\"},"
      "{\"pattern\":\"*.paid\",\"transport\":\"main\"}]}}";
  assert_int_equal(evsi_config_load(document, sizeof document - 1, &config, NULL), EVS_OK);
  shortage_of_each(cover, config, SHORTAGE_IS_TOLD);
  evsi_config_free(config);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(checking_a_configuration_tells_of_no_memory),
      cmocka_unit_test(patterns_and_origins_tell_of_no_memory),
      cmocka_unit_test(filters_of_dead_letters_tell_of_no_memory),
      cmocka_unit_test(coverage_of_routes_tells_of_no_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
