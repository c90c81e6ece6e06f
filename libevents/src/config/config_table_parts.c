/* SPDX-License-Identifier: MIT
 * config_table_parts.c - the keys of each type of transport and the options of a subscription. The document's
 * own keys are in config_table.c. */
#include "config/config_table.h"

#include <string.h>

#define DAY_MS 86400000

const char evsi_transport_types[] = "memory|redis-streams|file|plugin|bridge";

static const evsi_key ordering_keys[] = {
    EVSI_ROW_BOOL("enabled", 0, "false", "false: none"),
    EVSI_ROW_CHOICE("strategy", 0, evsi_ordering_choices, NULL, "\"per-partition\"", "which"),
};
static const evsi_section ordering_section = {"ordering", "The published shape of a transport's order.",
                                              EVSI_ROWS(ordering_keys)};

/* What every transport has. */
#define TRANSPORT_ROWS                                                                                       \
  EVSI_ROW_CHOICE("type", EVSI_KEY_REQUIRED, evsi_transport_types, NULL, NULL, "the type of the transport"), \
      EVSI_ROW_TEXT("groupId", EVSI_KEY_NULLABLE, 1, 200, NULL,                                              \
                    "consumer group of subscriptions that name none; not given: the service"),               \
      EVSI_ROW_ALSO("consumerGroup", "groupId", NULL),                                                       \
      EVSI_ROW_OBJECT("retry", 0, &evsi_section_retry,                                                       \
                      "retries of handlers, unless a nearer level says so"),                                 \
      EVSI_ROW_ALSO("maxRetries", "retry/maxRetries", NULL),                                                 \
      EVSI_ROW_ALSO("maxRetriesBeforeDLQ", "retry/maxRetries", NULL),                                        \
      EVSI_ROW_ALSO("retryDelay", "retry/baseDelay", NULL),                                                  \
      EVSI_ROW_CHOICE_OR("ordering", evsi_ordering_choices, &ordering_section, "\"none\"",                   \
                         "order of the topics that go there, where a route asks for none")

static const evsi_key memory_keys[] = {
    TRANSPORT_ROWS,
    EVSI_ROW_TEXT("name", EVSI_KEY_NULLABLE, 1, 128, NULL,
                  "systems of this process that name the same bus share it; not given: private"),
    EVSI_ROW_INT("maxQueue", 0, 1, 10000000, "100000", "most events that wait for a group"),
};
static const evsi_section memory_section = {"Transport `memory`",
                                            "Inside this process; keeps nothing and has no dead letters.",
                                            EVSI_ROWS(memory_keys)};

static const evsi_key reconnect_keys[] = {
    EVSI_ROW_INT("baseDelay", 0, 1, DAY_MS, "100", "delay before the first new attempt, ms"),
    EVSI_ROW_INT("maxDelay", 0, 1, DAY_MS, "5000", "longest delay, ms"),
    EVSI_ROW_NUMBER("jitter", 0, 0, 1, "0.2", "0 to 1: delays are spread by this share in both directions"),
};
static const evsi_section reconnect_section = {"reconnect", "New attempts after a lost connection.",
                                               EVSI_ROWS(reconnect_keys)};

static const evsi_key tls_keys[] = {
    EVSI_ROW_TEXT("ca", EVSI_KEY_NULLABLE | EVSI_KEY_LINES, 1, 1048576, NULL,
                  "authorities to trust: a file, or the PEM text itself; neither ca nor caPath: those of the "
                  "operating system"),
    EVSI_ROW_TEXT("caPath", EVSI_KEY_NULLABLE, 1, 4096, NULL,
                  "folder of authorities, named by hash (`openssl rehash`)"),
    EVSI_ROW_TEXT("cert", EVSI_KEY_NULLABLE | EVSI_KEY_LINES, 1, 1048576, NULL,
                  "certificate of this client with those between: a file, or the PEM text; needs key"),
    EVSI_ROW_TEXT("key", EVSI_KEY_NULLABLE | EVSI_KEY_SECRET, 1, 1048576, NULL,
                  "its private key: a file, or the PEM text; never shown"),
    EVSI_ROW_TEXT("keyPassword", EVSI_KEY_NULLABLE | EVSI_KEY_SECRET, 1, 1023, NULL,
                  "password of the private key; never shown"),
    EVSI_ROW_TEXT(
        "serverName", EVSI_KEY_NULLABLE, 1, 255, NULL,
        "name that the server's certificate must have, and that is asked for (SNI); not given: host"),
    EVSI_ROW_BOOL("verify", 0, "true", "false: any certificate will do, so that anybody may listen in"),
};
static const evsi_section tls_section = {"tls", "An encrypted connection, TLS 1.2 or newer.",
                                         EVSI_ROWS(tls_keys)};

