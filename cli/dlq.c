/* SPDX-License-Identifier: MIT
 * dlq.c - selecting dead letters and walking over them. */
#include "dlq.h"

#include <stdlib.h>

#include "input.h"
#include "jsontext.h"
#include "session.h"

static void select_by(json_t *selection, const char *name, const char *text) {
  if (text)
    json_object_set_new(selection, name, json_string(text));
}

json_t *dlq_selection(const cli_call *cli) {
  json_t *selection = json_object();
  select_by(selection, "topic", cli->text[CLI_OPT_TOPIC]);
  select_by(selection, "type", cli->text[CLI_OPT_TYPE]);
  select_by(selection, "group", cli->text[CLI_OPT_GROUP]);
  select_by(selection, "text", cli->text[CLI_OPT_TEXT]);
  select_by(selection, "fingerprint", cli->text[CLI_OPT_FINGERPRINT]);
  return selection;
}

void dlq_add_options(const cli_call *cli, json_t *params) {
  const struct {
    const char *name;
    bool is_given;
  } flags[] = {{"allGroups", CLI_HAS(cli, ALL_GROUPS)},
               {"create", CLI_HAS(cli, CREATE)},
               {"force", CLI_HAS(cli, FORCE)},
               {"dryRun", CLI_HAS(cli, DRY_RUN)}};
  for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
    if (flags[i].is_given)
      json_object_set_new(params, flags[i].name, json_true());
  }
  select_by(params, "to", cli->text[CLI_OPT_TO]);
  select_by(params, "reason", cli->text[CLI_OPT_REASON]);
  if (cli->max_redrives)
    json_object_set_new(params, "maxRedrives", json_integer(cli->max_redrives));
}

bool dlq_is_operation(const cli_call *cli) {
  return cli->rate || cli->canary || cli->stop_percent;
}

int dlq_page(cli_call *cli, const char *method, uint32_t limit, char **cursor, char **out_json) {
  json_t *params = dlq_selection(cli);
  if (CLI_HAS(cli, NEWEST))
    json_object_set_new(params, "order", json_string("newest"));
  json_object_set_new(params, "limit", json_integer(limit));
  if (*cursor)
    json_object_set_new(params, "cursor", json_string(*cursor));
  int code = session_call(cli, method, params, out_json);
  if (code != CLI_OK)
    return code;
  evs_bytes next = jsontext_member(input_bytes(*out_json), "next");
  json_t *text = json_loadb(next.data ? next.data : "", next.size, JSON_DECODE_ANY, NULL);
  free(*cursor);
  *cursor = json_is_string(text) ? input_copy(json_string_value(text), json_string_length(text)) : NULL;
  json_decref(text);
  return CLI_OK;
}
