/* SPDX-License-Identifier: MIT
 * cmd_fleet.c - `events fleet`: the systems that are connected to the store, as they show themselves. */
#include <stdio.h>

#include "cli.h"
#include "output.h"
#include "session.h"

static void cell_count(output_table *table, const json_t *section, const char *name) {
  output_table_cell(table, "%lld", (long long)json_integer_value(json_object_get(section, name)));
}

static void print_fleet(const json_t *instances) {
  static const char *const titles[] = {"SERVICE", "INSTANCE", "HOST",    "PID",
                                       "SINCE",   "SENT",     "HANDLED", "CONFIGURATION"};
  if (!json_array_size(instances)) {
    puts("no systems");
    return;
  }
  output_table *table = output_table_new(titles, sizeof titles / sizeof titles[0]);
  size_t i;
  json_t *row;
  json_array_foreach(instances, i, row) {
    const json_t *stats = json_object_get(row, "stats");
    char since[32];
    output_table_cell(table, "%s", output_string(row, "service"));
    output_table_cell(table, "%s", output_string(row, "instance"));
    output_table_cell(table, "%s", output_string(stats, "host"));
    cell_count(table, stats, "pid");
    output_table_cell(table, "%s", output_time(json_object_get(stats, "startedAt"), since));
    cell_count(table, json_object_get(stats, "publisher"), "totalMessagesSent");
    cell_count(table, json_object_get(stats, "consumer"), "handledMessages");
    output_table_cell(table, "%s", output_string(stats, "generation"));
  }
  output_table_end(table, true);
}

int cmd_fleet(cli_call *cli) {
  json_t *answer = NULL;
  int code = session_connect(cli);
  if (code == CLI_OK)
    code = session_call_json(cli, "fleet", json_object(), &answer);
  if (code == CLI_OK && CLI_HAS(cli, JSON))
    output_json(answer, false);
  else if (code == CLI_OK)
    print_fleet(json_object_get(answer, "instances"));
  json_decref(answer);
  return code;
}