static const evsi_key pool_keys[] = {
    EVSI_ROW_IGNORED("enabled", EVSI_KEY_BOOL, 0, 0, "one pipelined connection publishes"),
    EVSI_ROW_IGNORED("size", EVSI_KEY_INT, 1, 10000, "one pipelined connection publishes"),
    EVSI_ROW_IGNORED("maxConcurrentPublishers", EVSI_KEY_INT, 1, 100000, "publisher.maxInFlight bounds them"),
};
static const evsi_section pool_section = {"connectionPool", "Without effect.", EVSI_ROWS(pool_keys)};

static const evsi_key stale_keys[] = {
    EVSI_ROW_BOOL("enabled", 0, "false", "remove consumers of other libraries that are gone"),
    EVSI_ROW_INT("staleThreshold", 0, 1000, 30 * INT64_C(86400000), "60000",
                 "how long the server must not have heard of one, ms"),
    EVSI_ROW_INT("cleanupInterval", 0, 100, DAY_MS, "120000", "time between two looks, ms"),
    EVSI_ROW_INT("maxStaleConsumers", 0, 1, 10000, "100", "most that are removed from a stream at a look"),
    EVSI_ROW_IGNORED("heartbeatInterval", EVSI_KEY_INT, 1, DAY_MS,
                     "it beats three times in a sessionTimeout"),
    EVSI_ROW_IGNORED("enableHeartbeat", EVSI_KEY_BOOL, 0, 0, "every member beats"),
    EVSI_ROW_IGNORED("enablePingPong", EVSI_KEY_BOOL, 0, 0, "counters show who lives"),
    EVSI_ROW_IGNORED("cleanupStrategy", EVSI_KEY_TEXT, 0, 100, "what has pending entries is never removed"),
    EVSI_ROW_IGNORED("preserveConsumerHistory", EVSI_KEY_BOOL, 0, 0, "nothing is kept of a removed consumer"),
};
static const evsi_section stale_section = {
    "staleConsumerDetection",
    "Dead members of this library are always found, by their heartbeat, and removed once their entries are "
    "taken over. Consumers of other libraries have none: the server knows when they last read something.",
    EVSI_ROWS(stale_keys)};

static const evsi_key acknowledgement_keys[] = {
    EVSI_ROW_INT("replicated", EVSI_KEY_REQUIRED, 1, 100, NULL, "replicas that must have an event"),
    EVSI_ROW_INT("timeout", 0, 1, 300000, "1000",
                 "how long they are waited for, ms; then the outcome is `unknown`"),
};
const evsi_section evsi_section_acknowledgement = {
    "acknowledgement",
    "When an event counts as stored: `none` does not wait (the outcome is `unknown`), `stored` waits for the "
    "server, `fsynced` for its disk (`WAITAOF`, or `appendfsync always`), an object for replicas (`WAIT`).",
    EVSI_ROWS(acknowledgement_keys)};

static const evsi_key idempotent_keys[] = {
    EVSI_ROW_INT("window", 0, 1000, 30 * INT64_C(86400000), "600000", "how long an id is remembered, ms"),
    EVSI_ROW_INT("max", 0, 1, 10000000, "100000", "most ids that are remembered for a stream"),
};
const evsi_section evsi_section_idempotent = {
    "idempotent",
    "Publishing an id again within the window stores nothing, and gives the first one's offset. What is sent "
    "again after a lost connection is stored once then.",
    EVSI_ROWS(idempotent_keys)};

