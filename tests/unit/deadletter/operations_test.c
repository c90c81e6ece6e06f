/* SPDX-License-Identifier: MIT
 * operations_test.c - the engine of operations alone, over a model of a store and a clock that the test
 * moves: taking over, being taken over, questions that fail, the rate. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "deadletter/operations.h"
#include "unit/support/shortage.h"

enum { LETTERS = 1000, TIMEOUT_MS = 15000, ENGINES = 2, ALLOCATIONS_MAX = 1000 };

/* ---- the world: one store, one clock, a timer for each engine ------------------------------------ */

struct evsi_timer {
  void (*fire)(void *data);
  void *data;
  uint64_t at_ms; /* 0: not set */
};

typedef struct engine {
  evsi_operations *operations;
  evsi_timer timer;
  bool is_frozen, is_cut; /* its process stands still; its questions are not answered by the store */
  bool is_unheard;        /* nor are its looks at all operations, not even by a failure */
  evs_status status;      /* of the last answer to its host */
  char path[64];          /* of its wrong argument */
  json_t *answer;
} engine;

static struct {
  uint64_t now_ms;
  unsigned char random;
  json_t *document, *progress;
  json_int_t version, beat;
  char owner[64], slot_owner[64];
  int position, done, moved[LETTERS], audits;
  int again, handled; /* of what was moved: died again, and got through */
  engine engines[ENGINES];
  evsi_timer *next_timer;
} world;

static evsi_timer *timer_new(evsi_loop *loop, void (*fire)(void *data), void *data) {
  (void)loop;
  world.next_timer->fire = fire;
  world.next_timer->data = data;
  return world.next_timer;
}

static void timer_start(evsi_timer *timer, uint64_t delay_ms) {
  timer->at_ms = world.now_ms + delay_ms;
}

static void timer_stop(evsi_timer *timer) {
  timer->at_ms = 0;
}

static void timer_free(evsi_timer *timer) {
  timer->at_ms = 0;
}

static uint64_t now_ms(void) {
  return world.now_ms;
}

static bool random_bytes(void *bytes, size_t size) {
  memset(bytes, ++world.random, size);
  return true;
}

static const evsi_io io = {
    .timer_new = timer_new, .timer_start = timer_start, .timer_stop = timer_stop, .timer_free = timer_free};
static const evsi_env env = {now_ms, now_ms, now_ms, random_bytes, &io, NULL};

/* ---- the store ----------------------------------------------------------------------------------- */

static const char *word(const json_t *object, const char *name) {
  const char *text = json_string_value(json_object_get(object, name));
  return text ? text : "";
}

static json_t *list(void) {
  json_t *jobs = json_array();
  char beat[32];
  snprintf(beat, sizeof beat, "%lld", (long long)world.beat);
  if (world.document)
    json_array_append_new(
        jobs, json_pack("{s:O,s:O,s:I,s:s,s:O}", "id", json_object_get(world.document, "id"), "document",
                        world.document, "version", world.version, "beat", beat, "progress", world.progress));
  return json_pack("{s:o,s:i}", "jobs", jobs, "sessionTimeout", TIMEOUT_MS);
}

static json_t *create(const json_t *params) {
  world.document = json_deep_copy(json_object_get(params, "document"));
  world.version = world.beat = 1;
  snprintf(world.owner, sizeof world.owner, "%s", word(params, "owner"));
  return json_pack("{s:O,s:b}", "id", json_object_get(params, "id"), "isNew", 1);
}

static json_t *write_document(const json_t *params) {
  bool is_current = json_integer_value(json_object_get(params, "version")) == world.version;
  if (is_current) {
    json_decref(world.document);
    world.document = json_deep_copy(json_object_get(params, "document"));
    world.version++;
  }
  return json_pack("{s:b}", "isWritten", is_current);
}

static json_t *beat(const json_t *params) {
  bool is_owner = strcmp(word(params, "owner"), world.owner) == 0;
  if (is_owner) {
    world.beat++;
    json_decref(world.progress);
    world.progress = json_deep_copy(json_object_get(params, "progress"));
  }
  return json_pack("{s:b,s:I,s:O}", "isOwner", is_owner, "version", world.version, "document",
                   world.document);
}

static json_t *claim(const json_t *params) {
  bool is_claimed = atoll(word(params, "beat")) == world.beat;
  if (is_claimed) {
    world.beat++;
    snprintf(world.owner, sizeof world.owner, "%s", word(params, "owner"));
  }
  return json_pack("{s:b}", "isClaimed", is_claimed);
}

