/* SPDX-License-Identifier: MIT
 * dlq.h - what the dead letter verbs share: the selection by options and the walk over pages. */
#ifndef EVENTS_CLI_DLQ_H
#define EVENTS_CLI_DLQ_H

#include "cli.h"

/* {topic, type, group, text} as far as given. */
json_t *dlq_selection(const cli_call *cli);

/* One page of `dlq.list`; *cursor (owned, may be NULL) moves on and is NULL after the last page.
 * *out_json is the answer, freed with free(). */
int dlq_page(cli_call *cli, uint32_t limit, char **cursor, char **out_json);

#endif
