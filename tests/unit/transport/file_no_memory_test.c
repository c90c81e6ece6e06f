/* SPDX-License-Identifier: MIT
 * file_no_memory_test.c - this transport while any one allocation fails, on whichever thread: what was
 * answered is whole, each event has its outcome, and what a host could not take comes again. */
#include <jansson.h>

#include "unit/support/shortage.h"
#include "unit/transport/file_fixture.h"
#include "unit/transport/redis_letters.h"

enum { ALLOCATIONS_MAX = 10000, MOMENT_MS = 10 };

/* Asks while the allocation behind so many others fails; gives whether there was such a one. */
static bool ask_short_of(evs_host *host, const char *method, const char *params, long allowed) {
  shortage_begin(allowed, false);
  request(host, method, params);
  bool was_short = shortage_end();
  evs_status status = host->replies[--host->reply_count].status;
  if (status != EVS_OK && !(was_short && (status == EVS_NOMEM || status == EVS_TRANSPORT)))
    fail_msg("%s after %ld allocations: %s %s", method, allowed, evs_status_name(status),
             host->replies[host->reply_count].text);
  free(host->replies[host->reply_count].text);
  if (status == EVS_TRANSPORT)
    EXPECT_SOON(is_connected, host);
  return was_short;
}

/* ---- requests ----------------------------------------------------------------------------------- */

#define FIELDS                                                                                               \
  "\"fields\":[[\"data\",\"{\\\"header\\\":{\\\"id\\\":\\\"e\\\",\\\"type\\\":\\\"a.b\\\"}}\"],[\"x\","      \
  "\"y\"]]"
#define RECORD "\"dead\":\"{\\\"group\\\":\\\"g\\\",\\\"originalId\\\":\\\"7-7\\\"}\""
#define ENTRY(number, record)                                                                                \
  "{\"n\":" number ",\"at\":5," FIELDS ",\"pending\":[{\"group\":\"g\",\"deliveries\":1,\"state\":\"{}\","   \
  "\"letter\":{\"at\":5," FIELDS "," record "}}],\"delivered\":[\"g\"]}"
#define PAGE(name, what, rows)                                                                               \
  "{\"stream\":\"%s\",\"copy\":\"c\",\"next\":\"n\",\"what\":\"" what "\",\"rows\":[" rows "]}", name

static size_t count_letters(evs_host *host, const char *topic, const char *const originals[], size_t most) {
  json_t *answer = ask(host, "dlq.list", "{\"topic\":\"%s\"}", topic);
  const json_t *items = json_object_get(answer, "items");
  size_t count = json_array_size(items);
  for (size_t i = 0; i < count && i < most; i++)
    assert_string_equal(word_at(json_array_get(items, i), "originalId"), originals[i]);
  json_decref(answer);
  return count;
}

/* Entries that stay behind their letters, one with a record that is none, and a letter without an entry.
 * Gives whether there was a shortage; a page that was not written is written again. */
static bool copy_short_of(evs_host *host, long allowed) {
  static const char *const originals[] = {"1", "", "7-7"};
  char name[32], page[1024];
  snprintf(name, sizeof name, "copied-%ld", allowed);
  json_decref(ask(host, "copy.write", PAGE(name, "begin", "{\"first\":1,\"groups\":[{\"group\":\"g\"}]}")));
  snprintf(page, sizeof page, PAGE(name, "entries", ENTRY("1", RECORD) "," ENTRY("2", "\"dead\":\"none\"")));
  bool was_short = ask_short_of(host, "copy.write", page, allowed);
  if (count_letters(host, name, originals, 3) == 0)
    json_decref(ask(host, "copy.write", "%s", page));
  json_decref(ask(host, "copy.write", PAGE(name, "letters", "{\"at\":6," FIELDS "," RECORD "}")));
  assert_int_equal(count_letters(host, name, originals, 3), 3);
  return was_short;
}

static void a_page_of_a_copy_is_written_as_a_whole_or_not_at_all(void **state) {
  (void)state;
  evs_host *host = host_connected();
  for (long allowed = 0; copy_short_of(host, allowed); allowed++)
    assert_true(allowed < ALLOCATIONS_MAX);
  host_close(host);
}