static json_t *enter(const json_t *params) {
  char position[16];
  snprintf(world.slot_owner, sizeof world.slot_owner, "%s", word(params, "owner"));
  snprintf(position, sizeof position, "%d", world.position);
  return json_pack("{s:{s:{s:s,s:i}}}", "streams", "t", "position", position, "done", world.done);
}

static json_t *step(const json_t *params) {
  int from = atoi(word(params, "position")), moved = 0;
  int limit = (int)json_integer_value(json_object_get(params, "limit"));
  bool is_owner = strcmp(word(params, "owner"), world.slot_owner) == 0;
  char position[16];
  for (; is_owner && moved < limit && from + moved < LETTERS; moved++)
    world.moved[from + moved]++;
  if (is_owner)
    world.position = from + moved;
  world.done += moved;
  snprintf(position, sizeof position, "%d", from + moved);
  return json_pack("{s:b,s:s,s:b,s:i}", "isOwner", is_owner, "position", position, "isEnd",
                   from + moved == LETTERS, "done", moved);
}

static json_t *answer_of(const char *method, const json_t *params) {
  if (strcmp(method, "job.list") == 0)
    return list();
  if (strcmp(method, "job.create") == 0)
    return create(params);
  if (strcmp(method, "job.write") == 0)
    return write_document(params);
  if (strcmp(method, "job.beat") == 0)
    return beat(params);
  if (strcmp(method, "job.claim") == 0)
    return claim(params);
  if (strcmp(method, "job.enter") == 0)
    return enter(params);
  if (strcmp(method, "job.step") == 0)
    return step(params);
  if (strcmp(method, "job.outcomes") == 0)
    return json_pack("{s:i,s:i}", "again", world.again, "waiting", world.done - world.again - world.handled);
  if (strcmp(method, "job.bounds") == 0)
    return json_pack("{s:{s:s}}", "bounds", "t", "1000");
  if (strcmp(method, "dlq.count") == 0)
    return json_pack("{s:i,s:b}", "count", LETTERS, "exact", 1);
  assert_string_equal(method, "job.audit");
  world.audits++;
  return json_object();
}

/* Answered within the call, as a transport may; a cut connection loses the answer, not what was done. */
static void ask(void *data, const char *method, json_t *params, evsi_answer_fn fn, void *context) {
  engine *asking = data;
  if (asking->is_unheard && json_object_size(params) == 0) {
    json_decref(params);
    return;
  }
  json_t *answer = answer_of(method, params);
  json_decref(params);
  if (asking->is_cut)
    fn(context, EVS_TIMEOUT, NULL, "no answer");
  else
    fn(context, EVS_OK, answer, NULL);
  json_decref(answer);
}

static void answer_host(void *data, uint64_t request, const evsi_operations_answer *answer) {
  engine *asked = data;
  (void)request;
  json_decref(asked->answer);
  asked->status = answer->status;
  snprintf(asked->path, sizeof asked->path, "%s", answer->path ? answer->path : "");
  asked->answer = answer->status == EVS_OK
                      ? json_loadb(answer->json_or_message.data, answer->json_or_message.size, 0, NULL)
                      : NULL;
}

static void note(void *data, int32_t level, const char *message) {
  (void)data, (void)level, (void)message;
}

/* ---- running ------------------------------------------------------------------------------------- */

static void run_for(uint64_t ms) {
  for (uint64_t end = world.now_ms + ms; world.now_ms < end; world.now_ms++) {
    for (int i = 0; i < ENGINES; i++) {
      engine *each = &world.engines[i];
      for (int turns = 0;
           turns < 1000 && !each->is_frozen && each->timer.at_ms > 0 && each->timer.at_ms <= world.now_ms;
           turns++) {
        each->timer.at_ms = 0;
        each->timer.fire(each->timer.data);
      }
    }
  }
}

static json_t *request(int which, const char *method, const char *params) {
  evsi_operations_request(world.engines[which].operations, method, params, 1);
  assert_int_equal(world.engines[which].status, EVS_OK);
  return world.engines[which].answer;
}

static int setup(void **state) {
  (void)state;
  memset(&world, 0, sizeof world);
  world.now_ms = 1000;
  world.progress = json_null();
  for (int i = 0; i < ENGINES; i++) {
    world.next_timer = &world.engines[i].timer;
    const evsi_operations_setup given = {
        .env = &env, .data = &world.engines[i], .ask = ask, .answer = answer_host, .log = note};
    world.engines[i].operations = evsi_operations_new(&given);
  }
  return 0;
}

