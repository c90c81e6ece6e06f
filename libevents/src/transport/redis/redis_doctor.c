/* SPDX-License-Identifier: MIT
 * redis_doctor.c - the request `doctor`: asks the server about itself and about what our user may do, without
 * changing anything. What a user may not ask stays unknown, and is told as that. */
#include "transport/redis/redis_doctor.h"

#include <stdio.h>
#include <string.h>

#include "transport/redis/redis_error.h"
#include "transport/redis/redis_request.h"

#define SAMPLE "{events-doctor}"

static const char *const settings[] = {"appendfsync", "save", "proto-max-bulk-len"};
/* Commands that newer servers have. */
static const char *const optional[] = {"WAITAOF", "FUNCTION", "XACKDEL", "XNACK", "SPUBLISH"};

typedef struct doctor {
  evsi_redis_facts facts;
  char role[16];
  char letter;
  uint64_t asked_wall_ms, asked_ms;
} doctor;

static void doctor_free(void *data) {
  doctor *made = data;
  if (!made)
    return;
  json_decref(made->facts.info);
  json_decref(made->facts.settings);
  json_decref(made->facts.commands);
  json_decref(made->facts.missing);
  evsi_free(made);
}

static void send_words(evsi_redis_request *request, const char *const *words, size_t count,
                       evsi_redis_request_fn fn, uint64_t tag) {
  evsi_redis_args args = {0};
  for (size_t i = 0; i < count; i++)
    evsi_redis_arg_text(&args, words[i]);
  evsi_redis_request_send(request, &args, fn, tag);
}

/* ---- what the server says --------------------------------------------------------------------- */

static void on_info(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  doctor *made = request->extra;
  evs_bytes text = evsi_redis_text(reply);
  (void)tag;
  if (text.size == 0)
    return;
  const char *end = text.data + text.size;
  for (const char *line = text.data; line && line < end;) {
    const char *stop = memchr(line, '\n', (size_t)(end - line));
    const char *colon = memchr(line, ':', (size_t)((stop ? stop : end) - line));
    char name[64];
    if (colon && colon - line < (ptrdiff_t)sizeof name) {
      const char *value_end = stop ? stop : end;
      snprintf(name, sizeof name, "%.*s", (int)(colon - line), line);
      size_t size = (size_t)(value_end - colon) - 1;
      size -= size > 0 && colon[size] == '\r';
      json_object_set_new(made->facts.info, name, json_stringn(colon + 1, size));
    }
    line = stop ? stop + 1 : NULL;
  }
}

static void on_setting(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  doctor *made = request->extra;
  evs_bytes value = evsi_redis_text(evsi_redis_item(reply, 1));
  if (reply->type == EVSI_REDIS_ARRAY && reply->count == 2)
    json_object_set_new(made->facts.settings, settings[tag],
                        json_stringn(value.data ? value.data : "", value.size));
}

static void on_commands(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  doctor *made = request->extra;
  (void)tag;
  for (size_t i = 0; i < sizeof optional / sizeof optional[0]; i++) {
    bool is_there = evsi_redis_item(reply, i)->type == EVSI_REDIS_ARRAY;
    if (reply->type == EVSI_REDIS_ARRAY)
      json_object_set_new(made->facts.commands, optional[i], json_boolean(is_there));
  }
}

static void on_clock(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  doctor *made = request->extra;
  const evsi_env *env = request->transport->world->env;
  (void)tag;
  if (reply->type != EVSI_REDIS_ARRAY)
    return;
  int64_t server_ms = evsi_redis_integer(evsi_redis_item(reply, 0)) * 1000 +
                      evsi_redis_integer(evsi_redis_item(reply, 1)) / 1000;
  made->facts.round_trip_ms = (int64_t)(evsi_now_ms(env) - made->asked_ms);
  made->facts.clock_difference_ms = server_ms - (int64_t)made->asked_wall_ms - made->facts.round_trip_ms / 2;
}

static void on_user(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  doctor *made = request->extra;
  evs_bytes name = evsi_redis_text(reply);
  const char *configured = request->transport->config.username;
  (void)tag;
  if (name.size > 0)
    snprintf(made->facts.user, sizeof made->facts.user, "%.*s", (int)name.size, name.data);
  else
    snprintf(made->facts.user, sizeof made->facts.user, "%s", configured ? configured : "default");
}

/* ---- what the user may do --------------------------------------------------------------------- */

/* "~stream:*" for a refusal of the key, else the rule for the command. */
static const char *rule_of(const evsi_redis_need *need, const char *answer, char out[96],
                           const evs_transport *transport) {
  if (!strstr(answer, "' key"))
    return need->rule;
  const evsi_redis_config *config = &transport->config;
  bool is_stream = strstr(need->command, "{s}") != NULL, is_dead = strstr(need->command, "{d}") != NULL;
  snprintf(out, 96, "~%s*",
           is_stream ? config->layout.stream_prefix
           : is_dead ? config->layout.dlq_prefix
                     : "evs:");
  return out;
}