static const evsi_key dlq_retention_keys[] = {
    EVSI_ROW_INT("maxMessages", 0, 1, INT64_C(1000000000000), "1000000", "dead letters of a topic"),
    EVSI_ROW_INT("maxAge", 0, 1, INT64_C(3155760000000), "2592000000",
                 "how long one is kept after it failed for good, ms; 30 days"),
};
static const evsi_section dlq_retention_section = {
    "dlqRetention", "Dead letters beyond either limit are removed for good, the oldest first, and counted.",
    EVSI_ROWS(dlq_retention_keys)};

static const evsi_key redis_keys[] = {
    TRANSPORT_ROWS,
    EVSI_ROW_TEXT(
        "url", EVSI_KEY_NULLABLE | EVSI_KEY_URL, 1, 4096, NULL,
        "`redis://[user[:password]@]host[:port][/db]`, `rediss://…` for TLS, or `unix:///path`; stands for "
        "host, port, path, db, username, password and tls"),
    EVSI_ROW_TEXT("host", 0, 1, 255, "\"localhost\"", "name or address of the server"),
    EVSI_ROW_INT("port", 0, 1, 65535, "6379", "its port"),
    EVSI_ROW_TEXT("path", EVSI_KEY_NULLABLE, 1, 107, NULL, "unix socket, in place of host and port"),
    EVSI_ROW_INT("db", 0, 0, 65535, "0", "number of the database"),
    EVSI_ROW_TEXT("username", EVSI_KEY_NULLABLE, 1, 1024, NULL, "ACL user"),
    EVSI_ROW_TEXT("password", EVSI_KEY_NULLABLE | EVSI_KEY_SECRET, 1, 4096, NULL, "password; never shown"),
    EVSI_ROW_SWITCH("tls", &tls_section, "TLS; `true` for what the operating system trusts"),
    EVSI_ROW_BOOL("keepAlive", 0, "true", "probes of an idle TCP connection, the first after 15 s"),
    EVSI_ROW_TEXT("consumerId", EVSI_KEY_NULLABLE, 1, 200, NULL,
                  "stable part of the consumer's name; not given: service, host, pid and a random part"),
    EVSI_ROW_TEXT("streamPrefix", 0, 1, 64, "\"stream:\"", "begins the key of every stream"),
    EVSI_ROW_TEXT("dlqStreamPrefix", 0, 1, 64, "\"dlq:\"", "begins the key of every dead letter stream"),
    EVSI_ROW_CHOICE(
        "keyLayout", 0, "tagged|plain", NULL, "\"tagged\"",
        "tagged: keys with hash tags; plain: keys and entries as `@logistically/events` 3 has them, "
        "for a standalone server"),
    EVSI_ROW_CHOICE("compat", EVSI_KEY_NULLABLE, "logistically-3", NULL, NULL,
                    "sets what was not given to what `@logistically/events` 3 has: keyLayout plain, groupId "
                    "`default-group`, and new groups start at the newest event"),
    EVSI_ROW_BOOL("enableDLQ", 0, "true", "false: events that used up their attempts stay in the stream"),
    EVSI_ROW_INT("sessionTimeout", 0, 100, 3600000, "15000",
                 "a member whose heartbeat stands still this long is dead, ms"),
    EVSI_ROW_INT("connectTimeout", 0, 100, 300000, "5000",
                 "time to look up the name and connect, over all of its addresses, ms"),
    EVSI_ROW_INT("handshakeTimeout", 0, 100, 300000, "5000",
                 "time for TLS, and then for signing in, until the connection can be used, ms"),
    EVSI_ROW_INT("commandTimeout", 0, 100, 300000, "5000", "time for the answer to a command, ms"),
    EVSI_ROW_INT("blockTime", 0, 100, 30000, "5000", "how long a read waits in the server, ms"),
    EVSI_ROW_INT("batchSize", 0, 1, 10000, "500", "entries that a read asks for"),
    EVSI_ROW_INT("discoverInterval", 0, 50, 3600000, "5000", "time between two looks at the topics, ms"),
    EVSI_ROW_OBJECT("reconnect", 0, &reconnect_section, "new attempts after a lost connection"),
    EVSI_ROW_CHOICE_OR("acknowledgement", "none|stored|fsynced", &evsi_section_acknowledgement, "\"stored\"",
                       "when an event counts as stored; each publish may ask for another level"),
    EVSI_ROW_BOOL_OR("idempotent", &evsi_section_idempotent, "false",
                     "each id is stored once within a window"),
    EVSI_ROW_OBJECT("retention", EVSI_KEY_NULLABLE, &evsi_section_retention, "what streams keep"),
    EVSI_ROW_ALSO("maxLen", "retention/maxMessages", NULL),
    EVSI_ROW_CHOICE("trimStrategy", EVSI_KEY_NULLABLE, "MAXLEN|MINID", NULL, NULL,
                    "accepted for compatibility: retention says how many entries are kept, and how long"),
    EVSI_ROW_INT("retentionInterval", 0, 100, 3600000, "10000",
                 "time between two looks at a stream that changed, ms; every stream is looked at after 60"),
    EVSI_ROW_OBJECT("dlqRetention", EVSI_KEY_NULLABLE, &dlq_retention_section, "what dead letters are kept"),
    EVSI_ROW_INT("maxCrashes", 0, 1, 1000, "3",
                 "how often the process may end while it handles an event, until that is a dead letter"),
    EVSI_ROW_CHOICE(
        "fence", 0, "epoch|entry", NULL, "\"epoch\"",
        "what is looked at before an entry is settled: that this member was not taken for dead, or "
        "also who owns each entry, for groups that other libraries share"),
    EVSI_ROW_CHOICE(
        "onGroupLost", 0, "recreate|fail", NULL, "\"recreate\"",
        "a group that the server lost is made anew where it was, or waits for somebody to make it"),
    EVSI_ROW_OBJECT("staleConsumerDetection", EVSI_KEY_NULLABLE, &stale_section, "what is left of others"),
    EVSI_ROW_IGNORED("pollInterval", EVSI_KEY_INT, 0, DAY_MS, "the server is waited for, see blockTime"),
    EVSI_ROW_IGNORED("enablePipelining", EVSI_KEY_BOOL, 0, 0, "commands are always pipelined"),
    EVSI_ROW_IGNORED("pipelineSize", EVSI_KEY_INT, 0, 10000, "publisher.maxInFlight bounds what is sent"),
    EVSI_ROW_IGNORED("skipStreamGroupCheck", EVSI_KEY_BOOL, 0, 0, "groups are checked once, and when lost"),
    EVSI_ROW_IGNORED("enableMetrics", EVSI_KEY_BOOL, 0, 0, "statistics are always on"),
    EVSI_ROW_IGNORED_OBJECT("connectionPool", &pool_section, "one pipelined connection publishes"),
    EVSI_ROW_IGNORED("partitioning", EVSI_KEY_ANY, 0, 0, "routes say what partitions a topic has"),
    EVSI_ROW_IGNORED("replay", EVSI_KEY_ANY, 0, 0, "any stream can be replayed"),
    EVSI_ROW_IGNORED("schema", EVSI_KEY_ANY, 0, 0, "`schemas` of the document says where schemas are kept"),
    EVSI_ROW_LATER("sentinel", NULL, "use host and port of the primary"),
    EVSI_ROW_LATER("cluster", "false", "use a standalone server"),
    EVSI_ROW_LATER("nodes", NULL, "use host and port of a standalone server"),
    EVSI_ROW_LATER("hosts", NULL, "use host and port of a standalone server"),
};
static const evsi_section redis_section = {"Transport `redis-streams`",
                                           "A Redis or Valkey server; durable, with dead letters.",
                                           EVSI_ROWS(redis_keys)};

