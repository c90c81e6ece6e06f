/* SPDX-License-Identifier: MIT
 * redis_outbox_test.c - dead letters that are sent to another topic in steps, each of which may be the last
 * of its process; what else may be said about requeueing: a dry run, and how often something may come back.
 */
#include "unit/transport/redis_letters.h"

static const char *first_outcome(evs_host *host, const char *params) {
  static char word[64];
  json_t *answer = ask(host, "dlq.requeue", "%s", params);
  snprintf(word, sizeof word, "%s",
           word_at(json_array_get(json_object_get(answer, "results"), 0), "outcome"));
  json_decref(answer);
  return word;
}

static bool is_refused_with(evs_host *host, const char *params, evs_status status, const char *part) {
  const char *text = request(host, "dlq.requeue", params);
  return host->replies[host->reply_count - 1].status == status && strstr(text, part);
}

static void a_letter_is_sent_to_another_topic_and_archived_with_its_place_there(void **state) {
  (void)state;
  evs_host *host = host_holding(2);
  publish_and_wait(host, "other", "x.y", 1);
  bury(host, 0, 2, 'a', 0);
  char id[128];
  snprintf(id, sizeof id, "%s", letter_id(host, 0));
  json_t *answer = ask(host, "dlq.requeue", "{\"ids\":[\"%s\"],\"to\":\"other\",\"actor\":\"ana\"}", id);
  json_t *result = json_array_get(json_object_get(answer, "results"), 0);
  assert_string_equal(word_at(result, "outcome"), "requeued");
  assert_string_equal(word_at(result, "topic"), "other");
  assert_int_equal(redis_number(&server, "XLEN stream:{other}"), 2);
  assert_int_equal(redis_number(&server, "EVAL %s 1 stream:{other} %s",
                                "return #redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])",
                                word_at(result, "offset")),
                   1);
  json_t *kept = ask(host, "dlq.get", "{\"id\":\"%s\",\"archived\":true}", id);
  assert_string_equal(word_at(kept, "copy"), word_at(result, "offset"));
  assert_string_equal(word_at(kept, "to"), "other");
  assert_string_equal(word_at(kept, "archivedBy"), "ana");
  assert_int_equal(redis_length(&server, "t"), 2);
  assert_int_equal(redis_dead(&server, "t"), 1);
  assert_int_equal(redis_number(&server, "EXISTS evs:outbox:{t}"), 0);
  char *stored = redis_text(&server, "EVAL %s 0",
                            "local e = redis.call('XREVRANGE', 'stream:{other}', '+', '-')[1][2] "
                            "return e[#e - 1] .. ' ' .. e[#e]");
  assert_non_null(strstr(stored, "requeue {"));
  assert_non_null(strstr(stored, "\"count\":1"));
  assert_null(strstr(stored, "\"group\"")); /* it is for whoever reads that topic */
  free(stored);
  assert_string_equal(change_one(host, "dlq.requeue", id, ",\"to\":\"other\""), "already_requeued");
  assert_int_equal(redis_number(&server, "XLEN stream:{other}"), 2);
  json_decref(kept);
  json_decref(answer);
  host_close(host);
}

static void the_type_of_what_is_sent_is_registered_in_its_new_topic(void **state) {
  (void)state;
  evs_host *host = host_holding(1);
  bury(host, 0, 1, 'a', 0);
  assert_string_equal(first_outcome(host, "{\"filter\":{},\"to\":\"repair\",\"create\":true}"), "requeued");
  char *row = redis_text(&server, "HGET evs:topics repair");
  assert_non_null(strstr(row, "\"a.b\""));
  free(row);
  host_close(host);
}

