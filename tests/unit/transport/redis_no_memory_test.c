/* SPDX-License-Identifier: MIT
 * redis_no_memory_test.c - this transport while any one allocation fails: each event has its outcome, what
 * was answered is whole, and whoever takes over gets all of it. */
#include "transport/redis/redis_internal.h"
#include "unit/support/shortage.h"
#include "unit/transport/redis_letters.h"

enum { ALLOCATIONS_MAX = 10000, LETTERS = 100 };

/* Asks while the allocation behind so many others fails; gives whether it has to be asked again. */
static bool ask_short_of(evs_host *host, const char *method, const char *params, long allowed) {
  shortage_begin(allowed, false);
  request(host, method, params);
  bool was_short = shortage_end();
  evs_status status = host->replies[--host->reply_count].status;
  free(host->replies[host->reply_count].text);
  if (status != EVS_OK)
    assert_true(was_short && (status == EVS_NOMEM || status == EVS_TRANSPORT));
  if (status == EVS_TRANSPORT)
    EXPECT_SOON(is_connected, host);
  return was_short;
}

/* ---- publishing --------------------------------------------------------------------------------- */

/* What is there is what nobody says was not sent; after a lost connection nobody knows. */
static void expect_what_was_told(const evs_host *host, size_t from) {
  size_t stored = 0, unknown = 0;
  for (size_t i = from; i < host->published_count; i++) {
    const outcome *end = &host->published[i];
    assert_true(end->status == EVS_TIMEOUT || end->status == EVS_NOMEM || end->status == EVS_TRANSPORT);
    bool is_sent = (end->flags & EVS_TP_NOT_SENT) == 0;
    stored += is_sent && end->status != EVS_TRANSPORT;
    unknown += is_sent && end->status == EVS_TRANSPORT;
  }
  assert_in_range(redis_length(&server, "t"), stored, stored + unknown);
}

static void publish_two(evs_host *host) {
  size_t before = host->published_count;
  publish(host, "t", "a.b", 2);
  wait_count(&host->published_count, before + 2);
}

static bool is_asking_replicas(void *data) {
  evs_host *host = data;
  publish_two(host);
  return host->published[host->published_count - 1].status == EVS_TIMEOUT;
}

/* There is no replica, so that each one that was stored is waited for in vain. */
static void each_event_that_waits_for_replicas_has_its_outcome(void **state) {
  (void)state;
  bool was_short = true;
  evs_host *host = host_new(",\"acknowledgement\":{\"replicated\":1,\"timeout\":1}");
  EXPECT_SOON(is_connected, host);
  while (!is_asking_replicas(host))
    run_for(1);
  for (long allowed = 0; was_short; allowed++) {
    assert_true(allowed < ALLOCATIONS_MAX);
    size_t before = host->published_count;
    redis_number(&server, "XTRIM stream:{t} MAXLEN 0");
    shortage_begin(allowed, false);
    publish_two(host);
    was_short = shortage_end();
    expect_what_was_told(host, before);
    while (!is_asking_replicas(host))
      run_for(1);
  }
  host_close(host);
}

/* ---- requests ----------------------------------------------------------------------------------- */

/* Two dead letters, of an event and of what is none; the first has a note. */
#define LINES                                                                                                \
  "{\"lines\":[\"{\\\"v\\\":1,\\\"id\\\":\\\"m/t/1-0\\\",\\\"topic\\\":\\\"t\\\",\\\"fields\\\":[[\\\"data"  \
  "\\\",\\\"{\\\\\\\"v\\\\\\\":1,\\\\\\\"header\\\\\\\":{\\\\\\\"id\\\\\\\":\\\\\\\"e\\\\\\\",\\\\\\\"type"  \
  "\\\\\\\":\\\\\\\"a.b\\\\\\\"},\\\\\\\"body\\\\\\\":1}\\\"]],\\\"dead\\\":{\\\"group\\\":\\\"g\\\"},"      \
  "\\\"note\\\":{\\\"text\\\":\\\"seen\\\"}}\",\"{\\\"v\\\":1,\\\"id\\\":\\\"m/t/2-0\\\",\\\"topic\\\":"     \
  "\\\"t\\\",\\\"fields\\\":[[\\\"x\\\",\\\"y\\\"]],\\\"dead\\\":{\\\"group\\\":\\\"g\\\"}}\"]}"