static const evsi_key file_keys[] = {
    TRANSPORT_ROWS,
    EVSI_ROW_TEXT("path", EVSI_KEY_REQUIRED, 1, 4000, NULL,
                  "the file; made when it is not there. Beside it stand `-wal`, `-shm` and `-wake`"),
    EVSI_ROW_CHOICE(
        "synchronous", 0, "normal|full", NULL, "\"normal\"",
        "full: what is stored is on the disk before it counts as stored; normal: it survives every "
        "crash of a process, and the newest may be lost when the machine stops"),
    EVSI_ROW_TEXT("consumerId", EVSI_KEY_NULLABLE, 1, 200, NULL,
                  "stable part of the consumer's name; not given: service, host, pid and a random part"),
    EVSI_ROW_BOOL("enableDLQ", 0, "true", "false: events that used up their attempts stay in the stream"),
    EVSI_ROW_INT("sessionTimeout", 0, 100, 3600000, "15000",
                 "a member whose heartbeat stands still this long is dead, ms"),
    EVSI_ROW_INT("lockTimeout", 0, 10, 60000, "2000",
                 "how long another process may write before this one holds back and tries again, ms"),
    EVSI_ROW_INT("pollInterval", 0, 20, 60000, "1000",
                 "time between two looks at the file where nothing told of a change, ms"),
    EVSI_ROW_IGNORED("discoverInterval", EVSI_KEY_INT, 50, 3600000, "members are told of new topics at once"),
    EVSI_ROW_INT("batchSize", 0, 1, 10000, "500", "entries that a group takes at once"),
    EVSI_ROW_CHOICE(
        "acknowledgement", 0, "none|stored|fsynced", NULL, "\"stored\"",
        "when an event counts as stored: fsynced waits for the disk; each publish may ask for another"),
    EVSI_ROW_BOOL_OR("idempotent", &evsi_section_idempotent, "false",
                     "each id is stored once within a window"),
    EVSI_ROW_OBJECT("retention", EVSI_KEY_NULLABLE, &evsi_section_retention, "what streams keep"),
    EVSI_ROW_ALSO("maxLen", "retention/maxMessages", NULL),
    EVSI_ROW_INT("retentionInterval", 0, 100, 3600000, "10000",
                 "time between two looks at a stream that changed, ms"),
    EVSI_ROW_OBJECT("dlqRetention", EVSI_KEY_NULLABLE, &dlq_retention_section, "what dead letters are kept"),
    EVSI_ROW_INT("maxCrashes", 0, 1, 1000, "3",
                 "how often the process may end while it handles an event, until that is a dead letter"),
};
static const evsi_section file_section = {
    "Transport `file`",
    "A file on a local disk, shared by the processes of a host; durable, "
    "with dead letters, without a server.",
    EVSI_ROWS(file_keys)};