/* Gives whether there was a shortage; the step is done again where it was not done. */
static bool replay_short_of(evs_host *host, long allowed) {
  char id[32], params[256];
  snprintf(id, sizeof id, "r%ld", allowed);
  snprintf(params, sizeof params,
           "{\"id\":\"%s\",\"owner\":\"o\",\"kind\":\"replay\",\"filter\":{\"topic\":\"t\"},\"stream\":\"t\","
           "\"bound\":\"3\",\"limit\":10}",
           id);
  json_decref(ask(host, "job.enter", "{\"id\":\"%s\",\"owner\":\"o\",\"streams\":[\"t\"]}", id));
  bool was_short = ask_short_of(host, "job.step", params, allowed);
  json_t *answer = ask(host, "job.enter", "{\"id\":\"%s\",\"owner\":\"o\",\"streams\":[\"t\"]}", id);
  long long done = number_at(json_object_get(json_object_get(answer, "streams"), "t"), "done");
  json_decref(answer);
  assert_true(done == 3 || (done == 0 && was_short));
  if (done == 0) {
    answer = ask(host, "job.step", "%s", params);
    assert_int_equal(number_at(answer, "done"), 3);
    json_decref(answer);
  }
  return was_short;
}

static void a_step_of_a_replay_feeds_all_it_counts(void **state) {
  (void)state;
  evs_host *host = host_connected();
  publish_and_wait(host, "t", "a.b", 3);
  for (long allowed = 0; replay_short_of(host, allowed); allowed++)
    assert_true(allowed < ALLOCATIONS_MAX);
  host_close(host);
}

/* ---- publishing --------------------------------------------------------------------------------- */

/* Gives whether there was a shortage. */
static bool publish_short_of(evs_host *host, long allowed) {
  size_t before = host->published_count;
  shortage_begin(allowed, false);
  publish(host, "t", "a.b", 2);
  wait_count(&host->published_count, before + 2);
  bool was_short = shortage_end();
  for (size_t i = before; i < host->published_count; i++) {
    const outcome *end = &host->published[i];
    assert_true(end->status == EVS_TRANSPORT || (was_short && end->status == EVS_NOMEM));
    assert_true((end->flags & (EVS_TP_NOT_SENT | EVS_TP_TRANSIENT)) == (EVS_TP_NOT_SENT | EVS_TP_TRANSIENT));
  }
  return was_short;
}

static void each_event_for_a_file_that_is_not_open_is_refused(void **state) {
  (void)state;
  static char place[FOLDER_SIZE + 32];
  snprintf(place, sizeof place, "\"path\":\"%s/none/events.db\"", file_folder());
  the_place = place;
  evs_host *host = host_new("");
  for (long allowed = 0; publish_short_of(host, allowed); allowed++)
    assert_true(allowed < ALLOCATIONS_MAX);
  host_close(host);
}

/* ---- what a host cannot take -------------------------------------------------------------------- */

static long allowed_then;

static void begin_shortage(evs_host *host) {
  if (host->is_short_of_memory)
    shortage_begin(allowed_then, false);
}

static bool has_entry(void *data) {
  return ((evs_host *)data)->entry_count > 0;
}

/* Gives whether there was a shortage. What could not even be noted as given comes again, too. */
static bool refuse_short_of(long allowed) {
  evs_host *host = host_connected();
  host->delivering = begin_shortage;
  host->is_short_of_memory = true;
  allowed_then = allowed;
  join(host, "g", "t");
  publish_and_wait(host, "t", "a.b", 1);
  wait_count(&host->refused, 1);
  run_for(MOMENT_MS);
  bool was_short = shortage_end();
  host->is_short_of_memory = false;
  EXPECT_SOON(has_entry, host);
  assert_int_equal(settle_all(host, 0, host->entry_count, EVS_SETTLE_ACK), 1);
  host_close(host);
  return was_short;
}

static void what_a_host_cannot_take_is_not_lost(void **state) {
  (void)state;
  for (long allowed = 0; refuse_short_of(allowed); allowed++)
    assert_true(allowed < ALLOCATIONS_MAX);
}

/* ---- around each test --------------------------------------------------------------------------- */

static long alive_before;

static int start_counting(void **state) {
  shortage_begin(SHORTAGE_NEVER, false);
  alive_before = shortage_alive();
  return on_file(state);
}

/* The worker of a file may end a little later. */
static int expect_nothing_left(void **state) {
  bool has_failed = open_hosts > 0;
  int left = file_leave(state);
  if (!has_failed)
    TEST_UNTIL(shortage_alive() == alive_before);
  return left;
}

#define COUNTED(name) cmocka_unit_test_setup_teardown(name, start_counting, expect_nothing_left)

int main(void) {
  const struct CMUnitTest tests[] = {
      COUNTED(a_page_of_a_copy_is_written_as_a_whole_or_not_at_all),
      COUNTED(a_step_of_a_replay_feeds_all_it_counts),
      COUNTED(each_event_for_a_file_that_is_not_open_is_refused),
      COUNTED(what_a_host_cannot_take_is_not_lost),
  };
  return cmocka_run_group_tests(tests, fixture_start, fixture_end);
}
