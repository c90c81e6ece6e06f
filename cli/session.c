/* SPDX-License-Identifier: MIT
 * session.c - opens the system, connects it, and asks it. */
#include "session.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "input.h"
#include "jsontext.h"
#include "output.h"

/* A connection may take 5 s by itself, and until then nobody knows why it is not there. */
enum { CONNECT_TIMEOUT_MS = 6000, CLOSE_DEADLINE_MS = 1000 };

static const char default_url[] = "redis://127.0.0.1:6379";

static volatile sig_atomic_t stop_flag;
static sigset_t wait_mask;
static bool wait_mask_set;

static void on_signal(int number) {
  (void)number;
  stop_flag = 1;
}

void session_watch_signals(void) {
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  /* Delivered only inside ppoll(), so that no signal falls between the look at the flag and the wait. */
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGINT);
  sigaddset(&blocked, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &blocked, &wait_mask);
  sigdelset(&wait_mask, SIGINT);
  sigdelset(&wait_mask, SIGTERM);
  wait_mask_set = true;
  signal(SIGPIPE, SIG_IGN);
}

bool session_stopped(void) {
  return stop_flag != 0;
}

short session_wait(cli_call *cli, int other_fd, short events, int timeout_ms) {
  struct pollfd watched[2] = {{.fd = cli->system ? evs_system_wake_fd(cli->system) : -1, .events = POLLIN},
                              {.fd = other_fd, .events = events}};
  struct timespec limit = {timeout_ms / 1000, (long)(timeout_ms % 1000) * 1000000};
  int ready = ppoll(watched, 2, timeout_ms < 0 ? NULL : &limit, wait_mask_set ? &wait_mask : NULL);
  return ready > 0 ? watched[1].revents : 0;
}

/* A URL without user, password and query: all of them can hold a secret. */
static char *url_label(const char *url) {
  const char *scheme_end = strstr(url, "://");
  size_t scheme = scheme_end ? (size_t)(scheme_end - url) + 3 : 0;
  const char *host = strrchr(url, '@');
  host = host && host >= url + scheme ? host + 1 : url + scheme;
  size_t host_size = strcspn(host, "?#");
  char *label = input_alloc(scheme + host_size + 1);
  memcpy(label, url, scheme);
  memcpy(label + scheme, host, host_size);
  return label;
}

/* A command comes and goes: it is none of the systems that others want to see, and says itself what fails. */
static int make_document(const cli_call *cli, json_t *transport, char **out_text, size_t *out_size) {
  const char *registry = CLI_HAS(cli, MEMORY) ? "memory" : "transport";
  json_t *config = json_pack("{s:s, s:{s:o}, s:{s:b}, s:{s:s}, s:s, s:s}", "service", "events-cli",
                             "transports", "main", transport, "fleet", "enabled", 0, "schemas", "registry",
                             registry, "logLevel", "warn", "logOutput", cli->runs_on ? "stderr" : "host");
  if (!config) {
    output_problem("the place of the store is not valid UTF-8");
    return CLI_CONFIG;
  }
  *out_text = json_dumps(config, JSON_COMPACT);
  *out_size = *out_text ? strlen(*out_text) : 0;
  json_decref(config);
  return *out_text ? CLI_OK : CLI_FAILED;
}

int session_document(cli_call *cli, char **out_text, size_t *out_size) {
  const char *document = cli->text[CLI_OPT_CONFIG], *file = cli->text[CLI_OPT_FILE];
  if (document) {
    *out_text = input_read(document, INPUT_DOCUMENT_MAX, out_size);
    return *out_text ? CLI_OK : CLI_CONFIG;
  }
  if (CLI_HAS(cli, MEMORY)) {
    free(cli->store);
    cli->store = input_copy("memory", strlen("memory"));
    /* By a name, so that all systems of this process have the same. */
    return make_document(cli, json_pack("{s:s, s:s}", "type", "memory", "name", "events-cli"), out_text,
                         out_size);
  }
  if (file) {
    free(cli->store);
    cli->store = input_copy(file, strlen(file));
    return make_document(cli, json_pack("{s:s, s:s}", "type", "file", "path", file), out_text, out_size);
  }
  const char *url = cli->text[CLI_OPT_REDIS];
  const char *from_environment = getenv("EVENTS_REDIS_URL");
  if (!url && from_environment && *from_environment)
    url = from_environment;
  cli->store_is_default = !url;
  if (!url)
    url = default_url;
  free(cli->store);
  cli->store = url_label(url);
  return make_document(cli, json_pack("{s:s, s:s}", "type", "redis-streams", "url", url), out_text, out_size);
}