static void a_target_that_cannot_be_one_is_refused_before_anything_moves(void **state) {
  (void)state;
  evs_host *host = host_holding(1);
  bury(host, 0, 1, 'a', 0);
  redis_number(&server, "HSET evs:topics parts %s", "{\"partitions\":2,\"types\":[]}");
  redis_number(&server, "SET stream:{text} x");
  assert_true(is_refused_with(host, "{\"filter\":{},\"to\":\"nowhere\"}", EVS_NOT_FOUND, "create"));
  assert_true(is_refused_with(host, "{\"filter\":{},\"to\":\"a{b}\"}", EVS_VALIDATION, "name of a topic"));
  assert_true(is_refused_with(host, "{\"filter\":{},\"to\":7}", EVS_VALIDATION, "name of a topic"));
  assert_true(is_refused_with(host, "{\"filter\":{},\"to\":\"parts\"}", EVS_VALIDATION, "partition"));
  assert_true(is_refused_with(host, "{\"filter\":{},\"to\":\"parts:2\"}", EVS_VALIDATION, "partition"));
  assert_true(is_refused_with(host, "{\"filter\":{},\"to\":\"t:1\"}", EVS_VALIDATION, "has none"));
  assert_true(
      is_refused_with(host, "{\"filter\":{},\"to\":\"text\",\"create\":true}", EVS_TRANSPORT, "WRONGTYPE"));
  assert_int_equal(redis_dead(&server, "t"), 1);
  assert_string_equal(first_outcome(host, "{\"filter\":{},\"to\":\"parts:1\"}"), "requeued");
  assert_int_equal(redis_number(&server, "XLEN stream:{parts:1}"), 1);
  host_close(host);
}

/* ---- a process that dies between two steps ------------------------------------------------------- */

/* From here on the server refuses keys that begin so: a step that needs them does not happen. */
static void forbid(const char *keys) {
  static const char *const all[] = {"stream:*",       "dlq:*",         "evs:topics",   "evs:outboxes",
                                    "evs:hb:*",       "evs:fp:*",      "evs:op:*",     "evs:notes:*",
                                    "evs:audit",      "evs:archive:*", "evs:outbox:*", "evs:sent:*",
                                    "evs:archived:*", "evs:idem:*",    "evs:delays"};
  enum { KEYS = sizeof all / sizeof all[0] };
  const char *words[KEYS + 4] = {"ACL", "SETUSER", "default", "resetkeys"};
  char patterns[KEYS][32];
  int count = 4;
  for (size_t i = 0; i < KEYS; i++) {
    snprintf(patterns[i], sizeof patterns[i], "~%s", all[i]);
    if (strcmp(all[i], keys) != 0)
      words[count++] = patterns[i];
  }
  assert_int_not_equal(redis_words(&server, count, words), -1);
}

static void allow_all(void) {
  assert_int_not_equal(redis_number(&server, "ACL SETUSER default ~*"), -1);
}

static bool is_sent(void *data) {
  (void)data;
  return redis_number(&server, "EXISTS evs:outbox:{t}") == 0 && redis_dead(&server, "t") == 0;
}

/* Three letters are requeued while a step is impossible, and their process ends there. */
static void cut_before(const char *keys) {
  static const char params[] = "{\"filter\":{},\"to\":\"other\"}";
  evs_host *host = host_holding(3);
  publish_and_wait(host, "other", "a.b", 1);
  bury(host, 0, 3, 'a', 0);
  forbid(keys);
  evsi_redis_transport.request(host->transport, "dlq.requeue", params, sizeof params - 1, 1);
  wait_count(&host->reply_count, 1);
  assert_int_equal(redis_number(&server, "XLEN stream:{other}"), 1);
  host_free(host);
  allow_all();
}

/* Another process comes: each letter is sent once, and kept in the archive once. */
static void assert_all_is_sent_once(evs_host *host) {
  EXPECT_SOON(is_sent, NULL);
  assert_int_equal(redis_number(&server, "XLEN stream:{other}"), 4);
  assert_int_equal(redis_number(&server, "XLEN evs:archive:{t}"), 3);
  assert_int_equal(redis_number(&server, "HLEN evs:archived:{t}"), 3);
  host_close(host);
}

static void a_process_that_dies_before_the_outbox_has_moved_nothing(void **state) {
  (void)state;
  cut_before("evs:outbox:*");
  assert_int_equal(redis_dead(&server, "t"), 3);
  evs_host *host = host_connected();
  json_decref(ask(host, "dlq.requeue", "{\"filter\":{},\"to\":\"other\"}"));
  assert_all_is_sent_once(host);
}

