/* SPDX-License-Identifier: MIT
 * cmd_publish_lines.c - `events publish --lines`: JSON Lines from stdin to the store as they come. A bounded
 * window of lines is under way; outcomes are told in the order of the input; a bad line does not stop the
 * others. */
#include <ctype.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "input.h"
#include "jsontext.h"
#include "output.h"
#include "receipt.h"
#include "session.h"

enum { WINDOW = 8192, POLL_MAX = 512 };

typedef struct line_slot {
  uint64_t line;
  bool done, stored;
  char *text; /* to be printed: a receipt, or why the line failed */
} line_slot;

typedef struct lines_run {
  cli_call *cli;
  input_lines input;
  line_slot *slots;     /* number n is at n % WINDOW */
  uint64_t first, next; /* numbers under way: first <= n < next */
  uint64_t stored, failed;
  bool output_gone;
  int code; /* of a failure that ends everything */
} lines_run;

/* One line, taken apart. Bytes point into the line, texts into `document`. */
typedef struct parsed_line {
  json_t *document;
  char *headers;
  evs_event event;
} parsed_line;

static bool slot_available(const lines_run *run) {
  return run->next - run->first < WINDOW;
}

static line_slot *slot_take(lines_run *run, uint64_t line) {
  line_slot *slot = &run->slots[run->next++ % WINDOW];
  *slot = (line_slot){.line = line};
  return slot;
}

static void slot_report(const lines_run *run, line_slot *slot, const evs_report *report) {
  slot->done = true;
  slot->stored = report->status == EVS_OK;
  if (CLI_HAS(run->cli, JSON)) {
    json_t *receipt = receipt_json(report);
    json_object_set_new(receipt, "line", json_integer((json_int_t)slot->line));
    slot->text = output_json_text(receipt, false);
    json_decref(receipt);
  } else if (!slot->stored) {
    char *text = receipt_error(report);
    json_t *error = json_loads(text, 0, NULL);
    const char *message = output_string(error, "message");
    slot->text = input_copy(message, strlen(message));
    json_decref(error);
    free(text);
  }
}

/* A line that never became an event has a receipt too, so that outcome n belongs to line n. */
static void slot_fail(const lines_run *run, line_slot *slot, evs_status status, const char *error_json) {
  evs_report report = {.status = status, .outcome = EVS_OUTCOME_REFUSED, .partition = EVS_PARTITION_NONE};
  report.detail = input_bytes(error_json);
  slot_report(run, slot, &report);
}

static void slot_refuse(const lines_run *run, line_slot *slot, const char *why) {
  char *copy = input_copy(why, strlen(why));
  json_t *message = json_string(copy);
  for (char *at = copy; !message && *at; at++)
    *at = (unsigned char)*at < 0x80 ? *at : '?'; /* it quotes the line, and was cut inside a character */
  message = message ? message : json_string(copy);
  json_t *error = json_pack("{s:s, s:o}", "code", "EVS_VALIDATION", "message", message);
  char *text = json_dumps(error, JSON_COMPACT);
  slot_fail(run, slot, EVS_VALIDATION, text ? text : "{}");
  free(text);
  json_decref(error);
  free(copy);
}

/* Prints what is done, in order, and makes room. */
static void slots_flush(lines_run *run) {
  bool json = CLI_HAS(run->cli, JSON), printed = false;
  for (; run->first < run->next; run->first++) {
    line_slot *slot = &run->slots[run->first % WINDOW];
    if (!slot->done)
      break;
    run->stored += slot->stored;
    run->failed += !slot->stored;
    if (json && !run->output_gone) {
      output_text_line(input_bytes(slot->text));
      printed = true;
    } else if (!json && !slot->stored) {
      output_problem("line %llu: %s", (unsigned long long)slot->line, slot->text);
    }
    free(slot->text);
    slot->text = NULL;
  }
  if (printed && !output_flush())
    run->output_gone = true;
}

