/* SPDX-License-Identifier: MIT
 * options.h - the command line of the member program. */
#ifndef MEMBER_OPTIONS_H
#define MEMBER_OPTIONS_H

#include <stdbool.h>

enum { MEMBER_PATTERNS_MAX = 16 };

typedef struct member_options {
  const char *url, *file; /* one of them: where the store is */
  const char *service, *group, *consumer, *ledger, *fail_class;
  const char *crash; /* id of the event with which the process ends each time */
  const char *patterns[MEMBER_PATTERNS_MAX];
  int pattern_count;
  long hold;            /* takes so many messages and never settles them */
  long delay_ms;        /* that a handler takes */
  long session_timeout; /* ms; 0: the default, as everywhere below */
  long discover_interval, max_crashes, max_retries, retry_delay, handler_timeout, prefetch, concurrency;
  long fleet_interval;
  long fail_every;    /* events whose number is a multiple fail at their first attempt; 0: none */
  long until_idle_ms; /* ends when nothing came for so long; 0: ends by SIGTERM only */
} member_options;

/* False after a message on stderr when the command line is wrong. */
bool member_options_read(member_options *options, int argc, char **argv);

#endif