/* Whatever was taken before memory was short is taken as a whole. */
static void expect_imported(evs_host *host) {
  json_t *answer = ask(host, "dlq.import", "%s", LINES), *row;
  size_t i;
  json_array_foreach(json_object_get(answer, "results"), i, row) {
    assert_string_not_equal(word_at(row, "outcome"), "error");
  }
  assert_int_equal(i, 2);
  json_decref(answer);
  assert_int_equal(redis_dead(&server, "t"), 2);
  json_t *list = ask(host, "dlq.list", "{}");
  json_array_foreach(json_object_get(list, "items"), i, row) {
    const json_t *header = json_object_get(row, "header"), *note = json_object_get(row, "note");
    assert_string_equal(word_at(note, "text"), json_object_size(header) > 0 ? "seen" : "");
  }
  json_decref(list);
  char *topic = redis_text(&server, "HGET evs:topics t");
  assert_non_null(strstr(topic, "a.b"));
  free(topic);
}

static void an_import_is_whole_or_done_again(void **state) {
  (void)state;
  bool was_short = true;
  evs_host *host = host_connected();
  for (long allowed = 0; was_short; allowed++) {
    assert_true(allowed < ALLOCATIONS_MAX);
    redis_number(&server, "FLUSHALL");
    was_short = ask_short_of(host, "dlq.import", LINES, allowed);
    expect_imported(host);
  }
  host_close(host);
}

static json_t *enter(evs_host *host, const char *owner) {
  json_t *answer = ask(host, "job.enter", "{\"id\":\"o1\",\"owner\":\"%s\",\"streams\":[\"t\"]}", owner);
  json_t *row = json_incref(json_object_get(json_object_get(answer, "streams"), "t"));
  json_decref(answer);
  return row;
}

/* Whoever goes on hears how far it is, and it is as far as the letters say. */
static void a_step_is_done_with_its_count_or_not_at_all(void **state) {
  (void)state;
  char params[512];
  bool was_short = true;
  evs_host *host = host_holding(LETTERS);
  bury(host, 0, LETTERS, 'a', 0);
  for (long allowed = 0; was_short; allowed++) {
    json_t *row = enter(host, "one");
    assert_int_equal(number_at(row, "done"), LETTERS - redis_dead(&server, "t"));
    snprintf(params, sizeof params,
             "{\"id\":\"o1\",\"owner\":\"one\",\"kind\":\"requeue\",\"filter\":{\"group\":\"g\"},"
             "\"stream\":\"t\",\"position\":\"%s\",\"bound\":\"99999999999999-0\",\"limit\":1}",
             word_at(row, "position"));
    json_decref(row);
    was_short = ask_short_of(host, "job.step", params, allowed);
  }
  host_close(host);
}

/* ---- taking over -------------------------------------------------------------------------------- */

#define ALL "[{\"pattern\":\"*\"}]"

/* What cannot be settled any more comes again. */
static void settle_until(evs_host *host, size_t count) {
  for (size_t settled = 0, good = 0; good < count;) {
    wait_count(&host->entry_count, settled + 1);
    size_t come = host->entry_count;
    good += settle_all(host, settled, come, EVS_SETTLE_ACK);
    settled = come;
  }
  assert_int_equal(redis_pending(&server, "t", "g"), 0);
}

static evs_host *host_of_group(const char *more, const char *name) {
  evs_host *host = host_new(more);
  EXPECT_SOON(is_connected, host);
  join_as(host, "g", name, "t", ALL);
  return host;
}

static evsi_redis_stream *stream_of(const evs_host *host) {
  evsi_redis_group *group = evsi_redis_group_find(host->transport, GROUP);
  return group->streams[0];
}

static evsi_redis_reply text_reply(const char *text) {
  return (evsi_redis_reply){.type = EVSI_REDIS_STRING, .text = bytes(text)};
}

