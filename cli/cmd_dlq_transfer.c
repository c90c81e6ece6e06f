/* SPDX-License-Identifier: MIT
 * cmd_dlq_transfer.c - `events dlq export`, `dlq import` and `dlq note`: dead letters as JSON Lines, out of
 * one store and into another, and notes on them. */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "dlq.h"
#include "input.h"
#include "jsontext.h"
#include "output.h"
#include "session.h"

enum { PAGE = 200, LINES = 200, BYTES = 8 * 1024 * 1024 };

/* ---- export ----------------------------------------------------------------------------------- */

int cmd_dlq_export(cli_call *cli) {
  uint64_t wanted = cli->limit ? cli->limit : UINT64_MAX, count = 0;
  char *cursor = NULL;
  int code = session_connect(cli);
  if (code != CLI_OK)
    return code;
  do {
    char *answer = NULL;
    uint64_t left = wanted - count;
    code = dlq_page(cli, "dlq.export", left < PAGE ? (uint32_t)left : PAGE, &cursor, &answer);
    if (code != CLI_OK)
      break;
    evs_bytes items = jsontext_member(input_bytes(answer), "items"), item;
    for (size_t at = 0; jsontext_next(items, &at, NULL, &item); count++)
      output_text_line(item);
    free(answer);
  } while (cursor && count < wanted && output_flush());
  free(cursor);
  return code;
}

/* ---- import ----------------------------------------------------------------------------------- */

typedef struct import {
  cli_call *cli;
  input_lines input;
  json_t *lines; /* of the next request */
  size_t bytes;
  uint64_t first; /* number of the first of them */
  uint64_t imported, already, failed;
} import;

static void fail_line(import *run, const char *message) {
  output_problem("%s", message);
  run->failed++;
}

static int send(import *run) {
  json_t *answer = NULL, *result;
  size_t i;
  if (json_array_size(run->lines) == 0)
    return CLI_OK;
  json_t *params = json_pack("{s:O,s:I,s:s}", "lines", run->lines, "from", (json_int_t)run->first, "into",
                             CLI_HAS(run->cli, INTO_STREAM) ? "stream" : "dead");
  dlq_add_options(run->cli, params);
  int code = session_call_json(run->cli, "dlq.import", params, &answer);
  if (code != CLI_OK)
    return code;
  json_array_foreach(json_object_get(answer, "results"), i, result) {
    const char *outcome = output_string(result, "outcome");
    if (strcmp(outcome, "imported") == 0)
      run->imported++;
    else if (strcmp(outcome, "already_imported") == 0)
      run->already++;
    else
      fail_line(run, output_string(result, "message"));
  }
  json_decref(answer);
  json_array_clear(run->lines);
  run->bytes = 0;
  return CLI_OK;
}

/* A line that is no text ends what is gathered: numbers in one request follow each other. */
static int take(import *run, evs_bytes line, bool is_too_long) {
  char message[64];
  json_t *text = is_too_long ? NULL : json_stringn(line.data ? line.data : "", line.size);
  if (json_array_size(run->lines) == 0)
    run->first = run->input.number;
  if (text) {
    json_array_append_new(run->lines, text);
    run->bytes += line.size;
    return json_array_size(run->lines) >= LINES || run->bytes >= BYTES ? send(run) : CLI_OK;
  }
  int code = send(run);
  snprintf(message, sizeof message, "line %llu: %s", (unsigned long long)run->input.number,
           is_too_long ? "it is too long" : "it is not valid UTF-8");
  fail_line(run, message);
  return code;
}

static int take_all(import *run) {
  int code = CLI_OK;
  while (code == CLI_OK) {
    evs_bytes line;
    switch (input_lines_next(&run->input, &line)) {
    case INPUT_LINE:
      code = take(run, line, false);
      break;
    case INPUT_LINE_TOO_LONG:
      code = take(run, line, true);
      break;
    case INPUT_LINE_WAIT:
      session_wait(run->cli, run->input.fd, POLLIN, -1);
      input_lines_fill(&run->input);
      break;
    case INPUT_LINE_END:
      return send(run);
    }
  }
  return code;
}

static void print_import(const import *run) {
  if (CLI_HAS(run->cli, JSON)) {
    json_t *document = json_pack("{s:I,s:I,s:I}", "imported", (json_int_t)run->imported, "already",
                                 (json_int_t)run->already, "failed", (json_int_t)run->failed);
    output_json(document, false);
    json_decref(document);
    return;
  }
  printf("imported %llu", (unsigned long long)run->imported);
  if (run->already)
    printf(", already done %llu", (unsigned long long)run->already);
  if (run->failed)
    printf(", failed %llu", (unsigned long long)run->failed);
  putchar('\n');
}

int cmd_dlq_import(cli_call *cli) {
  const char *path = cli->arg_count > 0 ? cli->args[0] : "-";
  bool is_file = strcmp(path, "-") != 0;
import run = {.cli = cli, .lines = json_array() };
  run.input.fd = is_file ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
  if (run.input.fd < 0) {
    output_problem("%s cannot be read", path);
    json_decref(run.lines);
    return CLI_FAILED;
  }
  int code = session_connect(cli);
  if (code == CLI_OK)
    code = take_all(&run);
  if (run.input.error) {
    output_problem("%s: %s", path, strerror(run.input.error));
    code = CLI_FAILED;
  }
  if (code == CLI_OK)
    print_import(&run);
  if (is_file)
    close(run.input.fd);
  input_lines_free(&run.input);
  json_decref(run.lines);
  return code == CLI_OK && run.failed ? CLI_FAILED : code;
}

/* ---- notes ------------------------------------------------------------------------------------ */

int cmd_dlq_note(cli_call *cli) {
  json_t *ids = json_array(), *answer = NULL;
  json_t *note = cli->args[0][0] ? json_string(cli->args[0]) : json_null();
  for (int i = 1; i < cli->arg_count; i++)
    json_array_append_new(ids, json_string(cli->args[i]));
  if (!note || json_array_size(ids) + 1 < (size_t)cli->arg_count) {
    json_decref(note);
    json_decref(ids);
    return output_usage("dlq note", "the text or an id is not valid UTF-8");
  }
  json_t *params = json_pack("{s:o,s:o}", "note", note, "ids", ids);
  int code = session_connect(cli);
  if (code != CLI_OK) {
    json_decref(params);
    return code;
  }
  code = session_call_json(cli, "dlq.note", params, &answer);
  if (code != CLI_OK)
    return code;
  json_int_t noted = json_integer_value(json_object_get(answer, "noted"));
  if (CLI_HAS(cli, JSON))
    output_json(answer, false);
  else
    printf("noted %lld\n", (long long)noted);
  json_decref(answer);
  if (noted == cli->arg_count - 1)
    return CLI_OK;
  return noted == 0 ? CLI_NOT_FOUND : CLI_FAILED;
}
