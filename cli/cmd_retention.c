/* SPDX-License-Identifier: MIT
 * cmd_retention.c - `events retention`: what streams keep and what holds it; `events audit`: is every event
 * accounted for. The numbers are the store's. */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "output.h"
#include "session.h"

static void cell_number(output_table *table, const json_t *object, const char *name) {
  const json_t *value = json_object_get(object, name);
  if (json_is_number(value))
    output_table_cell(table, "%.0f", json_number_value(value));
  else
    output_table_cell(table, "?");
}

static void cell_topic(output_table *table, const json_t *object) {
  const json_t *partition = json_object_get(object, "partition");
  if (json_is_integer(partition))
    output_table_cell(table, "%s:%d", output_string(object, "topic"), (int)json_integer_value(partition));
  else
    output_table_cell(table, "%s", output_string(object, "topic"));
}

static void cell_holder(output_table *table, const json_t *row) {
  const json_t *holder = json_object_get(row, "heldBy");
  char since[32];
  if (!json_is_object(holder))
    output_table_cell(table, "-");
  else
    output_table_cell(table, "%s: %s since %s", output_string(holder, "group"), output_string(holder, "why"),
                      output_time(json_object_get(holder, "since"), since));
}

static void print_retention(const json_t *answer) {
  static const char *const titles[] = {"TOPIC",   "ENTRIES", "BEYOND",   "STATE",
                                       "HELD BY", "TRIMMED", "BY FORCE", "DEAD LETTERS TRIMMED"};
  const json_t *rows = json_object_get(answer, "streams");
  if (!json_array_size(rows)) {
    puts("no topics");
    return;
  }
  output_table *table = output_table_new(titles, sizeof titles / sizeof titles[0]);
  size_t i;
  json_t *row;
  json_array_foreach(rows, i, row) {
    cell_topic(table, row);
    cell_number(table, row, "entries");
    cell_number(table, row, "beyond");
    output_table_cell(table, "%s", output_string(row, "state"));
    cell_holder(table, row);
    cell_number(table, row, "trimmed");
    cell_number(table, row, "trimmedByForce");
    cell_number(table, row, "trimmedDeadLetters");
  }
  output_table_end(table, true);
}

static void cell_holds(output_table *table, const json_t *row) {
  const json_t *holds = json_object_get(row, "holds");
  output_table_cell(table, "%s",
                    json_is_true(json_object_get(row, "isNew")) ? "from now on"
                    : json_is_true(holds)                       ? "yes"
                    : json_is_false(holds)                      ? "NO"
                                                                : "not counted");
}

static void print_audit(const json_t *answer) {
  static const char *const titles[] = {"TOPIC",   "GROUP",  "PUBLISHED", "ACKNOWLEDGED", "DEAD",
                                       "PENDING", "UNREAD", "TRIMMED",   "UNACCOUNTED",  "HOLDS"};
  static const char *const numbers[] = {"published", "acknowledged", "dead",       "pending",
                                        "unread",    "trimmed",      "unaccounted"};
  const json_t *rows = json_object_get(answer, "groups");
  if (!json_array_size(rows)) {
    puts("no groups");
    return;
  }
  output_table *table = output_table_new(titles, sizeof titles / sizeof titles[0]);
  size_t i;
  json_t *row;
  json_array_foreach(rows, i, row) {
    cell_topic(table, row);
    output_table_cell(table, "%s", output_string(row, "group"));
    for (size_t n = 0; n < sizeof numbers / sizeof numbers[0]; n++)
      cell_number(table, row, numbers[n]);
    cell_holds(table, row);
  }
  output_table_end(table, true);
}

static int ask(cli_call *cli, const char *method, void (*print)(const json_t *answer), json_t **out_answer) {
  json_t *params = json_object();
  if (cli->text[CLI_OPT_TOPIC])
    json_object_set_new(params, "topic", json_string(cli->text[CLI_OPT_TOPIC]));
  int code = session_connect(cli);
  if (code == CLI_OK)
    code = session_call_json(cli, method, json_incref(params), out_answer);
  json_decref(params);
  if (code == CLI_OK && CLI_HAS(cli, JSON))
    output_json(*out_answer, false);
  else if (code == CLI_OK)
    print(*out_answer);
  return code;
}

int cmd_retention(cli_call *cli) {
  json_t *answer = NULL;
  int code = ask(cli, "retention", print_retention, &answer);
  json_decref(answer);
  return code;
}

int cmd_audit(cli_call *cli) {
  json_t *answer = NULL;
  int code = ask(cli, "conservation", print_audit, &answer);
  if (code == CLI_OK && json_is_false(json_object_get(answer, "holds")))
    code = CLI_FAILED;
  json_decref(answer);
  return code;
}
