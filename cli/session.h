/* SPDX-License-Identifier: MIT
 * session.h - one opened system: from the options to a connected store, requests, and the exit code that a
 * failure stands for. Failures are printed here, so that callers only return the code. */
#ifndef EVENTS_CLI_SESSION_H
#define EVENTS_CLI_SESSION_H

#include "cli.h"

/* Opens the system without touching a store. */
int session_open(cli_call *cli);
/* The same, and connects. */
int session_connect(cli_call *cli);
void session_close(cli_call *cli);
/* Connects a system for the caller, who ends it with session_end(). */
int session_take(cli_call *cli, evs_system **out_system);
void session_end(evs_system *system);

/* The configuration document of --config, --redis or the environment; freed with free(). */
int session_document(cli_call *cli, char **out_text, size_t *out_size);

/* What a request came to. json: the answer, or the error document; freed with free(). */
typedef struct session_answer {
  evs_status status;
  char *json;
} session_answer;

/* Asks and waits, but not longer than a signal (see session_watch_signals): then EVS_CLOSED without json.
 * params is taken over; --transport is added to it. */
session_answer session_request(cli_call *cli, const char *method, json_t *params);

/* The same, failures printed. *out_json is set on CLI_OK and freed with free(). */
int session_call(cli_call *cli, const char *method, json_t *params, char **out_json);
/* The same, parsed. */
int session_call_json(cli_call *cli, const char *method, json_t *params, json_t **out_json);

/* Prints `error`, frees it and gives the exit code. */
int session_fail(cli_call *cli, const char *what, evs_error *error);
int session_exit_code(cli_call *cli, evs_status status);

/* For verbs that run on: SIGINT and SIGTERM only raise a flag and end every wait; a second one kills. A
 * closed pipe ends a write instead of the process. */
void session_watch_signals(void);
bool session_stopped(void);
/* Waits until records of the call's system wait, where it has one, the other descriptor (-1: none) has one of
 * `events`, a signal came or time is up. Gives what the other descriptor has. timeout_ms -1: for ever. */
short session_wait(cli_call *cli, int other_fd, short events, int timeout_ms);

#endif
