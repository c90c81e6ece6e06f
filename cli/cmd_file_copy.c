/* SPDX-License-Identifier: MIT
 * cmd_file_copy.c - `events file copy`: everything of one store into another that has nothing of it yet, page
 * by page. The target remembers how far it is, so that the same command goes on where the one before was
 * stopped. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "output.h"
#include "session.h"

enum { PATIENCE_MS = 3600000 };

/* In this order: entries bring the letters behind which they stay, and those stand behind all others. */
static const char *const parts[] = {"letters", "archive", "delayed", "entries"};
enum { PARTS = sizeof parts / sizeof parts[0] };

typedef struct copying {
  cli_call *from, *to;
  const char *id; /* of the copy: what the target knows it by */
  uint64_t rows[PARTS];
} copying;

static void open_target(const cli_call *cli, cli_call *target, const char *place) {
  *target = (cli_call){.timeout_ms = cli->timeout_ms};
  target->text[strstr(place, "://") ? CLI_OPT_REDIS : CLI_OPT_FILE] = place;
}

/* Whoever still works there would change what was copied already. */
static int check_quiet(const cli_call *cli, const json_t *look) {
  const json_t *stream;
  size_t i;
  json_array_foreach(json_object_get(look, "streams"), i, stream) {
    json_int_t members = json_integer_value(json_object_get(stream, "members"));
    if (members == 0 || CLI_HAS(cli, FORCE))
      continue;
    output_problem(
        "%lld members of groups are registered at %s: stop what consumes there first, or give --force "
        "where they are gone",
        (long long)members, output_string(stream, "name"));
    return CLI_FAILED;
  }
  return CLI_OK;
}

static int write_page(const copying *all, const char *stream, json_t *page, json_t **out_answer) {
  json_object_set_new(page, "stream", json_string(stream));
  json_object_set_new(page, "copy", json_string(all->id));
  return session_call_json(all->to, "copy.write", page, out_answer);
}

/* Its topic, its groups and their counters; gives how far an earlier copy came. */
static int begin(const copying *all, const json_t *look, const json_t *stream, json_t **out_positions) {
  const char *topic = output_string(stream, "topic");
  json_t *known = json_object_get(json_object_get(look, "topics"), topic);
  json_t *about = known ? json_copy(known) : json_object(), *answer = NULL;
  json_object_set_new(about, "name", json_string(topic));
  int code =
      write_page(all, output_string(stream, "name"),
                 json_pack("{s:s,s:[O],s:o}", "what", "begin", "rows", stream, "topic", about), &answer);
  if (code == CLI_OK)
    *out_positions = json_incref(json_object_get(answer, "positions"));
  json_decref(answer);
  return code;
}

/* One page; *position, owned, becomes where the next one begins: "" at the end. */
static int copy_page(copying *all, const char *stream, size_t part, char **position) {
  json_t *page = NULL, *answer = NULL;
  int code = session_call_json(
      all->from, "copy.read",
      json_pack("{s:s,s:s,s:s}", "stream", stream, "what", parts[part], "after", *position), &page);
  if (code != CLI_OK)
    return code;
  const char *following = json_string_value(json_object_get(page, "next"));
  char *next = strdup(following ? following : "");
  all->rows[part] += json_array_size(json_object_get(page, "rows"));
  json_object_set_new(page, "what", json_string(parts[part]));
  code = next ? write_page(all, stream, page, &answer) : CLI_FAILED;
  json_decref(answer);
  free(*position);
  *position = next;
  return code;
}

static int copy_part(copying *all, const char *stream, size_t part, const json_t *positions) {
  const char *reached = json_string_value(json_object_get(positions, parts[part]));
  if (reached && !*reached)
    return CLI_OK; /* done before */
  char *position = strdup(reached ? reached : "");
  int code = position ? CLI_OK : CLI_FAILED;
  do {
    if (code == CLI_OK)
      code = copy_page(all, stream, part, &position);
  } while (code == CLI_OK && *position && !session_stopped());
  if (code == CLI_OK && *position)
    code = CLI_FAILED;
  free(position);
  return code;
}

