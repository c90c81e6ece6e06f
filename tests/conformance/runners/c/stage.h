/* SPDX-License-Identifier: MIT
 * stage.h - one scenario while it is played: its systems, its handlers and what these were given. One thread:
 * whoever waits for something keeps all systems and handlers going meanwhile. Public ABI only. */
#ifndef STAGE_H
#define STAGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "ledger.h"
#include "libevents.h"

enum { STAGE_SYSTEMS_MAX = 8, STAGE_HANDLERS_MAX = 16, STAGE_HUNG_MAX = 16 };

typedef struct test_system {
  const char *name; /* lent by the scenario */
  evs_system *system;
  json_t *transports; /* names */
  test_ledger ledger;
  json_int_t hang_count; /* handlers that went beyond their time limit, or will */
  bool is_closed;
} test_system;

/* Does what its plan says: word n for the n-th run of an event, the last word for all that follow. */
typedef struct test_handler {
  const char *name;
  test_system *at;
  uint64_t token;
  json_t *plan; /* a list of words, or lists by type */
  json_t *runs; /* by the event's id */
} test_handler;

/* A handler that goes on until its time limit was counted. On a busy machine that may be before it has
 * begun: so the number of limits is looked at, not whether there is one more. */
typedef struct test_hung {
  evs_system *system;
  uint64_t delivery;
  json_int_t number; /* among those of its system */
} test_hung;

typedef struct test_stage {
  test_system systems[STAGE_SYSTEMS_MAX];
  size_t system_count;
  test_handler handlers[STAGE_HANDLERS_MAX];
  size_t handler_count;
  test_hung hung[STAGE_HUNG_MAX];
  size_t hung_count;
  json_t *runs;      /* what handlers were given, in order */
  json_t *reports;   /* those that nobody has asked for yet */
  json_t *listed;    /* ids of the dead letters that were listed last */
  json_t *lines;     /* of the dead letters that were exported last */
  json_t *operation; /* id of the one that was started last */
  uint64_t next_token;
} test_stage;

void stage_begin(test_stage *stage);
/* Closes and frees everything. */
void stage_end(test_stage *stage);

/* NULL when there is none. */
test_system *stage_find(test_stage *stage, const char *name);
/* Opens a system and keeps it under this name. Gives an error as JSON, or NULL. */
json_t *stage_open(test_stage *stage, const char *name, const json_t *config);
json_t *stage_subscribe(test_stage *stage, test_system *at, const json_t *options, test_handler handler);
test_handler *stage_handler_named(test_stage *stage, const char *name);

/* Keeps everything going for a moment. */
void stage_pump(test_stage *stage);
/* The report of this kind and token, waited for as long as it takes; NULL where the system has ended. */
json_t *stage_await(test_stage *stage, test_system *at, uint32_t kind, uint64_t token);

/* An error of the library as JSON; frees it. */
json_t *stage_error(evs_error *error);
/* The error that a report carries. */
json_t *stage_error_of(const json_t *report);

#endif
