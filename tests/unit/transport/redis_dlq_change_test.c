/* SPDX-License-Identifier: MIT
 * redis_dlq_change_test.c - requeue, edit, discard, archive and restore, against a real server. */
#include "unit/transport/redis_letters.h"

static void assert_stored(const char *key, const char *part) {
  char script[512];
  snprintf(
      script, sizeof script,
      "local e = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1] "
      "for _, v in ipairs(e and e[2] or {}) do if string.find(v, ARGV[1], 1, true) then return 1 end end "
      "return 0");
  if (redis_number(&server, "EVAL %s 1 %s %s", script, key, part) != 1)
    fail_msg("the newest entry of %s does not hold %s", key, part);
}

static void a_requeued_letter_is_in_the_archive_with_the_place_of_its_copy(void **state) {
  (void)state;
  evs_host *host = host_holding(3);
  char id[128];
  bury(host, 0, 3, 'a', 0);
  snprintf(id, sizeof id, "%s", letter_id(host, 1));
  json_t *answer =
      ask(host, "dlq.requeue", "{\"ids\":[\"%s\"],\"actor\":\"ana\",\"address\":\"10.0.0.9\"}", id);
  char *offset = strdup(word_at(json_array_get(json_object_get(answer, "results"), 0), "offset"));
  json_decref(answer);
  assert_int_equal(redis_dead(&server, "t"), 2);
  assert_int_equal(indexed(host, 'a'), 2);
  json_t *kept = ask(host, "dlq.get", "{\"id\":\"%s\",\"archived\":true}", id);
  assert_string_equal(word_at(kept, "id"), id);
  assert_string_equal(word_at(kept, "action"), "requeued");
  assert_string_equal(word_at(kept, "archivedBy"), "ana");
  assert_string_equal(word_at(kept, "address"), "10.0.0.9");
  assert_string_equal(word_at(kept, "copy"), offset);
  assert_true(number_at(kept, "archivedAt") > 0);
  assert_int_equal(json_array_size(json_object_get(kept, "history")), 1);
  json_decref(kept);
  assert_stored("stream:{t}", "\"from\":\"main/t/");
  assert_string_equal(change_one(host, "dlq.requeue", id, ""), "already_requeued");
  assert_string_equal(change_one(host, "dlq.discard", id, ""), "already_requeued");
  assert_string_equal(change_one(host, "dlq.restore", id, ""), "not_restorable");
  assert_int_equal(redis_length(&server, "t"), 4);
  free(offset);
  host_close(host);
}

static void a_discarded_letter_comes_back_with_all_that_it_was(void **state) {
  (void)state;
  evs_host *host = host_holding(3);
  char id[128];
  bury(host, 0, 3, 'a', 0);
  snprintf(id, sizeof id, "%s", letter_id(host, 0));
  json_t *before = ask(host, "dlq.get", "{\"id\":\"%s\"}", id);
  assert_string_equal(change_one(host, "dlq.discard", id, ",\"reason\":\"a test\""), "discarded");
  assert_int_equal(indexed(host, 'a'), 2);
  json_t *archive = ask(host, "dlq.archive", "{\"body\":false}");
  const json_t *kept = json_array_get(json_object_get(archive, "items"), 0);
  assert_string_equal(word_at(kept, "id"), id);
  assert_string_equal(word_at(kept, "action"), "discarded");
  assert_string_equal(word_at(kept, "reason"), "a test");
  assert_true(json_is_null(json_object_get(kept, "copy")));
  json_decref(archive);
  assert_string_equal(change_one(host, "dlq.discard", id, ""), "already_discarded");
  json_t *answer = ask(host, "dlq.restore", "{\"ids\":[\"%s\"]}", id);
  assert_int_equal(number_at(answer, "restored"), 1);
  json_t *after = ask(host, "dlq.get", "{\"id\":\"%s\"}",
                      word_at(json_array_get(json_object_get(answer, "results"), 0), "newId"));
  json_object_del(before, "id");
  json_object_del(after, "id");
  assert_true(json_equal(before, after));
  assert_int_equal(indexed(host, 'a'), 3);
  assert_string_equal(change_one(host, "dlq.restore", id, ""), "not_found");
  assert_int_equal(redis_number(&server, "XLEN evs:archive:{t}"), 0);
  assert_int_equal(redis_number(&server, "HLEN evs:archived:{t}"), 0);
  json_decref(answer);
  json_decref(before);
  json_decref(after);
  host_close(host);
}