/* Whoever is missing from what the host is told would be one for whom nothing is left. */
static void the_host_hears_of_all_members_or_of_none(void **state) {
  (void)state;
  static const char *const fields[] = {
      "c:x", "1", "e:x", "x", "i:x", "{\"subscriptions\":[{\"pattern\":\"x.*\"}]}",
      "c:y", "1", "e:y", "y", "i:y", "{\"subscriptions\":[{\"pattern\":\"y.*\"}]}"};
  enum { FIELDS = sizeof fields / sizeof *fields };
  evsi_redis_reply items[FIELDS], *pointers[FIELDS], all = {EVSI_REDIS_ARRAY, 0, {NULL, 0}, pointers, FIELDS};
  evs_host *host = host_of_group(",\"sessionTimeout\":60000", "c"); /* no beat changes what is told */
  bool was_short = true;
  for (size_t i = 0; i < FIELDS; i++) {
    items[i] = text_reply(fields[i]);
    pointers[i] = &items[i];
  }
  for (long allowed = 0; was_short; allowed++) {
    uint64_t version = (uint64_t)allowed + 1;
    evsi_redis_stream *stream = stream_of(host);
    evsi_redis_members_free(stream);
    shortage_begin(allowed, false);
    evsi_redis_members_update(stream, version, &all);
    was_short = shortage_end();
    bool is_told = host->members_version == version;
    assert_true(is_told || was_short);
    assert_int_equal(stream->version, is_told ? version : 0);
    assert_true(!is_told || (strstr(host->members, "x.*") && strstr(host->members, "y.*")));
  }
  host_close(host);
}

/* As after a beat with which somebody is late; gives whether there was a shortage. */
static bool claim_short_of(evsi_redis_stream *stream, long allowed) {
  for (evsi_redis_member *each = stream->members; each; each = each->hh.next)
    each->changed_ms = 0;
  shortage_begin(allowed, false);
  evsi_redis_claim_dead(stream);
  return shortage_end();
}

static bool is_settled_down(void *data) {
  evs_host *host = data;
  return host->is_connected && stream_of(host)->state == EVSI_STREAM_LIVE && !stream_of(host)->is_claiming;
}

static void what_a_dead_member_had_is_claimed_although_memory_is_short(void **state) {
  (void)state;
  evs_host *dead = host_of_group("", "dead");
  publish_and_wait(dead, "t", "a.b", 20);
  wait_count(&dead->entry_count, 20);
  host_free(dead);                                                       /* without leaving: as a crash */
  evs_host *other = host_of_group(",\"sessionTimeout\":60000", "other"); /* no beat sees to it */
  for (long allowed = 0; claim_short_of(stream_of(other), allowed); allowed++)
    EXPECT_SOON(is_settled_down, other);
  settle_until(other, 20);
  host_close(other);
}

/* Gives whether there was a shortage. */
static bool forget_short_of(long allowed) {
  evs_host *host = host_of_group(",\"sessionTimeout\":150", "c");
  publish_and_wait(host, "t", "a.b", 20);
  wait_count(&host->entry_count, 20);
  evsi_redis_group *group = evsi_redis_group_find(host->transport, GROUP);
  redis_number(&server, "DEL evs:hb:{t}:g");
  shortage_begin(allowed, false);
  evsi_redis_group_fenced(group, group->generation);
  bool was_short = shortage_end();
  settle_until(host, 20);
  host_close(host);
  return was_short;
}

/* If need be what it had comes as from a consumer that nobody knows. */
static void a_member_that_the_server_forgot_gets_all_it_had(void **state) {
  (void)state;
  for (long allowed = 0; forget_short_of(allowed); allowed++)
    assert_true(allowed < ALLOCATIONS_MAX);
}

/* ---- around each test --------------------------------------------------------------------------- */

static long alive_before;

static int start_counting(void **state) {
  shortage_begin(SHORTAGE_NEVER, false);
  alive_before = shortage_alive();
  return fixture_clear(state);
}

static int expect_nothing_left(void **state) {
  int left = fixture_leave(state);
  return shortage_alive() == alive_before ? left : -1;
}

#define COUNTED(name) cmocka_unit_test_setup_teardown(name, start_counting, expect_nothing_left)

int main(void) {
  const struct CMUnitTest tests[] = {
      COUNTED(each_event_that_waits_for_replicas_has_its_outcome),
      COUNTED(an_import_is_whole_or_done_again),
      COUNTED(a_step_is_done_with_its_count_or_not_at_all),
      COUNTED(the_host_hears_of_all_members_or_of_none),
      COUNTED(what_a_dead_member_had_is_claimed_although_memory_is_short),
      COUNTED(a_member_that_the_server_forgot_gets_all_it_had),
  };
  return cmocka_run_group_tests(tests, fixture_start, fixture_end);
}
