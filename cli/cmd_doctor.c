/* SPDX-License-Identifier: MIT
 * cmd_doctor.c - `events doctor`: what a store says about itself, what is wrong with it, and what it
 * guarantees. */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "output.h"
#include "session.h"

static void print_value(const json_t *value) {
  if (json_is_string(value))
    output_safe(stdout, (evs_bytes){json_string_value(value), json_string_length(value)}, 0);
  else if (json_is_integer(value))
    printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
  else
    fputs(json_is_true(value) ? "yes" : json_is_false(value) ? "no" : "unknown", stdout);
}

/* Members of an object on one line; lists are told as findings. */
static void print_part(const char *title, const json_t *part) {
  const char *name, *between = "";
  json_t *value;
  printf("%-13s ", title);
  json_object_foreach((json_t *)part, name, value) {
    if (json_is_array(value))
      continue;
    printf("%s%s ", between, name);
    print_value(value);
    between = ", ";
  }
  putchar('\n');
}

static void print_findings(const json_t *findings) {
  size_t i;
  json_t *finding;
  if (json_array_size(findings) == 0)
    puts("nothing is wrong");
  json_array_foreach(findings, i, finding) {
    printf("%-8s%s: ", output_string(finding, "level"), output_string(finding, "check"));
    print_value(json_object_get(finding, "message"));
    putchar('\n');
  }
}

static void print_report(const json_t *report) {
  static const char *const parts[] = {"server", "persistence", "limits",      "clock",
                                      "layout", "permissions", "capabilities"};
  printf("%-13s %s\n", "address", output_string(report, "address"));
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    if (json_object_get(report, parts[i]))
      print_part(parts[i], json_object_get(report, parts[i]));
  }
  printf("\n%s\n\n", output_string(report, "guarantee"));
  print_findings(json_object_get(report, "findings"));
}

int cmd_doctor(cli_call *cli) {
  json_t *answer = NULL, *params = json_object();
  if (cli->text[CLI_OPT_ROLE])
    json_object_set_new(params, "role", json_string(cli->text[CLI_OPT_ROLE]));
  int code = session_connect(cli);
  if (code == CLI_OK)
    code = session_call_json(cli, "doctor", params, &answer);
  else
    json_decref(params);
  if (code == CLI_OK && CLI_HAS(cli, JSON))
    output_json(answer, false);
  else if (code == CLI_OK)
    print_report(answer);
  if (code == CLI_OK && !json_is_true(json_object_get(answer, "ok")))
    code = CLI_FAILED;
  json_decref(answer);
  return code;
}