static void purging_leaves_nothing(void **state) {
  (void)state;
  evs_host *host = host_holding(2);
  bury(host, 0, 2, 'a', 0);
  json_t *answer = ask(host, "dlq.discard", "{\"filter\":{},\"purge\":true}");
  assert_int_equal(number_at(answer, "discarded"), 2);
  json_decref(answer);
  assert_int_equal(redis_dead(&server, "t"), 0);
  assert_int_equal(redis_number(&server, "EXISTS evs:archive:{t} evs:fp:{t}"), 0);
  host_close(host);
}

static void an_edit_sends_only_the_edited_copy_and_keeps_the_original(void **state) {
  (void)state;
  evs_host *host = host_holding(1);
  char id[128];
  bury(host, 0, 1, 'a', 0);
  snprintf(id, sizeof id, "%s", letter_id(host, 0));
  assert_string_equal(change_one(host, "dlq.requeue", id,
                                 ",\"actor\":\"ana\",\"edit\":{\"body\":\"{\\\"n\\\": 9007199254740993 }\"}"),
                      "requeued");
  assert_int_equal(redis_length(&server, "t"), 2);
  assert_stored("stream:{t}", "\"body\":{\"n\": 9007199254740993 }}");
  assert_stored("stream:{t}", "\"editedBy\":\"ana\"");
  assert_stored("stream:{t}",
                "\"editedFrom\":\"5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9\"");
  assert_stored("stream:{t}", "\"id\":\"e0\"");
  json_t *kept = ask(host, "dlq.get", "{\"id\":\"%s\",\"archived\":true}", id);
  assert_string_equal(word_at(kept, "action"), "edited");
  assert_int_equal(json_integer_value(json_object_get(kept, "body")), 0);
  json_decref(kept);
  host_close(host);
}

static void an_edit_may_put_bytes_in_place_of_json_and_back(void **state) {
  (void)state;
  evs_host *host = host_holding(2);
  bury(host, 0, 2, 'a', 0);
  assert_string_equal(change_one(host, "dlq.requeue", letter_id(host, 0),
                                 ",\"edit\":{\"raw\":\"AP+A\",\"contentType\":\"image/x\"}"),
                      "requeued");
  assert_stored("stream:{t}", "\"contentType\":\"image/x\"");
  assert_int_equal(redis_number(&server, "EVAL %s 1 stream:{t}",
                                "local e = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1][2] "
                                "return e[3] == 'raw' and e[4] == '\\0\\255\\128' and 1 or 0"),
                   1);
  static const char *const wrong[] = {"{\"body\":\"{\"}", "{\"raw\":\"***\"}", "{}", "{\"raw\":\"\"}",
                                      "{\"body\":\"1\",\"raw\":\"AA==\"}"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    char params[256];
    snprintf(params, sizeof params, "{\"ids\":[\"%s\"],\"edit\":%s}", letter_id(host, 0), wrong[i]);
    request(host, "dlq.requeue", params);
    assert_int_equal(host->replies[host->reply_count - 1].status, EVS_VALIDATION);
  }
  assert_int_equal(redis_dead(&server, "t"), 1);
  host_close(host);
}

