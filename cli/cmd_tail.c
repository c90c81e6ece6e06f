/* SPDX-License-Identifier: MIT
 * cmd_tail.c - `events tail`: watches stored events without a consumer group, so that nothing is taken from
 * anybody. Follows over lost connections, from the positions that it had reached. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "input.h"
#include "jsontext.h"
#include "output.h"
#include "session.h"

enum { PAGE = 500, IDLE_MS = 200, LOST_MS = 1000, BODY_SHOWN = 2000 };

typedef struct tail_run {
  cli_call *cli;
  const char *pattern, *prefix;
  json_t *positions; /* NULL before the first answer */
  uint64_t printed;
  bool lost, output_gone;
} tail_run;

static bool matches(const tail_run *tail, const json_t *header) {
  if (strcmp(tail->pattern, "*") == 0)
    return true;
  const char *type = json_string_value(json_object_get(header, "type"));
  char *full = NULL;
  if (!type || evs_full_type(input_bytes(type),
                             input_bytes(json_string_value(json_object_get(header, "originPrefix"))), &full,
                             NULL) != EVS_OK)
    return false;
  int32_t yes = 0;
  evs_pattern_matches(input_bytes(tail->pattern), input_bytes(full), input_bytes(tail->prefix), &yes, NULL);
  evs_string_free(full);
  return yes;
}

static void print_text(const char *text) {
  output_safe(stdout, input_bytes(text), 0);
  fputs("  ", stdout);
}

/* The body; of an event that is not JSON its bytes in base64; of an entry that is no event what was found. */
static evs_bytes shown_part(evs_bytes text, bool is_event) {
  static const char *const names[] = {"entry", "raw", "body"};
  evs_bytes part = {0};
  for (size_t i = is_event ? 1 : 0; i < 3 && !part.size; i++)
    part = jsontext_member(text, names[i]);
  return part;
}

static void print_columns(const json_t *entry, evs_bytes text) {
  const json_t *header = json_object_get(entry, "header"), *partition = json_object_get(entry, "partition");
  const char *prefix = json_string_value(json_object_get(header, "originPrefix"));
  const char *type = json_string_value(json_object_get(header, "type"));
  print_text(output_string(header, "timestamp"));
  output_safe(stdout, input_bytes(output_string(entry, "topic")), 0);
  if (json_is_integer(partition))
    printf(":%d", (int)json_integer_value(partition));
  fputs("  ", stdout);
  print_text(output_string(entry, "offset"));
  output_safe(stdout, input_bytes(prefix), 0);
  if (prefix && *prefix)
    putchar('.');
  print_text(type ? type : "(malformed)");
  output_safe(stdout, shown_part(text, type != NULL), BODY_SHOWN);
  putchar('\n');
}

static void print_entry(tail_run *tail, evs_bytes text) {
  json_t *entry = jsontext_frame(text);
  if (entry && matches(tail, json_object_get(entry, "header"))) {
    if (CLI_HAS(tail->cli, JSON))
      output_text_line(text);
    else
      print_columns(entry, text);
    tail->printed++;
  }
  json_decref(entry);
}

static bool enough(const tail_run *tail) {
  return tail->cli->count && tail->printed >= tail->cli->count;
}

/* Gives how many entries there were, whether they match or not. */
static size_t print_answer(tail_run *tail, const char *answer) {
  evs_bytes document = input_bytes(answer), entries = jsontext_member(document, "entries"), entry;
  evs_bytes positions = jsontext_member(document, "positions");
  json_t *reached = json_loadb(positions.data ? positions.data : "", positions.size, JSON_DECODE_ANY, NULL);
  if (reached) {
    json_decref(tail->positions);
    tail->positions = reached;
  }
  size_t cursor = 0, count = 0;
  while (!enough(tail) && jsontext_next(entries, &cursor, NULL, &entry)) {
    print_entry(tail, entry);
    count++;
  }
  if (!output_flush())
    tail->output_gone = true;
  return count;
}

static json_t *request_params(const tail_run *tail) {
  const char *topic = tail->cli->text[CLI_OPT_TOPIC];
  json_t *params = json_pack("{s:i, s:O?, s:s}", "limit", PAGE, "positions", tail->positions, "from",
                             CLI_HAS(tail->cli, FROM_START) ? "start" : "end");
  if (topic)
    json_object_set_new(params, "topics", json_pack("[s]", topic));
  return params;
}

static void idle(tail_run *tail, int milliseconds) {
  short state = session_wait(tail->cli, STDOUT_FILENO, 0, milliseconds);
  if (state & (POLLERR | POLLHUP | POLLNVAL))
    tail->output_gone = true;
}

/* A store that went away comes back: only what cannot get better ends a tail. */
static int step(tail_run *tail) {
  session_answer answer = session_request(tail->cli, "tail", request_params(tail));
  int code = CLI_OK;
  if (answer.status == EVS_OK) {
    if (tail->lost)
      fputs("events: connected again\n", stderr);
    tail->lost = false;
    if (print_answer(tail, answer.json) == 0)
      idle(tail, IDLE_MS);
  } else if (answer.status == EVS_TRANSPORT || answer.status == EVS_TIMEOUT) {
    if (!tail->lost)
      output_error("waiting for the store", answer.json);
    tail->lost = true;
    idle(tail, LOST_MS);
  } else if (answer.json) {
    output_error("tail", answer.json);
    code = session_exit_code(tail->cli, answer.status);
  }
  free(answer.json);
  return code;
}

int cmd_tail(cli_call *cli) {
  tail_run tail = {.cli = cli, .pattern = cli->arg_count ? cli->args[0] : "*"};
  int code = session_connect(cli);
  if (code != CLI_OK)
    return code;
  tail.prefix = cli->text[CLI_OPT_ORIGIN_PREFIX] ? cli->text[CLI_OPT_ORIGIN_PREFIX] : cli->origin_prefix;
  evs_error *error = NULL;
  char *normal = NULL;
  evs_status status =
      evs_pattern_normalize(input_bytes(tail.pattern), input_bytes(tail.prefix), 1, &normal, &error);
  if (status != EVS_OK)
    return session_fail(cli, "tail", error);
  evs_string_free(normal);
  session_watch_signals();
  while (code == CLI_OK && !session_stopped() && !tail.output_gone && !enough(&tail))
    code = step(&tail);
  json_decref(tail.positions);
  return code;
}
