/* SPDX-License-Identifier: MIT
 * cmd_file.c - `events file check|vacuum|backup`: care for the file that a transport of type file keeps. */
#include <stdio.h>

#include "cli.h"
#include "output.h"
#include "session.h"

enum { PATIENCE_MS = 3600000 };

/* These take as long as the file is large. */
static int ask(cli_call *cli, const char *method, json_t *params, json_t **out_answer) {
  int code = session_connect(cli);
  if (cli->timeout_ms == 0)
    cli->timeout_ms = PATIENCE_MS;
  if (code == CLI_OK)
    code = session_call_json(cli, method, params, out_answer);
  else
    json_decref(params);
  if (code == CLI_OK && CLI_HAS(cli, JSON))
    output_json(*out_answer, false);
  return code;
}

static double number_of(const json_t *object, const char *name) {
  return json_number_value(json_object_get(object, name));
}

int cmd_file_check(cli_call *cli) {
  json_t *answer = NULL, *problem;
  size_t i;
  int code = ask(cli, "file.check", json_object(), &answer);
  if (code == CLI_OK && !CLI_HAS(cli, JSON)) {
    json_array_foreach(json_object_get(answer, "problems"), i, problem) {
      printf("problem: %s\n", json_string_value(problem));
    }
    printf("%s: format %.0f, %.0f bytes, %.0f of them free%s\n", output_string(answer, "path"),
           number_of(answer, "format"), number_of(answer, "bytes"), number_of(answer, "freeBytes"),
           json_is_true(json_object_get(answer, "ok")) ? "; nothing is wrong" : "");
  }
  if (code == CLI_OK && !json_is_true(json_object_get(answer, "ok")))
    code = CLI_FAILED;
  json_decref(answer);
  return code;
}

int cmd_file_vacuum(cli_call *cli) {
  json_t *answer = NULL;
  int code = ask(cli, "file.vacuum", json_object(), &answer);
  if (code == CLI_OK && !CLI_HAS(cli, JSON))
    printf("%s: %.0f bytes, before %.0f\n", output_string(answer, "path"), number_of(answer, "bytes"),
           number_of(answer, "bytesBefore"));
  json_decref(answer);
  return code;
}

int cmd_file_backup(cli_call *cli) {
  json_t *answer = NULL;
  int code = ask(cli, "file.backup", json_pack("{s:s}", "to", cli->args[0]), &answer);
  if (code == CLI_OK && !CLI_HAS(cli, JSON))
    printf("%s: %.0f bytes\n", output_string(answer, "to"), number_of(answer, "bytes"));
  json_decref(answer);
  return code;
}
