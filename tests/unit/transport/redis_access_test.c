/* SPDX-License-Identifier: MIT
 * redis_access_test.c - users of the server: those of docs/acl do their whole job and no more, and what is
 * said to one who may not, or whose password was changed. */
#include "unit/transport/redis_letters.h"

#define SECRET "hunter2"

static void make_user(const char *name) {
  char path[256], line[2048] = "";
  snprintf(path, sizeof path, EVS_SOURCE_DIR "/docs/acl/%s.acl", name);
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  assert_non_null(fgets(line, sizeof line, file));
  fclose(file);
  redis_user(&server, line, SECRET);
}

static evs_host *host_as(const char *name) {
  char options[200];
  snprintf(options, sizeof options, ",\"username\":\"%s\",\"password\":\"" SECRET "\"", name);
  evs_host *host = host_new(options);
  EXPECT_SOON(is_connected, host);
  return host;
}

static void begin_as(const char *name) {
  make_user(name);
  redis_number(&server, "ACL LOG RESET");
}

/* Of what the library asked for, only the limits of the server may be kept from it. */
static void expect_nothing_denied(void) {
  char *denied = redis_denied(&server);
  if (denied[0] && strcmp(denied, " config|get") != 0)
    fail_msg("denied:%s", denied);
  free(denied);
}

static void expect_refused(const char *user, const char *const *commands) {
  for (size_t i = 0; commands[i]; i++) {
    char words[256], *rest = NULL;
    const char *all[16] = {"ACL", "DRYRUN", user};
    int count = 3;
    snprintf(words, sizeof words, "%s", commands[i]);
    for (char *word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
      all[count++] = word;
    char *answer = redis_text_words(&server, count, all);
    if (!strstr(answer, "no permissions"))
      fail_msg("%s may %s: %s", user, commands[i], answer);
    free(answer);
  }
}

static void show_and_take_back(evs_host *host) {
  evsi_redis_transport.announce(host->transport, bytes("shop"), bytes("i1"), bytes("{}"), 5000);
  evsi_redis_transport.announce(host->transport, bytes("shop"), bytes("i1"), bytes("{}"), 0);
}

static void keep_a_schema(evs_host *host) {
  const char *state = "{\"known\":\"\"}";
  json_t *read = ask(host, "schemas.read", "%s", state);
  json_t *written = ask(host, "schemas.write",
                        "{\"expected\":\"%s\",\"set\":{\"a.b@1.0.0\":\"{}\"},\"action\":\"a\",\"scope\":{}}",
                        json_string_value(json_object_get(read, "state")));
  assert_true(json_is_true(json_object_get(written, "written")));
  json_decref(read);
  json_decref(written);
}

static void a_publisher_publishes_and_does_no_more(void **state) {
  (void)state;
  begin_as("publisher");
  evs_host *host = host_as("publisher");
  publish_and_wait(host, "t", "a.b", 10);
  show_and_take_back(host);
  keep_a_schema(host);
  run_for(500); /* looks at the registry and beats meanwhile */
  host_close(host);
  assert_int_equal(redis_length(&server, "t"), 10);
  assert_int_equal(redis_number(&server, "HEXISTS evs:topics t"), 1);
  expect_nothing_denied();
  expect_refused("publisher",
                 (const char *[]){"XREADGROUP GROUP g c STREAMS stream:{t} >", "XRANGE stream:{t} - +",
                                  "XDEL stream:{t} 1-1", "XADD dlq:{t} * a b", "XADD other * a b",
                                  "GET evs:x", "FLUSHALL", "CONFIG GET *", "KEYS *", NULL});
}

static void settle_in_all_ways(evs_host *host) {
  assert_int_equal(settle_all(host, 0, 4, EVS_SETTLE_ACK), 4);
  assert_int_equal(settle_all(host, 4, 6, EVS_SETTLE_DEAD_LETTER), 2);
  size_t before = host->entry_count;
  assert_int_equal(settle_all(host, 6, 8, EVS_SETTLE_PARK), 2);
  wait_count(&host->entry_count, before + 2); /* parked without a delay: they come again */
  assert_int_equal(settle_all(host, before, before + 2, EVS_SETTLE_RELEASE), 2);
  wait_count(&host->entry_count, before + 4);
}

static void a_consumer_settles_takes_over_and_leaves_and_does_no_more(void **state) {
  (void)state;
  begin_as("consumer");
  evs_host *first = host_as("consumer");
  publish_and_wait(first, "t", "a.b", 20);
  join_as(first, "g", "one", NULL, "[{\"pattern\":\"*\"}]"); /* finds the topic by itself */
  wait_count(&first->entry_count, 20);
  settle_in_all_ways(first);
  show_and_take_back(first);
  keep_a_schema(first);
  host_free(first); /* like a process that was killed: it does not leave */
  evs_host *second = host_as("consumer");
  join_as(second, "g", "two", "t", "[{\"pattern\":\"*\"}]");
  wait_count((const size_t *)&second->claimed, 1);
  wait_count(&second->entry_count, 12);
  assert_int_equal(settle_all(second, 0, second->entry_count, EVS_SETTLE_ACK), second->entry_count);
  evsi_redis_transport.leave(second->transport, GROUP);
  wait_flag(&second->left, 1);
  host_close(second);
  assert_int_equal(redis_dead(&server, "t"), 2);
  expect_nothing_denied();
  expect_refused("consumer", (const char *[]){"XREVRANGE stream:{t} + -", "XGROUP DESTROY stream:{t} g",
                                              "SADD evs:outboxes t", "XADD other * a b", "FLUSHALL",
                                              "CONFIG GET *", "KEYS *", NULL});
}

static void make_letters(void) {
  evs_host *host = host_holding(8);
  bury(host, 0, 8, 'a', 0);
  evsi_redis_transport.announce(host->transport, bytes("shop"), bytes("i1"), bytes("{}"), 60000);
  host_close(host);
}

static void look_at_everything(evs_host *host) {
  static const char *const questions[][2] = {
      {"topics", "{}"},          {"groups", "{}"},
      {"fleet", "{}"},           {"tail", "{\"from\":\"start\",\"limit\":4}"},
      {"dlq.list", "{}"},        {"dlq.groups", "{}"},
      {"dlq.count", "{}"},       {"dlq.count", "{\"filter\":{\"type\":\"a.b\"}}"},
      {"dlq.archive", "{}"},     {"audit", "{}"},
      {"tail", "{\"limit\":4}"}, {"job.list", "{}"},
      {"schemas.read", "{}"}};
  for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++)
    json_decref(ask(host, questions[i][0], "%s", questions[i][1]));
  char id[128];
  snprintf(id, sizeof id, "%s", letter_id(host, 0));
  json_decref(ask(host, "dlq.get", "{\"id\":\"%s\"}", id));
}

