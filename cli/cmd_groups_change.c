/* SPDX-License-Identifier: MIT
 * cmd_groups_change.c - `events groups pause` and `resume`: the store keeps it, so that it holds for every
 * process, now and later. */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "output.h"
#include "session.h"

static int change(cli_call *cli, const char *method, const char *done) {
  json_t *answer = NULL, *params = json_pack("{s:s}", "group", cli->args[0]);
  const char *reason = cli->text[CLI_OPT_REASON];
  if (!params || (reason && json_object_set_new(params, "reason", json_string(reason)) != 0)) {
    json_decref(params);
    return output_usage(NULL, "the name of a group and a reason are texts in UTF-8");
  }
  int code = session_connect(cli);
  if (code == CLI_OK)
    code = session_call_json(cli, method, json_incref(params), &answer);
  json_decref(params);
  if (code == CLI_OK && CLI_HAS(cli, JSON)) {
    output_json(answer, false);
  } else if (code == CLI_OK) {
    printf("%s ", done);
    output_safe(stdout, (evs_bytes){cli->args[0], strlen(cli->args[0])}, 0);
    putchar('\n');
  }
  json_decref(answer);
  return code;
}

int cmd_groups_pause(cli_call *cli) {
  return change(cli, "groups.pause", "paused");
}

int cmd_groups_resume(cli_call *cli) {
  return change(cli, "groups.resume", "resumed");
}
