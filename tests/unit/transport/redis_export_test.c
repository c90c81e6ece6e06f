/* SPDX-License-Identifier: MIT
 * redis_export_test.c - dead letters as lines that hold all that is stored of them, read back from hands that
 * are not to be trusted; and notes on letters. */
#include "unit/transport/redis_letters.h"

/* Stored letters of every form: an envelope, bytes beside one, entries that are none, an event with our
 * names. */
static void bury_forms(void) {
  static const char script[] =
      "redis.call('HSET', 'evs:topics', 't', '{\"partitions\":0,\"types\":[\"a.b\"]}') "
      "local dead = '{\"group\":\"g\",\"attempts\":2,\"error\":{\"class\":\"E\",\"message\":\"no 1.50\"},"
      "\"fingerprint\":\"aaaaaaaaaaaaaaaa\",\"lastFailureAt\":1000,\"requeueCount\":3}' "
      "redis.call('XADD', KEYS[1], '1-0', 'data', '{\"v\":1,\"header\":{\"id\":\"e1\",\"type\":\"a.b\"},"
      "\"body\": {\"n\": 1.50 }}', 'dead', dead, 'fp', 'aaaaaaaaaaaaaaaar') "
      "redis.call('XADD', KEYS[1], '2-0', 'data', '{\"v\":1,\"header\":{\"id\":\"e2\",\"type\":\"a.b\","
      "\"contentType\":\"x/y\"}}', 'raw', '\\0\\255\\128\\n', 'requeue', '{\"count\":3}', 'dead', dead) "
      "redis.call('XADD', KEYS[1], '3-0', 'x\\255', 'y', 'dead', 'theirs', 'x', '', 'dead', dead) "
      "return 1";
  assert_int_equal(redis_number(&server, "EVAL %s 1 dlq:{t}", script), 1);
}

/* All lines, as texts. */
static json_t *export_all(evs_host *host) {
  json_t *lines = json_array(), *next = json_null();
  while (next) {
    char *cursor = json_dumps(next, JSON_ENCODE_ANY);
    json_t *page = ask(host, "dlq.export", "{\"limit\":2,\"cursor\":%s}", cursor), *item;
    size_t i;
    json_array_foreach(json_object_get(page, "items"), i, item) {
      char *text = json_dumps(item, JSON_COMPACT);
      json_array_append_new(lines, json_string(text));
      free(text);
    }
    json_decref(next);
    next = json_is_null(json_object_get(page, "next")) ? NULL : json_incref(json_object_get(page, "next"));
    free(cursor);
    json_decref(page);
  }
  return lines;
}

static json_t *import_lines(evs_host *host, const json_t *lines, const char *more) {
  char *text = json_dumps(lines, JSON_COMPACT), params[8192];
  snprintf(params, sizeof params, "{\"lines\":%s%s}", text, more);
  free(text);
  const char *answer = request(host, "dlq.import", params);
  assert_int_equal(host->replies[host->reply_count - 1].status, EVS_OK);
  return json_loads(answer, JSON_ALLOW_NUL, NULL);
}

static void letters_come_back_byte_for_byte_and_once(void **state) {
  (void)state;
  evs_host *host = host_connected();
  bury_forms();
  json_decref(
      ask(host, "dlq.note", "{\"ids\":[\"main/t/2-0\"],\"note\":\"see ticket 7\",\"actor\":\"ana\"}"));
  json_t *lines = export_all(host);
  assert_int_equal(json_array_size(lines), 3);
  redis_number(&server, "FLUSHALL");
  json_t *answer = import_lines(host, lines, "");
  assert_int_equal(number_at(answer, "imported"), 3);
  json_decref(answer);
  /* Those that had no mark of the index get one. */
  char *fields = redis_text(&server, "EVAL %s 0",
                            "local e = redis.call('XRANGE', 'dlq:{t}', '-', '+') "
                            "return e[1][2][6] .. ' ' .. #e[2][2] .. ' ' .. e[3][2][1] .. ' ' .. e[3][2][4]");
  assert_string_equal(fields, "aaaaaaaaaaaaaaaar 10 x\xff theirs");
  free(fields);
  assert_int_equal(redis_number(&server, "EVAL %s 0",
                                "local e = redis.call('XRANGE', 'dlq:{t}', '-', '+')[2][2] "
                                "return e[4] == '\\0\\255\\128\\n' and 1 or 0"),
                   1);
  json_t *list = ask(host, "dlq.list", "{}");
  const json_t *noted = json_array_get(json_object_get(list, "items"), 1);
  assert_string_equal(word_at(json_object_get(noted, "note"), "text"), "see ticket 7");
  json_decref(list);
  assert_int_equal(indexed(host, 'a'), 3);
  answer = import_lines(host, lines, "");
  assert_int_equal(number_at(answer, "imported"), 0);
  assert_string_equal(word_at(json_array_get(json_object_get(answer, "results"), 2), "outcome"),
                      "already_imported");
  assert_int_equal(redis_dead(&server, "t"), 3);
  json_decref(answer);
  json_decref(lines);
  host_close(host);
}