static void operate(evs_host *host) {
  json_decref(ask(host, "job.create", "{\"id\":\"o1\",\"owner\":\"one\",\"document\":{\"id\":\"o1\"}}"));
  json_decref(ask(host, "job.beat", "{\"id\":\"o1\",\"owner\":\"one\",\"progress\":{}}"));
  json_decref(ask(host, "job.bounds", "{\"kind\":\"requeue\",\"filter\":{}}"));
  json_decref(ask(host, "job.enter", "{\"id\":\"o1\",\"owner\":\"one\",\"streams\":[\"t\"]}"));
  json_t *made = ask(
      host, "job.step",
      "{\"id\":\"o1\",\"owner\":\"one\",\"kind\":\"requeue\",\"filter\":{\"group\":\"g\"},\"stream\":\"t\","
      "\"position\":\"\",\"bound\":\"99999999999999-0\",\"limit\":2}");
  assert_int_equal(number_at(made, "done"), 2);
  json_decref(made);
  json_decref(ask(host, "job.forget", "{\"ids\":[\"o1\"]}"));
}

static void an_operator_manages_dead_letters_and_groups_and_does_no_more(void **state) {
  (void)state;
  make_letters();
  begin_as("operator");
  evs_host *host = host_as("operator");
  look_at_everything(host);
  char discarded[128];
  snprintf(discarded, sizeof discarded, "%s", letter_id(host, 0));
  assert_string_equal(change_one(host, "dlq.discard", discarded, ",\"reason\":\"old\""), "discarded");
  assert_string_equal(change_one(host, "dlq.restore", discarded, ""), "restored");
  assert_string_equal(change_one(host, "dlq.requeue", letter_id(host, 0), ""), "requeued");
  operate(host);
  json_decref(ask(host, "groups.pause", "{\"group\":\"g\",\"actor\":\"ann\"}"));
  json_decref(ask(host, "groups.resume", "{\"group\":\"g\",\"actor\":\"ann\"}"));
  json_decref(ask(host, "topics.remove", "{\"topic\":\"t\",\"force\":true}"));
  host_close(host);
  expect_nothing_denied();
  expect_refused("operator", (const char *[]){"XREADGROUP GROUP g c STREAMS stream:{t} >", "XADD other * a b",
                                              "XGROUP DESTROY stream:{t} g", "XCLAIM stream:{t} g c 0 1-1",
                                              "FLUSHALL", "CONFIG GET *", "KEYS *", NULL});
}

