/* SPDX-License-Identifier: MIT
 * cmd_route.c - `events route explain` and `pattern test`: decisions made locally, no store is touched. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "input.h"
#include "output.h"
#include "session.h"

static void print_fact(const char *name, const json_t *value) {
  if (!value || json_is_null(value))
    return;
  char *text = json_is_string(value) ? NULL : output_json_text(value, false);
  printf("%-10s ", name);
  output_safe(stdout, input_bytes(text ? text : json_string_value(value)), 0);
  putchar('\n');
  free(text);
}

static void print_transports(const json_t *transports) {
  size_t i;
  json_t *name;
  printf("%-10s ", "transport");
  json_array_foreach(transports, i, name) printf(i ? ", %s" : "%s", json_string_value(name));
  puts(json_array_size(transports) ? "" : "none takes it");
}

static void print_routes(const json_t *routes) {
  static const char *const titles[] = {"ROUTE", "PATTERN", "MATCHED", "WHY"};
  if (!json_array_size(routes)) {
    puts("no routes are configured");
    return;
  }
  putchar('\n');
  output_table *table = output_table_new(titles, 4);
  size_t i;
  json_t *route;
  json_array_foreach(routes, i, route) {
    output_table_cell(table, "%s", output_string(route, "name"));
    output_table_cell(table, "%s", output_string(route, "pattern"));
    output_table_cell(table, "%s", json_is_true(json_object_get(route, "matched")) ? "yes" : "no");
    output_table_cell(table, "%s", output_string(route, "reason"));
  }
  output_table_end(table, true);
}

static void print_explanation(const json_t *explained) {
  print_fact("type", json_object_get(explained, "type"));
  print_fact("full type", json_object_get(explained, "fullType"));
  print_fact("topic", json_object_get(explained, "topic"));
  print_fact("by", json_object_get(explained, "topicRule"));
  print_transports(json_object_get(explained, "transports"));
  print_fact("partition", json_object_get(explained, "partition"));
  print_fact("schema", json_object_get(explained, "schema"));
  print_fact("error", json_object_get(explained, "error"));
  print_routes(json_object_get(explained, "routes"));
}

int cmd_route_explain(cli_call *cli) {
  int code = session_open(cli);
  if (code != CLI_OK)
    return code;
  json_t *query = json_pack("{s:s}", "type", cli->args[0]);
  if (!query)
    return output_usage("route explain", "the type is not valid UTF-8");
  if (cli->headers)
    json_object_set(query, "headers", cli->headers);
  if (cli->text[CLI_OPT_ORIGIN_PREFIX])
    json_object_set_new(query, "originPrefix", json_string(cli->text[CLI_OPT_ORIGIN_PREFIX]));
  if (cli->text[CLI_OPT_KEY])
    json_object_set_new(query, "key", json_string(cli->text[CLI_OPT_KEY]));
  char *query_text = json_dumps(query, JSON_COMPACT), *text = NULL;
  json_decref(query);
  evs_error *error = NULL;
  evs_status status =
      evs_explain(cli->system, query_text, query_text ? strlen(query_text) : 0, &text, &error);
  free(query_text);
  if (status != EVS_OK)
    return session_fail(cli, "route explain", error);
  json_t *explained = json_loads(text, 0, NULL);
  if (CLI_HAS(cli, JSON))
    output_text_line(input_bytes(text));
  else
    print_explanation(explained);
  code = json_array_size(json_object_get(explained, "transports")) ? CLI_OK : CLI_FAILED;
  json_decref(explained);
  evs_string_free(text);
  return code;
}

int cmd_pattern_test(cli_call *cli) {
  const char *pattern = cli->args[0], *type = cli->args[1], *prefix = cli->text[CLI_OPT_ORIGIN_PREFIX];
  int32_t matches = 0;
  evs_error *error = NULL;
  evs_status status =
      evs_pattern_matches(input_bytes(pattern), input_bytes(type), input_bytes(prefix), &matches, &error);
  if (status != EVS_OK)
    return session_fail(cli, "pattern test", error);
  if (CLI_HAS(cli, JSON)) {
    json_t *answer = json_pack("{s:s, s:s, s:s?, s:b}", "pattern", pattern, "type", type, "originPrefix",
                               prefix, "matches", (int)matches);
    output_json(answer, false);
    json_decref(answer);
  } else {
    puts(matches ? "matches" : "does not match");
  }
  return matches ? CLI_OK : CLI_FAILED;
}