static void an_event_of_a_line_goes_into_its_topic_once(void **state) {
  (void)state;
  evs_host *host = host_connected();
  bury_forms();
  json_t *lines = export_all(host);
  json_t *answer = import_lines(host, lines, ",\"into\":\"stream\"");
  assert_int_equal(number_at(answer, "imported"), 3);
  json_decref(answer);
  json_decref(import_lines(host, lines, ",\"into\":\"stream\""));
  assert_int_equal(redis_length(&server, "t"), 3);
  char *requeue = redis_text(&server, "EVAL %s 0",
                             "local e = redis.call('XRANGE', 'stream:{t}', '-', '+')[2][2] "
                             "return #e .. ' ' .. e[#e - 1] .. ' ' .. e[#e]");
  assert_non_null(strstr(requeue, "6 requeue "));
  assert_non_null(strstr(requeue, "\"from\":\"main/t/2-0\""));
  assert_non_null(strstr(requeue, "\"count\":4"));
  assert_non_null(strstr(requeue, "\"group\":\"g\""));
  free(requeue);
  json_decref(lines);
  host_close(host);
}

static void what_is_no_line_is_refused_with_its_number_and_the_rest_is_taken(void **state) {
  (void)state;
  static const char good[] = "{\"v\":1,\"id\":\"m/t/1-0\",\"topic\":\"t\",\"partition\":null,"
                             "\"fields\":[[\"data\",\"x\"]],\"dead\":{}}";
  static const char *const wrong[][2] = {
      {"", "no JSON"},
      {"{", "no JSON"},
      {"[]", "no object"},
      {"{\"v\":1,\"v\":1}", "twice"},
      {"{\"v\":2,\"id\":\"i\",\"topic\":\"t\",\"fields\":[]}", "v must"},
      {"{\"v\":1,\"id\":7,\"topic\":\"t\",\"fields\":[]}", "id must"},
      {"{\"v\":1,\"id\":\"i\",\"topic\":\"a}{b\",\"fields\":[]}", "topic is"},
      {"{\"v\":1,\"id\":\"i\",\"topic\":\"t\\u0000u\",\"fields\":[]}", "topic is"},
      {"{\"v\":1,\"id\":\"i\",\"topic\":\"t\",\"partition\":-1,\"fields\":[],\"dead\":{}}", "partition"},
      {"{\"v\":1,\"id\":\"i\",\"topic\":\"t\",\"partition\":3,\"fields\":[[\"a\",\"b\"]],\"dead\":{}}",
       "partitions"},
      {"{\"v\":1,\"id\":\"i\",\"topic\":\"t\",\"fields\":[],\"dead\":{}}", "fields"},
      {"{\"v\":1,\"id\":\"i\",\"topic\":\"t\",\"fields\":[[\"a\"]],\"dead\":{}}", "fields"},
      {"{\"v\":1,\"id\":\"i\",\"topic\":\"t\",\"fields\":[[\"a\",7]],\"dead\":{}}", "field"},
      {"{\"v\":1,\"id\":\"i\",\"topic\":\"t\",\"fields\":[[\"a\",{\"base64\":\"?\"}]],\"dead\":{}}", "field"},
      {"{\"v\":1,\"id\":\"i\",\"topic\":\"t\",\"fields\":[[\"a\",\"b\"]]}", "dead is missing"},
      {"{\"v\":1,\"id\":\"i\",\"topic\":\"t\",\"fields\":[[\"a\",\"b\"]],\"dead\":[]}", "objects"},
      {"{\"v\":1,\"id\":\"i\",\"topic\":\"t\",\"fields\":[[\"a\",\"b\"]],\"dead\":{},\"more\":1}",
       "no object"}};
  enum { WRONG = sizeof wrong / sizeof wrong[0] };
  evs_host *host = host_connected();
  redis_number(&server, "HSET evs:topics t %s", "{\"partitions\":0,\"types\":[]}");
  json_t *lines = json_array();
  for (size_t i = 0; i < WRONG; i++)
    json_array_append_new(lines, json_string(wrong[i][0]));
  json_array_append_new(lines, json_string(good));
  json_t *answer = import_lines(host, lines, ",\"from\":101"), *results = json_object_get(answer, "results");
  assert_int_equal(number_at(answer, "imported"), 1);
  for (size_t i = 0; i < WRONG; i++) {
    char number[32];
    const json_t *result = json_array_get(results, i);
    snprintf(number, sizeof number, "line %zu: ", 101 + i);
    assert_string_equal(word_at(result, "outcome"), "error");
    if (strncmp(word_at(result, "message"), number, strlen(number)) != 0 ||
        !strstr(word_at(result, "message"), wrong[i][1]))
      fail_msg("%s: %s, expected %s", wrong[i][0], word_at(result, "message"), wrong[i][1]);
  }
  assert_string_equal(word_at(json_array_get(results, WRONG), "outcome"), "imported");
  assert_int_equal(redis_dead(&server, "t"), 1);
  json_decref(answer);
  json_decref(lines);
  host_close(host);
}

