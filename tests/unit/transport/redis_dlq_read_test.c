/* SPDX-License-Identifier: MIT
 * redis_dlq_read_test.c - lists, filters, counts and groups of dead letters, against a real server. */
#include "unit/transport/redis_letters.h"

static size_t listed(evs_host *host, const char *params) {
  json_t *answer = ask(host, "dlq.list", "%s", params);
  size_t count = json_array_size(json_object_get(answer, "items"));
  json_decref(answer);
  return count;
}

static void each_member_of_a_filter_selects(void **state) {
  (void)state;
  evs_host *host = host_holding(9);
  bury(host, 0, 6, 'a', 0);
  bury(host, 6, 3, 'b', 2);
  static const struct {
    const char *params;
    size_t count;
  } cases[] = {{"{}", 9},
               {"{\"topic\":\"t\"}", 9},
               {"{\"topic\":\"u\"}", 0},
               {"{\"type\":\"a.*\"}", 9},
               {"{\"type\":\"a.c\"}", 0},
               {"{\"group\":\"g\"}", 9},
               {"{\"group\":\"h\"}", 0},
               {"{\"subscription\":\"s\"}", 9},
               {"{\"subscription\":\"r\"}", 0},
               {"{\"text\":\"no user 4\"}", 1},
               {"{\"text\":\"\\\"e8\\\"\"}", 1},
               {"{\"fingerprint\":\"bbbbbbbbbbbbbbbb\"}", 3},
               {"{\"since\":1004}", 5},
               {"{\"until\":1004}", 5},
               {"{\"since\":1002,\"until\":1003}", 2},
               {"{\"minAttempts\":3}", 3},
               {"{\"requeued\":true}", 3},
               {"{\"requeued\":false}", 6},
               {"{\"requeued\":false,\"minAttempts\":2,\"since\":1003}", 2}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    if (listed(host, cases[i].params) != cases[i].count)
      fail_msg("%s selects %zu, not %zu", cases[i].params, listed(host, cases[i].params), cases[i].count);
    if (strstr(cases[i].params, "topic\":\"u"))
      continue;
    json_t *sum = ask(host, "dlq.count", "{\"filter\":%s}", cases[i].params);
    assert_int_equal(number_at(sum, "count"), cases[i].count);
    assert_true(json_is_true(json_object_get(sum, "exact")));
    json_decref(sum);
  }
  host_close(host);
}

static void a_wrong_filter_is_refused_and_a_misspelt_one_selects_nothing(void **state) {
  (void)state;
  static const char *const wrong[] = {
      "{\"filter\":{\"tipic\":\"t\"}}",      "{\"filter\":{\"since\":-1}}",      "{\"filter\":{\"topic\":7}}",
      "{\"filter\":{\"requeued\":\"yes\"}}", "{\"filter\":{\"type\":\"a.**\"}}", "{\"filter\":7}"};
  evs_host *host = host_connected();
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    request(host, "dlq.count", wrong[i]);
    assert_int_equal(host->replies[host->reply_count - 1].status, EVS_VALIDATION);
    request(host, "dlq.discard", wrong[i]);
    assert_int_equal(host->replies[host->reply_count - 1].status, EVS_VALIDATION);
  }
  host_close(host);
}

