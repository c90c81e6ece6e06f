/* SPDX-License-Identifier: MIT
 * file_bad_input_acceptance_test.c - files that are none, that may not be used, or are damaged: refused with
 * the reason, at once where waiting cannot help; and a writer that keeps everybody else waiting. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "support/folder.h"
#include "support/host.h"
#include "support/until.h"

static char folder[FOLDER_SIZE], path[FOLDER_SIZE + 32];

static int setup(void **state) {
  (void)state;
  folder_make(folder);
  snprintf(path, sizeof path, "%s/events.db", folder);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  folder_remove(folder);
  return 0;
}

#define CONFIG "{\"service\":\"s\",\"transports\":{\"main\":{\"type\":\"file\",\"path\":\"%s\"}}}"

/* Connecting must fail within its time limit, and say this. */
static void refused(const char *file, const char *why) {
  evs_system *system = host_open(CONFIG, file);
  char *answer = NULL;
  evs_error *error = NULL;
  evs_status status = evs_call(system, "connect", "{}", 2, 20000, &answer, &error);
  assert_int_equal(status, EVS_TRANSPORT);
  if (!strstr(evs_error_message(error), why))
    fail_msg("expected \"%s\" in: %s", why, evs_error_message(error));
  evs_error_free(error);
  host_close(system, 1000);
}

static void write_file(const char *name, const char *text, size_t size) {
  int file = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  test_require(file >= 0 && write(file, text, size) == (ssize_t)size, "a file of the test");
  close(file);
}

static void run_sql(const char *sql) {
  sqlite3 *db = NULL;
  char *why = NULL;
  test_require(sqlite3_open(path, &db) == SQLITE_OK, "a file of SQLite");
  if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
    fail_msg("%s: %s", sql, why);
  sqlite3_close(db);
}

static void make_and_fill(int events) {
  static const char *const types[] = {"order.placed"};
  evs_system *system = host_connect(CONFIG, path);
  host_publish_many(system, types, 1, 0, events);
  host_close(system, 5000);
}

static void a_missing_folder_is_told(void **state) {
  (void)state;
  snprintf(path, sizeof path, "%s/nowhere/events.db", folder);
  refused(path, "its folder does not exist");
}

static void a_folder_is_no_file(void **state) {
  (void)state;
  refused(folder, "it is no regular file");
}

static void a_file_of_something_else_is_left_alone(void **state) {
  (void)state;
  static const char text[] =
      "This is a letter to my aunt, and it is longer than the header of any database file, so "
      "that nobody could think it was one that is still empty.";
  char found[sizeof text] = "";
  write_file(path, text, sizeof text);
  refused(path, "it is no file of events");
  int file = open(path, O_RDONLY);
  test_require(read(file, found, sizeof found) == sizeof found, "the file is there");
  close(file);
  assert_memory_equal(found, text, sizeof text);
}

static void a_database_of_another_program_is_left_alone(void **state) {
  (void)state;
  run_sql("CREATE TABLE aunts (name TEXT)");
  refused(path, "it is a file of another program");
  run_sql("INSERT INTO aunts VALUES ('Ann')");
}

static void a_newer_format_is_refused(void **state) {
  (void)state;
  make_and_fill(1);
  run_sql("PRAGMA user_version = 999");
  refused(path, "its format is 999");
}

static void a_damaged_file_is_told_and_not_made_worse(void **state) {
  (void)state;
  make_and_fill(2000);
  int file = open(path, O_WRONLY);
  char noise[4096];
  memset(noise, 0x5a, sizeof noise);
  for (off_t at = 4096; at < 40 * 4096; at += 4096)
    test_require(pwrite(file, noise, sizeof noise, at) == sizeof noise, "damage");
  close(file);
  refused(path, "it is damaged");
}

static void a_truncated_file_is_told(void **state) {
  (void)state;
  make_and_fill(2000);
  test_require(truncate(path, 3 * 4096) == 0, "a shorter file");
  refused(path, "it is damaged");
}

static void a_path_is_required_and_unknown_keys_are_refused(void **state) {
  (void)state;
  evs_system *system = NULL;
  evs_error *error = NULL;
  const char *config =
      "{\"service\":\"s\",\"transports\":{\"main\":{\"type\":\"file\",\"synchronous\":\"of\"}}}";
  evs_status status = evs_system_open(config, strlen(config), &system, &error);
  json_t *refusal = host_refused(status, EVS_CONFIG, error);
  assert_true(host_has_problem(refusal, "/transports/main", "required"));
  assert_true(host_has_problem(refusal, "/transports/main/synchronous", ""));
  json_decref(refusal);
}