int session_exit_code(cli_call *cli, evs_status status) {
  switch (status) {
  case EVS_OK:
    return CLI_OK;
  case EVS_CONFIG:
    return CLI_CONFIG;
  case EVS_VALIDATION:
  case EVS_ARGUMENT:
    return CLI_USAGE;
  case EVS_NOT_FOUND:
    return CLI_NOT_FOUND;
  case EVS_TIMEOUT:
    return CLI_UNREACHABLE;
  case EVS_TRANSPORT:
    break;
  default:
    return CLI_FAILED;
  }
  /* A store that answers "no" was reached; only a lost one is unreachable. */
  char *text = NULL;
  if (!cli->system || evs_system_status(cli->system, &text, NULL) != EVS_OK)
    return CLI_UNREACHABLE;
  json_t *state = json_loads(text, 0, NULL);
  bool connected = json_is_true(json_object_get(state, "connected"));
  json_decref(state);
  evs_string_free(text);
  return connected ? CLI_FAILED : CLI_UNREACHABLE;
}

int session_fail(cli_call *cli, const char *what, evs_error *error) {
  evs_status status = evs_error_status(error);
  output_error(what, evs_error_json(error));
  evs_error_free(error);
  return session_exit_code(cli, status);
}

/* The own origin prefix decides what an anchored pattern means; the checked document has it. */
static char *configured_prefix(const char *text, size_t size) {
  char *report_text = NULL;
  if (evs_config_check(text, size, &report_text, NULL) != EVS_OK)
    return NULL;
  json_t *report = json_loads(report_text, 0, NULL);
  json_t *prefix = json_object_get(json_object_get(report, "normalized"), "originPrefix");
  char *copy =
      json_is_string(prefix) ? input_copy(json_string_value(prefix), json_string_length(prefix)) : NULL;
  json_decref(report);
  evs_string_free(report_text);
  return copy;
}

/* Once: stdin can be read only once, and there may be several systems. */
static int load_document(cli_call *cli) {
  if (cli->document)
    return CLI_OK;
  int code = session_document(cli, &cli->document, &cli->document_size);
  const char *file = cli->text[CLI_OPT_CONFIG];
  if (code != CLI_OK || !file)
    return code;
  size_t room = strlen(file) + 32;
  cli->store = input_alloc(room);
  snprintf(cli->store, room, "the store of %s", strcmp(file, "-") == 0 ? "stdin" : file);
  cli->origin_prefix = configured_prefix(cli->document, cli->document_size);
  return CLI_OK;
}

int session_open(cli_call *cli) {
  int code = load_document(cli);
  if (code != CLI_OK)
    return code;
  evs_error *error = NULL;
  const char *file = cli->text[CLI_OPT_CONFIG];
  evs_status status = evs_system_open(cli->document, cli->document_size, &cli->system, &error);
  if (status == EVS_OK)
    return CLI_OK;
  return session_fail(cli, file ? file : "--redis", error);
}

int session_take(cli_call *cli, evs_system **out_system) {
  int code = session_connect(cli);
  if (code != CLI_OK)
    return code;
  *out_system = cli->system;
  cli->system = NULL;
  return CLI_OK;
}

void session_end(evs_system *system) {
  evs_system_close(system, CLOSE_DEADLINE_MS, NULL);
  evs_system_release(system);
}

/* What the transports said last: a timeout alone does not say why nothing answered. */
static void print_last_errors(cli_call *cli) {
  char *text = NULL;
  if (evs_system_status(cli->system, &text, NULL) != EVS_OK)
    return;
  json_t *state = json_loads(text, 0, NULL);
  const char *name;
  json_t *transport;
  json_object_foreach(json_object_get(state, "transports"), name, transport) {
    json_t *last = json_object_get(transport, "lastError");
    const char *message = json_string_value(json_is_object(last) ? json_object_get(last, "message") : last);
    if (!json_is_true(json_object_get(transport, "connected")) && message && *message) {
      fputs("  transport ", stderr);
      output_safe(stderr, input_bytes(name), 0);
      fputs(": ", stderr);
      output_safe(stderr, input_bytes(message), 0);
      fputc('\n', stderr);
    }
  }
  json_decref(state);
  evs_string_free(text);
}