static void groups_count_each_kind_exactly(void **state) {
  (void)state;
  evs_host *host = host_holding(10);
  bury(host, 0, 4, 'a', 0);
  bury(host, 4, 6, 'b', 1);
  json_t *answer = ask(host, "dlq.groups", "{}");
  const json_t *groups = json_object_get(answer, "groups"), *newest = json_array_get(groups, 0);
  assert_int_equal(json_array_size(groups), 2);
  assert_int_equal(number_at(answer, "total"), 10);
  assert_int_equal(number_at(answer, "unindexed"), 0);
  assert_string_equal(word_at(newest, "fingerprint"), "bbbbbbbbbbbbbbbb");
  assert_int_equal(number_at(newest, "count"), 6);
  assert_int_equal(number_at(newest, "firstAt"), 1004);
  assert_int_equal(number_at(newest, "lastAt"), 1009);
  assert_string_equal(word_at(newest, "type"), "a.b");
  assert_string_equal(word_at(newest, "group"), "g");
  assert_string_equal(word_at(newest, "errorClass"), "Eb");
  assert_string_equal(word_at(newest, "message"), "no user #");
  assert_string_equal(word_at(newest, "sample"), "no user 9");
  assert_string_equal(word_at(newest, "lastId"), letter_id(host, 9));
  assert_int_equal(json_array_size(json_object_get(newest, "topics")), 1);
  json_decref(answer);
  json_t *sum = ask(host, "dlq.count", "{\"filter\":{\"topic\":\"t\"}}");
  assert_int_equal(number_at(sum, "count"), 10);
  assert_int_equal(number_at(sum, "scanned"), 0);
  assert_int_equal(number_at(sum, "requeuedBefore"), 6);
  assert_int_equal(number_at(json_object_get(sum, "byType"), "a.b"), 10);
  assert_int_equal(number_at(json_object_get(sum, "byGroup"), "g"), 10);
  assert_int_equal(number_at(sum, "oldestAt"), 1000);
  assert_int_equal(number_at(sum, "newestAt"), 1009);
  json_decref(sum);
  host_close(host);
}

static void letters_older_than_the_index_break_no_count(void **state) {
  (void)state;
  evs_host *host = host_holding(2);
  char id[128];
  assert_true(redis_number(&server, "XADD dlq:{t} * data %s dead %s", "{}",
                           "{\"group\":\"old\",\"fingerprint\":\"aaaaaaaaaaaaaaaa\"}") != -1);
  snprintf(id, sizeof id, "%s", letter_id(host, 0));
  bury(host, 0, 2, 'a', 0);
  assert_int_equal(indexed(host, 'a'), 2);
  json_t *sum = ask(host, "dlq.count", "{}");
  assert_int_equal(number_at(sum, "count"), 3);
  assert_int_equal(number_at(json_object_get(sum, "byGroup"), "old"), 1);
  json_decref(sum);
  json_t *groups = ask(host, "dlq.groups", "{}");
  assert_int_equal(number_at(groups, "total"), 3);
  assert_int_equal(number_at(groups, "unindexed"), 1);
  json_decref(groups);
  assert_string_equal(change_one(host, "dlq.requeue", id, ""), "requeued");
  assert_int_equal(indexed(host, 'a'), 2);
  assert_int_equal(redis_number(&server, "DEL evs:fp:{t}"), 1);
  assert_string_equal(change_one(host, "dlq.discard", letter_id(host, 0), ""), "discarded");
  assert_int_equal(indexed(host, 'a'), -1);
  host_close(host);
}

/* Walks all pages; gives the number of letters and requires their ids to go in one direction. */
static size_t walk(evs_host *host, const char *order, int *out_pages) {
  char cursor[128] = "", last[64] = "";
  size_t count = 0;
  *out_pages = 0;
  do {
    json_t *answer = ask(host, "dlq.list", "{\"order\":\"%s\",\"body\":false,\"limit\":7%s%s%s}", order,
                         *cursor ? ",\"cursor\":\"" : "", cursor, *cursor ? "\"" : "");
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(answer, "items"), i, item) {
      const char *place = strrchr(word_at(item, "id"), '/') + 1;
      unsigned long long ms = 0, seq = 0, last_ms = 0, last_seq = 0;
      sscanf(place, "%llu-%llu", &ms, &seq);
      if (*last && sscanf(last, "%llu-%llu", &last_ms, &last_seq) == 2) {
        bool rises = ms > last_ms || (ms == last_ms && seq >= last_seq);
        bool falls = ms < last_ms || (ms == last_ms && seq <= last_seq);
        assert_true(*order == 'n' ? falls : rises);
      }
      snprintf(last, sizeof last, "%s", place);
      count++;
    }
    snprintf(cursor, sizeof cursor, "%s", word_at(answer, "next"));
    assert_int_equal(json_is_true(json_object_get(answer, "exhausted")), *cursor == '\0');
    json_decref(answer);
    ++*out_pages;
  } while (*cursor);
  return count;
}

