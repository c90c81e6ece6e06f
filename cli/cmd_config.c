/* SPDX-License-Identifier: MIT
 * cmd_config.c - `events config check`: every fault of a configuration at once, nothing is opened. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "input.h"
#include "output.h"
#include "session.h"

static int print_report(cli_call *cli, const char *name, const char *text) {
  json_t *report = json_loads(text, JSON_ALLOW_NUL, NULL);
  bool valid = json_is_true(json_object_get(report, "valid"));
  const json_t *problems = json_object_get(report, "problems"),
               *warnings = json_object_get(report, "warnings");
  if (CLI_HAS(cli, JSON)) {
    output_text_line(input_bytes(text));
  } else if (valid) {
    const json_t *transports = json_object_get(json_object_get(report, "normalized"), "transports");
    printf("%s: valid, %zu transport(s)\n", name, json_object_size(transports));
  } else {
    output_problem("%s: %zu problem(s); each is named by its JSON pointer", name, json_array_size(problems));
    output_problems(problems);
  }
  if (json_array_size(warnings) && !CLI_HAS(cli, JSON)) {
    fprintf(stderr, "%zu warning(s):\n", json_array_size(warnings));
    output_problems(warnings);
  }
  json_decref(report);
  return valid ? CLI_OK : CLI_CONFIG;
}

int cmd_config_check(cli_call *cli) {
  const char *path = cli->text[CLI_OPT_CONFIG];
  if (path && cli->arg_count)
    return output_usage("config check", "--config and an argument both name a file: give one of them");
  if (!path && !cli->arg_count)
    return output_usage("config check", "say which file: events config check FILE");
  path = path ? path : cli->args[0];
  size_t size = 0;
  char *text = input_read(path, INPUT_DOCUMENT_MAX, &size), *report = NULL;
  if (!text)
    return CLI_CONFIG;
  evs_error *error = NULL;
  evs_status status = evs_config_check(text, size, &report, &error);
  free(text);
  if (status != EVS_OK)
    return session_fail(cli, path, error);
  int code = print_report(cli, strcmp(path, "-") == 0 ? "stdin" : path, report);
  evs_string_free(report);
  return code;
}