static bool take_string(parsed_line *parsed, const char *name, evs_bytes *out, const char **out_why) {
  json_t *value = json_object_get(parsed->document, name);
  if (!value || json_is_null(value))
    return true;
  if (!json_is_string(value)) {
    *out_why = "type, key and id must be texts: {\"type\": \"order.placed\", \"body\": …, \"key\": \"7\"}";
    return false;
  }
  *out = (evs_bytes){json_string_value(value), json_string_length(value)};
  return true;
}

static const char *unknown_member(const json_t *document) {
  static const char *const known[] = {"type", "body", "key", "headers", "id", "version", NULL};
  const char *name;
  json_t *value;
  json_object_foreach((json_t *)document, name, value) {
    size_t i = 0;
    while (known[i] && strcmp(known[i], name) != 0)
      i++;
    if (!known[i])
      return name;
  }
  return NULL;
}

/* Why the line cannot be published, or NULL. `why_buffer` holds texts that name something of the line. */
static const char *parse_line(parsed_line *parsed, evs_bytes line, char why_buffer[256]) {
  json_error_t fault;
  size_t flags = JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL;
  parsed->document = json_loadb(line.data, line.size, flags, &fault);
  if (!parsed->document) {
    snprintf(why_buffer, 256, "not valid JSON at column %d: %s", fault.column, fault.text);
    return why_buffer;
  }
  if (!json_is_object(parsed->document))
    return "expected an object: {\"type\": \"order.placed\", \"body\": …}";
  const char *unknown = unknown_member(parsed->document);
  if (unknown) {
    snprintf(why_buffer, 256, "unknown member `%.60s`; known are type, body, key, headers, id and version",
             unknown);
    return why_buffer;
  }
  const char *why = NULL;
  evs_event *event = &parsed->event;
  if (!take_string(parsed, "type", &event->type, &why) || !take_string(parsed, "key", &event->key, &why) ||
      !take_string(parsed, "id", &event->id, &why) || !take_string(parsed, "version", &event->version, &why))
    return why;
  if (!event->type.size)
    return "`type` is missing: {\"type\": \"order.placed\", \"body\": …}";
  json_t *headers = json_object_get(parsed->document, "headers");
  if (headers && !json_is_null(headers)) {
    if (!json_is_object(headers))
      return "`headers` must be an object of texts";
    parsed->headers = json_dumps(headers, JSON_COMPACT);
    event->headers = input_bytes(parsed->headers);
  }
  event->body = jsontext_member(line, "body"); /* as it stands in the line: the bytes are what is hashed */
  return NULL;
}

static void parsed_free(parsed_line *parsed) {
  json_decref(parsed->document);
  free(parsed->headers);
}

static void take_reports(lines_run *run) {
  evs_batch *batch = NULL;
  evs_error *error = NULL;
  evs_status status;
  while ((status = evs_poll(run->cli->system, EVS_POLL_REPORTS, POLL_MAX, 0, &batch, &error)) == EVS_OK) {
    size_t count = 0;
    const evs_report *reports = evs_batch_reports(batch, &count);
    for (size_t i = 0; i < count; i++) {
      uint64_t number = reports[i].token - 1;
      if (reports[i].kind == EVS_REPORT_PUBLISH && number >= run->first && number < run->next)
        slot_report(run, &run->slots[number % WINDOW], &reports[i]);
    }
    evs_batch_release(batch);
  }
  if (status == EVS_AGAIN)
    evs_error_free(error);
  else
    run->code = session_fail(run->cli, "publish --lines", error);
  slots_flush(run);
}

static void publish_event(lines_run *run, line_slot *slot, const evs_event *event) {
  for (;;) {
    evs_error *error = NULL;
    size_t accepted = 0;
    evs_status status = evs_publish(run->cli->system, event, 1, &accepted, &error);
    if (status == EVS_OK)
      return;
    slots_flush(run);
    bool others = run->first + 1 < run->next;
    if (status != EVS_QUEUE_FULL || !others || run->code != CLI_OK) {
      slot_fail(run, slot, status, evs_error_json(error));
      evs_error_free(error);
      return;
    }
    evs_error_free(error);
    session_wait(run->cli, -1, 0, -1);
    take_reports(run);
  }
}

