/* SPDX-License-Identifier: MIT
 * blocks_test.c - blocks of all sizes, from thread to thread, and with another allocator in the place of
 * ours. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/blocks.h"

enum { MANY = 5000, LARGEST = 5000 };

static void fill_all(void **blocks, size_t size, unsigned char with) {
  for (size_t i = 0; i < MANY; i++) {
    blocks[i] = evsi_block(size);
    assert_non_null(blocks[i]);
    assert_int_equal((uintptr_t)blocks[i] % _Alignof(max_align_t), 0);
    memset(blocks[i], with + (int)(i % 100), size);
  }
}

static void check_all(void **blocks, size_t size, unsigned char with) {
  for (size_t i = 0; i < MANY; i++)
    for (size_t at = 0; at < size; at++)
      assert_int_equal(((unsigned char *)blocks[i])[at], with + (int)(i % 100));
}

static void free_all(void **blocks) {
  for (size_t i = 0; i < MANY; i++)
    evsi_block_free(blocks[i]);
}

static void each_block_is_its_owners_alone(void **state) {
  static void *blocks[MANY], *others[MANY];
  (void)state;
  for (size_t size = 1; size <= 256; size *= 4) {
    for (int round = 0; round < 3; round++) {
      fill_all(blocks, size, 1);
      fill_all(others, size, 101);
      check_all(blocks, size, 1);
      free_all(blocks);
      check_all(others, size, 101);
      free_all(others);
    }
  }
  evsi_block_free(NULL);
}

static void a_block_has_room_for_what_was_asked(void **state) {
  (void)state;
  for (size_t size = 0; size < LARGEST; size++) {
    unsigned char *block = evsi_block(size);
    assert_non_null(block);
    memset(block, 7, size);
    evsi_block_free(block);
  }
}

static void *give_back(void *blocks) {
  free_all(blocks);
  return NULL;
}

/* One thread publishes, another one handles, and both end. */
static void blocks_pass_from_thread_to_thread(void **state) {
  static void *blocks[MANY];
  (void)state;
  for (int round = 0; round < 10; round++) {
    pthread_t other;
    fill_all(blocks, 300, 1);
    check_all(blocks, 300, 1);
    assert_int_equal(pthread_create(&other, NULL, give_back, blocks), 0);
    assert_int_equal(pthread_join(other, NULL), 0);
  }
}

static size_t asked;

static void *no_memory(void *ptr, size_t size) {
  asked += size > 0;
  if (size == 0)
    free(ptr);
  return NULL;
}

static void what_is_kept_hides_no_shortage(void **state) {
  (void)state;
  evsi_block_free(evsi_block(100));
  void *one = evsi_block(100);
  evsi_alloc_replace(no_memory);
  assert_null(evsi_block(100));
  assert_int_equal(asked, 1);
  evsi_block_free(one);
  evsi_alloc_replace(NULL);
  one = evsi_block(100);
  assert_non_null(one);
  evsi_block_free(one);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_block_is_its_owners_alone),
      cmocka_unit_test(a_block_has_room_for_what_was_asked),
      cmocka_unit_test(blocks_pass_from_thread_to_thread),
      cmocka_unit_test(what_is_kept_hides_no_shortage),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
