/* SPDX-License-Identifier: MIT
 * line_out_test.c - a line to standard error arrives whole, or not at all; it never waits and never kills. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/line_out.h"

static int before = -1;

static void redirect(int to) {
  before = dup(STDERR_FILENO);
  assert_true(dup2(to, STDERR_FILENO) >= 0);
}

static void back(void) {
  dup2(before, STDERR_FILENO);
  close(before);
}

static bool say(const char *text) {
  return evsi_line_out((evs_bytes){text, strlen(text)});
}

static void expect(int from, const char *text) {
  char found[256] = "";
  assert_int_equal(read(from, found, sizeof found - 1), strlen(text));
  assert_string_equal(found, text);
}

static void a_line_arrives_through_a_pipe_and_a_socket(void **state) {
  (void)state;
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  redirect(ends[1]);
  bool is_written = say("{\"a\":1}\n");
  back();
  assert_true(is_written);
  expect(ends[0], "{\"a\":1}\n");
  close(ends[0]);
  close(ends[1]);
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  redirect(ends[1]);
  is_written = say("{\"b\":2}\n");
  back();
  assert_true(is_written);
  expect(ends[0], "{\"b\":2}\n");
  close(ends[0]);
  close(ends[1]);
}

static void lines_in_a_file_stand_behind_each_other(void **state) {
  (void)state;
  FILE *file = tmpfile();
  assert_non_null(file);
  redirect(fileno(file));
  say("one\n");
  assert_int_equal(write(STDERR_FILENO, "two\n", 4), 4);
  say("three\n");
  back();
  rewind(file);
  char found[64] = "";
  assert_int_equal(fread(found, 1, sizeof found, file), 14);
  assert_string_equal(found, "one\ntwo\nthree\n");
  fclose(file);
}

static void a_full_pipe_costs_the_line_and_no_time(void **state) {
  (void)state;
  int ends[2], written = 0;
  assert_int_equal(pipe(ends), 0);
  redirect(ends[1]);
  while (say("a line that nobody reads\n"))
    written++;
  bool waits = fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK;
  back();
  assert_true(written > 100);
  assert_false(waits); /* the flags are the host's */
  close(ends[0]);
  close(ends[1]);
}

static void a_pipe_without_a_reader_kills_nobody(void **state) {
  (void)state;
  int ends[2];
  sigset_t pending;
  assert_int_equal(pipe(ends), 0);
  close(ends[0]);
  redirect(ends[1]);
  bool is_written = say("into the void\n");
  back();
  assert_false(is_written);
  sigpending(&pending);
  assert_false(sigismember(&pending, SIGPIPE));
  close(ends[1]);
}

static void a_line_that_is_too_long_is_refused(void **state) {
  (void)state;
  static char text[EVSI_LINE_MAX + 2];
  memset(text, 'a', EVSI_LINE_MAX + 1);
  assert_false(say(text));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_line_arrives_through_a_pipe_and_a_socket),
      cmocka_unit_test(lines_in_a_file_stand_behind_each_other),
      cmocka_unit_test(a_full_pipe_costs_the_line_and_no_time),
      cmocka_unit_test(a_pipe_without_a_reader_kills_nobody),
      cmocka_unit_test(a_line_that_is_too_long_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
