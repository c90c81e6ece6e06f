/* SPDX-License-Identifier: MIT
 * redis_error.c - see redis_error.h. Codes are compared as prefixes, since the texts behind them differ
 * between servers; errors raised inside a script of Redis 6.2 carry the code in the middle. */
#include "transport/redis/redis_error.h"

#include <stdio.h>
#include <string.h>

enum { SHOWN_MAX = 200, RULE_SIZE = 160 };

typedef struct code {
  const char *prefix;
  evsi_redis_error_class error_class;
  const char *fix; /* NULL: the rule that is missing in the user's ACL */
} code;

static const code codes[] = {
    {"NOGROUP", EVSI_REDIS_ERROR_LOST_GROUP, "the group is created again"},
    {"UNBLOCKED", EVSI_REDIS_ERROR_LOST_GROUP, "the group is looked up again"},
    {"OOM", EVSI_REDIS_ERROR_BACKPRESSURE, "raise maxmemory on the server or let consumers catch up"},
    {"MISCONF", EVSI_REDIS_ERROR_BACKPRESSURE,
     "the server cannot write to its disk: free space and see its log"},
    {"NOREPLICAS", EVSI_REDIS_ERROR_BACKPRESSURE, "too few replicas are connected (min-replicas-to-write)"},
    {"READONLY", EVSI_REDIS_ERROR_TOPOLOGY, "this server is a replica: connect to the primary"},
    {"MOVED", EVSI_REDIS_ERROR_TOPOLOGY, "this server is part of a cluster, and another node has the key"},
    {"ASK", EVSI_REDIS_ERROR_TOPOLOGY, "the key is being moved to another node of the cluster"},
    {"TRYAGAIN", EVSI_REDIS_ERROR_TOPOLOGY, "keys are being moved between nodes of the cluster"},
    {"CLUSTERDOWN", EVSI_REDIS_ERROR_TOPOLOGY, "the cluster has no majority or misses slots"},
    {"MASTERDOWN", EVSI_REDIS_ERROR_TOPOLOGY, "the link of this replica to its primary is down"},
    {"LOADING", EVSI_REDIS_ERROR_BUSY, "the server is loading its data: wait"},
    {"BUSYGROUP", EVSI_REDIS_ERROR_EXISTS, "nothing is to be done"},
    {"BUSY", EVSI_REDIS_ERROR_BUSY, "a script runs for too long on the server: wait, or SCRIPT KILL"},
    {"ERR max number of clients", EVSI_REDIS_ERROR_BUSY, "raise maxclients on the server"},
    {"NOSCRIPT", EVSI_REDIS_ERROR_NOSCRIPT, "the script is sent again"},
    {"WRONGTYPE", EVSI_REDIS_ERROR_WRONGTYPE,
     "a key of this name holds something else: rename it, or choose another streamPrefix or topic"},
    {"NOAUTH", EVSI_REDIS_ERROR_SECURITY, "give username and password in the transport's configuration"},
    {"WRONGPASS", EVSI_REDIS_ERROR_SECURITY, "check username and password in the transport's configuration"},
    {"NOPERM", EVSI_REDIS_ERROR_SECURITY, NULL},
    {"ERR The user executing the script can't", EVSI_REDIS_ERROR_SECURITY, NULL},
    {"ERR invalid password", EVSI_REDIS_ERROR_SECURITY,
     "check the password in the transport's configuration"},
    {"ERR AUTH", EVSI_REDIS_ERROR_SECURITY, "the server has no password: leave it out of the configuration"},
    {"ERR Client sent AUTH", EVSI_REDIS_ERROR_SECURITY,
     "the server has no password: leave it out of the configuration"},
    {"ERR DB index", EVSI_REDIS_ERROR_SECURITY, "choose a db below the server's `databases`"},
};

static const char *inner_text(const char *text) {
  static const char wrapper[] = "ERR Error running script";
  if (strncmp(text, wrapper, sizeof wrapper - 1) != 0)
    return text;
  const char *inner = strstr(text, ": -");
  return inner ? inner + 3 : text;
}

