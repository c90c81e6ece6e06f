/* SPDX-License-Identifier: MIT
 * cmd_health.c - `events health SERVICE`: are the processes of a service live and ready, by what they show of
 * themselves in the store? For probes: the exit code says it. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "output.h"
#include "session.h"

static bool is_meant(const cli_call *cli, const json_t *row, const char *host) {
  const char *there = json_string_value(json_object_get(json_object_get(row, "stats"), "host"));
  bool is_here = there && strcmp(there, host) == 0;
  return strcmp(output_string(row, "service"), cli->args[0]) == 0 && (is_here || !CLI_HAS(cli, HERE));
}

/* The rows of the service, each with who it is and its health. */
static json_t *pick(const cli_call *cli, const json_t *instances) {
  json_t *found = json_array(), *row;
  char host[256] = "";
  size_t i;
  gethostname(host, sizeof host - 1);
  json_array_foreach(instances, i, row) {
    const json_t *stats = json_object_get(row, "stats");
    if (!is_meant(cli, row, host))
      continue;
    json_array_append_new(
        found, json_pack("{s:O*, s:O*, s:O*, s:O*, s:O*}", "instance", json_object_get(row, "instance"),
                         "host", json_object_get(stats, "host"), "pid", json_object_get(stats, "pid"),
                         "ageMs", json_object_get(row, "ageMs"), "health", json_object_get(stats, "health")));
  }
  return found;
}

static bool is_ready(const json_t *row) {
  const json_t *health = json_object_get(row, "health");
  return json_is_true(json_object_get(health, "live")) && json_is_true(json_object_get(health, "ready"));
}

static void print_health(const json_t *rows) {
  static const char *const titles[] = {"INSTANCE", "HOST", "PID", "STATE", "WHY"};
  if (!json_array_size(rows)) {
    puts("no process of this service shows itself");
    return;
  }
  output_table *table = output_table_new(titles, 5);
  size_t i;
  json_t *row;
  json_array_foreach(rows, i, row) {
    const json_t *health = json_object_get(row, "health");
    const char *why = json_string_value(json_array_get(json_object_get(health, "reasons"), 0));
    bool is_live = json_is_true(json_object_get(health, "live"));
    output_table_cell(table, "%s", output_string(row, "instance"));
    output_table_cell(table, "%s", output_string(row, "host"));
    output_table_cell(table, "%lld", (long long)json_integer_value(json_object_get(row, "pid")));
    output_table_cell(table, "%s", is_ready(row) ? "ready" : is_live ? "live" : "stopped");
    output_table_cell(table, "%s", why ? why : "-");
  }
  output_table_end(table, true);
}

int cmd_health(cli_call *cli) {
  json_t *answer = NULL, *row;
  size_t i;
  int code = session_connect(cli);
  if (code == CLI_OK)
    code = session_call_json(cli, "fleet", json_object(), &answer);
  if (code != CLI_OK)
    return code;
  json_t *rows = pick(cli, json_object_get(answer, "instances"));
  bool all_ready = json_array_size(rows) > 0;
  json_array_foreach(rows, i, row) all_ready = all_ready && is_ready(row);
  if (CLI_HAS(cli, JSON)) {
    json_t *document = json_pack("{s:b, s:O}", "ready", all_ready, "instances", rows);
    output_json(document, false);
    json_decref(document);
  } else {
    print_health(rows);
  }
  json_decref(rows);
  json_decref(answer);
  return all_ready ? CLI_OK : CLI_FAILED;
}
