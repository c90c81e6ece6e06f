/* SPDX-License-Identifier: MIT
 * cli.h - what the files of the command `events` share: options, verbs and exit codes. Each verb is one
 * function in a cmd_*.c; main.c holds the table of them. Sees only libevents.h, as any program would. */
#ifndef EVENTS_CLI_H
#define EVENTS_CLI_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "libevents.h"

/* Documented in docs/cli.md and in `events --help`: scripts rely on them. */
enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2, CLI_CONFIG = 3, CLI_UNREACHABLE = 4, CLI_NOT_FOUND = 5 };

/* Every option of every verb: name, argument or NULL, help. An option means the same for all verbs that have
 * it, so that it can stand before the verb. */
#define CLI_OPTIONS(X)                                                                                       \
  X(CONFIG, "config", "FILE", "configuration document (JSON); - reads it from stdin")                        \
  X(REDIS, "redis", "URL", "use this Redis instead of a configuration")                                      \
  X(FILE, "file", "PATH", "use this file instead of a configuration")                                        \
  X(MEMORY, "memory", NULL, "use the memory of this process instead of a configuration")                     \
  X(TRANSPORT, "transport", "NAME", "which transport of the configuration, by its name")                     \
  X(JSON, "json", NULL, "print JSON instead of columns")                                                     \
  X(TIMEOUT, "timeout", "MS", "how long to wait for the store, in milliseconds")                             \
  X(KEY, "key", "KEY", "partition key; of a replay: the same key is the same replay")                        \
  X(HEADER, "header", "K=V", "header of the event; may be given many times")                                 \
  X(ID, "id", "ID", "own event id instead of a new UUIDv7")                                                  \
  X(VERSION, "version", "VERSION", "schema version; of an event that of its body")                           \
  X(DELAY, "delay", "MS", "deliver so many milliseconds later")                                              \
  X(ACK, "ack", "LEVEL", "wait for this: none, stored, replicated[:N], fsynced")                             \
  X(LINES, "lines", NULL, "read events from stdin, one JSON document per line")                              \
  X(FROM_START, "from-start", NULL, "begin with the oldest stored event instead of the next one")            \
  X(COUNT, "count", "N", "end after N events")                                                               \
  X(DURATION, "duration", "S", "end after S seconds; default 10")                                            \
  X(SIZE, "size", "BYTES", "bytes of a body, or FROM-TO for any size between; default 256")                  \
  X(TYPES, "types", "N", "so many types, bench.t0, bench.t1 and so on; default 1")                           \
  X(PATTERN, "pattern", "PATTERN", "what a consumer group of its own takes; many times; default bench.*")    \
  X(PUBLISHERS, "publishers", "N", "so many publishers; default 1")                                          \
  X(CONSUMERS, "consumers", "N", "so many consumers for each pattern; default 1")                            \
  X(CHART, "chart", "FILE", "draw what was measured, as SVG")                                                \
  X(TOPIC, "topic", "TOPIC", "only this topic")                                                              \
  X(TYPE, "type", "TYPE", "only those of this event type, or of a pattern")                                  \
  X(GROUP, "group", "GROUP", "only dead letters of this consumer group; of a replay: for this new one")      \
  X(TEXT, "text", "TEXT", "only dead letters whose event or error contains this text")                       \
  X(FINGERPRINT, "fingerprint", "HEX", "only dead letters of this kind of failure")                          \
  X(SINCE, "since", "MS", "stored at or after this, milliseconds since 1970")                                \
  X(UNTIL, "until", "MS", "stored at or before this, milliseconds since 1970")                               \
  X(FROM_OFFSET, "from-offset", "OFFSET", "the first of a topic, as receipts have it")                       \
  X(TO_OFFSET, "to-offset", "OFFSET", "the last one")                                                        \
  X(LIMIT, "limit", "N", "at most N dead letters")                                                           \
  X(CURSOR, "cursor", "CURSOR", "go on where the page before ended")                                         \
  X(ALL, "all", NULL, "all dead letters that the other options select")                                      \
  X(NEWEST, "newest", NULL, "the newest first")                                                              \
  X(ARCHIVED, "archived", NULL, "look into the archive")                                                     \
  X(EDIT, "edit", "FILE", "send with this body (JSON) instead; - reads it from stdin")                       \
  X(RATE, "rate", "N", "at most N a second; of dead letters by what survives its process")                   \
  X(ALL_GROUPS, "all-groups", NULL, "requeue for every consumer group, not only the one that failed")        \
  X(TO, "to", "TOPIC", "send to this topic instead of the event's own")                                      \
  X(CREATE, "create", NULL, "the topic of --to may be new")                                                  \
  X(MAX_REDRIVES, "max-redrives", "N", "refuse what came back N times; default 10")                          \
  X(FORCE, "force", NULL, "however often it came back; of a topic: though members are registered")           \
  X(DRY_RUN, "dry-run", NULL, "only say what would be done")                                                 \
  X(CANARY, "canary", "N", "the first N have to succeed before the rest goes")                               \
  X(OUTCOME_TIMEOUT, "outcome-timeout", "MS", "how long to wait for a canary's outcome; default 60000")      \
  X(STOP_AT, "stop-at", "PERCENT", "stop when more than this share dies again")                              \
  X(INTO_STREAM, "into-stream", NULL, "store the events again instead of the dead letters")                  \
  X(REASON, "reason", "TEXT", "why, for those who look at it later")                                         \
  X(ORIGIN_PREFIX, "origin-prefix", "PREFIX", "origin prefix, for example eu.de")                            \
  X(MODE, "mode", "MODE", "none, backward, forward or full, also with -transitive where there are versions") \
  X(POLICY, "policy", "POLICY", "pragmatic or strict")                                                       \
  X(ROLE, "role", "ROLE", "publisher, consumer (default), operator or viewer")                               \
  X(HERE, "here", NULL, "only processes of this host")                                                       \
  X(LISTEN, "listen", "ADDRESS", "IPv4 address to listen on; default 127.0.0.1")                             \
  X(PORT, "port", "N", "port to listen on; default: a free one")                                             \
  X(BASE_PATH, "base-path", "PATH", "serve below this path, for example /events")                            \
  X(READ_ONLY, "read-only", NULL, "refuse every change")                                                     \
  X(USER, "user", "NAME:ROLE", "may log in, with the password in EVENTS_PASSWORD_<NAME>; many times")        \
  X(DASHBOARD, "dashboard", "FILE", "options of the dashboard (JSON); - reads them from stdin")              \
  X(BEHIND_PROXY, "behind-proxy", NULL, "a reverse proxy with TLS stands in front")                          \
  X(ALLOW_INSECURE, "allow-insecure", NULL, "credentials may travel unencrypted")