static bool is_blank(evs_bytes line) {
  for (uint64_t i = 0; i < line.size; i++)
    if (!isspace((unsigned char)line.data[i]))
      return false;
  return true;
}

static void offer_line(lines_run *run, evs_bytes line) {
  if (is_blank(line))
    return;
  parsed_line parsed = {0};
  char why_buffer[256];
  const char *why = parse_line(&parsed, line, why_buffer);
  line_slot *slot = slot_take(run, run->input.number);
  if (why) {
    slot_refuse(run, slot, why);
  } else {
    cli_call *cli = run->cli;
    parsed.event.struct_size = sizeof parsed.event;
    parsed.event.token = run->next; /* number + 1: a token of 0 asks for no report */
    parsed.event.transport = input_bytes(cli->text[CLI_OPT_TRANSPORT]);
    parsed.event.timeout_ms = cli->timeout_ms;
    parsed.event.delay_ms = cli->delay_ms;
    parsed.event.acknowledgement = cli->acknowledgement;
    parsed.event.replicas = cli->replicas;
    publish_event(run, slot, &parsed.event);
  }
  parsed_free(&parsed);
}

/* Offers the lines that are there. Gives true while more input may come. */
static bool offer_lines(lines_run *run) {
  while (slot_available(run)) {
    evs_bytes line;
    switch (input_lines_next(&run->input, &line)) {
    case INPUT_LINE:
      offer_line(run, line);
      break;
    case INPUT_LINE_TOO_LONG:
      slot_refuse(run, slot_take(run, run->input.number), "the line is longer than any body may be");
      break;
    case INPUT_LINE_WAIT:
      return true;
    case INPUT_LINE_END:
      return false;
    }
    if (run->code != CLI_OK)
      return false;
  }
  return true;
}

static void stream(lines_run *run) {
  bool more = true;
  while (run->code == CLI_OK) {
    if (more)
      more = offer_lines(run) && !session_stopped() && !run->output_gone;
    slots_flush(run);
    if (!more && run->first == run->next)
      return;
    bool reading = more && slot_available(run);
    if (session_wait(run->cli, reading ? run->input.fd : -1, POLLIN, -1) && reading)
      input_lines_fill(&run->input);
    take_reports(run);
  }
}

static int finish(lines_run *run) {
  if (run->input.error)
    output_problem("cannot read stdin: %s", strerror(run->input.error));
  if (session_stopped())
    output_problem("interrupted: lines after %llu were not published", (unsigned long long)run->input.number);
  if (!CLI_HAS(run->cli, JSON))
    printf("published %llu of %llu\n", (unsigned long long)run->stored,
           (unsigned long long)(run->stored + run->failed));
  if (run->code != CLI_OK)
    return run->code;
  bool complete = !run->failed && !run->input.error && !session_stopped() && !run->output_gone;
  return complete ? CLI_OK : CLI_FAILED;
}

int cmd_publish_lines(cli_call *cli) {
  uint64_t single = CLI_BIT(KEY) | CLI_BIT(ID) | CLI_BIT(VERSION) | CLI_BIT(HEADER);
  if (cli->given & single)
    return output_usage("publish", "with --lines each line says its own key, id, version and headers");
  if (cli->arg_count > 1 || (cli->arg_count == 1 && strcmp(cli->args[0], "-") != 0))
    return output_usage("publish", "with --lines each line says its own type and body: no argument is taken");
  int code = session_connect(cli);
  if (code != CLI_OK)
    return code;
  session_watch_signals();
  lines_run run = {
      .cli = cli, .input = {.fd = STDIN_FILENO}, .slots = input_alloc(WINDOW * sizeof(line_slot))};
  stream(&run);
  code = finish(&run);
  for (uint64_t i = run.first; i < run.next; i++)
    free(run.slots[i % WINDOW].text);
  free(run.slots);
  input_lines_free(&run.input);
  return code;
}