static void two_that_requeue_one_letter_at_once_get_it_done_once(void **state) {
  (void)state;
  enum { LETTERS = 50 };
  evs_host *one = host_holding(LETTERS), *two = host_connected();
  char params[8192] = "{\"ids\":[";
  bury(one, 0, LETTERS, 'a', 0);
  json_t *list = ask(one, "dlq.list", "{\"limit\":500,\"body\":false}"), *item;
  size_t i, before_one = one->reply_count, before_two = two->reply_count;
  json_array_foreach(json_object_get(list, "items"), i, item) {
    snprintf(params + strlen(params), sizeof params - strlen(params), "%s\"%s\"", i > 0 ? "," : "",
             word_at(item, "id"));
  }
  snprintf(params + strlen(params), sizeof params - strlen(params), "]}");
  evsi_redis_transport.request(one->transport, "dlq.requeue", params, strlen(params), 1);
  evsi_redis_transport.request(two->transport, "dlq.requeue", params, strlen(params), 1);
  wait_count(&one->reply_count, before_one + 1);
  wait_count(&two->reply_count, before_two + 1);
  json_t *first = json_loads(one->replies[before_one].text, 0, NULL);
  json_t *second = json_loads(two->replies[before_two].text, 0, NULL);
  assert_int_equal(number_at(first, "requeued") + number_at(second, "requeued"), LETTERS);
  assert_int_equal(redis_length(&server, "t"), 2 * LETTERS);
  assert_int_equal(redis_number(&server, "XLEN evs:archive:{t}"), LETTERS);
  json_decref(first);
  json_decref(second);
  json_decref(list);
  host_close(one);
  host_close(two);
}

static void what_is_too_old_for_the_archive_goes_with_its_place(void **state) {
  (void)state;
  evs_host *host = host_holding(1);
  bury(host, 0, 1, 'a', 0);
  for (int i = 1; i <= 5; i++) {
    redis_number(&server, "XADD evs:archive:{t} %d-0 data {} dead {} archive {\"id\":\"%d-9\"}", i, i);
    redis_number(&server, "HSET evs:archived:{t} %d-9 %d-0", i, i);
  }
  assert_string_equal(change_one(host, "dlq.discard", letter_id(host, 0), ""), "discarded");
  assert_int_equal(redis_number(&server, "XLEN evs:archive:{t}"), 1);
  assert_int_equal(redis_number(&server, "HLEN evs:archived:{t}"), 1);
  host_close(host);
}

static void what_is_changed_is_in_the_log_newest_first(void **state) {
  (void)state;
  evs_host *host = host_holding(3);
  char id[128];
  bury(host, 0, 3, 'a', 0);
  snprintf(id, sizeof id, "%s", letter_id(host, 0));
  change_one(host, "dlq.discard", id, ",\"actor\":\"ana\",\"address\":\"10.0.0.9\",\"reason\":\"old\"");
  change_one(host, "dlq.restore", id, ",\"actor\":\"bob\"");
  json_decref(ask(host, "dlq.requeue", "{\"filter\":{\"group\":\"g\"}}"));
  json_t *log = ask(host, "audit", "{\"limit\":2}");
  const json_t *items = json_object_get(log, "items"), *newest = json_array_get(items, 0);
  assert_int_equal(json_array_size(items), 2);
  assert_string_equal(word_at(newest, "action"), "dlq.requeue");
  assert_string_equal(word_at(json_object_get(json_object_get(newest, "scope"), "filter"), "group"), "g");
  assert_int_equal(number_at(newest, "count"), 3);
  assert_string_equal(word_at(newest, "result"), "done");
  assert_string_equal(word_at(json_array_get(items, 1), "action"), "dlq.restore");
  assert_string_equal(word_at(json_array_get(items, 1), "actor"), "bob");
  json_t *rest = ask(host, "audit", "{\"cursor\":\"%s\"}", word_at(log, "next"));
  const json_t *first = json_array_get(json_object_get(rest, "items"), 0);
  assert_string_equal(word_at(first, "address"), "10.0.0.9");
  assert_string_equal(word_at(first, "reason"), "old");
  assert_true(json_is_null(json_object_get(rest, "next")));
  json_decref(rest);
  json_decref(log);
  host_close(host);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_requeued_letter_is_in_the_archive_with_the_place_of_its_copy),
      TEST(a_discarded_letter_comes_back_with_all_that_it_was),
      TEST(purging_leaves_nothing),
      TEST(an_edit_sends_only_the_edited_copy_and_keeps_the_original),
      TEST(an_edit_may_put_bytes_in_place_of_json_and_back),
      TEST(two_that_requeue_one_letter_at_once_get_it_done_once),
      TEST(what_is_too_old_for_the_archive_goes_with_its_place),
      TEST(what_is_changed_is_in_the_log_newest_first),
  };
  return cmocka_run_group_tests(tests, fixture_start, fixture_end);
}