enum {
#define CLI_OPTION_INDEX(id, name, arg, help) CLI_OPT_##id,
  CLI_OPTIONS(CLI_OPTION_INDEX)
#undef CLI_OPTION_INDEX
      CLI_OPTION_COUNT
};

#define CLI_BIT(id) (UINT64_C(1) << CLI_OPT_##id)

/* Options that nearly every verb has. */
#define CLI_SOURCE (CLI_BIT(CONFIG) | CLI_BIT(REDIS) | CLI_BIT(FILE))
#define CLI_STORE (CLI_SOURCE | CLI_BIT(TRANSPORT) | CLI_BIT(JSON) | CLI_BIT(TIMEOUT))
/* The registry of schemas is the system's, not a transport's. */
#define CLI_REGISTRY (CLI_SOURCE | CLI_BIT(JSON) | CLI_BIT(TIMEOUT))
#define CLI_SELECT (CLI_BIT(TOPIC) | CLI_BIT(TYPE) | CLI_BIT(GROUP) | CLI_BIT(TEXT) | CLI_BIT(FINGERPRINT))

/* One call of the command. Texts point into argv or the environment. */
typedef struct cli_call {
  const char *text[CLI_OPTION_COUNT]; /* value of an option with an argument, or NULL */
  uint64_t given;                     /* CLI_BIT of each option that stands on the command line */
  json_t *headers;                    /* object, or NULL */
  json_t *users;                      /* array of NAME:ROLE, or NULL */
  json_t *patterns;                   /* array, or NULL */
  uint64_t count;                     /* 0: no bound */
  uint32_t limit;                     /* 0: not given */
  uint32_t rate;                      /* 0: not given */
  uint32_t max_redrives, canary, outcome_timeout_ms, stop_percent; /* 0: not given */
  uint32_t timeout_ms;                                             /* 0: not given */
  uint32_t port;
  uint32_t duration_s, types, publishers, consumers; /* 0: not given, or no consumers */
  uint32_t size_from, size_to;                       /* 0: not given */
  uint64_t delay_ms;
  uint32_t acknowledgement; /* EVS_ACKNOWLEDGE_…, 0: not given */
  uint32_t replicas;
  const char **words; /* verb and arguments, owned */
  const char **args;  /* after the verb */
  int arg_count;
  bool runs_on; /* it serves until it is stopped: what its system has to say goes to stderr */
  /* set by session.c */
  evs_system *system;
  char *document; /* the configuration, read once */
  size_t document_size;
  char *store; /* where the store is, without password, for messages */
  char *origin_prefix;
  bool store_is_default;
} cli_call;

