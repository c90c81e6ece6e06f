/* SPDX-License-Identifier: MIT
 * cmd_dlq.c - `events dlq list`, `dlq groups`, `dlq archive`, `dlq log` and `dlq show`: reading. Changing:
 * cmd_dlq_change.c. */
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"
#include "dlq.h"
#include "input.h"
#include "jsontext.h"
#include "output.h"
#include "session.h"

static void letter_row(output_table *table, evs_bytes text) {
  json_t *item = jsontext_frame(text);
  json_t *error = json_object_get(item, "error");
  char time[32];
  output_table_cell(table, "%s", output_string(item, "id"));
  output_table_cell(table, "%s", output_string(json_object_get(item, "header"), "type"));
  output_table_cell(table, "%s", output_string(item, "group"));
  output_table_cell(table, "%lld", (long long)json_integer_value(json_object_get(item, "attempts")));
  output_table_cell(table, "%s", output_time(json_object_get(item, "lastFailureAt"), time));
  output_table_cell(table, "%s: %s", output_string(error, "class"), output_string(error, "message"));
  json_decref(item);
}

int cmd_dlq_list(cli_call *cli) {
  static const char *const titles[] = {"ID", "TYPE", "GROUP", "ATTEMPTS", "LAST FAILURE", "ERROR"};
  return dlq_list(cli, &(dlq_listing){"dlq.list", "no dead letters", titles, 6, letter_row});
}

static void archive_row(output_table *table, evs_bytes text) {
  json_t *item = jsontext_frame(text);
  char time[32];
  output_table_cell(table, "%s", output_string(item, "id"));
  output_table_cell(table, "%s", output_string(json_object_get(item, "header"), "type"));
  output_table_cell(table, "%s", output_string(item, "action"));
  output_table_cell(table, "%s", output_time(json_object_get(item, "archivedAt"), time));
  output_table_cell(table, "%s", output_string(item, "archivedBy"));
  output_table_cell(table, "%s", output_string(item, "copy"));
  output_table_cell(table, "%s", output_string(item, "reason"));
  json_decref(item);
}

int cmd_dlq_archive(cli_call *cli) {
  static const char *const titles[] = {"ID", "TYPE", "ACTION", "AT", "BY", "COPY", "REASON"};
  return dlq_list(cli, &(dlq_listing){"dlq.archive", "nothing in the archive", titles, 7, archive_row});
}

static void log_row(output_table *table, evs_bytes text) {
  json_t *item = jsontext_frame(text);
  char time[32], *scope = output_json_text(json_object_get(item, "scope"), false);
  output_table_cell(table, "%s", output_time(json_object_get(item, "at"), time));
  output_table_cell(table, "%s", output_string(item, "actor"));
  output_table_cell(table, "%s", output_string(item, "action"));
  output_table_cell(table, "%lld", (long long)json_integer_value(json_object_get(item, "count")));
  output_table_cell(table, "%s", output_string(item, "result"));
  output_table_cell(table, "%s", output_string(item, "operation"));
  output_table_cell(table, "%s", scope);
  free(scope);
  json_decref(item);
}

int cmd_dlq_log(cli_call *cli) {
  static const char *const titles[] = {"AT", "ACTOR", "ACTION", "COUNT", "RESULT", "OPERATION", "SCOPE"};
  return dlq_list(cli, &(dlq_listing){"audit", "nothing was changed", titles, 7, log_row});
}

