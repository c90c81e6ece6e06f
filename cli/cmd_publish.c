/* SPDX-License-Identifier: MIT
 * cmd_publish.c - `events publish`: one event, its receipt. Many events: cmd_publish_lines.c. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "input.h"
#include "output.h"
#include "receipt.h"
#include "session.h"

/* Past the publisher's own timeout of 30 s, which ends the event with the better explanation. */
enum { WAIT_MARGIN_MS = 5000, WAIT_DEFAULT_MS = 35000 };

static bool read_body(const char *argument, char **out_owned, evs_bytes *out_body) {
  *out_body = input_bytes(argument);
  if (!argument || strcmp(argument, "-") != 0)
    return true;
  size_t size = 0;
  *out_owned = input_read("-", INPUT_BODY_MAX, &size);
  if (!*out_owned)
    return false;
  while (size && isspace((unsigned char)(*out_owned)[size - 1]))
    size--; /* the line feed that a shell adds is not part of the body */
  *out_body = (evs_bytes){*out_owned, size};
  return true;
}

static int print_receipt(cli_call *cli, const evs_report *report) {
  if (CLI_HAS(cli, JSON)) {
    json_t *receipt = receipt_json(report);
    output_json(receipt, false);
    json_decref(receipt);
  } else if (report->status == EVS_OK) {
    char *text = receipt_text(report);
    printf("%s\n", text);
    free(text);
  }
  if (report->status == EVS_OK)
    return CLI_OK;
  char *error = receipt_error(report);
  output_error(report->outcome == EVS_OUTCOME_UNKNOWN ? "it is unknown whether the event was stored"
                                                      : "not stored",
               error);
  free(error);
  int code = session_exit_code(cli, report->status);
  /* The command line was right; it is the event that was refused. */
  return code == CLI_USAGE || code == CLI_NOT_FOUND ? CLI_FAILED : code;
}

static int publish(cli_call *cli, const evs_event *event) {
  evs_batch *batch = NULL;
  evs_error *error = NULL;
  uint32_t wait_ms = cli->timeout_ms ? cli->timeout_ms + WAIT_MARGIN_MS : WAIT_DEFAULT_MS;
  evs_status status = evs_publish_wait(cli->system, event, 1, wait_ms, &batch, &error);
  if (status != EVS_OK)
    return session_fail(cli, "not stored", error);
  size_t count = 0;
  const evs_report *reports = evs_batch_reports(batch, &count);
  int code = count == 1 ? print_receipt(cli, &reports[0]) : CLI_FAILED;
  evs_batch_release(batch);
  return code;
}

int cmd_publish(cli_call *cli) {
  if (CLI_HAS(cli, LINES) || (cli->arg_count == 1 && strcmp(cli->args[0], "-") == 0))
    return cmd_publish_lines(cli);
  if (cli->arg_count == 0)
    return output_usage("publish", "the type is missing: events publish TYPE [BODY|-]");
  char *owned = NULL, *headers = cli->headers ? json_dumps(cli->headers, JSON_COMPACT) : NULL;
  evs_bytes body;
  if (!read_body(cli->arg_count > 1 ? cli->args[1] : NULL, &owned, &body)) {
    free(headers);
    return CLI_FAILED;
  }
  int code = session_connect(cli);
  if (code == CLI_OK) {
    evs_event event = {.struct_size = sizeof event,
                       .type = input_bytes(cli->args[0]),
                       .body = body,
                       .headers = input_bytes(headers),
                       .key = input_bytes(cli->text[CLI_OPT_KEY]),
                       .id = input_bytes(cli->text[CLI_OPT_ID]),
                       .version = input_bytes(cli->text[CLI_OPT_VERSION]),
                       .transport = input_bytes(cli->text[CLI_OPT_TRANSPORT]),
                       .timeout_ms = cli->timeout_ms,
                       .delay_ms = cli->delay_ms,
                       .acknowledgement = cli->acknowledgement,
                       .replicas = cli->replicas};
    code = publish(cli, &event);
  }
  free(owned);
  free(headers);
  return code;
}
