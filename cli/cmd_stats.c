/* SPDX-License-Identifier: MIT
 * cmd_stats.c - `events stats` and `groups`: what the store holds and who reads it. The numbers are the
 * store's, not this process's. */
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"
#include "input.h"
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

static void cell_lag(output_table *table, const json_t *group) {
  const json_t *lag = json_object_get(group, "lag");
  const char *about = json_is_false(json_object_get(group, "lagExact")) ? "~" : "";
  if (json_is_number(lag))
    output_table_cell(table, "%s%.0f", about, json_number_value(lag));
  else
    output_table_cell(table, "?");
}

static void cell_members(output_table *table, const json_t *members) {
  size_t i, alive = 0;
  json_t *member;
  json_array_foreach(members, i, member) alive += json_is_true(json_object_get(member, "alive"));
  output_table_cell(table, "%zu of %zu alive", alive, json_array_size(members));
}

static void cell_paused(output_table *table, const json_t *paused) {
  const char *reason = json_string_value(json_object_get(paused, "reason"));
  char since[32];
  if (!json_is_object(paused))
    output_table_cell(table, "-");
  else
    output_table_cell(table, "by %s since %s%s%s", output_string(paused, "by"),
                      output_time(json_object_get(paused, "at"), since), reason ? ": " : "",
                      reason ? reason : "");
}

static void cell_types(output_table *table, const json_t *types) {
  char text[256];
  size_t used = 0, i;
  json_t *type;
  text[0] = '\0';
  json_array_foreach(types, i, type) {
    const char *name = json_is_string(type) ? json_string_value(type) : "?";
    int more = snprintf(text + used, sizeof text - used, i ? ", %s" : "%s", name);
    if (more < 0 || used + (size_t)more > 60) {
      snprintf(text + used, sizeof text - used, i ? ", … (%zu)" : "… (%zu)", json_array_size(types));
      break;
    }
    used += (size_t)more;
  }
  output_table_cell(table, "%s", text[0] ? text : "-");
}

static void print_topics(const json_t *topics) {
  static const char *const titles[] = {"TOPIC", "ENTRIES", "DEAD LETTERS", "TYPES"};
  if (!json_array_size(topics)) {
    puts("no topics");
    return;
  }
  output_table *table = output_table_new(titles, 4);
  size_t i;
  json_t *topic;
  json_array_foreach(topics, i, topic) {
    cell_topic(table, topic);
    cell_number(table, topic, "entries");
    cell_number(table, topic, "deadLetters");
    cell_types(table, json_object_get(topic, "types"));
  }
  output_table_end(table, true);
}

static void print_groups(const json_t *groups) {
  static const char *const titles[] = {"TOPIC", "GROUP", "LAG", "PENDING", "PARKED", "MEMBERS", "PAUSED"};
  if (!json_array_size(groups)) {
    puts("no groups");
    return;
  }
  output_table *table = output_table_new(titles, 7);
  size_t i;
  json_t *group;
  json_array_foreach(groups, i, group) {
    cell_topic(table, group);
    output_table_cell(table, "%s", output_string(group, "group"));
    cell_lag(table, group);
    cell_number(table, group, "pending");
    cell_number(table, group, "parked");
    cell_members(table, json_object_get(group, "members"));
    cell_paused(table, json_object_get(group, "paused"));
  }
  output_table_end(table, true);
}

static double total(const json_t *rows, const char *name) {
  double sum = 0;
  size_t i;
  json_t *row;
  json_array_foreach(rows, i, row) sum += json_number_value(json_object_get(row, name));
  return sum;
}

static void print_stats(cli_call *cli, json_t *topics, json_t *groups) {
  double entries = total(topics, "entries"), dead = total(topics, "deadLetters");
  double pending = total(groups, "pending"), parked = total(groups, "parked");
  if (CLI_HAS(cli, JSON)) {
    json_t *document = json_pack("{s:O?, s:O?, s:{s:I, s:I, s:I, s:I}}", "topics", topics, "groups", groups,
                                 "totals", "entries", (json_int_t)entries, "deadLetters", (json_int_t)dead,
                                 "pending", (json_int_t)pending, "parked", (json_int_t)parked);
    output_json(document, false);
    json_decref(document);
    return;
  }
  print_topics(topics);
  putchar('\n');
  print_groups(groups);
  printf("\nentries %.0f, dead letters %.0f, pending %.0f, of them parked %.0f\n", entries, dead, pending,
         parked);
}

int cmd_stats(cli_call *cli) {
  json_t *topics = NULL, *groups = NULL;
  int code = session_connect(cli);
  if (code == CLI_OK)
    code = session_call_json(cli, "topics", json_object(), &topics);
  if (code == CLI_OK)
    code = session_call_json(cli, "groups", json_object(), &groups);
  if (code == CLI_OK)
    print_stats(cli, json_object_get(topics, "topics"), json_object_get(groups, "groups"));
  json_decref(topics);
  json_decref(groups);
  return code;
}

int cmd_groups(cli_call *cli) {
  json_t *answer = NULL, *params = json_object();
  if (cli->text[CLI_OPT_TOPIC])
    json_object_set_new(params, "topic", json_string(cli->text[CLI_OPT_TOPIC]));
  int code = session_connect(cli);
  if (code == CLI_OK)
    code = session_call_json(cli, "groups", json_incref(params), &answer);
  json_decref(params);
  if (code == CLI_OK && CLI_HAS(cli, JSON))
    output_json(answer, false);
  else if (code == CLI_OK)
    print_groups(json_object_get(answer, "groups"));
  json_decref(answer);
  return code;
}
