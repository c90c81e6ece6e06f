/* SPDX-License-Identifier: MIT
 * dlq.h - what the dead letter verbs share: the selection by options and the walk over pages. */
#ifndef EVENTS_CLI_DLQ_H
#define EVENTS_CLI_DLQ_H

#include "cli.h"
#include "output.h"

/* {topic, type, group, text, fingerprint} as far as given. */
json_t *dlq_selection(const cli_call *cli);

/* Adds what the options say about how to change them: allGroups, to, create, maxRedrives, force, dryRun,
 * reason. */
void dlq_add_options(const cli_call *cli, json_t *params);
/* Do the options ask for an operation, which survives this process? */
bool dlq_is_operation(const cli_call *cli);

/* One page of `dlq.list`, `dlq.archive` or `audit`; *cursor (owned, may be NULL) moves on and is NULL after
 * the last page. *out_json is the answer, freed with free(). */
int dlq_page(cli_call *cli, const char *method, uint32_t limit, char **cursor, char **out_json);

/* Pages of columns, or with --json one document {items, next}. */
typedef struct dlq_listing {
  const char *method, *nothing; /* what is printed when there is none */
  const char *const *titles;
  size_t columns;
  void (*row)(output_table *table, evs_bytes item);
} dlq_listing;
int dlq_list(cli_call *cli, const dlq_listing *listing);

/* Runs `kind` on all that the options select as an operation, and waits for its end. */
int dlq_operate(cli_call *cli, const char *kind, const char *done);

#endif
