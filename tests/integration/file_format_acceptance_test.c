/* SPDX-License-Identifier: MIT
 * file_format_acceptance_test.c - files that former versions wrote are read, with everything in them, and
 * brought forward; and a disk that is full holds publishing back until there is room. */
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/host.h"
#include "support/until.h"

#define WRITTEN_BY(format) EVS_SOURCE_DIR "/tests/fixtures/file/format-" format ".db"
#define CONFIG                                                                                               \
  "{\"service\":\"shop\",\"transports\":{\"main\":{\"type\":\"file\",\"path\":\"%s\"}},"                     \
  "\"schemas\":{\"registry\":\"transport\"}}"

enum { HANDLED = 20, PUBLISHED = 600, NEWEST = 2 };

static char folder[64], path[96];

static int remove_one(const char *name, const struct stat *about, int kind, struct FTW *place) {
  (void)about, (void)kind, (void)place;
  return remove(name);
}

static int setup(void **state) {
  (void)state;
  snprintf(folder, sizeof folder, "/tmp/events-XXXXXX");
  test_require(mkdtemp(folder) != NULL, "a temporary folder");
  snprintf(path, sizeof path, "%s/events.db", folder);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  umount2(folder, MNT_DETACH); /* where a test mounted something */
  nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
  return 0;
}

static void copy_file(const char *from, const char *to) {
  char bytes[65536];
  int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_EXCL, 0600);
  test_require(in >= 0 && out >= 0, "the file of a former version");
  for (ssize_t size; (size = read(in, bytes, sizeof bytes)) > 0;)
    test_require(write(out, bytes, (size_t)size) == size, "its copy");
  close(in);
  close(out);
}

/* One handled, one dead, one parked, one that is due in years. */
static void look_at_states(evs_system *system) {
  json_t *topics = host_call(system, "topics", "{}"),
         *topic = json_array_get(json_object_get(topics, "topics"), 0);
  assert_string_equal(json_string_value(json_object_get(topic, "topic")), "order-events");
  assert_int_equal(json_integer_value(json_object_get(topic, "entries")), 3);
  assert_int_equal(json_integer_value(json_object_get(topic, "deadLetters")), 1);
  assert_int_equal(json_integer_value(json_object_get(topic, "delayed")), 1);
  json_decref(topics);
  json_t *letters = host_call(system, "dlq.list", "{}"),
         *letter = json_array_get(json_object_get(letters, "items"), 0);
  assert_string_equal(json_string_value(json_object_get(json_object_get(letter, "header"), "id")), "e-2");
  json_decref(letters);
  json_t *groups = host_call(system, "groups", "{}"),
         *group = json_array_get(json_object_get(groups, "groups"), 0);
  assert_int_equal(json_integer_value(json_object_get(group, "parked")), 1);
  json_decref(groups);
  host_subscribe(system, "{\"pattern\":\"order.*\",\"group\":\"shop\"}");
  host_ready(system);
  host_publish(system, "order.placed", "{\"n\":5}");
  host_message message = host_next(system);
  assert_string_equal(message.body, "{\"n\":5}");
  assert_true(host_ack(system, message.delivery));
  json_t *books = host_call(system, "file.check", "{}");
  assert_true(json_is_true(json_object_get(books, "ok")));
  assert_int_equal(json_integer_value(json_object_get(books, "format")), NEWEST);
  json_decref(books);
}

static void a_file_of_the_first_format_is_brought_forward_with_all_its_states(void **state) {
  (void)state;
  copy_file(WRITTEN_BY("1"), path);
  evs_system *system = host_connect(CONFIG, path);
  look_at_states(system);
  json_decref(host_call(system, "schemas.register", "{\"type\":\"order.placed\",\"schema\":true}"));
  host_close(system, 5000);
}

static void a_file_of_the_second_format_is_read_with_its_schemas(void **state) {
  (void)state;
  copy_file(WRITTEN_BY("2"), path);
  evs_system *system = host_connect(CONFIG, path);
  json_t *answer = host_call(system, "schemas.list", "{}"),
         *version = json_array_get(json_object_get(answer, "items"), 0);
  assert_string_equal(json_string_value(json_object_get(version, "version")), "1.0.0");
  json_decref(answer);
  look_at_states(system);
  host_close(system, 5000);
}

static int64_t stored_in(evs_system *system) {
  json_t *topics = host_call(system, "topics", "{}");
  json_int_t count =
      json_integer_value(json_object_get(json_array_get(json_object_get(topics, "topics"), 0), "entries"));
  json_decref(topics);
  return count;
}

/* Publishes more than the disk has room for, without waiting, until it is held back. */
static void fill(evs_system *system) {
  static char body[20002];
  memset(body, 'x', sizeof body - 1);
  body[0] = body[sizeof body - 2] = '"';
  for (int count = 0; count < PUBLISHED; count++) {
    evs_event event = host_event("order.placed", body);
    evs_error *error = NULL;
    event.token = (uint64_t)count + 1;
    assert_int_equal(evs_publish(system, &event, 1, NULL, &error), EVS_OK);
  }
  TEST_UNTIL(host_stat(system, "publisher", "heldBack") > 0);
}

static void a_full_disk_holds_publishing_back_and_loses_nothing(void **state) {
  (void)state;
  if (mount("events", folder, "tmpfs", 0, "size=6m") != 0) {
    print_message("skipped: a small file system can be mounted by root only\n");
    skip();
  }
  evs_system *system = host_connect(CONFIG, path);
  fill(system);
  host_subscribe(system, "{\"pattern\":\"order.*\",\"prefetch\":4}");
  for (int i = 0; i < HANDLED; i++) { /* whoever consumes goes on */
    host_message message = host_next(system);
    assert_true(host_ack(system, message.delivery));
  }
  test_require(mount("events", folder, "tmpfs", MS_REMOUNT, "size=64m") == 0, "more room");
  for (int outcomes = 0; outcomes < PUBLISHED; outcomes++) {
    host_report report;
    test_require(host_report_of(system, EVS_REPORT_PUBLISH, &report, (uint32_t)test_deadline_ms()),
                 "an outcome");
    assert_int_equal(report.outcome, EVS_OUTCOME_STORED);
  }
  assert_int_equal(stored_in(system), PUBLISHED);
  host_close(system, 5000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_file_of_the_first_format_is_brought_forward_with_all_its_states,
                                      setup, teardown),
      cmocka_unit_test_setup_teardown(a_file_of_the_second_format_is_read_with_its_schemas, setup, teardown),
      cmocka_unit_test_setup_teardown(a_full_disk_holds_publishing_back_and_loses_nothing, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
