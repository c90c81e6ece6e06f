/* SPDX-License-Identifier: MIT
 * schema.c - parameters and findings of the commands about schemas. */
#include "schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "input.h"
#include "output.h"

static void set_text(json_t *params, const char *name, const char *text) {
  if (text)
    json_object_set_new(params, name, json_string(text));
}

json_t *schema_params(const cli_call *cli) {
  json_t *params = json_object();
  set_text(params, "type", cli->text[CLI_OPT_TYPE]);
  set_text(params, "version", cli->text[CLI_OPT_VERSION]);
  set_text(params, "compatibility", cli->text[CLI_OPT_MODE]);
  set_text(params, "policy", cli->text[CLI_OPT_POLICY]);
  return params;
}

int schema_add_file(json_t *params, const char *name, const char *path, size_t max) {
  size_t size = 0;
  char *text = input_read(path, max, &size);
  if (!text)
    return CLI_NOT_FOUND;
  json_t *value = json_stringn(text, size);
  free(text);
  if (!value) {
    output_problem("%s is not valid UTF-8", strcmp(path, "-") == 0 ? "stdin" : path);
    return CLI_FAILED;
  }
  return json_object_set_new(params, name, value) == 0 ? CLI_OK : CLI_FAILED;
}

static void print_text(const char *before, const char *text) {
  fputs(before, stdout);
  output_safe(stdout, input_bytes(text), 0);
}

void schema_print_errors(const char *what, const json_t *report) {
  size_t i;
  json_t *error, *errors = json_object_get(report, "errors");
  const char *name = strcmp(what, "-") == 0 ? "stdin" : what;
  if (json_is_true(json_object_get(report, "valid"))) {
    printf("%s: valid\n", name);
    return;
  }
  printf("%s: %zu error(s)%s\n", name, json_array_size(errors),
         json_is_true(json_object_get(report, "more")) ? ", and more" : "");
  json_array_foreach(errors, i, error) {
    const char *path = output_string(error, "instancePath");
    print_text("  ", *path ? path : "/");
    print_text(": ", output_string(error, "message"));
    print_text("  (", output_string(error, "schemaPath"));
    puts(")");
  }
}

void schema_print_verdict(const json_t *answer) {
  size_t i;
  json_t *reason;
  puts(output_string(answer, "verdict"));
  json_array_foreach(json_object_get(answer, "reasons"), i, reason) {
    const char *path = output_string(reason, "path");
    print_text("  ", *path && strcmp(path, "-") != 0 ? path : "/");
    print_text(": ", output_string(reason, "message"));
    print_text("  (", output_string(reason, "direction"));
    puts(")");
    if (json_object_get(reason, "example")) {
      print_text("    for example ", output_string(reason, "example"));
      putchar('\n');
    }
  }
}