static void lists_of_many_topics_are_merged_in_both_directions(void **state) {
  (void)state;
  evs_host *host = host_connected();
  int pages;
  for (int i = 0; i < 100; i++) {
    char topic[8], id[16];
    snprintf(topic, sizeof topic, "t%d", i * i % 7);
    snprintf(id, sizeof id, "%d-%d", 1000 + i / 3, i);
    redis_number(&server, "HSETNX evs:topics %s %s", topic, "{\"partitions\":0,\"types\":[\"*\"]}");
    redis_number(&server, "XADD dlq:{%s} %s data {} dead {}", topic, id);
  }
  assert_int_equal(walk(host, "newest", &pages), 100);
  assert_true(pages >= 15);
  assert_int_equal(walk(host, "oldest", &pages), 100);
  host_close(host);
}

static void paging_newest_first_while_letters_arrive_shows_each_once(void **state) {
  (void)state;
  evs_host *host = host_connected();
  char cursor[128] = "";
  bool seen[100] = {false};
  size_t count = 0;
  redis_number(&server, "HSETNX evs:topics t %s", "{\"partitions\":0,\"types\":[\"*\"]}");
  for (int i = 1; i <= 100; i++)
    redis_number(&server, "XADD dlq:{t} %d-0 data {} dead {}", i);
  for (int arriving = 200; arriving == 200 || *cursor; arriving++) {
    json_t *answer = ask(host, "dlq.list", "{\"order\":\"newest\",\"limit\":9%s%s%s}",
                         *cursor ? ",\"cursor\":\"" : "", cursor, *cursor ? "\"" : "");
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(answer, "items"), i, item) {
      int id = atoi(strrchr(word_at(item, "id"), '/') + 1);
      assert_true(id >= 1 && id <= 100 && !seen[id - 1]);
      seen[id - 1] = true;
      count++;
    }
    snprintf(cursor, sizeof cursor, "%s", word_at(answer, "next"));
    json_decref(answer);
    redis_number(&server, "XADD dlq:{t} %d-0 data {} dead {}", arriving);
  }
  assert_int_equal(count, 100);
  host_close(host);
}

static void a_list_without_bodies_tells_sizes_and_leaves_large_ones_in_the_store(void **state) {
  (void)state;
  enum { SIZE = 8 << 20 };
  evs_host *host = host_connected();
  char *data = malloc(SIZE + 256);
  int head = sprintf(
      data, "{\"v\":1,\"header\":{\"id\":\"e\",\"type\":\"a.b\"},\"headers\":{\"k\":\"v\"},\"body\":\"");
  memset(data + head, 'x', SIZE);
  memcpy(data + head + SIZE, "\"}", 3);
  redis_number(&server, "HSETNX evs:topics t %s", "{\"partitions\":0,\"types\":[\"*\"]}");
  for (int i = 0; i < 3; i++)
    redis_number(&server, "XADD dlq:{t} * data %s dead {}", data);
  long long before = redis_number(&server, "EVAL %s 0",
                                  "return tonumber(string.match(redis.call('INFO','stats'),"
                                  "'total_net_output_bytes:(%d+)'))");
  json_t *answer = ask(host, "dlq.list", "{\"body\":false,\"type\":\"a.b\"}");
  const json_t *item = json_array_get(json_object_get(answer, "items"), 2);
  assert_int_equal(number_at(item, "size"), SIZE + 2);
  assert_string_equal(word_at(json_object_get(item, "header"), "type"), "a.b");
  assert_string_equal(word_at(json_object_get(item, "headers"), "k"), "v");
  assert_null(json_object_get(item, "body"));
  assert_null(json_object_get(item, "history"));
  json_t *one = ask(host, "dlq.get", "{\"id\":\"%s\",\"maxBody\":100}", word_at(item, "id"));
  assert_int_equal(number_at(one, "bodySize"), SIZE + 2);
  assert_int_equal(strlen(word_at(one, "bodyPreview")), 100);
  json_decref(one);
  long long after = redis_number(&server, "EVAL %s 0",
                                 "return tonumber(string.match(redis.call('INFO','stats'),"
                                 "'total_net_output_bytes:(%d+)'))");
  assert_true(before > 0 && after - before < 1000000);
  one = ask(host, "dlq.get", "{\"id\":\"%s\"}", word_at(item, "id"));
  assert_int_equal(json_string_length(json_object_get(one, "body")), SIZE);
  json_decref(one);
  json_decref(answer);
  free(data);
  host_close(host);
}