int session_connect(cli_call *cli) {
  int code = session_open(cli);
  if (code != CLI_OK)
    return code;
  char *answer = NULL;
  evs_error *error = NULL;
  uint32_t timeout_ms = cli->timeout_ms ? cli->timeout_ms : CONNECT_TIMEOUT_MS;
  evs_status status = evs_call(cli->system, "connect", "{}", 2, timeout_ms, &answer, &error);
  evs_string_free(answer);
  if (status == EVS_OK)
    return CLI_OK;
  char what[512];
  snprintf(what, sizeof what, "cannot connect to %s", cli->store);
  bool unreachable = status == EVS_TIMEOUT || status == EVS_TRANSPORT;
  code = session_fail(cli, what, error);
  if (!unreachable)
    return code;
  if (status == EVS_TIMEOUT)
    print_last_errors(cli);
  if (cli->store_is_default)
    fputs("  neither --config nor --redis nor EVENTS_REDIS_URL is given, so this is the default address; "
          "name yours with --redis URL\n",
          stderr);
  return CLI_UNREACHABLE;
}

void session_close(cli_call *cli) {
  if (cli->system)
    session_end(cli->system);
  cli->system = NULL;
  free(cli->document);
  free(cli->store);
  free(cli->origin_prefix);
}

static session_answer answer_of_error(evs_error *error) {
  const char *json = evs_error_json(error);
  session_answer answer = {evs_error_status(error), input_copy(json, strlen(json))};
  evs_error_free(error);
  return answer;
}

/* Takes the one report that can come: only one request is under way at a time. */
static bool take_answer(cli_call *cli, uint64_t token, session_answer *out_answer) {
  evs_batch *batch = NULL;
  evs_error *error = NULL;
  evs_status status = evs_poll(cli->system, EVS_POLL_REPORTS, 16, 0, &batch, &error);
  if (status == EVS_AGAIN) {
    evs_error_free(error);
    return false;
  }
  if (status != EVS_OK) {
    *out_answer = answer_of_error(error);
    return true;
  }
  size_t count = 0;
  bool found = false;
  const evs_report *reports = evs_batch_reports(batch, &count);
  for (size_t i = 0; i < count; i++) {
    if (reports[i].kind != EVS_REPORT_REQUEST || reports[i].token != token)
      continue;
    *out_answer =
        (session_answer){reports[i].status, input_copy(reports[i].detail.data, reports[i].detail.size)};
    found = true;
  }
  evs_batch_release(batch);
  return found;
}

session_answer session_request(cli_call *cli, const char *method, json_t *params) {
  static uint64_t last_token;
  if (cli->text[CLI_OPT_TRANSPORT])
    json_object_set_new(params, "transport", json_string(cli->text[CLI_OPT_TRANSPORT]));
  char *text = json_dumps(params, JSON_COMPACT);
  json_decref(params);
  if (!text)
    text = input_copy("{}", 2);
  evs_error *error = NULL;
  uint64_t token = ++last_token;
  evs_status status = evs_request(cli->system, method, text, strlen(text), cli->timeout_ms, token, &error);
  free(text);
  if (status != EVS_OK)
    return answer_of_error(error);
  session_answer answer = {EVS_CLOSED, NULL};
  while (!take_answer(cli, token, &answer) && !session_stopped())
    session_wait(cli, -1, 0, -1);
  return answer;
}

int session_call(cli_call *cli, const char *method, json_t *params, char **out_json) {
  session_answer answer = session_request(cli, method, params);
  if (answer.status == EVS_OK) {
    *out_json = answer.json;
    return CLI_OK;
  }
  if (answer.json)
    output_error(method, answer.json);
  free(answer.json);
  return session_exit_code(cli, answer.status);
}

int session_call_json(cli_call *cli, const char *method, json_t *params, json_t **out_json) {
  char *text = NULL;
  int code = session_call(cli, method, params, &text);
  if (code != CLI_OK)
    return code;
  *out_json = jsontext_parse(input_bytes(text));
  free(text);
  if (*out_json)
    return CLI_OK;
  output_problem("%s: the answer is not JSON: please report it", method);
  return CLI_FAILED;
}
