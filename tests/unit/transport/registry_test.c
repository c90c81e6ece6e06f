/* SPDX-License-Identifier: MIT
 * registry_test.c - what the configuration believes of a transport is what the transport says of itself. */
#include "transport/transport.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "config/config_build.h"

static void the_configuration_knows_the_capabilities_of_every_transport(void **state) {
  static char *const types[] = {"memory", "redis-streams", "file"};
  (void)state;
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
    const evs_transport_ops *ops = evsi_transport_find(types[i]);
    assert_non_null(ops);
    assert_string_equal(ops->type, types[i]);
    evsi_transport_config config = {.type = types[i], .enable_dlq = true};
    assert_int_equal(evsi_transport_capabilities(&config), ops->capabilities & ~(uint64_t)EVS_CAP_DIRECT);
  }
}

static void an_unknown_type_is_not_found(void **state) {
  (void)state;
  assert_null(evsi_transport_find("carrier-pigeon"));
  assert_null(evsi_transport_find(""));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_configuration_knows_the_capabilities_of_every_transport),
      cmocka_unit_test(an_unknown_type_is_not_found),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