static int teardown(void **state) {
  (void)state;
  for (int i = 0; i < ENGINES; i++) {
    evsi_operations_stop(world.engines[i].operations);
    evsi_operations_free(world.engines[i].operations);
    json_decref(world.engines[i].answer);
  }
  json_decref(world.document);
  json_decref(world.progress);
  return 0;
}

static void assert_each_moved_once(void) {
  for (int i = 0; i < LETTERS; i++)
    assert_int_equal(world.moved[i], 1);
  assert_string_equal(word(world.document, "state"), "done");
  assert_int_equal(json_integer_value(json_object_get(world.progress, "done")), LETTERS);
}

#define START(rate) "{\"kind\":\"requeue\",\"filter\":{},\"rate\":" rate "}"

/* ---- tests --------------------------------------------------------------------------------------- */

static void it_keeps_to_its_rate(void **state) {
  (void)state;
  request(0, "operations.start", START("100"));
  run_for(5000);
  assert_in_range(world.done, 480, 540);
  run_for(10000);
  assert_each_moved_once();
  assert_int_equal(world.audits, 2);
}

static void a_frozen_owner_is_replaced_and_refused_when_it_wakes_up(void **state) {
  (void)state;
  request(0, "operations.start", START("100"));
  request(1, "operations.list", "{}");
  run_for(2000);
  world.engines[0].is_frozen = true;
  int before = world.done;
  run_for(TIMEOUT_MS - 500);
  assert_int_equal(world.done, before);
  run_for(TIMEOUT_MS / 2);
  assert_true(world.done > before);
  world.engines[0].is_frozen = false; /* it believes to be the owner */
  run_for(20000);
  assert_each_moved_once();
}

/* Gives whether the allocation behind so many others failed while the other process saw to it. */
static bool replace_short_of(long allowed) {
  void *none = NULL;
  shortage_begin(SHORTAGE_NEVER, false); /* counts */
  setup(&none);
  request(0, "operations.start", START("100"));
  request(1, "operations.list", "{}");
  run_for(2000);
  world.engines[0].is_frozen = true;
  shortage_begin(allowed, false);
  run_for(2 * TIMEOUT_MS);
  bool was_short = shortage_end();
  run_for(2 * TIMEOUT_MS);
  assert_each_moved_once();
  teardown(&none);
  return was_short;
}

static void a_frozen_owner_is_replaced_although_memory_is_short(void **state) {
  (void)state;
  long allowed = 0, before = shortage_alive();
  while (replace_short_of(allowed++))
    assert_true(allowed < ALLOCATIONS_MAX);
  assert_true(allowed > 1);
  assert_int_equal(shortage_alive(), before);
}

static void an_owner_that_beats_is_left_alone(void **state) {
  (void)state;
  char owner[64];
  request(0, "operations.start", START("10"));
  request(1, "operations.list", "{}");
  snprintf(owner, sizeof owner, "%s", world.owner);
  run_for(4 * TIMEOUT_MS);
  assert_string_equal(world.owner, owner);
}

static void answers_that_are_lost_move_nothing_twice(void **state) {
  (void)state;
  request(0, "operations.start", START("200"));
  for (int i = 0; i < 20; i++) {
    run_for(130);
    world.engines[0].is_cut = !world.engines[0].is_cut;
  }
  world.engines[0].is_cut = false;
  run_for(20000);
  assert_each_moved_once();
}

static void trouble_of_the_store_is_told_and_passes(void **state) {
  (void)state;
  request(0, "operations.start", START("100"));
  run_for(1000);
  world.engines[0].is_cut = true;
  run_for(3000);
  world.engines[0].is_cut = false;
  run_for(1000);
  assert_true(json_is_null(json_object_get(request(0, "operations.get", "{\"id\":\"x\"}"), "lastError")));
  run_for(20000);
  assert_each_moved_once();
}

static void what_another_process_asks_is_done_by_the_owner(void **state) {
  (void)state;
  char change[128];
  const char *id = word(request(0, "operations.start", START("100")), "id");
  snprintf(change, sizeof change, "{\"id\":\"%s\",\"state\":\"paused\"}", id);
  run_for(1000);
  request(1, "operations.set", change);
  run_for(500);
  int before = world.done;
  run_for(3 * TIMEOUT_MS);
  assert_int_equal(world.done, before);
  request(1, "operations.set", "{\"id\":\"x\",\"state\":\"running\",\"rate\":50}");
  run_for(4000);
  assert_in_range(world.done - before, 100, 220);
  request(1, "operations.set", "{\"id\":\"x\",\"state\":\"aborted\"}");
  run_for(1000);
  before = world.done;
  run_for(4000);
  assert_int_equal(world.done, before);
  assert_int_equal(json_integer_value(json_object_get(world.progress, "done")), before);
}