/* Without the place in a script, which tells a user nothing. */
static int shown_size(const char *text) {
  const char *end = strstr(text, " script: ");
  size_t size = end ? (size_t)(end - text) : strlen(text);
  return size < SHOWN_MAX ? (int)size : SHOWN_MAX;
}

static const code *find(const evsi_redis_reply *reply) {
  if (reply->type != EVSI_REDIS_ERROR)
    return NULL;
  const char *text = inner_text(reply->text.data);
  for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
    if (strncmp(text, codes[i].prefix, strlen(codes[i].prefix)) == 0)
      return &codes[i];
  }
  return NULL;
}

evsi_redis_error_class evsi_redis_error_classify(const evsi_redis_reply *reply) {
  if (reply->type == EVSI_REDIS_LOST)
    return EVSI_REDIS_ERROR_CONNECTION;
  const code *found = find(reply);
  return found ? found->error_class : EVSI_REDIS_ERROR_OTHER;
}

bool evsi_redis_error_transient(evsi_redis_error_class error_class) {
  switch (error_class) {
  case EVSI_REDIS_ERROR_CONNECTION:
  case EVSI_REDIS_ERROR_LOST_GROUP:
  case EVSI_REDIS_ERROR_BACKPRESSURE:
  case EVSI_REDIS_ERROR_TOPOLOGY:
  case EVSI_REDIS_ERROR_BUSY:
  case EVSI_REDIS_ERROR_NOSCRIPT:
    return true;
  default:
    return false;
  }
}

/* Which rule a refusal asks for. Servers before 7.2 do not name the key. */
static void missing_rule(const char *text, char out[RULE_SIZE]) {
  const char *start = strstr(text, "the '"), *end = start ? strchr(start + 5, '\'') : NULL;
  if (end && strncmp(end, "' command", 9) == 0)
    snprintf(out, RULE_SIZE, "the user needs the ACL rule +%.*s", (int)(end - start - 5), start + 5);
  else if (end && strncmp(end, "' key", 5) == 0)
    snprintf(out, RULE_SIZE, "the user needs an ACL rule for this key, such as ~%.*s", (int)(end - start - 5),
             start + 5);
  else if (strstr(text, " key"))
    snprintf(out, RULE_SIZE,
             "the user needs ACL rules for the keys: ~stream:* ~dlq:* ~evs:* (or your prefixes)");
  else
    snprintf(out, RULE_SIZE,
             "the user needs ACL rules for what the scripts call: `events doctor` names them");
}

bool evsi_redis_error_holds(evsi_redis_error_class error_class) {
  return error_class == EVSI_REDIS_ERROR_BACKPRESSURE || error_class == EVSI_REDIS_ERROR_TOPOLOGY ||
         error_class == EVSI_REDIS_ERROR_BUSY;
}

void evsi_redis_error_text(const evsi_redis_reply *reply, const char *what, char *out) {
  const code *found = find(reply);
  const char *shown = reply->type == EVSI_REDIS_ERROR ? inner_text(reply->text.data) : "";
  char rule[RULE_SIZE] = "";
  if (found && !found->fix)
    missing_rule(shown, rule);
  if (reply->type == EVSI_REDIS_LOST)
    snprintf(out, EVSI_REDIS_ERROR_TEXT, "%s failed: %.200s", what, reply->text.data);
  else if (reply->type != EVSI_REDIS_ERROR)
    snprintf(out, EVSI_REDIS_ERROR_TEXT,
             "%s failed: the server gave an unexpected answer; is it a Redis or Valkey server?", what);
  else if (found)
    snprintf(out, EVSI_REDIS_ERROR_TEXT, "%s was refused: %.*s; %s", what, shown_size(shown), shown,
             found->fix ? found->fix : rule);
  else
    snprintf(out, EVSI_REDIS_ERROR_TEXT, "%s was refused: %.*s", what, shown_size(shown), shown);
}
