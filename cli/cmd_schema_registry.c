/* SPDX-License-Identifier: MIT
 * cmd_schema_registry.c - `events schema register`, `list`, `show`, `set`, `remove` and `diff`, and `events
 * asyncapi`: the schemas that a registry keeps. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "input.h"
#include "output.h"
#include "schema.h"
#include "session.h"

typedef void (*print_answer)(const json_t *answer);

/* Asks and prints; takes params. */
static int ask(cli_call *cli, const char *method, json_t *params, print_answer print) {
  json_t *answer = NULL;
  int code = session_connect(cli);
  if (code == CLI_OK)
    code = session_call_json(cli, method, json_incref(params), &answer);
  json_decref(params);
  if (code == CLI_OK && CLI_HAS(cli, JSON))
    output_json(answer, false);
  else if (code == CLI_OK)
    print(answer);
  json_decref(answer);
  return code;
}

static json_t *params_of(const cli_call *cli, int words) {
  static const char *const names[] = {"type", "version"};
  json_t *params = schema_params(cli);
  for (int i = 0; i < words && i < cli->arg_count; i++)
    json_object_set_new(params, names[i], json_string(cli->args[i]));
  return params;
}

static void print_registered(const json_t *answer) {
  const char *outcome = output_string(answer, "outcome");
  for (const char *at = outcome; *at; at++)
    putchar(*at == '_' ? ' ' : *at);
  printf(": %s %s\n", output_string(answer, "type"), output_string(answer, "version"));
  if (json_array_size(json_object_get(answer, "reasons")))
    schema_print_verdict(answer);
}

int cmd_schema_register(cli_call *cli) {
  json_t *params = params_of(cli, 1);
  if (CLI_HAS(cli, DRY_RUN))
    json_object_set_new(params, "dryRun", json_true());
  int code = schema_add_file(params, "schemaText", cli->args[1], INPUT_DOCUMENT_MAX);
  if (code == CLI_OK)
    return ask(cli, "schemas.register", params, print_registered);
  json_decref(params);
  return code;
}

static void print_list(const json_t *answer) {
  static const char *const titles[] = {"TYPE",   "VERSION",    "STATE", "COMPATIBILITY",
                                       "POLICY", "REGISTERED", "TITLE"};
  size_t i;
  json_t *item, *items = json_object_get(answer, "items");
  const char *alarm = json_string_value(json_object_get(json_object_get(answer, "registry"), "alarm"));
  if (alarm)
    output_problem("%s", alarm);
  if (!json_array_size(items)) {
    puts("no schemas");
    return;
  }
  output_table *table = output_table_new(titles, sizeof titles / sizeof titles[0]);
  json_array_foreach(items, i, item) {
    char at[32];
    bool is_removed = json_is_number(json_object_get(item, "removedAt"));
    output_table_cell(table, "%s", output_string(item, "type"));
    output_table_cell(table, "%s", output_string(item, "version"));
    output_table_cell(table, "%s",
                      is_removed                                      ? "removed"
                      : json_is_true(json_object_get(item, "latest")) ? "latest"
                                                                      : "-");
    output_table_cell(table, "%s", output_string(item, "compatibility"));
    output_table_cell(table, "%s", output_string(item, "policy"));
    output_table_cell(table, "%s", output_time(json_object_get(item, "registeredAt"), at));
    output_table_cell(table, "%s", output_string(item, "title"));
  }
  output_table_end(table, true);
}

int cmd_schema_list(cli_call *cli) {
  return ask(cli, "schemas.list", params_of(cli, 1), print_list);
}

static void print_text(const json_t *answer) {
  output_text_line(input_bytes(json_string_value(json_object_get(answer, "schemaText"))));
}

int cmd_schema_show(cli_call *cli) {
  return ask(cli, "schemas.get", params_of(cli, 2), print_text);
}

static void print_rules(const json_t *answer) {
  printf("%s: %s, %s\n", output_string(answer, "type"), output_string(answer, "compatibility"),
         output_string(answer, "policy"));
}

int cmd_schema_set(cli_call *cli) {
  if (!CLI_HAS(cli, MODE) && !CLI_HAS(cli, POLICY))
    return output_usage("schema set", "say what to set: --mode MODE, --policy POLICY or both");
  return ask(cli, "schemas.set", params_of(cli, 1), print_rules);
}

static void print_removed(const json_t *answer) {
  printf("removed: %s %s\n", output_string(answer, "type"), output_string(answer, "version"));
}

int cmd_schema_remove(cli_call *cli) {
  return ask(cli, "schemas.remove", params_of(cli, 2), print_removed);
}

static void print_change(const json_t *change) {
  static const char *const names[] = {"before", "after"};
  static const char *const signs[] = {"  - ", "  + "};
  printf("%s ", output_string(change, "change"));
  output_safe(stdout, input_bytes(output_string(change, "path")), 0);
  putchar('\n');
  for (size_t i = 0; i < 2; i++) {
    const char *text = json_string_value(json_object_get(change, names[i]));
    if (!text)
      continue;
    fputs(signs[i], stdout);
    output_safe(stdout, input_bytes(text), 0);
    putchar('\n');
  }
}

static void print_diff(const json_t *answer) {
  size_t i;
  json_t *change, *changes = json_object_get(answer, "changes");
  const json_t *compatibility = json_object_get(answer, "compatibility");
  if (!json_array_size(changes))
    puts("no change");
  json_array_foreach(changes, i, change) {
    print_change(change);
  }
  printf("backward %s, forward %s\n", output_string(compatibility, "backward"),
         output_string(compatibility, "forward"));
}

/* A version has the form of one; anything else names a file. */
static bool is_version(const char *text) {
  return strcmp(text, "latest") == 0 || (text[0] >= '0' && text[0] <= '9' && !strchr(text, '/'));
}

int cmd_schema_diff(cli_call *cli) {
  json_t *params = json_pack("{s:s, s:s}", "type", cli->args[0], "from", cli->args[1]);
  const char *to = cli->arg_count > 2 ? cli->args[2] : "latest";
  int code = CLI_OK;
  if (is_version(to))
    json_object_set_new(params, "to", json_string(to));
  else
    code = schema_add_file(params, "schemaText", to, INPUT_DOCUMENT_MAX);
  if (code == CLI_OK)
    return ask(cli, "schemas.diff", params, print_diff);
  json_decref(params);
  return code;
}

static void print_document(const json_t *answer) {
  output_json(answer, true);
}

int cmd_asyncapi(cli_call *cli) {
  return ask(cli, "asyncapi", json_object(), print_document);
}
