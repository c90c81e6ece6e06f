/* SPDX-License-Identifier: MIT
 * accounts.c - see accounts.h. */
#include "accounts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ACCOUNTS_MAX = 100 };

const char *const evsd_permission_names[EVSD_PERMISSIONS] = {
    "view", "payload.view", "dlq.requeue", "dlq.edit", "dlq.archive", "consumer.pause", "audit.view"};

static const struct {
  const char *name;
  uint32_t permissions;
} roles[] = {{"viewer", EVSD_VIEW}, {"operator", EVSD_OPERATOR}, {"admin", EVSD_ADMIN}};

json_t *evsd_permissions_json(uint32_t permissions) {
  json_t *names = json_array();
  for (int i = 0; i < EVSD_PERMISSIONS; i++) {
    if (permissions >> i & 1)
      json_array_append_new(names, json_string(evsd_permission_names[i]));
  }
  return names;
}

static uint32_t permission_of(const char *name) {
  for (int i = 0; name && i < EVSD_PERMISSIONS; i++) {
    if (strcmp(evsd_permission_names[i], name) == 0)
      return UINT32_C(1) << i;
  }
  return 0;
}

static uint32_t role_of(const char *name) {
  for (size_t i = 0; name && i < sizeof roles / sizeof roles[0]; i++) {
    if (strcmp(roles[i].name, name) == 0)
      return roles[i].permissions;
  }
  return 0;
}

static uint32_t read_permissions(json_t *given, const char *path, evsd_problems *problems) {
  json_t *role = json_object_get(given, "role"), *list = json_object_get(given, "permissions"), *value;
  uint32_t permissions = 0;
  size_t i;
  if (!role == !list)
    evsd_problem_add(problems, path, "expected either \"role\" or \"permissions\"");
  if (role) {
    permissions = role_of(json_string_value(role));
    if (!permissions)
      evsd_problem_add(problems, path, "\"role\" must be viewer, operator or admin");
  }
  if (list && !json_array_size(list))
    evsd_problem_add(problems, path, "\"permissions\" must be a list of at least one");
  json_array_foreach(list, i, value) {
    uint32_t bit = permission_of(json_string_value(value));
    if (!bit)
      evsd_problem_add(problems, path,
                       "\"permissions\" may have view, payload.view, dlq.requeue, dlq.edit, dlq.archive, "
                       "consumer.pause and audit.view");
    permissions |= bit;
  }
  return permissions;
}

static bool is_account_name(const char *name) {
  if (!name || !*name || strlen(name) >= sizeof((evsd_account *)0)->name)
    return false;
  for (; *name; name++) {
    if ((unsigned char)*name < ' ' || *name == 0x7f || *name == ':')
      return false;
  }
  return true;
}

/* The secret itself, or its hash: exactly one of them. */
static void read_secret(json_t *given, evsd_account *account, const char *path, evsd_problems *problems) {
  const char *plain = json_string_value(json_object_get(given, account->is_token ? "token" : "password"));
  const char *hash =
      json_string_value(json_object_get(given, account->is_token ? "tokenHash" : "passwordHash"));
  if (!plain == !hash) {
    evsd_problem_add(problems, path,
                     account->is_token ? "expected either \"token\" or \"tokenHash\", a text"
                                       : "expected either \"password\" or \"passwordHash\", a text");
    return;
  }
  bool is_good = false;
  if (plain && account->is_token) {
    evsd_secret_of_token(plain, &account->secret);
    is_good = strlen(plain) >= 16;
  } else if (plain) {
    is_good = strlen(plain) >= 8 && evsd_secret_of_password(plain, &account->secret);
  } else {
    is_good = account->is_token ? evsd_secret_parse_token(hash, &account->secret)
                                : evsd_secret_parse_password(hash, &account->secret);
  }
  if (!is_good && plain)
    evsd_problem_add(problems, path, "a password has at least 8 bytes, a token 16");
  else if (!is_good)
    evsd_problem_add(problems, path,
                     account->is_token
                         ? "\"tokenHash\" must be sha256$ and 64 hex digits"
                         : "\"passwordHash\" must be pbkdf2-sha256$ITERATIONS$SALT$HASH with 10000 "
                           "to 10000000 iterations, base64 and a hash of 32 bytes");
}

static void read_account(json_t *given, bool is_token, evsd_options *options, const char *path,
                         evsd_problems *problems) {
  static const char *const known[2][6] = {{"name", "password", "passwordHash", "role", "permissions", NULL},
                                          {"name", "token", "tokenHash", "role", "permissions", NULL}};
  const char *name = json_string_value(json_object_get(given, "name"));
  evsd_account *account = &options->accounts[options->account_count];
  if (!is_account_name(name)) {
    evsd_problem_add(problems, path, "\"name\" must be a text of 1 to 64 bytes without colon");
    return;
  }
  for (size_t i = 0; i < options->account_count; i++) {
    if (strcmp(options->accounts[i].name, name) == 0)
      evsd_problem_add(problems, path, "the name \"%s\" is given twice", name);
  }
  evsd_problems_unknown(problems, path, given, known[is_token]);
  *account = (evsd_account){.is_token = is_token, .permissions = read_permissions(given, path, problems)};
  snprintf(account->name, sizeof account->name, "%s", name);
  read_secret(given, account, path, problems);
  options->account_count++;
}

void evsd_accounts_read(json_t *auth, evsd_options *options, evsd_problems *problems) {
  static const char *const known[] = {"users", "tokens", NULL};
  json_t *lists[] = {json_object_get(auth, "users"), json_object_get(auth, "tokens")}, *given;
  size_t count = json_array_size(lists[0]) + json_array_size(lists[1]), i;
  options->accounts = calloc(count + 1, sizeof *options->accounts);
  if (auth && !json_is_object(auth))
    evsd_problem_add(problems, "/auth", "expected {\"users\": […], \"tokens\": […]}");
  if (count > ACCOUNTS_MAX || !options->accounts) {
    evsd_problem_add(problems, "/auth", "at most %d users and tokens", ACCOUNTS_MAX);
    return;
  }
  evsd_problems_unknown(problems, "/auth", auth, known);
  for (int kind = 0; kind < 2; kind++) {
    if (lists[kind] && !json_is_array(lists[kind]))
      evsd_problem_add(problems, kind ? "/auth/tokens" : "/auth/users", "expected a list");
    json_array_foreach(lists[kind], i, given) {
      char path[64];
      snprintf(path, sizeof path, "/auth/%s/%zu", kind ? "tokens" : "users", i);
      read_account(given, kind == 1, options, path, problems);
    }
  }
}
