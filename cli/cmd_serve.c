/* SPDX-License-Identifier: MIT
 * cmd_serve.c - `events serve`: the dashboard over a store, without a host program. The library that serves
 * is loaded here, so that no other command needs it. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "cli.h"
#include "input.h"
#include "libevents_dashboard.h"
#include "output.h"
#include "session.h"

enum { OPTIONS_MAX = 1 << 20, STOP_MS = 5000, TOKEN_BYTES = 24 };

typedef struct dashboard_library {
  __typeof__(&evs_dashboard_start) start;
  __typeof__(&evs_dashboard_url) url;
  __typeof__(&evs_dashboard_stop) stop;
} dashboard_library;

static int load(dashboard_library *out) {
  void *handle = dlopen("libevents-dashboard.so.0", RTLD_NOW | RTLD_LOCAL);
  if (handle) {
    void *found[] = {dlsym(handle, "evs_dashboard_start"), dlsym(handle, "evs_dashboard_url"),
                     dlsym(handle, "evs_dashboard_stop")};
    if (found[0] && found[1] && found[2]) {
      memcpy(out, found, sizeof *out);
      return CLI_OK;
    }
  }
  output_problem(
      "serve: this installation has no dashboard (%s); build libevents with civetweb, or install the "
      "package with libevents-dashboard.so.0",
      dlerror());
  return CLI_FAILED;
}

/* The document of --dashboard, to which the other options are added. */
static int read_document(cli_call *cli, json_t **out) {
  const char *file = cli->text[CLI_OPT_DASHBOARD];
  size_t size = 0;
  json_error_t why;
  *out = json_object();
  if (!file)
    return CLI_OK;
  char *text = input_read(file, OPTIONS_MAX, &size);
  if (!text)
    return CLI_CONFIG;
  json_decref(*out);
  *out = json_loadb(text, size, JSON_REJECT_DUPLICATES, &why);
  free(text);
  if (json_is_object(*out))
    return CLI_OK;
  output_problem("%s: expected a JSON object with options of the dashboard (line %d: %s)", file, why.line,
                 *out ? "not an object" : why.text);
  return CLI_CONFIG;
}

/* The list auth.<kind> of the options, made where it is not there. */
static json_t *accounts(json_t *options, const char *kind) {
  json_t *auth = json_object_get(options, "auth");
  if (!auth) {
    auth = json_object();
    json_object_set_new(options, "auth", auth);
  }
  json_t *list = json_object_get(auth, kind);
  if (!list) {
    list = json_array();
    json_object_set_new(auth, kind, list);
  }
  return list;
}

/* NAME:ROLE; the password comes from the environment, where other users of the machine do not see it. */
static int add_user(json_t *options, const char *text) {
  const char *role = strchr(text, ':');
  char variable[96] = "EVENTS_PASSWORD_";
  if (!role || role == text || role - text > 64)
    return output_usage("serve", "--user %s: expected NAME:ROLE with the role viewer, operator or admin",
                        text);
  size_t used = strlen(variable);
  for (const char *at = text; at < role; at++)
    variable[used++] = (char)(*at >= 'a' && *at <= 'z'                                   ? *at - 'a' + 'A'
                              : (*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9') ? *at
                                                                                         : '_');
  variable[used] = '\0';
  const char *password = getenv(variable);
  if (!password || !*password)
    return output_usage("serve", "--user %s: put the password into the environment variable %s", text,
                        variable);
  char *name = input_copy(text, (size_t)(role - text));
  json_array_append_new(accounts(options, "users"),
                        json_pack("{s:s, s:s, s:s}", "name", name, "password", password, "role", role + 1));
  free(name);
  return CLI_OK;
}

static int add_flags(cli_call *cli, json_t *options) {
  size_t i;
  json_t *user;
  json_object_set_new(options, "hideSelf", json_true());
  if (CLI_HAS(cli, LISTEN))
    json_object_set_new(options, "host", json_string(cli->text[CLI_OPT_LISTEN]));
  if (CLI_HAS(cli, PORT))
    json_object_set_new(options, "port", json_integer((json_int_t)cli->port));
  if (CLI_HAS(cli, BASE_PATH))
    json_object_set_new(options, "basePath", json_string(cli->text[CLI_OPT_BASE_PATH]));
  if (CLI_HAS(cli, READ_ONLY))
    json_object_set_new(options, "readOnly", json_true());
  if (CLI_HAS(cli, BEHIND_PROXY))
    json_object_set_new(options, "behindProxy", json_true());
  if (CLI_HAS(cli, ALLOW_INSECURE))
    json_object_set_new(options, "allowInsecure", json_true());
  json_array_foreach(cli->users, i, user) {
    int code = add_user(options, json_string_value(user));
    if (code != CLI_OK)
      return code;
  }
  return CLI_OK;
}

/* Who can be reached from elsewhere and has no credentials gets a token for this run. */
static char *add_token(json_t *options) {
  unsigned char random[TOKEN_BYTES];
  const char *host = json_string_value(json_object_get(options, "host"));
  json_t *auth = json_object_get(options, "auth");
  bool has_accounts =
      json_array_size(json_object_get(auth, "users")) || json_array_size(json_object_get(auth, "tokens"));
  if (!host || has_accounts || strncmp(host, "127.", 4) == 0 || strcmp(host, "localhost") == 0)
    return NULL;
  if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
    return NULL; /* then the dashboard refuses the address */
  char *token = input_alloc(2 * TOKEN_BYTES + 1);
  for (size_t i = 0; i < TOKEN_BYTES; i++)
    snprintf(token + 2 * i, 3, "%02x", random[i]);
  json_array_append_new(accounts(options, "tokens"),
                        json_pack("{s:s, s:s, s:s}", "name", "token", "token", token, "role", "admin"));
  return token;
}

/* Records of the system are nobody's here; taken so that they do not wake us again. */
static void wait_for_signal(cli_call *cli) {
  while (!session_stopped()) {
    evs_batch *batch = NULL;
    session_wait(cli, -1, 0, -1);
    while (evs_poll(cli->system, EVS_POLL_MESSAGES | EVS_POLL_REPORTS, 64, 0, &batch, NULL) == EVS_OK)
      evs_batch_release(batch);
  }
}

static int serve(cli_call *cli, const dashboard_library *library, json_t *options) {
  char *token = add_token(options), *text = json_dumps(options, JSON_COMPACT);
  evs_dashboard *dashboard = NULL;
  evs_error *error = NULL;
  int code = CLI_OK;
  session_watch_signals();
  if (library->start(cli->system, text, strlen(text), &dashboard, &error) == EVS_OK) {
    puts(library->url(dashboard));
    if (token)
      printf("token: %s (in a browser: the name `token`, this as password)\n", token);
    output_flush();
    wait_for_signal(cli);
    while (library->stop(dashboard, STOP_MS) == EVS_TIMEOUT) {
    }
  } else {
    code = session_fail(cli, "serve", error);
  }
  free(text);
  free(token);
  return code;
}

int cmd_serve(cli_call *cli) {
  dashboard_library library;
  json_t *options = NULL;
  cli->runs_on = true;
  int code = load(&library);
  if (code == CLI_OK)
    code = read_document(cli, &options);
  if (code == CLI_OK)
    code = add_flags(cli, options);
  if (code == CLI_OK)
    code = session_connect(cli);
  if (code == CLI_OK)
    code = serve(cli, &library, options);
  json_decref(options);
  return code;
}