#define CLI_HAS(cli, id) (((cli)->given & CLI_BIT(id)) != 0)

typedef struct cli_verb {
  const char *name; /* one or two words */
  const char *args;
  const char *summary;
  const char *help; /* what it does, a vertical tab, examples */
  uint64_t options;
  int min_args, max_args;
  int (*run)(cli_call *cli);
} cli_verb;

int cmd_publish(cli_call *cli);
int cmd_publish_lines(cli_call *cli);
int cmd_tail(cli_call *cli);
int cmd_delayed(cli_call *cli);
int cmd_delayed_cancel(cli_call *cli);
int cmd_dlq_list(cli_call *cli);
int cmd_dlq_show(cli_call *cli);
int cmd_dlq_requeue(cli_call *cli);
int cmd_dlq_discard(cli_call *cli);
int cmd_dlq_purge(cli_call *cli);
int cmd_dlq_note(cli_call *cli);
int cmd_dlq_export(cli_call *cli);
int cmd_dlq_import(cli_call *cli);
int cmd_dlq_groups(cli_call *cli);
int cmd_dlq_archive(cli_call *cli);
int cmd_dlq_restore(cli_call *cli);
int cmd_dlq_log(cli_call *cli);
int cmd_route_explain(cli_call *cli);
int cmd_route_coverage(cli_call *cli);
int cmd_pattern_test(cli_call *cli);
int cmd_stats(cli_call *cli);
int cmd_groups(cli_call *cli);
int cmd_topics_remove(cli_call *cli);
int cmd_groups_pause(cli_call *cli);
int cmd_groups_resume(cli_call *cli);
int cmd_replay_start(cli_call *cli);
int cmd_replay_list(cli_call *cli);
int cmd_replay_show(cli_call *cli);
int cmd_replay_pause(cli_call *cli);
int cmd_replay_resume(cli_call *cli);
int cmd_replay_abort(cli_call *cli);
int cmd_retention(cli_call *cli);
int cmd_audit(cli_call *cli);
int cmd_fleet(cli_call *cli);
int cmd_health(cli_call *cli);
int cmd_doctor(cli_call *cli);
int cmd_schema_check(cli_call *cli);
int cmd_schema_compat(cli_call *cli);
int cmd_schema_register(cli_call *cli);
int cmd_schema_list(cli_call *cli);
int cmd_schema_show(cli_call *cli);
int cmd_schema_set(cli_call *cli);
int cmd_schema_remove(cli_call *cli);
int cmd_schema_diff(cli_call *cli);
int cmd_asyncapi(cli_call *cli);
int cmd_file_check(cli_call *cli);
int cmd_file_vacuum(cli_call *cli);
int cmd_file_backup(cli_call *cli);
int cmd_file_copy(cli_call *cli);
int cmd_config_check(cli_call *cli);
int cmd_bench(cli_call *cli);
int cmd_serve(cli_call *cli);

#endif
