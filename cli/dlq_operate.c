/* SPDX-License-Identifier: MIT
 * dlq_operate.c - a change of all that the options select, as an operation of the store: started here,
 * watched to its end, and aborted by Ctrl-C. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dlq.h"
#include "input.h"
#include "jsontext.h"
#include "output.h"
#include "session.h"

enum { LOOK_MS = 200 };

static bool has_ended(const json_t *operation) {
  const char *state = output_string(operation, "state");
  return strcmp(state, "running") != 0 && strcmp(state, "paused") != 0;
}

static int start(cli_call *cli, const char *kind, json_t **out_operation) {
  json_t *params = json_pack("{s:s,s:o}", "kind", kind, "filter", dlq_selection(cli));
  if (cli->rate)
    json_object_set_new(params, "rate", json_integer(cli->rate));
  dlq_add_options(cli, params);
  if (cli->canary) {
    json_t *canary = json_pack("{s:i}", "count", (int)cli->canary);
    if (cli->outcome_timeout_ms)
      json_object_set_new(canary, "outcomeTimeout", json_integer(cli->outcome_timeout_ms));
    json_object_set_new(params, "canary", canary);
  }
  if (cli->stop_percent)
    json_object_set_new(params, "stop", json_pack("{s:f}", "share", cli->stop_percent / 100.0));
  return session_call_json(cli, "operations.start", params, out_operation);
}

/* That it would go on unseen is not what Ctrl-C means. Requests of a session end with a signal: this is one
 * of its own. */
static int abort_operation(cli_call *cli, json_t **operation) {
  char *answer = NULL, *params = NULL;
  evs_error *error = NULL;
  json_t *document = json_pack("{s:O,s:s}", "id", json_object_get(*operation, "id"), "state", "aborted");
  if (cli->text[CLI_OPT_TRANSPORT])
    json_object_set_new(document, "transport", json_string(cli->text[CLI_OPT_TRANSPORT]));
  params = output_json_text(document, false);
  json_decref(document);
  evs_status status =
      evs_call(cli->system, "operations.set", params, strlen(params), cli->timeout_ms, &answer, &error);
  free(params);
  if (status != EVS_OK)
    return session_fail(cli, "aborting the operation", error);
  json_decref(*operation);
  *operation = jsontext_parse(input_bytes(answer));
  evs_string_free(answer);
  return CLI_OK;
}

static int watch(cli_call *cli, json_t **operation) {
  while (!has_ended(*operation)) {
    json_t *seen = NULL;
    session_wait(cli, -1, 0, LOOK_MS);
    if (session_stopped())
      return abort_operation(cli, operation);
    int code = session_call_json(cli, "operations.get",
                                 json_pack("{s:O}", "id", json_object_get(*operation, "id")), &seen);
    if (code != CLI_OK)
      return session_stopped() ? abort_operation(cli, operation) : code;
    json_decref(*operation);
    *operation = seen;
  }
  return CLI_OK;
}

static void print_outcome(cli_call *cli, const json_t *operation, const char *done) {
  if (CLI_HAS(cli, JSON)) {
    output_json(operation, false);
    return;
  }
  printf("%s %lld", done, (long long)json_integer_value(json_object_get(operation, "done")));
  long long skipped = (long long)json_integer_value(json_object_get(operation, "skipped"));
  long long failed = (long long)json_integer_value(json_object_get(operation, "failed"));
  if (skipped)
    printf(", skipped %lld", skipped);
  if (failed)
    printf(", failed %lld", failed);
  const json_t *stopped = json_object_get(operation, "stopped");
  if (json_is_object(stopped))
    printf(" (stopped: %s)\n", output_string(stopped, "message"));
  else
    printf(strcmp(output_string(operation, "state"), "done") == 0 ? "\n" : " (%s)\n",
           output_string(operation, "state"));
}

int dlq_operate(cli_call *cli, const char *kind, const char *done) {
  json_t *operation = NULL;
  int code = session_connect(cli);
  if (code != CLI_OK)
    return code;
  code = start(cli, kind, &operation);
  if (code != CLI_OK)
    return code;
  session_watch_signals();
  code = watch(cli, &operation);
  if (code == CLI_OK)
    print_outcome(cli, operation, done);
  bool is_whole = strcmp(output_string(operation, "state"), "done") == 0 &&
                  json_integer_value(json_object_get(operation, "failed")) == 0;
  json_decref(operation);
  return code == CLI_OK && !is_whole ? CLI_FAILED : code;
}