static int copy_stream(copying *all, const json_t *look, json_t *stream) {
  const char *name = output_string(stream, "name");
  json_t *positions = NULL, *answer = NULL;
  int code = begin(all, look, stream, &positions);
  for (size_t i = 0; i < PARTS && code == CLI_OK; i++)
    code = copy_part(all, name, i, positions);
  if (code == CLI_OK && !json_object_get(positions, "end"))
    code = write_page(all, name, json_pack("{s:s,s:[O]}", "what", "end", "rows", stream), &answer);
  json_decref(positions);
  json_decref(answer);
  return code;
}

static int pause_groups(const copying *all, const json_t *look) {
  const char *group;
  json_t *record, *answer;
  json_object_foreach(json_object_get(look, "paused"), group, record) {
    json_t *params = json_pack("{s:s,s:s*}", "group", group, "reason",
                               json_string_value(json_object_get(record, "reason")));
    int code = session_call_json(all->to, "groups.pause", params, &answer);
    if (code != CLI_OK)
      return code;
    json_decref(answer);
  }
  return CLI_OK;
}

static int write_schemas(const copying *all, const json_t *here, const json_t *there) {
  json_t *items = json_object_get(here, "items"), *known = json_object_get(there, "items"), *answer = NULL;
  if (json_equal(items, known))
    return CLI_OK;
  if (json_object_size(known) > 0) {
    output_problem("the target keeps other schemas already: empty it first");
    return CLI_FAILED;
  }
  int code = session_call_json(all->to, "schemas.write",
                               json_pack("{s:O,s:O,s:s,s:{s:s}}", "expected", json_object_get(there, "state"),
                                         "set", items, "action", "schemas.copy", "scope", "from", all->id),
                               &answer);
  if (code == CLI_OK && !json_is_true(json_object_get(answer, "written"))) {
    output_problem("somebody registers schemas at the target meanwhile");
    code = CLI_FAILED;
  }
  json_decref(answer);
  return code;
}

/* All of them at once, as the source keeps them. */
static int copy_schemas(const copying *all) {
  json_t *here = NULL, *there = NULL;
  int code = session_call_json(all->from, "schemas.read", json_object(), &here);
  if (code == CLI_OK)
    code = session_call_json(all->to, "schemas.read", json_object(), &there);
  if (code == CLI_OK)
    code = write_schemas(all, here, there);
  json_decref(here);
  json_decref(there);
  return code;
}

static int copy_all(copying *all) {
  json_t *look = NULL, *stream;
  size_t i;
  int code = session_call_json(all->from, "copy.look", json_object(), &look);
  if (code == CLI_OK)
    code = check_quiet(all->from, look);
  all->id = output_string(look, "source");
  if (code == CLI_OK)
    code = pause_groups(all, look);
  json_array_foreach(json_object_get(look, "streams"), i, stream) {
    if (code == CLI_OK)
      code = copy_stream(all, look, stream);
  }
  if (code == CLI_OK)
    code = copy_schemas(all);
  json_decref(look);
  return code;
}

static void print_result(const copying *all, const char *place) {
  json_t *result = json_pack("{s:s}", "to", place);
  for (size_t i = 0; i < PARTS; i++)
    json_object_set_new(result, parts[i], json_integer((json_int_t)all->rows[i]));
  if (CLI_HAS(all->from, JSON))
    output_json(result, false);
  else
    printf("%s: %llu entries, %llu dead letters, %llu archived, %llu delayed\n", place,
           (unsigned long long)all->rows[3], (unsigned long long)all->rows[0],
           (unsigned long long)all->rows[1], (unsigned long long)all->rows[2]);
  json_decref(result);
}

int cmd_file_copy(cli_call *cli) {
  cli_call target;
  if (cli->timeout_ms == 0)
    cli->timeout_ms = PATIENCE_MS;
  open_target(cli, &target, cli->args[0]);
  copying all = {.from = cli, .to = &target};
  session_watch_signals();
  int code = session_connect(cli);
  if (code == CLI_OK)
    code = session_connect(&target);
  if (code == CLI_OK)
    code = copy_all(&all);
  if (code == CLI_OK)
    print_result(&all, target.store);
  session_close(&target);
  return code;
}
