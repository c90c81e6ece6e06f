/* SPDX-License-Identifier: MIT
 * cmd_topics.c - `events topics remove`: a topic with all that is kept of it. */
#include <stdio.h>

#include "cli.h"
#include "output.h"
#include "session.h"

int cmd_topics_remove(cli_call *cli) {
  json_t *answer = NULL;
  int code = session_connect(cli);
  if (code != CLI_OK)
    return code;
  json_t *params = json_pack("{s:s,s:b}", "topic", cli->args[0], "force", CLI_HAS(cli, FORCE));
  code = session_call_json(cli, "topics.remove", params, &answer);
  if (code != CLI_OK)
    return code;
  if (CLI_HAS(cli, JSON))
    output_json(answer, false);
  else
    printf("removed %s, %lld entries\n", output_string(answer, "topic"),
           (long long)json_integer_value(json_object_get(answer, "entries")));
  json_decref(answer);
  return CLI_OK;
}
