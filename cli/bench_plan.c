/* SPDX-License-Identifier: MIT
 * bench_plan.c - from options and configuration to what a load test is to do. Topic and groups are of this
 * run alone, so that no event of others is touched. */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "bench.h"
#include "input.h"
#include "output.h"
#include "session.h"

enum { DURATION_S = 10, SIZE = 256, TYPE_TEXT = 24 };

static int plan_patterns(const cli_call *cli, bench_plan *plan) {
  size_t i;
  json_t *pattern;
  if (json_array_size(cli->patterns) > BENCH_PATTERNS_MAX)
    return output_usage("bench", "--pattern may be given %d times", BENCH_PATTERNS_MAX);
  json_array_foreach(cli->patterns, i, pattern) {
    plan->patterns[i] = json_string_value(pattern);
  }
  plan->pattern_count = json_array_size(cli->patterns);
  if (plan->pattern_count == 0 && plan->consumers > 0)
    plan->patterns[plan->pattern_count++] = "bench.*";
  if (plan->pattern_count > 0 && plan->consumers == 0)
    return output_usage("bench", "--pattern says what consumers take, and --consumers 0 that there are none");
  return CLI_OK;
}

int bench_plan_make(const cli_call *cli, bench_plan *plan) {
  uint32_t number = 0;
  if (getrandom(&number, sizeof number, 0) != sizeof number)
    number = (uint32_t)bench_now_ns();
  snprintf(plan->run, sizeof plan->run, "%08x", number);
  snprintf(plan->topic, sizeof plan->topic, "bench-%s", plan->run);
  plan->publishers = cli->publishers ? cli->publishers : 1;
  plan->consumers = CLI_HAS(cli, CONSUMERS) ? cli->consumers : 1;
  plan->types = cli->types ? cli->types : 1;
  plan->smallest = cli->size_from ? cli->size_from : SIZE;
  plan->largest = cli->size_to ? cli->size_to : SIZE;
  plan->rate = cli->rate;
  plan->count = cli->count && cli->count < BENCH_EVENTS_MAX ? cli->count : BENCH_EVENTS_MAX;
  bool ends_by_count = cli->count && !cli->duration_s;
  plan->duration_ns =
      ends_by_count ? UINT64_MAX : (cli->duration_s ? cli->duration_s : DURATION_S) * UINT64_C(1000000000);
  plan->type_names = input_alloc(plan->types * sizeof *plan->type_names);
  for (uint32_t i = 0; i < plan->types; i++) {
    plan->type_names[i] = input_alloc(TYPE_TEXT);
    snprintf(plan->type_names[i], TYPE_TEXT, "bench.t%u", i);
  }
  return plan_patterns(cli, plan);
}

static int plan_nothing_idle(const bench_plan *plan) {
  for (size_t i = 0; i < plan->pattern_count; i++) {
    uint32_t type = 0;
    while (type < plan->types && !plan->wanted[type * plan->pattern_count + i])
      type++;
    if (type == plan->types)
      return output_usage("bench", "--pattern %s takes nothing: the types are bench.t0 to bench.t%u",
                          plan->patterns[i], plan->types - 1);
  }
  return CLI_OK;
}

/* Which pattern takes which type, by the rules of the library itself. */
static int plan_audience(cli_call *cli, bench_plan *plan) {
  evs_bytes prefix = input_bytes(cli->origin_prefix);
  plan->wanted = input_alloc((size_t)plan->types * BENCH_PATTERNS_MAX * sizeof *plan->wanted);
  plan->audience = input_alloc(plan->types * sizeof *plan->audience);
  for (uint32_t type = 0; type < plan->types; type++) {
    char *full = NULL;
    evs_error *error = NULL;
    evs_status status = evs_full_type(input_bytes(plan->type_names[type]), prefix, &full, &error);
    for (size_t i = 0; status == EVS_OK && i < plan->pattern_count; i++) {
      int32_t matches = 0;
      status =
          evs_pattern_matches(input_bytes(plan->patterns[i]), input_bytes(full), prefix, &matches, &error);
      plan->wanted[type * plan->pattern_count + i] = matches != 0;
      plan->audience[type] += matches != 0;
    }
    evs_string_free(full);
    if (status != EVS_OK)
      return session_fail(cli, "--pattern", error);
  }
  return plan_nothing_idle(plan);
}

/* The transport has to be named, since the events go to a topic that no route leads to. */
static int plan_transport(const cli_call *cli, bench_plan *plan, json_t *report) {
  json_t *transports = json_object_get(json_object_get(report, "normalized"), "transports");
  const char *given = cli->text[CLI_OPT_TRANSPORT];
  void *first = json_object_iter(transports);
  const char *name = given ? given : first ? json_object_iter_key(first) : "";
  if (!given && json_object_size(transports) > 1)
    return output_usage("bench", "the configuration has %zu transports: say which one with --transport NAME",
                        json_object_size(transports));
  const json_t *transport = json_object_get(transports, name);
  const char *type = json_string_value(json_object_get(transport, "type"));
  plan->is_kept = !type || strcmp(type, "memory") != 0;
  if (!plan->is_kept && plan->consumers > 0 && !json_is_string(json_object_get(transport, "name")))
    return output_usage("bench",
                        "the memory of transport %s is its system's own, so that consumers get nothing: "
                        "give it a `name`, or use --memory",
                        name);
  plan->transport = input_copy(name, strlen(name));
  return CLI_OK;
}

int bench_plan_check(cli_call *cli, bench_plan *plan) {
  char *text = NULL;
  evs_error *error = NULL;
  if (evs_config_check(cli->document, cli->document_size, &text, &error) != EVS_OK)
    return session_fail(cli, "bench", error);
  json_t *report = json_loads(text, 0, NULL);
  int code = plan_transport(cli, plan, report);
  json_decref(report);
  evs_string_free(text);
  return code == CLI_OK ? plan_audience(cli, plan) : code;
}

void bench_plan_free(bench_plan *plan) {
  for (uint32_t i = 0; i < plan->types; i++)
    free(plan->type_names[i]);
  free(plan->type_names);
  free(plan->transport);
  free(plan->wanted);
  free(plan->audience);
}