/* A timer that is due again at once would keep its loop from ever reading the answer. */
static void a_look_that_waits_for_its_answer_does_not_spin(void **state) {
  (void)state;
  engine *watching = &world.engines[1];
  char id[128];
  snprintf(id, sizeof id, "{\"id\":\"%s\"}", word(request(0, "operations.start", START("1")), "id"));
  request(1, "operations.list", "{}");
  watching->is_unheard = true;
  run_for(TIMEOUT_MS / 3 + 1);
  request(1, "operations.get", id); /* it runs: so it wants to be watched */
  watching->timer.at_ms = 0;
  watching->timer.fire(watching->timer.data);
  assert_true(watching->timer.at_ms == 0 || watching->timer.at_ms > world.now_ms);
}

static void a_stopped_engine_asks_nothing_more(void **state) {
  (void)state;
  request(0, "operations.start", START("100"));
  run_for(500);
  evsi_operations_stop(world.engines[0].operations);
  int before = world.done;
  run_for(5000);
  assert_int_equal(world.done, before);
}

/* ---- watching what becomes of the letters -------------------------------------------------------- */

#define CANARY(more)                                                                                         \
  "{\"kind\":\"requeue\",\"filter\":{},\"canary\":{\"count\":5,\"outcomeTimeout\":3000}" more "}"

static const char *rule_of(void) {
  return word(json_object_get(world.document, "stopped"), "rule");
}

static void a_canary_that_succeeds_lets_the_rest_go(void **state) {
  (void)state;
  request(0, "operations.start", CANARY(""));
  run_for(2000);
  assert_int_equal(world.done, 5);
  world.handled = 4;
  run_for(500);
  assert_int_equal(world.done, 5);
  world.handled = 5;
  run_for(2000);
  assert_each_moved_once();
}

static void a_canary_that_dies_again_stops_the_operation(void **state) {
  (void)state;
  request(0, "operations.start", CANARY(""));
  run_for(1000);
  world.again = 1;
  run_for(2000);
  assert_int_equal(world.done, 5);
  assert_string_equal(word(world.document, "state"), "stopped");
  assert_string_equal(rule_of(), "canary");
  assert_int_equal(json_integer_value(json_object_get(world.progress, "again")), 1);
  assert_int_equal(world.audits, 2);
}

static void a_canary_without_an_outcome_stops_the_operation_in_time(void **state) {
  (void)state;
  request(0, "operations.start", CANARY(""));
  run_for(2500);
  assert_string_equal(word(world.document, "state"), "running");
  run_for(1500);
  assert_string_equal(word(world.document, "state"), "stopped");
  assert_string_equal(rule_of(), "outcomeTimeout");
  assert_int_equal(world.done, 5);
}

static void a_canary_that_passed_is_not_held_again_by_another_owner(void **state) {
  (void)state;
  request(0, "operations.start", CANARY(",\"rate\":50"));
  request(1, "operations.list", "{}");
  world.handled = 5;
  run_for(2000);
  assert_in_range(world.done, 6, LETTERS - 1);
  world.engines[0].is_frozen = true;
  run_for(2 * TIMEOUT_MS + 20000);
  assert_each_moved_once();
}

static void too_many_that_die_again_stop_the_operation(void **state) {
  (void)state;
  request(0, "operations.start",
          "{\"kind\":\"requeue\",\"filter\":{},\"rate\":100,\"stop\":{\"share\":0.2,\"least\":50}}");
  run_for(400);
  world.again = world.done; /* all of them, but not enough to judge */
  run_for(50);
  assert_string_equal(word(world.document, "state"), "running");
  run_for(1000);
  assert_string_equal(word(world.document, "state"), "stopped");
  assert_string_equal(rule_of(), "share");
  assert_in_range(world.done, 50, 100);
}

static void a_share_below_the_limit_lets_it_go_on(void **state) {
  (void)state;
  world.again = 9;
  request(0, "operations.start",
          "{\"kind\":\"requeue\",\"filter\":{},\"rate\":200,\"stop\":{\"share\":0.2,\"least\":50}}");
  run_for(10000);
  assert_each_moved_once();
  assert_int_equal(json_integer_value(json_object_get(world.progress, "again")), 9);
}