/* Another program writes for longer than anybody waits: publishing holds back, and goes on when it ends. */
static void a_writer_that_takes_long_holds_publishing_back_and_nothing_is_lost(void **state) {
  (void)state;
  evs_system *system = host_connect(
      "{\"service\":\"s\",\"transports\":{\"main\":{\"type\":\"file\",\"path\":\"%s\",\"lockTimeout\":50}}}",
      path);
  sqlite3 *other = NULL;
  test_require(sqlite3_open(path, &other) == SQLITE_OK, "another connection");
  sqlite3_busy_timeout(other, 10000);
  test_require(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK, "the lock");
  evs_event event = host_event("order.placed", "1");
  evs_error *error = NULL;
  event.token = 7;
  assert_int_equal(evs_publish(system, &event, 1, NULL, &error), EVS_OK);
  TEST_UNTIL(host_stat(system, "publisher", "heldBack") > 0);
  sqlite3_exec(other, "COMMIT", NULL, NULL, NULL);
  sqlite3_close(other);
  host_report report;
  test_require(host_report_of(system, EVS_REPORT_PUBLISH, &report, (uint32_t)test_deadline_ms()),
               "an outcome");
  assert_int_equal(report.outcome, EVS_OUTCOME_STORED);
  host_close(system, 5000);
}

static bool has_error(evs_system *system) {
  json_t *status = host_status(system);
  const json_t *transport = json_object_get(json_object_get(status, "transports"), "main");
  bool has = json_is_string(json_object_get(transport, "lastError"));
  json_decref(status);
  return has;
}

/* As when two make the file at the same time, and one reads when the other wants its log. */
static void a_file_whose_log_has_to_wait_is_opened_later(void **state) {
  (void)state;
  make_and_fill(1);
  sqlite3 *reader = NULL;
  test_require(sqlite3_open(path, &reader) == SQLITE_OK, "another connection");
  test_require(sqlite3_exec(reader, "PRAGMA journal_mode=DELETE; BEGIN; SELECT count(*) FROM topic", NULL,
                            NULL, NULL) == SQLITE_OK,
               "the file is read");
  evs_system *system = host_open(CONFIG, path);
  assert_int_equal(evs_request(system, "connect", "{}", 2, 60000, 1, NULL), EVS_OK);
  TEST_UNTIL(has_error(system));
  test_require(sqlite3_exec(reader, "ROLLBACK", NULL, NULL, NULL) == SQLITE_OK, "it is let go");
  sqlite3_close(reader);
  host_report connected;
  assert_true(host_report_of(system, EVS_REPORT_REQUEST, &connected, (uint32_t)test_deadline_ms()));
  assert_int_equal(connected.status, EVS_OK);
  host_publish(system, "order.placed", "1");
  host_close(system, 1000);
}

static void a_file_that_is_removed_while_it_is_used_is_told(void **state) {
  (void)state;
  evs_system *system = host_connect(CONFIG, path);
  host_publish(system, "order.placed", "1");
  unlink(path);
  host_report report;
  do {
    test_require(host_report_of(system, EVS_REPORT_LOG, &report, (uint32_t)test_deadline_ms()), "a warning");
  } while (!strstr(report.message, "was removed or replaced"));
  host_close(system, 5000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_missing_folder_is_told, setup, teardown),
      cmocka_unit_test_setup_teardown(a_folder_is_no_file, setup, teardown),
      cmocka_unit_test_setup_teardown(a_file_of_something_else_is_left_alone, setup, teardown),
      cmocka_unit_test_setup_teardown(a_database_of_another_program_is_left_alone, setup, teardown),
      cmocka_unit_test_setup_teardown(a_newer_format_is_refused, setup, teardown),
      cmocka_unit_test_setup_teardown(a_damaged_file_is_told_and_not_made_worse, setup, teardown),
      cmocka_unit_test_setup_teardown(a_truncated_file_is_told, setup, teardown),
      cmocka_unit_test_setup_teardown(a_path_is_required_and_unknown_keys_are_refused, setup, teardown),
      cmocka_unit_test_setup_teardown(a_writer_that_takes_long_holds_publishing_back_and_nothing_is_lost,
                                      setup, teardown),
      cmocka_unit_test_setup_teardown(a_file_whose_log_has_to_wait_is_opened_later, setup, teardown),
      cmocka_unit_test_setup_teardown(a_file_that_is_removed_while_it_is_used_is_told, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