#define CAPABILITY_ROW(text) EVSI_ROW_TEXTS("capabilities", EVSI_KEY_NULLABLE, 1, 32, text)

static const evsi_key plugin_keys[] = {
    TRANSPORT_ROWS,
    EVSI_ROW_TEXT("library", EVSI_KEY_NULLABLE, 1, 4000, NULL,
                  "shared object that holds the transport: a path with a slash in it; or `plugin`"),
    EVSI_ROW_TEXT("plugin", EVSI_KEY_NULLABLE, 1, 64, NULL,
                  "type of a transport that the program registered (`evs_transport_register`); or `library`"),
    CAPABILITY_ROW(
        "what is asked of it, and must be there when it is loaded: publish, subscribe, "
        "patternRouting, batching, partitioning, consumerGroups, ordering, persistence, replay, dlq, "
        "retention, delay, durability; not given: publish and subscribe"),
    EVSI_ROW_GIVEN("options", "given to the transport as it is, no `${…}` in it is replaced; never shown"),
};
static const evsi_section plugin_section = {"Transport `plugin`",
                                            "A transport that is not built in, see [plugins](plugins.md).",
                                            EVSI_ROWS(plugin_keys)};

static const evsi_key bridge_keys[] = {
    TRANSPORT_ROWS,
    CAPABILITY_ROW("what the program's transport can do: publish, subscribe, patternRouting, batching, "
                   "partitioning, consumerGroups; not given: publish and subscribe"),
};
static const evsi_section bridge_section = {"Transport `bridge`",
                                            "A transport that the program is itself: an object in Python or "
                                            "JavaScript, see [plugins](plugins.md). The "
                                            "bindings write this.",
                                            EVSI_ROWS(bridge_keys)};

const evsi_section *evsi_section_transport(const char *type) {
  if (strcmp(type, "memory") == 0)
    return &memory_section;
  if (strcmp(type, "redis-streams") == 0)
    return &redis_section;
  if (strcmp(type, "file") == 0)
    return &file_section;
  if (strcmp(type, "plugin") == 0)
    return &plugin_section;
  if (strcmp(type, "bridge") == 0)
    return &bridge_section;
  return NULL;
}