static bool has_warned(void *data) {
  return ((evs_host *)data)->warning_count > 0;
}

static void a_viewer_sees_everything_and_changes_nothing(void **state) {
  (void)state;
  make_letters();
  begin_as("viewer");
  evs_host *host = host_as("viewer");
  look_at_everything(host);
  size_t before = host->reply_count;
  char params[200];
  snprintf(params, sizeof params, "{\"ids\":[\"%s\"]}", letter_id(host, 0));
  evsi_redis_transport.request(host->transport, "dlq.discard", params, strlen(params), 99);
  wait_count(&host->reply_count, before + 1);
  if (!strstr(host->replies[before].text, "needs"))
    fail_msg("%s", host->replies[before].text);
  assert_int_equal(redis_dead(&server, "t"), 8);
  host_close(host);
  expect_refused("viewer",
                 (const char *[]){"XADD stream:{t} * a b", "XREADGROUP GROUP g c STREAMS stream:{t} >",
                                  "XDEL dlq:{t} 1-1", "HSET evs:paused g x", "DEL stream:{t}", "GET other",
                                  "FLUSHALL", "CONFIG GET *", "KEYS *", NULL});
}

/* One that is due long since, as a process that ended leaves it. */
static void a_viewer_leaves_delayed_events_to_others_and_says_so_once(void **state) {
  (void)state;
  redis_number(&server, "ZADD evs:delays 1 t");
  redis_number(&server, "ZADD evs:delay:{t} 1 0000000000000001");
  begin_as("viewer");
  evs_host *host = host_as("viewer");
  EXPECT_SOON(has_warned, host);
  assert_non_null(strstr(host->last_log, "they are left to others"));
  run_for(500); /* several looks at what is due */
  assert_int_equal(host->warning_count, 1);
  host_close(host);
}

/* ---- what is said ------------------------------------------------------------------------------- */

static void a_refusal_names_the_rule_that_is_missing(void **state) {
  (void)state;
  redis_user(&server, "user poor off resetkeys -@all ~evs:* +@connection +eval +evalsha +hgetall +hmget",
             SECRET);
  evs_host *host = host_as("poor");
  publish(host, "t", "a.b", 1);
  wait_count(&host->published_count, 1);
  assert_int_equal(host->published[0].status, EVS_TRANSPORT);
  assert_non_null(strstr(host->published[0].message, "+xadd"));
  assert_non_null(strstr(host->last_log, "events doctor"));
  redis_number(&server, "ACL SETUSER poor +xadd");
  publish(host, "t", "a.b", 1);
  wait_count(&host->published_count, 2);
  assert_non_null(strstr(host->published[1].message, "~stream:*"));
  host_close(host);
}

static bool says_user(void *data) {
  return strstr(((evs_host *)data)->message, "signing in as the user clerk was refused: WRONGPASS") != NULL;
}

static void a_password_that_was_changed_is_told_and_heals(void **state) {
  (void)state;
  redis_user(&server, "user clerk off allkeys allcommands", SECRET);
  evs_host *host = host_as("clerk");
  publish_and_wait(host, "t", "a.b", 1);
  redis_number(&server, "ACL SETUSER clerk resetpass >another");
  redis_number(&server, "CLIENT KILL USER clerk");
  EXPECT_SOON(says_user, host);
  assert_true(host->is_fatal);
  assert_null(strstr(host->message, SECRET));
  redis_number(&server, "ACL SETUSER clerk resetpass >" SECRET);
  EXPECT_SOON(is_connected, host);
  publish_and_wait(host, "t", "a.b", 1);
  assert_int_equal(host->reconnects, 1);
  host_close(host);
}

static void a_user_that_is_not_there_is_told(void **state) {
  (void)state;
  evs_host *host = host_new(",\"username\":\"nobody\",\"password\":\"" SECRET "\"");
  while (!host->message[0])
    run_for(5);
  assert_non_null(strstr(host->message, "the user nobody"));
  assert_null(strstr(host->message, SECRET));
  host_close(host);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_publisher_publishes_and_does_no_more),
      TEST(a_consumer_settles_takes_over_and_leaves_and_does_no_more),
      TEST(an_operator_manages_dead_letters_and_groups_and_does_no_more),
      TEST(a_viewer_sees_everything_and_changes_nothing),
      TEST(a_viewer_leaves_delayed_events_to_others_and_says_so_once),
      TEST(a_refusal_names_the_rule_that_is_missing),
      TEST(a_password_that_was_changed_is_told_and_heals),
      TEST(a_user_that_is_not_there_is_told),
  };
  return cmocka_run_group_tests(tests, fixture_start, fixture_end);
}
