/* SPDX-License-Identifier: MIT
 * cmd_route_coverage.c - `events route coverage`: what the routes of a configuration are worth. */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "input.h"
#include "output.h"
#include "session.h"

/* A route by its name, or by its pattern. */
static const char *name_of(const json_t *routes, const json_t *place) {
  const json_t *route = json_array_get(routes, (size_t)json_integer_value(place));
  const char *name = json_string_value(json_object_get(route, "name"));
  return name ? name : output_string(route, "pattern");
}

static void add_rows(output_table *table, const json_t *coverage, const char *list, const char *other,
                     const char *why) {
  const json_t *routes = json_object_get(coverage, "routes");
  size_t i;
  json_t *each;
  json_array_foreach(json_object_get(coverage, list), i, each) {
    output_table_cell(table, "%s", name_of(routes, json_object_get(each, "route")));
    output_table_cell(table, "%s", strcmp(other, "by") == 0 ? "never taken, all goes to" : "wins over");
    output_table_cell(table, "%s", name_of(routes, json_object_get(each, other)));
    output_table_cell(table, "%s", output_string(each, why));
  }
}

static void print_coverage(const json_t *coverage) {
  static const char *const titles[] = {"ROUTE", "", "ROUTE", "BY"};
  size_t shadowed = json_array_size(json_object_get(coverage, "shadowed"));
  size_t overlapping = json_array_size(json_object_get(coverage, "overlapping"));
  if (shadowed + overlapping == 0) {
    puts("each route can be taken, and no two meet");
    return;
  }
  output_table *table = output_table_new(titles, 4);
  add_rows(table, coverage, "shadowed", "by", "because");
  add_rows(table, coverage, "overlapping", "with", "decidedBy");
  output_table_end(table, true);
}

int cmd_route_coverage(cli_call *cli) {
  int code = session_open(cli);
  if (code != CLI_OK)
    return code;
  char *text = NULL;
  evs_error *error = NULL;
  if (evs_call(cli->system, "coverage", "{}", 2, 0, &text, &error) != EVS_OK)
    return session_fail(cli, "route coverage", error);
  json_t *coverage = json_loads(text, 0, NULL);
  if (CLI_HAS(cli, JSON))
    output_text_line(input_bytes(text));
  else
    print_coverage(coverage);
  code = json_array_size(json_object_get(coverage, "shadowed")) ? CLI_FAILED : CLI_OK;
  json_decref(coverage);
  evs_string_free(text);
  return code;
}
