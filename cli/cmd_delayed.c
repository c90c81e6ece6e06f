/* SPDX-License-Identifier: MIT
 * cmd_delayed.c - `events delayed` and `events delayed cancel`: what waits to be due, and taking it back. */
#include <stdio.h>

#include "cli.h"
#include "output.h"
#include "session.h"

static void print_items(const json_t *items) {
  static const char *const titles[] = {"ID", "DUE", "TYPE", "EVENT"};
  output_table *table = output_table_new(titles, sizeof titles / sizeof *titles);
  json_t *item;
  size_t i;
  json_array_foreach(items, i, item) {
    char time[32];
    output_table_cell(table, "%s", output_string(item, "id"));
    output_table_cell(table, "%s", output_time(json_object_get(item, "dueAt"), time));
    output_table_cell(table, "%s", output_string(item, "type"));
    output_table_cell(table, "%s", output_string(item, "eventId"));
  }
  output_table_end(table, true);
}

int cmd_delayed(cli_call *cli) {
  json_t *answer = NULL, *params = json_object();
  if (cli->text[CLI_OPT_TOPIC])
    json_object_set_new(params, "topic", json_string(cli->text[CLI_OPT_TOPIC]));
  if (cli->text[CLI_OPT_CURSOR])
    json_object_set_new(params, "cursor", json_string(cli->text[CLI_OPT_CURSOR]));
  if (cli->limit)
    json_object_set_new(params, "limit", json_integer(cli->limit));
  int code = session_connect(cli);
  if (code == CLI_OK)
    code = session_call_json(cli, "delayed", json_incref(params), &answer);
  json_decref(params);
  const char *next = json_string_value(json_object_get(answer, "next"));
  if (code == CLI_OK && CLI_HAS(cli, JSON)) {
    output_json(answer, false);
  } else if (code == CLI_OK) {
    print_items(json_object_get(answer, "items"));
    if (next)
      printf("more: --cursor '%s'\n", next);
  }
  json_decref(answer);
  return code;
}

int cmd_delayed_cancel(cli_call *cli) {
  json_t *answer = NULL, *ids = json_array();
  for (int i = 0; i < cli->arg_count; i++) {
    if (json_array_append_new(ids, json_string(cli->args[i])) != 0) {
      json_decref(ids);
      return output_usage("delayed cancel", "an id is text in UTF-8");
    }
  }
  json_t *params = json_pack("{s:o}", "ids", ids);
  int code = session_connect(cli);
  if (code == CLI_OK)
    code = session_call_json(cli, "delayed.cancel", json_incref(params), &answer);
  json_decref(params);
  json_int_t done = json_integer_value(json_object_get(answer, "cancelled"));
  if (code == CLI_OK && CLI_HAS(cli, JSON))
    output_json(answer, false);
  else if (code == CLI_OK)
    printf("cancelled %lld of %d\n", (long long)done, cli->arg_count);
  json_decref(answer);
  return code == CLI_OK && done < cli->arg_count ? CLI_NOT_FOUND : code;
}