static void a_dry_run_counts_and_leaves_nothing(void **state) {
  (void)state;
  json_t *answer = request(0, "operations.start", "{\"kind\":\"requeue\",\"filter\":{},\"dryRun\":true}");
  assert_string_equal(word(answer, "state"), "dry");
  assert_true(json_is_null(json_object_get(answer, "id")));
  assert_int_equal(json_integer_value(json_object_get(json_object_get(answer, "snapshot"), "count")),
                   LETTERS);
  run_for(2000);
  assert_null(world.document);
  assert_int_equal(world.done + world.audits, 0);
}

static void a_wrong_argument_is_named_by_its_path(void **state) {
  (void)state;
  static const char *const wrong[][2] = {
      {"\"kind\":\"burn\",\"filter\":{}", "/kind"},
      {"\"kind\":\"requeue\"", "/filter"},
      {"\"kind\":\"requeue\",\"filter\":{},\"rate\":0", "/rate"},
      {"\"kind\":\"requeue\",\"filter\":{},\"canary\":5", "/canary"},
      {"\"kind\":\"discard\",\"filter\":{},\"canary\":{\"count\":1}", "/canary"},
      {"\"kind\":\"requeue\",\"filter\":{},\"canary\":{}", "/canary/count"},
      {"\"kind\":\"requeue\",\"filter\":{},\"canary\":{\"count\":1,\"outcomeTimeout\":0}",
       "/canary/outcomeTimeout"},
      {"\"kind\":\"requeue\",\"filter\":{},\"stop\":{\"share\":20}", "/stop/share"},
      {"\"kind\":\"requeue\",\"filter\":{},\"stop\":{\"share\":1,\"least\":0}", "/stop/least"}};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    char params[256];
    snprintf(params, sizeof params, "{%s}", wrong[i][0]);
    evsi_operations_request(world.engines[0].operations, "operations.start", params, 1);
    assert_int_equal(world.engines[0].status, EVS_VALIDATION);
    assert_string_equal(world.engines[0].path, wrong[i][1]);
  }
}

static void a_replay_knows_what_it_is_asked_for(void **state) {
  (void)state;
  static const char *const strange[] = {"to", "create", "maxRedrives", "force", "kind", "dryRun", "rat"};
  for (size_t i = 0; i < sizeof strange / sizeof strange[0]; i++) {
    char params[64], path[32];
    snprintf(params, sizeof params, "{\"filter\":{},\"%s\":\"x\"}", strange[i]);
    snprintf(path, sizeof path, "/%s", strange[i]);
    evsi_operations_request(world.engines[0].operations, "replay.start", params, 1);
    assert_int_equal(world.engines[0].status, EVS_VALIDATION);
    assert_string_equal(world.engines[0].path, path);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(it_keeps_to_its_rate, setup, teardown),
      cmocka_unit_test_setup_teardown(a_frozen_owner_is_replaced_and_refused_when_it_wakes_up, setup,
                                      teardown),
      cmocka_unit_test(a_frozen_owner_is_replaced_although_memory_is_short),
      cmocka_unit_test_setup_teardown(an_owner_that_beats_is_left_alone, setup, teardown),
      cmocka_unit_test_setup_teardown(answers_that_are_lost_move_nothing_twice, setup, teardown),
      cmocka_unit_test_setup_teardown(trouble_of_the_store_is_told_and_passes, setup, teardown),
      cmocka_unit_test_setup_teardown(what_another_process_asks_is_done_by_the_owner, setup, teardown),
      cmocka_unit_test_setup_teardown(a_look_that_waits_for_its_answer_does_not_spin, setup, teardown),
      cmocka_unit_test_setup_teardown(a_stopped_engine_asks_nothing_more, setup, teardown),
      cmocka_unit_test_setup_teardown(a_canary_that_succeeds_lets_the_rest_go, setup, teardown),
      cmocka_unit_test_setup_teardown(a_canary_that_dies_again_stops_the_operation, setup, teardown),
      cmocka_unit_test_setup_teardown(a_canary_without_an_outcome_stops_the_operation_in_time, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(a_canary_that_passed_is_not_held_again_by_another_owner, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(too_many_that_die_again_stop_the_operation, setup, teardown),
      cmocka_unit_test_setup_teardown(a_share_below_the_limit_lets_it_go_on, setup, teardown),
      cmocka_unit_test_setup_teardown(a_dry_run_counts_and_leaves_nothing, setup, teardown),
      cmocka_unit_test_setup_teardown(a_wrong_argument_is_named_by_its_path, setup, teardown),
      cmocka_unit_test_setup_teardown(a_replay_knows_what_it_is_asked_for, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