static const evsi_key schemas_keys[] = {
    EVSI_ROW_CHOICE("registry", 0, "memory|folder|transport", NULL, "\"memory\"",
                    "where they are kept: in this system alone, in `folder`, or in the store of `transport`, "
                    "where all services share them"),
    EVSI_ROW_TEXT("folder", EVSI_KEY_NULLABLE, 1, 1024, NULL, "of the registry `folder`"),
    EVSI_ROW_TEXT("transport", EVSI_KEY_NULLABLE, 1, 64, NULL,
                  "of the registry `transport`; not given: the first that keeps events"),
    EVSI_ROW_INT("refresh", 0, 100, 3600000, "5000", "time between two looks for what others registered, ms"),
    EVSI_ROW_CHOICE("compatibility", 0,
                    "none|backward|forward|full|backward-transitive|forward-transitive|full-transitive", NULL,
                    "\"backward-transitive\"",
                    "what a new version of a type must be, unless the type says otherwise"),
    EVSI_ROW_CHOICE(
        "policy", 0, "pragmatic|strict", NULL, "\"pragmatic\"",
        "pragmatic: who writes sends only members that its schema names, who reads fills in defaults; "
        "strict: nothing is taken for granted"),
    EVSI_ROW_CHOICE(
        "onUnknownVersion", 0, "latest|dlq|fetch", NULL, "\"latest\"",
        "an event whose version is not known: it is held against the latest, is not valid, or waits "
        "until the registry was asked again"),
    EVSI_ROW_CHOICE("format", 0, "annotation|assertion", NULL, "\"annotation\"",
                    "whether the keyword `format` decides"),
    EVSI_ROW_BOOL("required", 0, "false", "a body whose type has no schema is not valid"),
    {.name = "types",
     .kind = EVSI_KEY_SCHEMAS,
     .max = 10000,
     .fallback = "{}",
     .doc = "type to version to schema (an object, or its text): those that this system writes and reads by"},
};
const evsi_section evsi_section_schemas = {
    "schemas", "Schemas of event types, see [concepts](concepts/schemas.md).", EVSI_ROWS(schemas_keys)};