static void what_lies_in_the_outbox_of_a_dead_process_is_sent_by_another(void **state) {
  (void)state;
  cut_before("evs:sent:*");
  assert_int_equal(redis_dead(&server, "t"), 0);
  assert_int_equal(redis_number(&server, "HLEN evs:outbox:{t}"), 3);
  assert_all_is_sent_once(host_connected());
}

static bool is_other_longer(void *data) {
  (void)data;
  return redis_number(&server, "XLEN stream:{other}") == 4;
}

static void what_was_sent_but_not_archived_is_not_sent_again(void **state) {
  (void)state;
  cut_before("evs:sent:*");
  forbid("evs:archive:*");
  evs_host *host = host_connected();
  EXPECT_SOON(is_other_longer, NULL);
  assert_int_equal(redis_number(&server, "HLEN evs:outbox:{t}"), 3);
  host_free(host);
  allow_all();
  assert_all_is_sent_once(host_connected());
}

/* ---- how often, and only looking ------------------------------------------------------------------ */

static void what_came_back_too_often_is_refused_unless_forced(void **state) {
  (void)state;
  evs_host *host = host_holding(3);
  bury(host, 0, 1, 'a', 9);
  bury(host, 1, 1, 'b', 10);
  bury(host, 2, 1, 'c', 3);
  assert_string_equal(change_one(host, "dlq.requeue", letter_id(host, 0), ""), "requeued");
  assert_string_equal(change_one(host, "dlq.requeue", letter_id(host, 0), ""), "too_often");
  assert_string_equal(change_one(host, "dlq.requeue", letter_id(host, 1), ",\"maxRedrives\":3"), "too_often");
  assert_int_equal(redis_dead(&server, "t"), 2);
  assert_string_equal(change_one(host, "dlq.requeue", letter_id(host, 1), ",\"maxRedrives\":4"), "requeued");
  assert_string_equal(change_one(host, "dlq.requeue", letter_id(host, 0), ",\"force\":true"), "requeued");
  assert_true(is_refused_with(host, "{\"filter\":{},\"maxRedrives\":0}", EVS_VALIDATION, "maxRedrives"));
  host_close(host);
}

static void a_dry_run_says_what_would_be_done_and_does_nothing(void **state) {
  (void)state;
  evs_host *host = host_holding(2);
  bury(host, 0, 1, 'a', 0);
  bury(host, 1, 1, 'b', 10);
  json_t *answer = ask(host, "dlq.requeue", "{\"filter\":{},\"dryRun\":true}");
  const json_t *results = json_object_get(answer, "results");
  assert_int_equal(number_at(answer, "requeued"), 0);
  assert_int_equal(number_at(answer, "wouldBe"), 1);
  assert_string_equal(word_at(json_array_get(results, 0), "outcome"), "would_be_requeued");
  assert_string_equal(word_at(json_array_get(results, 1), "outcome"), "too_often");
  json_decref(answer);
  answer = ask(host, "dlq.discard", "{\"filter\":{},\"dryRun\":true}");
  assert_int_equal(number_at(answer, "wouldBe"), 2);
  json_decref(answer);
  assert_int_equal(redis_dead(&server, "t"), 2);
  assert_int_equal(redis_length(&server, "t"), 2);
  assert_int_equal(redis_number(&server, "EXISTS evs:audit evs:archive:{t} evs:outbox:{t}"), 0);
  host_close(host);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_letter_is_sent_to_another_topic_and_archived_with_its_place_there),
      TEST(the_type_of_what_is_sent_is_registered_in_its_new_topic),
      TEST(a_target_that_cannot_be_one_is_refused_before_anything_moves),
      TEST(a_process_that_dies_before_the_outbox_has_moved_nothing),
      TEST(what_lies_in_the_outbox_of_a_dead_process_is_sent_by_another),
      TEST(what_was_sent_but_not_archived_is_not_sent_again),
      TEST(what_came_back_too_often_is_refused_unless_forced),
      TEST(a_dry_run_says_what_would_be_done_and_does_nothing),
  };
  return cmocka_run_group_tests(tests, fixture_start, fixture_end);
}