static bool has_rule(const json_t *missing, const char *rule) {
  size_t i;
  json_t *each;
  json_array_foreach(missing, i, each) {
    if (strcmp(json_string_value(each), rule) == 0)
      return true;
  }
  return false;
}

static void on_dry_run(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  doctor *made = request->extra;
  char key_rule[96];
  evs_bytes answer = evsi_redis_text(reply);
  if (reply->type != EVSI_REDIS_STATUS && reply->type != EVSI_REDIS_STRING) {
    made->facts.is_acl_known = false;
    return;
  }
  if (evsi_redis_is(reply, "OK"))
    return;
  const char *rule = rule_of(&evsi_redis_needs[tag], answer.data, key_rule, request->transport);
  if (!has_rule(made->facts.missing, rule))
    json_array_append_new(made->facts.missing, json_string(rule));
}

static void put_word(evsi_redis_args *args, const evsi_redis_config *config, const char *word, size_t size) {
  char key[128];
  const char *prefix = size == 3 && strncmp(word, "{s}", 3) == 0   ? config->layout.stream_prefix
                       : size == 3 && strncmp(word, "{d}", 3) == 0 ? config->layout.dlq_prefix
                       : size == 3 && strncmp(word, "{e}", 3) == 0 ? "evs:doctor:"
                                                                   : NULL;
  if (!prefix) {
    evsi_redis_arg(args, word, size);
    return;
  }
  snprintf(key, sizeof key, "%s" SAMPLE, prefix);
  evsi_redis_arg_text(args, key);
}

static void answer_doctor(evsi_redis_request *request) {
  doctor *made = request->extra;
  json_t *document = evsi_redis_doctor_report(&made->facts, &request->transport->config, made->role);
  evsi_redis_request_json(request, document);
  json_decref(document);
}

static void ask_rights(evsi_redis_request *request) {
  doctor *made = request->extra;
  request->step = answer_doctor;
  made->facts.is_acl_known = true;
  for (size_t i = 0; i < evsi_redis_need_count && !request->is_answered; i++) {
    evsi_redis_args args = {0};
    if (!strchr(evsi_redis_needs[i].roles, made->letter))
      continue;
    evsi_redis_arg_text(&args, "ACL");
    evsi_redis_arg_text(&args, "DRYRUN");
    evsi_redis_arg_text(&args, made->facts.user);
    for (const char *word = evsi_redis_needs[i].command; *word; word += strspn(word, " ")) {
      size_t size = strcspn(word, " ");
      put_word(&args, &request->transport->config, word, size);
      word += size;
    }
    evsi_redis_request_send(request, &args, on_dry_run, i);
  }
}

/* ---- the request ------------------------------------------------------------------------------ */

static doctor *doctor_new(const char *role) {
  doctor *made = evsi_calloc(1, sizeof *made);
  if (!made)
    return NULL;
  snprintf(made->role, sizeof made->role, "%s", role);
  made->letter = evsi_redis_role(role);
  made->facts.info = json_object();
  made->facts.settings = json_object();
  made->facts.commands = json_object();
  made->facts.missing = json_array();
  return made;
}

void evsi_redis_request_doctor(evsi_redis_request *request) {
  const char *role = evsi_redis_request_text(request, "role");
  const evsi_env *env = request->transport->world->env;
  if (role && !evsi_redis_role(role)) {
    evsi_redis_request_answer(request, EVS_VALIDATION,
                              evsi_text("/role: must be publisher, consumer, operator or viewer"));
    return;
  }
  doctor *made = doctor_new(role ? role : "consumer");
  if (!made) {
    evsi_redis_request_answer(request, EVS_NOMEM, evsi_text("out of memory"));
    return;
  }
  request->extra = made;
  request->extra_free = doctor_free;
  request->step = ask_rights;
  made->asked_ms = evsi_now_ms(env);
  made->asked_wall_ms = evsi_wall_ms(env);
  send_words(request, (const char *[]){"TIME"}, 1, on_clock, 0);
  send_words(request, (const char *[]){"ACL", "WHOAMI"}, 2, on_user, 0);
  send_words(request, (const char *[]){"INFO"}, 1, on_info, 0);
  for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
    send_words(request, (const char *[]){"CONFIG", "GET", settings[i]}, 3, on_setting, i);
  evsi_redis_args args = {0};
  evsi_redis_arg_text(&args, "COMMAND");
  evsi_redis_arg_text(&args, "INFO");
  for (size_t i = 0; i < sizeof optional / sizeof optional[0]; i++)
    evsi_redis_arg_text(&args, optional[i]);
  evsi_redis_request_send(request, &args, on_commands, 0);
}