static const evsi_key subscription_keys[] = {
    EVSI_ROW_TEXT("pattern", EVSI_KEY_REQUIRED, 1, 512, NULL,
                  "a type, a pattern with `*`, or a regular expression `/…/`"),
    EVSI_ROW_TEXT("group", EVSI_KEY_NULLABLE, 1, 200, NULL,
                  "consumer group; not given: the transport's groupId, else the service"),
    EVSI_ROW_ALSO("groupId", "group", NULL),
    EVSI_ROW_ALSO("consumerGroup", "group", NULL),
    EVSI_ROW_TEXT("consumer", EVSI_KEY_NULLABLE, 1, 200, NULL,
                  "stable part of the member's name; not given: the transport's consumerId, else generated"),
    EVSI_ROW_ALSO("consumerId", "consumer", NULL),
    EVSI_ROW_TEXT("name", EVSI_KEY_NULLABLE, 1, 200, NULL, "not given: the pattern and a number"),
    EVSI_ROW_TEXT("transport", EVSI_KEY_NULLABLE, 1, 64, NULL, "not given: the default transport"),
    EVSI_ROW_TEXTS("topics", EVSI_KEY_NULLABLE, 1, 1000,
                   "whole names of the topics to read; not given: all whose types can match"),
    EVSI_ROW_TEXT("replay", EVSI_KEY_NULLABLE, 1, 64, NULL,
                  "id of a replay: its events are received, and no others; group is that of the replay"),
    EVSI_ROW_TEXT(
        "from", EVSI_KEY_NULLABLE | EVSI_KEY_DIGITS, 1, 41, NULL,
        "where a new group begins: `earliest`, `new`, the offset of an event, or a time in ms since "
        "1970; not given: earliest, with the transport's compat new"),
    EVSI_ROW_CHOICE("autoOffsetReset", EVSI_KEY_NULLABLE, "earliest|latest|specific", NULL, NULL,
                    "published name: `latest` is from: new, `specific` is from: startOffset"),
    EVSI_ROW_TEXT("startOffset", EVSI_KEY_NULLABLE | EVSI_KEY_DIGITS, 1, 41, NULL,
                  "published name: from, as an offset or a time"),
    EVSI_ROW_INT("partition", EVSI_KEY_NULLABLE, 0, 1023, NULL,
                 "only this partition is received, of topics that have partitions; not given: all"),
    EVSI_ROW_INT("maxCrashes", EVSI_KEY_NULLABLE, 1, 1000, NULL,
                 "not given: consumer.maxCrashes; the smallest in a group counts"),
    EVSI_ROW_INT("concurrency", EVSI_KEY_NULLABLE, 1, 100000, NULL, "not given: consumer.concurrency"),
    EVSI_ROW_INT("prefetch", EVSI_KEY_NULLABLE, 1, 1000000, NULL, "not given: consumer.prefetch"),
    EVSI_ROW_INT("handlerTimeout", EVSI_KEY_NULLABLE, 0, DAY_MS, NULL,
                 "ms; 0: none; not given: consumer.handlerTimeout"),
    EVSI_ROW_OBJECT("retry", EVSI_KEY_NULLABLE, &evsi_section_retry_override, "retries of this handler"),
    EVSI_ROW_ALSO("maxRetries", "retry/maxRetries", NULL),
    EVSI_ROW_TEXTS("origins", EVSI_KEY_NULLABLE, 0, 1000,
                   "origin prefixes to receive; not given: the document's"),
    EVSI_ROW_CHOICE("onUnmatched", EVSI_KEY_NULLABLE, "ack|dlq", NULL, NULL,
                    "not given: consumer.onUnmatched"),
    EVSI_ROW_CHOICE("ack", EVSI_KEY_NULLABLE, "auto|manual", NULL, "\"auto\"",
                    "who settles: the binding after the handler, or the program"),
    EVSI_ROW_BOOL("poisonHandler", 0, "false",
                  "somebody is told what failed for good; bindings set it where there is such a handler. A "
                  "transport without a store drops that, which `strict` does not let happen unseen"),
    EVSI_ROW_CHOICE(
        "ordering", EVSI_KEY_NULLABLE, evsi_ordering_choices, NULL, NULL,
        "none: does without the order of the topic, as all of the group must; else it must be that "
        "of the topic; not given: the topic's"),
    EVSI_ROW_CHOICE("onDeadLetter", EVSI_KEY_NULLABLE, evsi_on_dead_letter_choices, NULL, NULL,
                    "of this handler, where the topic is ordered; not given: the route's"),
    EVSI_ROW_TEXT(
        "version", EVSI_KEY_NULLABLE, 5, 32, NULL,
        "of the schema that the handler reads by: what lacks there and has a default is filled in, and "
        "what is not valid is a dead letter; not given: the event's"),
    {.name = "filter",
     .kind = EVSI_KEY_FILTER,
     .flags = EVSI_KEY_NULLABLE,
     .min = 0,
     .max = 32,
     .doc =
         "headers that an event must have: each name with its text, a list of texts of which it has one, or "
         "null where it must not be there; `header.origin` and so on mean members of the envelope's header. "
         "Other events are acknowledged and counted as filtered"},
    EVSI_ROW_INT(
        "batch", EVSI_KEY_NULLABLE, 1, 10000, NULL,
        "the handler gets a list of the events that are there, at most so many, and may give an outcome "
        "for each; `concurrency` counts lists; not given: one event at a time"),
    EVSI_ROW_ALSO("maxPollRecords", "prefetch", NULL),
    EVSI_ROW_IGNORED("enableAutoCommit", EVSI_KEY_BOOL, 0, 0, "`ack` says who settles"),
    EVSI_ROW_IGNORED("autoCommitInterval", EVSI_KEY_INT, 0, DAY_MS, "events are acknowledged when handled"),
    EVSI_ROW_IGNORED("sessionTimeout", EVSI_KEY_INT, 0, DAY_MS, "sessionTimeout of the transport counts"),
    EVSI_ROW_IGNORED("heartbeatInterval", EVSI_KEY_INT, 0, DAY_MS,
                     "it beats three times in a sessionTimeout of the transport"),
};
const evsi_section evsi_section_subscription = {"Options of a subscription",
                                                "Given to subscribe, not part of the document.",
                                                EVSI_ROWS(subscription_keys)};
