/* SPDX-License-Identifier: MIT
 * options.c - see options.h. */
#include "support/member/options.h"

#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

typedef enum { TEXT, NUMBER } kind;

static const struct {
  const char *name;
  kind kind;
  size_t offset;
} known[] = {
    {"url", TEXT, offsetof(member_options, url)},
    {"file", TEXT, offsetof(member_options, file)},
    {"service", TEXT, offsetof(member_options, service)},
    {"group", TEXT, offsetof(member_options, group)},
    {"consumer", TEXT, offsetof(member_options, consumer)},
    {"ledger", TEXT, offsetof(member_options, ledger)},
    {"crash", TEXT, offsetof(member_options, crash)},
    {"fail", TEXT, offsetof(member_options, fail_class)},
    {"hold", NUMBER, offsetof(member_options, hold)},
    {"delay-ms", NUMBER, offsetof(member_options, delay_ms)},
    {"session-timeout", NUMBER, offsetof(member_options, session_timeout)},
    {"discover-interval", NUMBER, offsetof(member_options, discover_interval)},
    {"max-crashes", NUMBER, offsetof(member_options, max_crashes)},
    {"max-retries", NUMBER, offsetof(member_options, max_retries)},
    {"retry-delay", NUMBER, offsetof(member_options, retry_delay)},
    {"handler-timeout", NUMBER, offsetof(member_options, handler_timeout)},
    {"prefetch", NUMBER, offsetof(member_options, prefetch)},
    {"concurrency", NUMBER, offsetof(member_options, concurrency)},
    {"fleet-interval", NUMBER, offsetof(member_options, fleet_interval)},
    {"fail-every", NUMBER, offsetof(member_options, fail_every)},
    {"until-idle", NUMBER, offsetof(member_options, until_idle_ms)},
};
enum { KNOWN = sizeof known / sizeof known[0] };

static bool take(member_options *options, int index, const char *value) {
  if (index == KNOWN) { /* --subscribe, as often as wanted */
    if (options->pattern_count == MEMBER_PATTERNS_MAX)
      return false;
    options->patterns[options->pattern_count++] = value;
    return true;
  }
  char *place = (char *)options + known[index].offset;
  if (known[index].kind == TEXT) {
    *(const char **)place = value;
    return true;
  }
  char *end;
  *(long *)place = strtol(value, &end, 10);
  return end != value && *end == '\0' && *(long *)place >= 0;
}

bool member_options_read(member_options *options, int argc, char **argv) {
  struct option table[KNOWN + 2] = {{0}};
  for (int i = 0; i < KNOWN; i++)
    table[i] = (struct option){.name = known[i].name, .has_arg = required_argument};
  table[KNOWN] = (struct option){.name = "subscribe", .has_arg = required_argument};
  *options = (member_options){.service = "member", .max_retries = 3, .retry_delay = 10, .concurrency = 32};
  int index = 0, code;
  while ((code = getopt_long(argc, argv, "", table, &index)) == 0) {
    if (!take(options, index, optarg)) {
      fprintf(stderr, "evs_member: --%s does not take %s\n", table[index].name, optarg);
      return false;
    }
  }
  if (code != -1 || optind != argc || (!options->url && !options->file) || !options->ledger ||
      options->pattern_count == 0) {
    fprintf(stderr,
            "usage: evs_member --url URL | --file PATH --ledger FILE --subscribe PATTERN… [options]\n");
    return false;
  }
  return true;
}
