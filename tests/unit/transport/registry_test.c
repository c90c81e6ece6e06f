/* SPDX-License-Identifier: MIT
 * registry_test.c - what the configuration believes of a transport is what the transport says of itself. */
#include "transport/transport.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "config/config.h"

static void the_configuration_knows_the_capabilities_of_every_transport(void **state) {
  static const char document[] =
      "{\"service\":\"shop\",\"transports\":{\"a\":{\"type\":\"memory\"},\"b\":{\"type\":\"redis-streams\"},"
      "\"c\":{\"type\":\"file\",\"path\":\"/x\"}}}";
  evsi_config *config = NULL;
  (void)state;
  assert_int_equal(evsi_config_load(document, sizeof document - 1, &config, NULL), EVS_OK);
  assert_int_equal(config->transport_count, 3);
  for (uint32_t i = 0; i < config->transport_count; i++) {
    evs_transport_ops ops;
    assert_int_equal(evsi_transport_find(&config->transports[i], &ops, NULL), EVS_OK);
    assert_string_equal(ops.type, config->transports[i].type);
    assert_int_equal(config->transports[i].capabilities, ops.capabilities & ~(uint64_t)EVS_CAP_DIRECT);
  }
  evsi_config_free(config);
}

static void an_unknown_type_is_not_found(void **state) {
  (void)state;
  evs_transport_ops ops;
  const evsi_transport_config config = {.type = "carrier-pigeon"};
  assert_int_equal(evsi_transport_find(&config, &ops, NULL), EVS_CONFIG);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_configuration_knows_the_capabilities_of_every_transport),
      cmocka_unit_test(an_unknown_type_is_not_found),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
