/* SPDX-License-Identifier: MIT
 * cmd_dlq_change.c - `events dlq requeue`, `dlq discard`, `dlq purge` and `dlq restore`. With --all the ids
 * are collected first: what fails again meanwhile comes back as a new dead letter and is not requeued without
 * end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "dlq.h"
#include "input.h"
#include "jsontext.h"
#include "output.h"
#include "session.h"

enum { CHUNK = 200, PAGE = 200 };

typedef struct dlq_change {
  cli_call *cli;
  const char *method; /* "dlq.requeue" */
  const char *verb;   /* "dlq requeue" */
  const char *kind;   /* of an operation: "requeue" */
  const char *done;   /* member of the answer that counts: "requeued" */
  bool is_purge;
  json_t *results;
  json_t *edit; /* or NULL */
  uint64_t changed, already, missing, failed;
} dlq_change;

static int collect_ids(cli_call *cli, json_t *ids) {
  uint64_t wanted = cli->limit ? cli->limit : UINT64_MAX;
  char *cursor = NULL;
  int code;
  do {
    char *answer = NULL;
    code = dlq_page(cli, "dlq.list", PAGE, &cursor, &answer);
    if (code != CLI_OK)
      break;
    evs_bytes items = jsontext_member(input_bytes(answer), "items"), item;
    for (size_t at = 0; json_array_size(ids) < wanted && jsontext_next(items, &at, NULL, &item);) {
      evs_bytes id = jsontext_member(item, "id");
      json_t *text = id.size ? json_loadb(id.data, id.size, JSON_DECODE_ANY, NULL) : NULL;
      if (text)
        json_array_append_new(ids, text);
    }
    free(answer);
  } while (cursor && json_array_size(ids) < wanted);
  free(cursor);
  return code;
}

static bool is_already(const char *outcome) {
  return strncmp(outcome, "already_", strlen("already_")) == 0;
}

/* In a dry run nothing is done, and would be. */
static bool is_done(const dlq_change *change, const char *outcome) {
  size_t skipped = strncmp(outcome, "would_be_", strlen("would_be_")) == 0 ? strlen("would_be_") : 0;
  return strcmp(outcome + skipped, change->done) == 0;
}

static void count_result(dlq_change *change, json_t *result) {
  const char *outcome = output_string(result, "outcome");
  if (is_already(outcome))
    change->already++;
  else if (strcmp(outcome, "not_found") == 0)
    change->missing++;
  else if (is_done(change, outcome))
    change->changed++;
  else
    change->failed++;
  json_array_append(change->results, result);
}

static int change_ids(dlq_change *change, json_t *ids) {
  size_t total = json_array_size(ids);
  for (size_t from = 0; from < total; from += CHUNK) {
    json_t *chunk = json_array(), *answer = NULL, *result;
    for (size_t i = from; i < total && i < from + CHUNK; i++)
      json_array_append(chunk, json_array_get(ids, i));
    json_t *params = json_pack("{s:o}", "ids", chunk);
    dlq_add_options(change->cli, params);
    if (change->is_purge)
      json_object_set_new(params, "purge", json_true());
    if (change->edit)
      json_object_set(params, "edit", change->edit);
    int code = session_call_json(change->cli, change->method, params, &answer);
    if (code != CLI_OK)
      return code;
    size_t i;
    json_array_foreach(json_object_get(answer, "results"), i, result) count_result(change, result);
    json_decref(answer);
  }
  return CLI_OK;
}

static void print_failures(const dlq_change *change) {
  size_t i;
  json_t *result;
  json_array_foreach(change->results, i, result) {
    const char *outcome = output_string(result, "outcome"), *message = output_string(result, "message");
    bool fine = is_done(change, outcome) || is_already(outcome);
    if (!fine)
      output_problem("%s: %s%s%s", output_string(result, "id"),
                     strcmp(outcome, "not_found") == 0 ? "no such dead letter" : outcome,
                     strcmp(message, "-") == 0 ? "" : ": ", strcmp(message, "-") == 0 ? "" : message);
  }
}

static void print_outcome(const dlq_change *change) {
  if (CLI_HAS(change->cli, JSON)) {
    json_t *document =
        json_pack("{s:I, s:O}", change->done, (json_int_t)change->changed, "results", change->results);
    output_json(document, false);
    json_decref(document);
  } else {
    printf("%s%s %llu", CLI_HAS(change->cli, DRY_RUN) ? "would be " : "", change->done,
           (unsigned long long)change->changed);
    if (change->already)
      printf(", already done %llu", (unsigned long long)change->already);
    if (change->missing)
      printf(", not found %llu", (unsigned long long)change->missing);
    if (change->failed)
      printf(", failed %llu", (unsigned long long)change->failed);
    putchar('\n');
  }
  print_failures(change);
}