int cmd_dlq_groups(cli_call *cli) {
  static const char *const titles[] = {"FINGERPRINT", "COUNT", "GROUP", "TYPE", "LAST FAILURE", "ERROR"};
  int code = session_connect(cli);
  json_t *answer = NULL, *params = dlq_selection(cli), *row;
  if (code != CLI_OK) {
    json_decref(params);
    return code;
  }
  code = session_call_json(cli, "dlq.groups", params, &answer);
  if (code != CLI_OK)
    return code;
  if (CLI_HAS(cli, JSON)) {
    output_json(answer, false);
    json_decref(answer);
    return CLI_OK;
  }
  output_table *table = output_table_new(titles, 6);
  size_t i;
  char time[32];
  json_array_foreach(json_object_get(answer, "groups"), i, row) {
    output_table_cell(table, "%s", output_string(row, "fingerprint"));
    output_table_cell(table, "%lld", (long long)json_integer_value(json_object_get(row, "count")));
    output_table_cell(table, "%s", output_string(row, "group"));
    output_table_cell(table, "%s", output_string(row, "type"));
    output_table_cell(table, "%s", output_time(json_object_get(row, "lastAt"), time));
    output_table_cell(table, "%s: %s", output_string(row, "errorClass"), output_string(row, "message"));
  }
  output_table_end(table, i > 0);
  long long unindexed = (long long)json_integer_value(json_object_get(answer, "unindexed"));
  if (unindexed > 0)
    printf("%lld more that are older than the index: dlq list shows them\n", unindexed);
  else if (i == 0)
    puts("no dead letters");
  json_decref(answer);
  return CLI_OK;
}

static void print_field(const char *name, const json_t *value, bool indent) {
  char *text = json_is_string(value) ? input_copy(json_string_value(value), json_string_length(value))
                                     : output_json_text(value, indent);
  printf("%-14s ", name);
  /* Line feeds of a stack or of indented JSON are kept; everything else is made harmless. */
  for (char *line = text, *end; line; line = end) {
    end = NULL;
    size_t size = 0;
    while (line[size] && line[size] != '\n')
      size++;
    if (line[size])
      end = line + size + 1;
    output_safe(stdout, (evs_bytes){line, size}, 0);
    printf(end ? "\n%15s" : "\n", "");
  }
  free(text);
}

/* As it stands in the document: digits and key order are the publisher's. */
static void print_part(const char *text, const char *name) {
  evs_bytes part = jsontext_member(input_bytes(text), name);
  if (!part.size)
    return;
  printf("%-14s ", name);
  output_safe(stdout, part, 0);
  putchar('\n');
}

static void print_item(const char *text) {
  static const char *const fields[] = {
      "id",       "originalId",     "topic",         "partition", "group",        "subscription",
      "attempts", "firstFailureAt", "lastFailureAt", "consumer",  "requeueCount", "fingerprint",
      "action",   "archivedAt",     "archivedBy",    "copy",      "to",           "reason",
      "note",     "header",         "headers",       NULL};
  json_t *item = jsontext_frame(input_bytes(text));
  const json_t *error = json_object_get(item, "error"), *value;
  for (size_t i = 0; fields[i]; i++)
    if ((value = json_object_get(item, fields[i])) && !json_is_null(value))
      print_field(fields[i], value, true);
  print_part(text, "body");
  print_part(text, "raw");
  print_part(text, "entry");
  printf("%-14s ", "error");
  output_safe(stdout, input_bytes(output_string(error, "class")), 0);
  fputs(": ", stdout);
  output_safe(stdout, input_bytes(output_string(error, "message")), 0);
  fputc('\n', stdout);
  if ((value = json_object_get(error, "stack")) && json_string_length(value))
    print_field("stack", value, false);
  if ((value = json_object_get(item, "history")) && json_array_size(value))
    print_field("history", value, true);
  json_decref(item);
}

int cmd_dlq_show(cli_call *cli) {
  int code = session_connect(cli);
  if (code != CLI_OK)
    return code;
  char *text = NULL;
  json_t *id = json_string(cli->args[0]);
  if (!id)
    return output_usage("dlq show", "the id is not valid UTF-8");
  code = session_call(cli, "dlq.get", json_pack("{s:o,s:b}", "id", id, "archived", CLI_HAS(cli, ARCHIVED)),
                      &text);
  if (code != CLI_OK)
    return code;
  if (CLI_HAS(cli, JSON))
    output_text_line(input_bytes(text));
  else
    print_item(text);
  free(text);
  return CLI_OK;
}
