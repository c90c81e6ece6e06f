/* SPDX-License-Identifier: MIT
 * redis_jobs_test.c - what the engine of operations asks of this transport, against a real server: who owns
 * an operation is refused nothing, and everybody else is. */
#include "unit/transport/redis_letters.h"

static json_t *step(evs_host *host, const char *owner, const char *position, int limit) {
  return ask(
      host, "job.step",
      "{\"id\":\"o1\",\"owner\":\"%s\",\"kind\":\"requeue\",\"filter\":{\"group\":\"g\"},\"stream\":\"t\","
      "\"position\":\"%s\",\"bound\":\"99999999999999-0\",\"limit\":%d,\"actor\":\"ana\"}",
      owner, position, limit);
}

static json_t *enter(evs_host *host, const char *owner) {
  json_t *answer = ask(host, "job.enter", "{\"id\":\"o1\",\"owner\":\"%s\",\"streams\":[\"t\"]}", owner);
  json_t *row = json_incref(json_object_get(json_object_get(answer, "streams"), "t"));
  json_decref(answer);
  return row;
}

static void a_former_owner_moves_nothing_any_more(void **state) {
  (void)state;
  evs_host *host = host_holding(10);
  bury(host, 0, 10, 'a', 0);
  json_decref(enter(host, "one"));
  json_t *first = step(host, "one", "", 4);
  assert_true(json_is_true(json_object_get(first, "isOwner")));
  assert_int_equal(number_at(first, "done"), 4);
  json_t *row = enter(host, "two");
  assert_string_equal(word_at(row, "position"), word_at(first, "position"));
  assert_int_equal(number_at(row, "done"), 4);
  json_t *late = step(host, "one", word_at(first, "position"), 4);
  assert_false(json_is_true(json_object_get(late, "isOwner")));
  assert_int_equal(redis_dead(&server, "t"), 6);
  json_t *rest = step(host, "two", word_at(row, "position"), 100);
  assert_int_equal(number_at(rest, "done"), 6);
  assert_true(json_is_true(json_object_get(rest, "isEnd")));
  assert_int_equal(redis_length(&server, "t"), 20);
  json_decref(rest);
  json_decref(late);
  json_decref(row);
  json_decref(first);
  host_close(host);
}

static void a_step_counts_what_is_gone_and_what_cannot_be_sent(void **state) {
  (void)state;
  evs_host *host = host_holding(1);
  bury(host, 0, 1, 'a', 0);
  assert_true(redis_number(&server, "XADD dlq:{t} * data %s dead %s", "", "{\"group\":\"g\"}") != -1);
  json_decref(enter(host, "one"));
  json_t *made = step(host, "one", "", 10);
  assert_int_equal(number_at(made, "done"), 1);
  assert_int_equal(number_at(made, "failed"), 1);
  assert_int_equal(json_array_size(json_object_get(made, "errors")), 1);
  json_decref(made);
  json_t *row = enter(host, "two");
  assert_int_equal(number_at(row, "failed"), 1);
  assert_int_equal(json_array_size(json_object_get(row, "errors")), 1);
  json_decref(row);
  assert_true(redis_number(&server, "PTTL evs:op:{t}:o1") > 0);
  host_close(host);
}

static bool is_true(evs_host *host, const char *method, const char *params, const char *member) {
  json_t *answer = ask(host, method, "%s", params);
  bool is = json_is_true(json_object_get(answer, member));
  json_decref(answer);
  return is;
}

static void a_document_is_written_on_its_version_by_its_owner_alone(void **state) {
  (void)state;
  evs_host *host = host_connected();
  assert_true(is_true(
      host, "job.create",
      "{\"id\":\"o1\",\"key\":\"k\",\"owner\":\"one\",\"document\":{\"id\":\"o1\",\"key\":\"k\"}}", "isNew"));
  assert_false(is_true(host, "job.create",
                       "{\"id\":\"o2\",\"key\":\"k\",\"owner\":\"one\",\"document\":{\"id\":\"o2\"}}",
                       "isNew"));
  assert_true(is_true(host, "job.write",
                      "{\"id\":\"o1\",\"version\":1,\"document\":{\"id\":\"o1\",\"key\":\"k\"}}",
                      "isWritten"));
  assert_false(is_true(host, "job.write", "{\"id\":\"o1\",\"version\":1,\"document\":{}}", "isWritten"));
  assert_true(is_true(host, "job.beat", "{\"id\":\"o1\",\"owner\":\"one\",\"progress\":{}}", "isOwner"));
  assert_false(is_true(host, "job.claim", "{\"id\":\"o1\",\"beat\":\"1\",\"owner\":\"two\"}", "isClaimed"));
  assert_true(is_true(host, "job.claim", "{\"id\":\"o1\",\"beat\":\"2\",\"owner\":\"two\"}", "isClaimed"));
  assert_false(is_true(host, "job.beat", "{\"id\":\"o1\",\"owner\":\"one\",\"progress\":{}}", "isOwner"));
  json_t *all = ask(host, "job.list", "{}");
  assert_int_equal(json_array_size(json_object_get(all, "jobs")), 1);
  assert_int_equal(number_at(all, "sessionTimeout"), 600);
  json_decref(all);
  json_decref(ask(host, "job.forget", "{\"ids\":[\"o1\"]}"));
  assert_int_equal(redis_number(&server, "EXISTS evs:operations"), 0);
  host_close(host);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_former_owner_moves_nothing_any_more),
      TEST(a_step_counts_what_is_gone_and_what_cannot_be_sent),
      TEST(a_document_is_written_on_its_version_by_its_owner_alone),
  };
  return cmocka_run_group_tests(tests, fixture_start, fixture_end);
}