static int ids_of_arguments(const cli_call *cli, const char *verb, json_t *ids) {
  for (int i = 0; i < cli->arg_count; i++)
    if (json_array_append_new(ids, json_string(cli->args[i])) != 0)
      return output_usage(verb, "an id is not valid UTF-8");
  return CLI_OK;
}

static int run_change(dlq_change *change, json_t *ids) {
  cli_call *cli = change->cli;
  int code = ids_of_arguments(cli, change->verb, ids);
  if (code == CLI_OK)
    code = session_connect(cli);
  if (code == CLI_OK && CLI_HAS(cli, ALL))
    code = collect_ids(cli, ids);
  if (code != CLI_OK)
    return code;
  code = change_ids(change, ids);
  print_outcome(change);
  if (code != CLI_OK)
    return code;
  if (change->missing && !change->changed && !change->already && !change->failed)
    return CLI_NOT_FOUND;
  return change->missing || change->failed ? CLI_FAILED : CLI_OK;
}

static int checked_change(cli_call *cli, dlq_change change) {
  bool all = CLI_HAS(cli, ALL), some = cli->arg_count > 0;
  if (all == some)
    return output_usage(change.verb, all ? "give ids or --all, not both" : "say which: ids, or --all");
  if (some && ((cli->given & (CLI_SELECT | CLI_BIT(LIMIT))) || dlq_is_operation(cli)))
    return output_usage(
        change.verb,
        "--topic, --type, --group, --text, --fingerprint, --limit, --rate, --canary and --stop-at "
        "are for --all");
  if (dlq_is_operation(cli) && (CLI_HAS(cli, LIMIT) || CLI_HAS(cli, DRY_RUN)))
    return output_usage(change.verb, "as an operation it takes all: no --limit, no --dry-run");
  /* The archive is as large as what was ever changed: the store walks it, not this command. */
  if (dlq_is_operation(cli) || (all && strcmp(change.kind, "restore") == 0))
    return dlq_operate(cli, change.kind, change.done);
  change.cli = cli;
  change.results = json_array();
  json_t *ids = json_array();
  int code = run_change(&change, ids);
  json_decref(ids);
  json_decref(change.results);
  return code;
}

/* {"body": text of the file}; without the line feed that editors put at its end. */
static int read_edit(cli_call *cli, json_t **out_edit) {
  size_t size = 0;
  if (cli->arg_count != 1 || CLI_HAS(cli, ALL))
    return output_usage("dlq requeue", "--edit is for exactly one id");
  char *text = input_read(cli->text[CLI_OPT_EDIT], INPUT_BODY_MAX, &size);
  if (!text)
    return CLI_FAILED;
  size -= size > 0 && text[size - 1] == '\n';
  json_t *body = json_stringn(text, size);
  free(text);
  if (!body)
    return output_usage("dlq requeue", "the body in %s is not valid UTF-8", cli->text[CLI_OPT_EDIT]);
  *out_edit = json_pack("{s:o}", "body", body);
  return CLI_OK;
}

int cmd_dlq_requeue(cli_call *cli) {
  dlq_change change = {.method = "dlq.requeue", .verb = "dlq requeue", .kind = "requeue", .done = "requeued"};
  int code = CLI_HAS(cli, EDIT) ? read_edit(cli, &change.edit) : CLI_OK;
  if (code == CLI_OK)
    code = checked_change(cli, change);
  json_decref(change.edit);
  return code;
}

int cmd_dlq_discard(cli_call *cli) {
  return checked_change(
      cli,
      (dlq_change){.method = "dlq.discard", .verb = "dlq discard", .kind = "discard", .done = "discarded"});
}

int cmd_dlq_purge(cli_call *cli) {
  return checked_change(cli, (dlq_change){.method = "dlq.discard",
                                          .verb = "dlq purge",
                                          .kind = "discard",
                                          .done = "discarded",
                                          .is_purge = true});
}

int cmd_dlq_restore(cli_call *cli) {
  return checked_change(
      cli,
      (dlq_change){.method = "dlq.restore", .verb = "dlq restore", .kind = "restore", .done = "restored"});
}
