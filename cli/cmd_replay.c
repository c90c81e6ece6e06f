/* SPDX-License-Identifier: MIT
 * cmd_replay.c - `events replay start`, `list`, `show`, `pause`, `resume` and `abort`. A replay is driven by
 * any process that looks at replays; its events go to subscriptions that name it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "output.h"
#include "session.h"

static void set_text(json_t *object, const char *name, const char *text) {
  if (text)
    json_object_set_new(object, name, json_string(text));
}

static bool set_time(json_t *object, const char *name, const char *text) {
  char *end = NULL;
  if (!text)
    return true;
  long long ms = strtoll(text, &end, 10);
  if (end == text || *end || ms < 0)
    return false;
  return json_object_set_new(object, name, json_integer(ms)) == 0;
}

static void print_row(output_table *table, const json_t *replay) {
  const json_t *remaining = json_object_get(replay, "remaining");
  char started[32];
  output_table_cell(table, "%s", output_string(replay, "id"));
  output_table_cell(table, "%s", output_string(replay, "state"));
  output_table_cell(table, "%lld", (long long)json_integer_value(json_object_get(replay, "done")));
  if (json_is_integer(remaining))
    output_table_cell(table, "%lld", (long long)json_integer_value(remaining));
  else
    output_table_cell(table, "?");
  output_table_cell(table, "%s", output_string(replay, "group"));
  output_table_cell(table, "%s", output_time(json_object_get(replay, "startedAt"), started));
}

static void print_all(const json_t *replays) {
  static const char *const titles[] = {"REPLAY", "STATE", "DONE", "REMAINING", "GROUP", "STARTED"};
  size_t i;
  json_t *replay;
  if (!json_array_size(replays)) {
    puts("no replays");
    return;
  }
  output_table *table = output_table_new(titles, sizeof titles / sizeof titles[0]);
  json_array_foreach(replays, i, replay) {
    print_row(table, replay);
  }
  output_table_end(table, true);
}

static void print_one(const json_t *replay) {
  json_t *list = json_pack("[O]", replay);
  print_all(list);
  json_decref(list);
}

/* Takes params. */
static int ask(cli_call *cli, const char *method, json_t *params) {
  json_t *answer = NULL;
  int code = session_connect(cli);
  if (code == CLI_OK)
    code = session_call_json(cli, method, json_incref(params), &answer);
  json_decref(params);
  if (code == CLI_OK && CLI_HAS(cli, JSON))
    output_json(answer, false);
  else if (code == CLI_OK && strcmp(method, "replay.list") == 0)
    print_all(json_object_get(answer, "replays"));
  else if (code == CLI_OK)
    print_one(answer);
  json_decref(answer);
  return code;
}

int cmd_replay_start(cli_call *cli) {
  json_t *filter = json_object(), *params = json_pack("{s:O}", "filter", filter);
  set_text(filter, "topic", cli->text[CLI_OPT_TOPIC]);
  set_text(filter, "type", cli->text[CLI_OPT_TYPE]);
  set_text(filter, "fromOffset", cli->text[CLI_OPT_FROM_OFFSET]);
  set_text(filter, "toOffset", cli->text[CLI_OPT_TO_OFFSET]);
  bool is_valid = set_time(filter, "since", cli->text[CLI_OPT_SINCE]) &&
                  set_time(filter, "until", cli->text[CLI_OPT_UNTIL]);
  json_decref(filter);
  set_text(params, "group", cli->text[CLI_OPT_GROUP]);
  set_text(params, "key", cli->text[CLI_OPT_KEY]);
  set_text(params, "reason", cli->text[CLI_OPT_REASON]);
  if (cli->rate)
    json_object_set_new(params, "rate", json_integer(cli->rate));
  if (is_valid)
    return ask(cli, "replay.start", params);
  json_decref(params);
  return output_usage(NULL, "--since and --until are milliseconds since 1970");
}

int cmd_replay_list(cli_call *cli) {
  return ask(cli, "replay.list", json_object());
}

int cmd_replay_show(cli_call *cli) {
  return ask(cli, "replay.get", json_pack("{s:s}", "id", cli->args[0]));
}

static int change(cli_call *cli, const char *state) {
  json_t *params = json_pack("{s:s,s:s}", "id", cli->args[0], "state", state);
  if (cli->rate)
    json_object_set_new(params, "rate", json_integer(cli->rate));
  return ask(cli, "replay.set", params);
}

int cmd_replay_pause(cli_call *cli) {
  return change(cli, "paused");
}

int cmd_replay_resume(cli_call *cli) {
  return change(cli, "running");
}

int cmd_replay_abort(cli_call *cli) {
  return change(cli, "aborted");
}
