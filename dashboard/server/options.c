/* SPDX-License-Identifier: MIT
 * options.c - see options.h. Users and tokens are read by accounts.c. */
#include "options.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accounts.h"
#include "problems.h"

enum { TEXT_MAX = 100, LIST_MAX = 64, THREADS_MIN = 8, THREADS_DEFAULT = 96, THREADS_MAX = 512 };

bool evsd_is_loopback(const char *address) {
  return strncmp(address, "127.", 4) == 0;
}

static const char *read_text(json_t *value, const char *path, evsd_problems *problems) {
  const char *text = json_string_value(value);
  if (value && (!text || json_string_length(value) > TEXT_MAX || strlen(text) != json_string_length(value))) {
    evsd_problem_add(problems, path, "expected a text of at most %d bytes", TEXT_MAX);
    return NULL;
  }
  return text;
}

static bool read_flag(json_t *root, const char *name, evsd_problems *problems) {
  json_t *value = json_object_get(root, name);
  char path[64];
  snprintf(path, sizeof path, "/%s", name);
  if (value && !json_is_boolean(value))
    evsd_problem_add(problems, path, "expected true or false");
  return json_is_true(value);
}

static uint32_t read_number(json_t *root, const char *name, const uint32_t range[3],
                            evsd_problems *problems) {
  json_t *value = json_object_get(root, name);
  char path[64];
  snprintf(path, sizeof path, "/%s", name);
  json_int_t number = value ? json_integer_value(value) : (json_int_t)range[1];
  if ((value && !json_is_integer(value)) || number < (json_int_t)range[0] || number > (json_int_t)range[2]) {
    evsd_problem_add(problems, path, "expected a whole number from %u to %u", range[0], range[2]);
    return range[1];
  }
  return (uint32_t)number;
}

static void read_host(json_t *root, evsd_options *options, evsd_problems *problems) {
  const char *host = read_text(json_object_get(root, "host"), "/host", problems);
  struct in_addr address;
  if (!host || strcmp(host, "localhost") == 0)
    host = "127.0.0.1";
  if (inet_pton(AF_INET, host, &address) == 1)
    snprintf(options->host, sizeof options->host, "%s", host);
  else
    evsd_problem_add(
        problems, "/host",
        "expected an IPv4 address to listen on, for example \"127.0.0.1\" or \"0.0.0.0\"; names and "
        "IPv6 are for the proxy in front");
}

static bool is_base_path(const char *path) {
  if (*path != '/')
    return false;
  for (; *path; path++) {
    if (*path == '/' ? path[1] == '/' || path[1] == '\0' || path[1] == '.'
                     : !isalnum((unsigned char)*path) && !strchr("-._~", *path))
      return false;
  }
  return true;
}

static void read_base_path(json_t *root, evsd_options *options, evsd_problems *problems) {
  const char *path = read_text(json_object_get(root, "basePath"), "/basePath", problems);
  if (!path || strcmp(path, "/") == 0)
    path = "";
  if (*path && !is_base_path(path)) {
    evsd_problem_add(problems, "/basePath",
                     "expected \"\", or segments of letters, digits and -._~ as in \"/ops/events\"");
    path = "";
  }
  options->base_path = strdup(path);
}

static bool is_color(const char *text) {
  return text && strlen(text) == 7 && text[0] == '#' && strspn(text + 1, "0123456789abcdefABCDEF") == 6;
}

static void read_environment(json_t *root, evsd_options *options, evsd_problems *problems) {
  static const char *const known[] = {"name", "color", NULL};
  json_t *given = json_object_get(root, "environment");
  if (!given || json_is_null(given)) {
    options->environment = json_null();
    return;
  }
  json_t *color = json_object_get(given, "color");
  const char *name = read_text(json_object_get(given, "name"), "/environment/name", problems);
  if (!json_is_object(given) || !name)
    evsd_problem_add(problems, "/environment", "expected {\"name\": text, \"color\": \"#rrggbb\"}");
  if (color && !is_color(json_string_value(color)))
    evsd_problem_add(problems, "/environment/color", "expected \"#rrggbb\"");
  evsd_problems_unknown(problems, "/environment", given, known);
  options->environment = json_pack("{s:s*, s:O?}", "name", name, "color", color);
}

static bool is_host_name(const char *name) {
  return name && *name && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-._") == strlen(name);
}

static bool is_pointer(const char *pointer) {
  return pointer && pointer[0] == '/' && pointer[1] != '\0' && strlen(pointer) <= 256;
}

