/* SPDX-License-Identifier: MIT
 * testing.c - moves a clock that is held, from one instant at which something is due to the next. What is due
 * runs to its end, then the host has its turn: its handlers are part of what happens at that instant. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "base/held.h"
#include "base/json_text.h"
#include "system/system.h"

#define MOVE_MAX_MS INT64_C(3155760000000)
/* So many turns at one instant are no end in sight: the host is asked to go on. */
enum { TURNS_MAX = 10000 };

/* All that is due now, and what follows from it. Where nothing is, time limits are looked at again: one of
 * what has ended meanwhile on another thread is nothing that is due. */
static void settle(evs_system *system) {
  bool any = true;
  for (int turn = 0; any && turn < TURNS_MAX; turn++) {
    any = evsi_tasks_run(&system->tasks);
    any = evsi_held_fire(system->loop) || any;
    if (any)
      continue;
    evsi_publisher_look(system->publisher);
    evsi_consume_look(system->consume);
    any = evsi_tasks_run(&system->tasks);
  }
}

static void move(evs_system *system, uint64_t ms, uint64_t request) {
  char text[160];
  uint64_t began_us = system->env->held->began_us, now_us = evsi_now_us(system->env);
  uint64_t until_us = now_us + ms * 1000;
  settle(system);
  uint64_t next_us = evsi_held_next_us(system->loop);
  evsi_held_move(system->loop, next_us < until_us ? next_us : until_us);
  settle(system);
  now_us = evsi_now_us(system->env);
  next_us = evsi_held_next_us(system->loop);
  size_t size = (size_t)snprintf(text, sizeof text, "{\"now\":%" PRIu64 ",\"left\":%" PRIu64 ",\"next\":",
                                 (now_us - began_us) / 1000, (until_us - now_us) / 1000);
  if (next_us == UINT64_MAX)
    snprintf(text + size, sizeof text - size, "null}");
  else
    snprintf(text + size, sizeof text - size, "%" PRIu64 "}",
             next_us > now_us ? (next_us - now_us) / 1000 : 0);
  evsi_requests_answer(system, request, EVS_OK, evsi_text(text));
}

void evsi_testing_advance(evs_system *system, const char *params, uint64_t request) {
  json_t *given = evsi_json_load(evsi_text(params), 0, NULL);
  const json_t *ms = json_object_get(given, "ms");
  if (!system->env->held)
    evsi_requests_answer(system, request, EVS_UNSUPPORTED,
                         evsi_text("nobody holds the clock of this system: set testing.holdClock"));
  else if (!json_is_integer(ms) || json_integer_value(ms) < 0 || json_integer_value(ms) > MOVE_MAX_MS)
    evsi_requests_refuse(system, request, EVS_VALIDATION, "/ms",
                         evsi_text("ms must be a whole number from 0 to 3155760000000"));
  else
    move(system, (uint64_t)json_integer_value(ms), request);
  json_decref(given);
}
