/* SPDX-License-Identifier: MIT
 * ledger.h - what one system was seen to do, as the part of its statistics that must say the same. */
#ifndef LEDGER_H
#define LEDGER_H

#include <jansson.h>
#include <stdbool.h>

typedef struct test_ledger {
  json_t *expected;  /* the part of the statistics; ledger_expected() completes it */
  json_t *deferrals; /* by the event's id */
  json_int_t max_deferrals;
  bool has_fan_out;
} test_ledger;

void ledger_begin(test_ledger *ledger, const json_t *config);
void ledger_end(test_ledger *ledger);
void ledger_published(test_ledger *ledger, const json_t *receipt, bool failed);
/* word: of the handler's plan, or NULL. */
void ledger_ran(test_ledger *ledger, const json_t *run, const json_t *word);
/* lends: until ledger_end(). */
const json_t *ledger_expected(test_ledger *ledger);

#endif
