/* SPDX-License-Identifier: MIT
 * redis_config_test.c - the options of a redis-streams transport: what holds when nothing is given is what
 * docs/configuration.md says, and what is given holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "transport/redis/redis_config.h"

static evsi_redis_config load(const char *json) {
  evsi_redis_config config;
  assert_int_equal(evsi_redis_config_load(&config, json, strlen(json), NULL), EVS_OK);
  return config;
}

static void what_is_not_given_is_as_documented(void **state) {
  (void)state;
  evsi_redis_config config = load("{}");
  assert_string_equal(config.host, "localhost");
  assert_int_equal(config.port, 6379);
  assert_int_equal(config.db, 0);
  assert_int_equal(config.session_timeout_ms, 15000);
  assert_int_equal(config.connect_timeout_ms, 5000);
  assert_int_equal(config.handshake_timeout_ms, 5000);
  assert_int_equal(config.command_timeout_ms, 5000);
  assert_int_equal(config.block_ms, 5000);
  assert_int_equal(config.batch_size, 500);
  assert_int_equal(config.discover_ms, 5000);
  assert_int_equal(config.retention_interval_ms, 10000);
  assert_int_equal(config.reconnect.base_delay_ms, 100);
  assert_int_equal(config.reconnect.max_delay_ms, 5000);
  assert_true(config.keep_alive);
  evsi_redis_config_free(&config);
}

static void what_is_given_holds(void **state) {
  (void)state;
  evsi_redis_config config =
      load("{\"host\":\"h\",\"port\":7,\"db\":3,\"sessionTimeout\":101,\"connectTimeout\":102,"
           "\"handshakeTimeout\":103,"
           "\"commandTimeout\":104,\"blockTime\":105,\"batchSize\":106,\"discoverInterval\":107,"
           "\"retentionInterval\":108,\"keepAlive\":false,\"reconnect\":{\"baseDelay\":1,\"maxDelay\":2}}");
  assert_string_equal(config.host, "h");
  assert_int_equal(config.port, 7);
  assert_int_equal(config.db, 3);
  assert_int_equal(config.session_timeout_ms, 101);
  assert_int_equal(config.connect_timeout_ms, 102);
  assert_int_equal(config.handshake_timeout_ms, 103);
  assert_int_equal(config.command_timeout_ms, 104);
  assert_int_equal(config.block_ms, 105);
  assert_int_equal(config.batch_size, 106);
  assert_int_equal(config.discover_ms, 107);
  assert_int_equal(config.retention_interval_ms, 108);
  assert_int_equal(config.reconnect.base_delay_ms, 1);
  assert_int_equal(config.reconnect.max_delay_ms, 2);
  assert_false(config.keep_alive);
  evsi_redis_config_free(&config);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_not_given_is_as_documented),
      cmocka_unit_test(what_is_given_holds),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
