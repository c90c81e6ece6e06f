/* SPDX-License-Identifier: MIT
 * verbs.h - the steps of a scenario: one function per verb, from a step to what it gives. */
#ifndef VERBS_H
#define VERBS_H

#include "stage.h"

/* Configurations of the transport that is being tested, by the name that the scenario gives it. */
typedef json_t *(*verbs_transport)(void *data, const char *name);

typedef struct test_verbs {
  test_stage *stage;
  verbs_transport transport;
  void *data;
} test_verbs;

/* Does one step. gives: its result as JSON; on failure NULL and the error as JSON. */
json_t *verbs_play(test_verbs *verbs, const json_t *step, json_t **out_error);

/* May the result still become what is expected? Is it a list without an order? */
bool verbs_is_polled(const char *verb);
bool verbs_has_no_order(const json_t *step);

/* A request to a system, waited for. */
json_t *verbs_ask(test_stage *stage, test_system *at, const char *method, const json_t *params,
                  json_t **out_error);

#endif