static void a_new_topic_has_as_many_partitions_as_its_lines_need(void **state) {
  (void)state;
  evs_host *host = host_connected();
  json_t *lines = json_array();
  for (int i = 0; i < 3; i++)
    json_array_append_new(lines,
                          json_sprintf("{\"v\":1,\"id\":\"m/n:%d/1-0\",\"topic\":\"n\",\"partition\":%d,"
                                       "\"fields\":[[\"data\",\"x\"]],\"dead\":{}}",
                                       i, i));
  json_decref(import_lines(host, lines, ""));
  json_t *list = ask(host, "dlq.list", "{\"topic\":\"n\"}");
  assert_int_equal(json_array_size(json_object_get(list, "items")), 3);
  json_decref(list);
  json_decref(lines);
  host_close(host);
}

/* ---- notes ---------------------------------------------------------------------------------------- */

static const json_t *note_in(json_t *item) {
  return json_object_get(item, "note");
}

static void a_note_is_shown_kept_in_the_archive_and_comes_back(void **state) {
  (void)state;
  evs_host *host = host_holding(2);
  bury(host, 0, 2, 'a', 0);
  char id[128];
  snprintf(id, sizeof id, "%s", letter_id(host, 0));
  json_t *answer = ask(host, "dlq.note",
                       "{\"ids\":[\"%s\",\"main/t/9-9\",\"x\"],\"note\":\"ask bob\",\"actor\":\"ana\"}", id);
  assert_int_equal(number_at(answer, "noted"), 1);
  assert_string_equal(word_at(json_array_get(json_object_get(answer, "results"), 1), "outcome"), "not_found");
  json_decref(answer);
  json_t *item = ask(host, "dlq.get", "{\"id\":\"%s\"}", id);
  assert_string_equal(word_at(note_in(item), "text"), "ask bob");
  assert_string_equal(word_at(note_in(item), "by"), "ana");
  assert_true(number_at(note_in(item), "at") > 0);
  json_decref(item);
  item = ask(host, "dlq.get", "{\"id\":\"%s\"}", letter_id(host, 1));
  assert_true(json_is_null(note_in(item)));
  json_decref(item);
  change_one(host, "dlq.discard", id, "");
  assert_int_equal(redis_number(&server, "EXISTS evs:notes:{t}"), 0);
  item = ask(host, "dlq.get", "{\"id\":\"%s\",\"archived\":true}", id);
  assert_string_equal(word_at(note_in(item), "text"), "ask bob");
  json_decref(item);
  answer = ask(host, "dlq.restore", "{\"ids\":[\"%s\"]}", id);
  snprintf(id, sizeof id, "%s", word_at(json_array_get(json_object_get(answer, "results"), 0), "newId"));
  json_decref(answer);
  item = ask(host, "dlq.get", "{\"id\":\"%s\"}", id);
  assert_string_equal(word_at(note_in(item), "text"), "ask bob");
  json_decref(item);
  json_decref(ask(host, "dlq.note", "{\"ids\":[\"%s\"],\"note\":null}", id));
  item = ask(host, "dlq.get", "{\"id\":\"%s\"}", id);
  assert_true(json_is_null(note_in(item)));
  json_decref(item);
  json_t *log = ask(host, "audit", "{\"limit\":1}");
  assert_string_equal(word_at(json_array_get(json_object_get(log, "items"), 0), "action"), "dlq.note");
  json_decref(log);
  host_close(host);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(letters_come_back_byte_for_byte_and_once),
      TEST(an_event_of_a_line_goes_into_its_topic_once),
      TEST(what_is_no_line_is_refused_with_its_number_and_the_rest_is_taken),
      TEST(a_new_topic_has_as_many_partitions_as_its_lines_need),
      TEST(a_note_is_shown_kept_in_the_archive_and_comes_back),
  };
  return cmocka_run_group_tests(tests, fixture_start, fixture_end);
}
