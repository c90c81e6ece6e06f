/* SPDX-License-Identifier: MIT
 * redis_doctor_advice.c - from what a server says about itself to findings, and to the guarantee that one
 * really gets, in words. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/redis/redis_doctor.h"

enum { TEXT_SIZE = 400, CLOCK_MS = 2000 };

static const int64_t bulk_least = 4 * 1024 * 1024;

typedef struct report {
  const evsi_redis_facts *facts;
  json_t *findings;
  bool has_errors;
} report;

static const char *info(const report *at, const char *name) {
  const char *text = json_string_value(json_object_get(at->facts->info, name));
  return text ? text : "";
}

static const char *setting(const report *at, const char *name) {
  return json_string_value(json_object_get(at->facts->settings, name));
}

static int64_t info_number(const report *at, const char *name) {
  return strtoll(info(at, name), NULL, 10);
}

static bool info_is(const report *at, const char *name, const char *value) {
  return strcmp(info(at, name), value) == 0;
}

/* ---- findings --------------------------------------------------------------------------------- */

static void find(report *at, const char *level, const char *check, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static void find(report *at, const char *level, const char *check, const char *format, ...) {
  char text[TEXT_SIZE];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  at->has_errors |= strcmp(level, "error") == 0;
  json_array_append_new(at->findings,
                        json_pack("{s:s,s:s,s:s}", "level", level, "check", check, "message", text));
}

static const char *version(const report *at) {
  const char *valkey = info(at, "valkey_version");
  return valkey[0] ? valkey : info(at, "redis_version");
}

static void check_server(report *at) {
  int major = 0, minor = 0;
  if (sscanf(version(at), "%d.%d", &major, &minor) != 2) /* NOLINT(cert-err34-c): two small numbers */
    find(at, "warning", "version", "the server does not tell its version: grant +info to this user");
  else if (major < 6 || (major == 6 && minor < 2))
    find(at, "error", "version", "version %s is too old: Redis 6.2, or Valkey 7.2, or newer is needed",
         version(at));
  if (info_is(at, "role", "slave"))
    find(at, "error", "role", "this server is a replica and refuses every change: connect to its primary");
  if (info_is(at, "cluster_enabled", "1"))
    find(at, "error", "role",
         "this server is a node of a cluster, which is not supported yet: use a standalone server");
  if (info_is(at, "loading", "1"))
    find(at, "error", "role", "the server is loading its data: wait");
}

static void check_memory(report *at) {
  int64_t most = info_number(at, "maxmemory");
  const char *policy = info(at, "maxmemory_policy");
  if (strncmp(policy, "allkeys", 7) == 0)
    find(at, "error", "eviction", "maxmemory-policy is %s: %s; set it to noeviction", policy,
         most > 0 ? "the server removes streams with events in them when memory is short"
                  : "as soon as maxmemory is set, streams are removed");
  if (most > 0 && info_number(at, "used_memory") > most / 10 * 9)
    find(at, "warning", "memory", "more than 90 %% of maxmemory is used: publishing is refused soon");
}

static void check_persistence(report *at) {
  const char *save = setting(at, "save");
  bool has_aof = info_is(at, "aof_enabled", "1");
  if (info_is(at, "rdb_last_bgsave_status", "err") || info_is(at, "aof_last_write_status", "err"))
    find(at, "error", "persistence", "the server failed to write to its disk: see its log, free space");
  if (!has_aof && save && !save[0])
    find(at, "warning", "persistence",
         "nothing is kept on disk: set appendonly to yes, unless losing all events is fine");
  else if (!has_aof && info(at, "aof_enabled")[0])
    find(at, "warning", "persistence",
         "%s kept: set appendonly to yes, so that a crash costs a second at most",
         save ? "only snapshots are" : "only snapshots, or nothing (`save` may not be read), are");
}

static void check_limits(report *at) {
  const char *bulk = setting(at, "proto-max-bulk-len");
  int64_t clients = info_number(at, "connected_clients"), most = info_number(at, "maxclients");
  if (bulk && strtoll(bulk, NULL, 10) < bulk_least)
    find(at, "warning", "limits",
         "proto-max-bulk-len is %s: larger events are refused; raise it to 4 MiB or more", bulk);
  if (most > 0 && clients > most / 10 * 9)
    find(at, "warning", "limits",
         "%" PRId64 " of at most %" PRId64 " clients are connected: raise maxclients", clients, most);
}

static void check_clock(report *at) {
  int64_t difference = at->facts->clock_difference_ms;
  if (difference > CLOCK_MS || difference < -CLOCK_MS)
    find(at, "warning", "clock",
         "the server's clock is %" PRId64
         " ms %s ours: delays and ages follow the server's, timestamps of events ours; "
         "set both by NTP",
         difference < 0 ? -difference : difference, difference < 0 ? "behind" : "ahead of");
}

static void check_rights(report *at, const char *role) {
  char rules[TEXT_SIZE / 2] = "";
  size_t i, used = 0;
  json_t *rule;
  if (!at->facts->is_acl_known)
    find(at, "warning", "permissions",
         "what this user may do is not known: the server has no ACL DRYRUN (Redis 7), or the user lacks "
         "+acl|dryrun and "
         "+acl|whoami");
  json_array_foreach(at->facts->missing, i, rule) {
    if (used < sizeof rules)
      used += (size_t)snprintf(rules + used, sizeof rules - used, " %s", json_string_value(rule));
  }
  if (used > 0)
    find(at, "error", "permissions", "as %s the user %s lacks:%s; see docs/acl", role, at->facts->user,
         rules);
}

/* ---- the guarantee ---------------------------------------------------------------------------- */

static const char *durability(const report *at) {
  const char *fsync = setting(at, "appendfsync"), *save = setting(at, "save");
  if (!info(at, "aof_enabled")[0])
    return "How much survives a crash of the server is not known: this user may not ask.";
  if (info_is(at, "aof_enabled", "1") && fsync && strcmp(fsync, "always") == 0)
    return "What the server has confirmed is on its disk: it survives a crash of the server and of its "
           "machine.";
  if (info_is(at, "aof_enabled", "1"))
    return "What the server has confirmed survives a crash of the server; a crash of its machine may cost "
           "the last second, "
           "or more with appendfsync no.";
  if (save && !save[0])
    return "A restart of the server loses every event, and where each group was.";
  return save ? "A crash of the server loses what came after its last snapshot, acknowledgements too."
              : "A crash of the server loses what came after its last snapshot, or everything where it takes "
                "none: "
                "this user may not ask which.";
}

static json_t *guarantee(const report *at) {
  bool has_replicas = info_number(at, "connected_slaves") > 0;
  return json_sprintf(
      "%s%s Each group gets every event at least once: after a crash a handler may see one again.",
      durability(at),
      has_replicas ? " Replicas follow with a delay: a failover may lose what they had not got yet." : "");
}

/* ---- the document ----------------------------------------------------------------------------- */

static json_t *text_or_null(const char *text) {
  return text && text[0] ? json_string(text) : json_null();
}

static json_t *number_or_null(const char *text) {
  return text && text[0] ? json_integer(strtoll(text, NULL, 10)) : json_null();
}

static void put(json_t *document, const char *name, json_t *part) {
  json_object_set_new(document, name, part);
}

static json_t *describe_server(const report *at) {
  return json_pack("{s:s,s:o,s:o,s:o}", "kind", info(at, "valkey_version")[0] ? "valkey" : "redis", "version",
                   text_or_null(version(at)), "role", text_or_null(info(at, "role")), "replicas",
                   number_or_null(info(at, "connected_slaves")));
}

static json_t *describe_persistence(const report *at) {
  const char *aof = info(at, "aof_enabled");
  return json_pack("{s:o,s:o,s:o}", "aof", aof[0] ? json_boolean(aof[0] == '1') : json_null(), "appendfsync",
                   text_or_null(setting(at, "appendfsync")), "save",
                   setting(at, "save") ? json_string(setting(at, "save")) : json_null());
}

static json_t *describe_limits(const report *at) {
  return json_pack(
      "{s:o,s:o,s:o,s:o,s:o,s:o}", "protoMaxBulkLen", number_or_null(setting(at, "proto-max-bulk-len")),
      "maxClients", number_or_null(info(at, "maxclients")), "clients",
      number_or_null(info(at, "connected_clients")), "usedMemory", number_or_null(info(at, "used_memory")),
      "maxMemory", number_or_null(info(at, "maxmemory")), "evictionPolicy",
      text_or_null(info(at, "maxmemory_policy")));
}

json_t *evsi_redis_doctor_report(const evsi_redis_facts *facts, const evsi_redis_config *config,
                                 const char *role) {
  report at = {.facts = facts, .findings = json_array()};
  json_t *document = json_object();
  check_server(&at);
  check_rights(&at, role);
  check_memory(&at);
  check_persistence(&at);
  check_limits(&at);
  check_clock(&at);
  put(document, "ok", json_boolean(!at.has_errors));
  put(document, "address", json_string(config->shown));
  put(document, "server", describe_server(&at));
  put(document, "capabilities", json_incref(facts->commands));
  put(document, "persistence", describe_persistence(&at));
  put(document, "limits", describe_limits(&at));
  put(document, "clock",
      json_pack("{s:I,s:I}", "differenceMs", (json_int_t)facts->clock_difference_ms, "roundTripMs",
                (json_int_t)facts->round_trip_ms));
  put(document, "permissions",
      json_pack("{s:o,s:s,s:b,s:O}", "user", text_or_null(facts->user), "role", role, "known",
                facts->is_acl_known, "missing", facts->missing));
  put(document, "layout",
      json_pack("{s:s,s:s,s:s}", "keyLayout", "tagged", "streamPrefix", config->layout.stream_prefix,
                "dlqStreamPrefix", config->layout.dlq_prefix));
  put(document, "guarantee", guarantee(&at));
  put(document, "findings", at.findings);
  return document;
}