/* An array of texts that pass `fits`, lower-cased where asked. */
static json_t *read_list(json_t *root, const char *name, bool (*fits)(const char *), const char *expected,
                         evsd_problems *problems) {
  json_t *given = json_object_get(root, name), *list = json_array(), *value;
  char path[64];
  size_t i;
  snprintf(path, sizeof path, "/%s", name);
  if (given && (!json_is_array(given) || json_array_size(given) > LIST_MAX))
    evsd_problem_add(problems, path, "expected at most %d of %s", LIST_MAX, expected);
  json_array_foreach(given, i, value) {
    snprintf(path, sizeof path, "/%s/%zu", name, i);
    if (fits(json_string_value(value)))
      json_array_append(list, value);
    else
      evsd_problem_add(problems, path, "expected one of %s", expected);
  }
  return list;
}

/* Who may reach it decides what it asks for. */
static void check_exposure(const evsd_options *options, bool has_auth, evsd_problems *problems) {
  if (options->host[0] == '\0' || evsd_is_loopback(options->host))
    return;
  if (!has_auth)
    evsd_problem_add(problems, "/host",
                     "%s can be reached from other machines, so it needs credentials: give auth.users or "
                     "auth.tokens, or listen on 127.0.0.1",
                     options->host);
  else if (!options->behind_proxy && !options->allow_insecure)
    evsd_problem_add(problems, "/host",
                     "credentials would travel unencrypted: put a reverse proxy with TLS in front and set "
                     "behindProxy (docs/dashboard.md), or set allowInsecure if the network is trusted");
}

/* What About shows: everything but the accounts, of which it tells names and permissions. */
static json_t *without_secrets(json_t *root, const evsd_options *options) {
  json_t *shown = json_deep_copy(root), *accounts = json_array();
  for (size_t i = 0; i < options->account_count; i++) {
    const evsd_account *account = &options->accounts[i];
    json_array_append_new(accounts, json_pack("{s:s, s:s, s:o}", "name", account->name, "kind",
                                              account->is_token ? "token" : "user", "permissions",
                                              evsd_permissions_json(account->permissions)));
  }
  json_object_del(shown, "auth");
  json_object_set_new(shown, "accounts", accounts);
  return shown;
}

static void read_all(json_t *root, evsd_options *options, evsd_problems *problems) {
  static const char *const known[] = {"host",         "port",    "basePath", "environment", "readOnly",
                                      "auth",         "threads", "title",    "behindProxy", "allowInsecure",
                                      "allowedHosts", "redact",  "hideSelf", NULL};
  static const uint32_t ports[] = {0, 0, 65535}, threads[] = {THREADS_MIN, THREADS_DEFAULT, THREADS_MAX};
  evsd_problems_unknown(problems, "", root, known);
  read_host(root, options, problems);
  read_base_path(root, options, problems);
  read_environment(root, options, problems);
  options->port = read_number(root, "port", ports, problems);
  options->threads = read_number(root, "threads", threads, problems);
  options->read_only = read_flag(root, "readOnly", problems);
  options->behind_proxy = read_flag(root, "behindProxy", problems);
  options->allow_insecure = read_flag(root, "allowInsecure", problems);
  options->hide_self = read_flag(root, "hideSelf", problems);
  read_text(json_object_get(root, "title"), "/title", problems);
  options->title = json_incref(json_object_get(root, "title"));
  options->allowed_hosts =
      read_list(root, "allowedHosts", is_host_name,
                "host names in lower case without port, for example \"ops.example.org\"", problems);
  options->redact =
      read_list(root, "redact", is_pointer, "JSON pointers, for example \"/card/number\"", problems);
  json_t *auth = json_object_get(root, "auth");
  evsd_accounts_read(auth, options, problems);
  check_exposure(options,
                 json_array_size(json_object_get(auth, "users")) > 0 ||
                     json_array_size(json_object_get(auth, "tokens")) > 0,
                 problems);
}

evs_status evsd_options_read(const char *text, size_t size, evsd_options *out, evs_error **out_error) {
  evsd_problems problems = {0};
  json_error_t why;
  *out = (evsd_options){0};
  json_t *root = size ? json_loadb(text, size, JSON_REJECT_DUPLICATES, &why) : json_object();
  if (!json_is_object(root)) {
    json_decref(root);
    return evs_error_create(EVS_CONFIG, "", "the options of the dashboard must be a JSON object", out_error);
  }
  read_all(root, out, &problems);
  out->shown = without_secrets(root, out);
  json_decref(root);
  if (!out->title)
    out->title = json_null();
  return evsd_problems_end(&problems, out_error);
}

void evsd_options_free(evsd_options *options) {
  free(options->base_path);
  json_decref(options->title);
  json_decref(options->environment);
  json_decref(options->allowed_hosts);
  json_decref(options->redact);
  json_decref(options->shown);
  free(options->accounts);
}
