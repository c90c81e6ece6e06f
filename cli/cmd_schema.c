/* SPDX-License-Identifier: MIT
 * cmd_schema.c - `events schema check` and `schema compat`: schemas in files, and bodies in files. With
 * --type what is in the registry takes the place of a file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "input.h"
#include "output.h"
#include "schema.h"
#include "session.h"

static int compile(cli_call *cli, const char *path, evs_schema **out_schema) {
  evs_error *error = NULL;
  size_t size = 0;
  char *text = input_read(path, INPUT_DOCUMENT_MAX, &size);
  if (!text)
    return CLI_NOT_FOUND;
  evs_status status = evs_schema_compile((evs_bytes){text, size}, (evs_bytes){NULL, 0}, out_schema, &error);
  free(text);
  if (status == EVS_OK)
    return CLI_OK;
  session_fail(cli, path, error);
  return CLI_FAILED;
}

static int print_report(cli_call *cli, const char *path, const char *text) {
  json_t *report = json_loads(text, JSON_ALLOW_NUL, NULL);
  bool valid = json_is_true(json_object_get(report, "valid"));
  if (CLI_HAS(cli, JSON))
    output_text_line(input_bytes(text));
  else
    schema_print_errors(path, report);
  json_decref(report);
  return valid ? CLI_OK : CLI_FAILED;
}

static int check_body(cli_call *cli, const evs_schema *schema, const char *path) {
  evs_error *error = NULL;
  char *report = NULL;
  size_t size = 0;
  char *body = input_read(path, INPUT_BODY_MAX, &size);
  if (!body)
    return CLI_NOT_FOUND;
  evs_status status =
      evs_schema_report(schema, (evs_bytes){body, size}, (evs_bytes){NULL, 0}, &report, &error);
  free(body);
  if (status != EVS_OK) {
    session_fail(cli, path, error);
    return CLI_FAILED;
  }
  int code = print_report(cli, path, report);
  evs_string_free(report);
  return code;
}

static int check_registered(cli_call *cli) {
  if (cli->arg_count != 1)
    return output_usage("schema check", "with --type one argument is left: the file with a body, or -");
  char *answer = NULL;
  json_t *params = schema_params(cli);
  int code = schema_add_file(params, "bodyText", cli->args[0], INPUT_BODY_MAX);
  if (code == CLI_OK)
    code = session_connect(cli);
  if (code == CLI_OK)
    code = session_call(cli, "schemas.validate", json_incref(params), &answer);
  json_decref(params);
  if (code == CLI_OK)
    code = print_report(cli, cli->args[0], answer);
  free(answer);
  return code;
}

int cmd_schema_check(cli_call *cli) {
  evs_schema *schema = NULL;
  if (CLI_HAS(cli, TYPE))
    return check_registered(cli);
  int code = compile(cli, cli->args[0], &schema);
  if (code == CLI_OK && cli->arg_count > 1)
    code = check_body(cli, schema, cli->args[1]);
  else if (code == CLI_OK && CLI_HAS(cli, JSON))
    puts("{\"valid\":true}");
  else if (code == CLI_OK)
    printf("%s: a valid schema\n", strcmp(cli->args[0], "-") == 0 ? "stdin" : cli->args[0]);
  evs_schema_free(schema);
  return code;
}

static char *compat_options(const cli_call *cli) {
  json_t *options = json_object();
  if (cli->text[CLI_OPT_MODE])
    json_object_set_new(options, "mode", json_string(cli->text[CLI_OPT_MODE]));
  if (cli->text[CLI_OPT_POLICY])
    json_object_set_new(options, "policy", json_string(cli->text[CLI_OPT_POLICY]));
  char *text = json_dumps(options, JSON_COMPACT);
  json_decref(options);
  return text;
}

static int compare_files(cli_call *cli, char **out_answer) {
  evs_schema *older = NULL, *newer = NULL;
  evs_error *error = NULL;
  int code = compile(cli, cli->args[0], &older);
  if (code == CLI_OK)
    code = compile(cli, cli->args[1], &newer);
  if (code == CLI_OK) {
    char *options = compat_options(cli), *answer = NULL;
    if (evs_schema_compat(older, newer, input_bytes(options), &answer, &error) == EVS_OK)
      *out_answer = input_copy(answer, strlen(answer));
    else
      code = session_fail(cli, "schema compat", error);
    evs_string_free(answer);
    free(options);
  }
  evs_schema_free(older);
  evs_schema_free(newer);
  return code;
}

static int compare_registered(cli_call *cli, char **out_answer) {
  json_t *params = schema_params(cli);
  int code = schema_add_file(params, "schemaText", cli->args[0], INPUT_DOCUMENT_MAX);
  if (code == CLI_OK)
    code = session_connect(cli);
  if (code == CLI_OK)
    code = session_call(cli, "schemas.compat", json_incref(params), out_answer);
  json_decref(params);
  return code;
}

int cmd_schema_compat(cli_call *cli) {
  bool is_registered = CLI_HAS(cli, TYPE);
  if (cli->arg_count != (is_registered ? 1 : 2))
    return output_usage("schema compat", "give two files, or --type TYPE and one");
  char *text = NULL;
  int code = is_registered ? compare_registered(cli, &text) : compare_files(cli, &text);
  if (code != CLI_OK)
    return code;
  json_t *answer = json_loads(text, 0, NULL);
  bool is_allowed = json_is_true(json_object_get(answer, "allowed"));
  if (CLI_HAS(cli, JSON))
    output_text_line(input_bytes(text));
  else
    schema_print_verdict(answer);
  json_decref(answer);
  free(text);
  return is_allowed ? CLI_OK : CLI_FAILED;
}