static void a_text_far_behind_is_found_by_going_on(void **state) {
  (void)state;
  evs_host *host = host_connected();
  redis_number(&server, "HSETNX evs:topics t %s", "{\"partitions\":0,\"types\":[\"*\"]}");
  redis_number(&server, "EVAL %s 1 dlq:{t}",
               "for i = 1, 12000 do redis.call('XADD', KEYS[1], i .. '-0', 'data', '{}', 'dead', '{}') end");
  redis_number(&server, "XADD dlq:{t} 20000-0 data {\"needle\":1} dead {}");
  json_t *answer = ask(host, "dlq.list", "{\"text\":\"needle\"}");
  assert_int_equal(json_array_size(json_object_get(answer, "items")), 0);
  assert_false(json_is_true(json_object_get(answer, "exhausted")));
  assert_true(number_at(answer, "scanned") >= 2000 && number_at(answer, "scanned") < 3000);
  size_t found = 0;
  for (int pages = 0; pages < 10 && json_is_string(json_object_get(answer, "next")); pages++) {
    json_t *next = ask(host, "dlq.list", "{\"text\":\"needle\",\"cursor\":\"%s\"}", word_at(answer, "next"));
    json_decref(answer);
    answer = next;
    found += json_array_size(json_object_get(answer, "items"));
  }
  assert_int_equal(found, 1);
  assert_true(json_is_true(json_object_get(answer, "exhausted")));
  json_decref(answer);
  json_t *sum = ask(host, "dlq.count", "{\"filter\":{\"text\":\"needle\"}}");
  assert_int_equal(number_at(sum, "count"), 1);
  assert_int_equal(number_at(sum, "scanned"), 12001);
  json_decref(sum);
  host_close(host);
}

/* A clock that goes on by 300 ms whenever it is looked at. */
static uint64_t hurried_ms(void) {
  static uint64_t ahead_ms;
  return evsi_env_default()->now_ms() + (ahead_ms += 300);
}

static void a_count_that_takes_too_long_says_how_far_it_came(void **state) {
  (void)state;
  evsi_env hurried = *evsi_env_default();
  hurried.now_ms = hurried_ms;
  host_env = &hurried;
  evs_host *host = host_connected();
  redis_number(&server, "HSETNX evs:topics t %s", "{\"partitions\":0,\"types\":[\"*\"]}");
  redis_number(&server, "EVAL %s 1 dlq:{t}",
               "for i = 1, 6000 do redis.call('XADD', KEYS[1], i .. '-0', 'data', '{}', 'dead', '{}') end");
  json_t *sum = ask(host, "dlq.count", "{}");
  assert_true(json_is_false(json_object_get(sum, "exact")));
  assert_true(number_at(sum, "count") > 0 && number_at(sum, "count") < 6000);
  assert_int_equal(number_at(sum, "scanned"), number_at(sum, "count"));
  json_decref(sum);
  host_close(host);
  host_env = NULL;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(each_member_of_a_filter_selects),
      TEST(a_wrong_filter_is_refused_and_a_misspelt_one_selects_nothing),
      TEST(groups_count_each_kind_exactly),
      TEST(letters_older_than_the_index_break_no_count),
      TEST(lists_of_many_topics_are_merged_in_both_directions),
      TEST(paging_newest_first_while_letters_arrive_shows_each_once),
      TEST(a_list_without_bodies_tells_sizes_and_leaves_large_ones_in_the_store),
      TEST(a_text_far_behind_is_found_by_going_on),
      TEST(a_count_that_takes_too_long_says_how_far_it_came),
  };
  return cmocka_run_group_tests(tests, fixture_start, fixture_end);
}
