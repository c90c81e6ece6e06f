/* SPDX-License-Identifier: MIT
 * scope_test.c - the topics and partitions that a group reads, also where memory is short. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "transport/scope.h"
#include "unit/support/shortage.h"

static evs_tp_group spec_of(const evs_bytes *topics, size_t topic_count, const int32_t *partitions,
                            size_t partition_count) {
  return (evs_tp_group){.struct_size = sizeof(evs_tp_group),
                        .topics = topics,
                        .topic_count = topic_count,
                        .partitions = partitions,
                        .partition_count = partition_count};
}

static void topics_are_replaced_or_added_each_once(void **state) {
  (void)state;
  const evs_bytes old[] = {evsi_text("orders"), evsi_text("users")};
  const evs_bytes more[] = {evsi_text("users"), evsi_text("parts"), evsi_text("parts")};
  const evs_tp_group first = spec_of(old, 2, NULL, 0), second = spec_of(more, 3, NULL, 0);
  evsi_scope_topics topics = {NULL, 0};
  assert_false(evsi_scope_topics_have(&topics, old[0]));
  assert_true(evsi_scope_topics_set(&topics, &first));
  assert_true(evsi_scope_topics_add(&topics, &second));
  assert_int_equal(topics.count, 3);
  assert_true(evsi_scope_topics_have(&topics, old[0]));
  assert_false(evsi_scope_topics_have(&topics, evsi_text("order")));
  assert_true(evsi_scope_topics_set(&topics, &second));
  assert_int_equal(topics.count, 2);
  assert_false(evsi_scope_topics_have(&topics, old[0]));
  evsi_scope_topics_free(&topics);
}

static void no_partition_named_means_all_of_them(void **state) {
  (void)state;
  const int32_t two[] = {0, 5};
  const evs_tp_group all = spec_of(NULL, 0, NULL, 0), some = spec_of(NULL, 0, two, 2);
  evsi_scope_partitions partitions = {NULL, 0};
  assert_true(evsi_scope_partitions_set(&partitions, &some));
  assert_true(evsi_scope_partitions_have(&partitions, 5));
  assert_false(evsi_scope_partitions_have(&partitions, 1));
  assert_true(evsi_scope_partitions_have(&partitions, EVS_PARTITION_NONE)); /* the topic has none */
  assert_true(evsi_scope_partitions_set(&partitions, &all));
  assert_true(evsi_scope_partitions_have(&partitions, 1));
  evsi_scope_partitions_free(&partitions);
}

static void what_there_is_stays_where_memory_is_short(void **state) {
  (void)state;
  const evs_bytes old[] = {evsi_text("orders")}, other[] = {evsi_text("users"), evsi_text("parts")};
  const int32_t one[] = {1}, two[] = {2};
  const evs_tp_group before = spec_of(old, 1, one, 1), after = spec_of(other, 2, two, 1);
  bool is_set = false;
  for (long limit = 0; !is_set; limit++) {
    evsi_scope_topics topics = {NULL, 0};
    evsi_scope_partitions partitions = {NULL, 0};
    assert_true(evsi_scope_topics_set(&topics, &before) && evsi_scope_partitions_set(&partitions, &before));
    shortage_begin(limit, true);
    bool has_topics = evsi_scope_topics_set(&topics, &after);
    bool has_partitions = has_topics && evsi_scope_partitions_set(&partitions, &after);
    shortage_end();
    assert_int_equal(evsi_scope_topics_have(&topics, old[0]), !has_topics);
    assert_int_equal(evsi_scope_partitions_have(&partitions, 1), !has_partitions);
    evsi_scope_topics_free(&topics);
    evsi_scope_partitions_free(&partitions);
    is_set = has_partitions;
    assert_true(limit < 10);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(topics_are_replaced_or_added_each_once),
      cmocka_unit_test(no_partition_named_means_all_of_them),
      cmocka_unit_test(what_there_is_stays_where_memory_is_short),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
