/* SPDX-License-Identifier: MIT
 * config_table.c - the keys of the document itself and look-up in the table. Keys of transports and options
 * of subscriptions are in config_table_parts.c. */
#include "config/config_table.h"

#include <string.h>

#include "config/config.h"

#define DAY_MS 86400000

static const evsi_key limits_keys[] = {
    EVSI_ROW_INT("bodyBytes", 0, 1, 67108864, "1048576", "largest body of an event, bytes"),
    EVSI_ROW_INT("headerCount", 0, 0, 1024, "64", "most headers of an event"),
    EVSI_ROW_INT("headerBytes", 0, 0, 1048576, "16384", "all headers of an event together, bytes"),
    EVSI_ROW_INT("patterns", 0, 1, 1000000, "10000", "most patterns: routes, mappings and subscriptions"),
};
static const evsi_section limits_section = {"limits", "Bounds on what is accepted.", EVSI_ROWS(limits_keys)};

static const char backoff_choices[] = "fixed|exponential|fibonacci";

static const evsi_key retry_keys[] = {
    EVSI_ROW_INT("maxRetries", 0, 0, 1000, "3", "retries after the first attempt"),
    EVSI_ROW_CHOICE("backoffStrategy", 0, backoff_choices, NULL, "\"exponential\"", "how delays grow"),
    EVSI_ROW_INT("baseDelay", 0, 0, DAY_MS, "1000", "delay before the first retry, ms"),
    EVSI_ROW_INT("maxDelay", 0, 0, DAY_MS, "30000", "longest delay, ms"),
    EVSI_ROW_NUMBER("jitter", 0, 0, 1, "0.2", "0 to 1: delays are spread by this share in both directions"),
};
const evsi_section evsi_section_retry = {"retry", "Retries of `publisher` and of a transport.",
                                         EVSI_ROWS(retry_keys)};

static const evsi_key retry_override_keys[] = {
    EVSI_ROW_INT("maxRetries", EVSI_KEY_NULLABLE, 0, 1000, NULL, "retries after the first attempt"),
    EVSI_ROW_CHOICE("backoffStrategy", EVSI_KEY_NULLABLE, backoff_choices, NULL, NULL, "how delays grow"),
    EVSI_ROW_INT("baseDelay", EVSI_KEY_NULLABLE, 0, DAY_MS, NULL, "delay before the first retry, ms"),
    EVSI_ROW_INT("maxDelay", EVSI_KEY_NULLABLE, 0, DAY_MS, NULL, "longest delay, ms"),
    EVSI_ROW_NUMBER("jitter", EVSI_KEY_NULLABLE, 0, 1, NULL, "0 to 1: spread in both directions"),
};
const evsi_section evsi_section_retry_override = {
    "retry of consumers",
    "Retries of `consumer` and of a subscription. Each value is looked for in the subscription, then in "
    "`consumer`, then in the transport, whose `retry` has the defaults.",
    EVSI_ROWS(retry_override_keys)};

static const evsi_key retention_keys[] = {
    EVSI_ROW_INT("maxMessages", EVSI_KEY_NULLABLE, 1, INT64_C(1000000000000), NULL,
                 "entries of a stream that are kept; 100000 where no limit is given"),
    EVSI_ROW_INT("maxAge", EVSI_KEY_NULLABLE, 1, INT64_C(3155760000000), NULL,
                 "how long an entry is kept, by the server's clock, ms"),
    EVSI_ROW_INT("maxSize", EVSI_KEY_NULLABLE, 1024, INT64_C(1099511627776), NULL,
                 "memory that a stream may use in the store, bytes"),
    EVSI_ROW_BOOL("force", 0, "false",
                  "true: the limits hold even where entries are lost to groups that have not handled them"),
};
const evsi_section evsi_section_retention = {
    "retention",
    "How long a stream of a transport, or of a route's topic, keeps its entries. What is beyond any of the "
    "limits is trimmed, about, as soon as every live group has acknowledged it; a group is live until 7 days "
    "after its last member, and a stream without a group is not trimmed unless forced.",
    EVSI_ROWS(retention_keys)};

static const evsi_key batching_keys[] = {
    EVSI_ROW_BOOL("enabled", 0, "true", "false: no batching"),
    EVSI_ROW_CHOICE(
        "strategy", 0, "time|size|partition", NULL, "\"size\"",
        "when events go: time: maxWaitMs after the first that waits; size: when maxSize or maxBytes "
        "wait, at the latest after maxWaitMs; partition: the same, each topic and partition by itself"),
    EVSI_ROW_INT("maxSize", 0, 1, EVSI_BATCH_SIZE_MAX, "100", "most events in a batch"),
    EVSI_ROW_INT("maxBytes", 0, 1, 1073741824, "1048576", "most bytes in a batch, unless one event has more"),
    EVSI_ROW_INT("maxWaitMs", 0, 0, DAY_MS, "10", "longest time that an event waits for others, ms"),
    EVSI_ROW_INT("maxConcurrentBatches", 0, 1, 1000, "4",
                 "batches of a transport without an answer; of a topic and partition one"),
    EVSI_ROW_ALSO("compression", "/publisher/compression/algorithm", "the same"),
};
static const evsi_section batching_section = {
    "publisher.batching",
    "Events wait a moment for others, and go to the transport together. A batch holds events of one topic, "
    "partition and batch key; each is stored and reported by itself.",
    EVSI_ROWS(batching_keys)};

static const evsi_key rate_keys[] = {
    EVSI_ROW_BOOL("enabled", 0, "true", "false: no limit"),
    EVSI_ROW_INT("maxRequests", EVSI_KEY_REQUIRED, 1, EVSI_RATE_REQUESTS_MAX, NULL, "events in a window"),
    EVSI_ROW_INT("timeWindow", 0, 1, DAY_MS, "1000", "the window, ms"),
    EVSI_ROW_CHOICE(
        "strategy", 0, "sliding-window|token-bucket", NULL, "\"sliding-window\"",
        "sliding-window: never more than maxRequests in any window; token-bucket: so many at once "
        "after a rest, and as many in each window besides, evenly spread"),
    EVSI_ROW_CHOICE("onLimit", 0, "wait|reject", NULL, "\"wait\"",
                    "an event past it waits its turn until its timeout, or is refused with EVS_RATE_LIMITED"),
    EVSI_ROW_CHOICE(
        "scope", 0, "system|type|topic", NULL, "\"system\"",
        "what is counted together: all that this system publishes, or each type or topic by itself"),
};
static const evsi_section rate_section = {"publisher.rateLimiting",
                                          "How many events this system publishes in a time. An event counts "
                                          "once, to however many transports it goes, "
                                          "and retries do not count.",
                                          EVSI_ROWS(rate_keys)};

static const evsi_key compression_keys[] = {
    EVSI_ROW_CHOICE("algorithm", 0, "none|zstd|lz4", NULL, "\"none\"", "zstd packs tighter, lz4 is faster"),
    EVSI_ROW_INT("minBytes", 0, 0, 67108864, "1024", "smaller bodies stay as they are"),
    EVSI_ROW_INT("level", EVSI_KEY_NULLABLE, 1, 19, NULL,
                 "how hard it tries; not given: 3 with zstd; lz4 takes up to 12, and is fastest without"),
};
static const evsi_section compression_section = {"publisher.compression",
                                                 "Bodies are compressed before they are stored, where that "
                                                 "makes them smaller, and consumers undo it. In the "
                                                 "plain layout, which others read, they stay as they are.",
                                                 EVSI_ROWS(compression_keys)};

static const char mode_choices[] = "strict|warn|ignore";

static const evsi_key publisher_keys[] = {
    EVSI_ROW_OBJECT("retry", 0, &evsi_section_retry, "retries of an event that could not be stored"),
    EVSI_ROW_INT("timeout", 0, 1, DAY_MS, "30000", "time until a publish without an answer is `unknown`, ms"),
    EVSI_ROW_INT("maxInFlight", 0, 1, 10000000, "10000", "most events without an outcome"),
    EVSI_ROW_INT("maxInFlightBytes", 0, 1024, INT64_C(1099511627776), "67108864",
                 "most bytes without an outcome; at least limits.bodyBytes"),
    EVSI_ROW_BOOL("hash", 0, "true", "put the SHA-256 of the body into the header"),
    EVSI_ROW_CHOICE("validationMode", EVSI_KEY_NULLABLE, mode_choices, NULL, NULL,
                    "of published events; not given: the top level's"),
    EVSI_ROW_SWITCH("batching", &batching_section,
                    "events wait for others to go with; not given: they go at once"),
    EVSI_ROW_SWITCH("rateLimiting", &rate_section, "how many events are published in a time; not given: any"),
    EVSI_ROW_OBJECT("compression", EVSI_KEY_NULLABLE, &compression_section, "how bodies are stored"),
    EVSI_ROW_LATER("encryption", NULL, "leave it out, or encrypt the body and set a content type"),
    EVSI_ROW_CHOICE_OR("acknowledgement", "none|stored|fsynced", &evsi_section_acknowledgement, NULL,
                       "of transports that can tell, and give none of their own"),
    EVSI_ROW_BOOL_OR("idempotent", &evsi_section_idempotent, NULL,
                     "of transports that can be, and do not say themselves"),
};
static const evsi_section publisher_section = {"publisher", "How events are published.",
                                               EVSI_ROWS(publisher_keys)};

const char evsi_ordering_choices[] = "none|per-key|per-partition|strict";
const char evsi_on_dead_letter_choices[] = "block|skip|park-key";

static const evsi_key consumer_keys[] = {
    EVSI_ROW_OBJECT("retry", 0, &evsi_section_retry_override, "retries of failed handlers"),
    EVSI_ROW_ALSO("maxRetries", "retry/maxRetries", NULL),
    EVSI_ROW_INT("handlerTimeout", 0, 0, DAY_MS, "30000",
                 "a handler that takes longer has failed, ms; 0: none"),
    EVSI_ROW_INT("concurrency", 0, 1, 100000, "1", "handlers of a subscription that run at a time"),
    EVSI_ROW_INT("prefetch", 0, 1, 1000000, "256", "most events that a subscription's process holds"),
    EVSI_ROW_INT("prefetchBytes", 0, 1024, INT64_C(1099511627776), "8388608", "the same in bytes"),
    EVSI_ROW_INT("unmatchedGrace", 0, 0, DAY_MS, "60000",
                 "how long an event without a handler waits for a member that has one, ms"),
    EVSI_ROW_CHOICE("onUnmatched", 0, "ack|dlq", NULL, "\"ack\"", "what becomes of it then"),
    EVSI_ROW_INT("maxDeferrals", 0, 0, 1000000, "100",
                 "how often a handler may ask for an event again later"),
    EVSI_ROW_CHOICE("ordering", EVSI_KEY_NULLABLE, evsi_ordering_choices, NULL, NULL,
                    "of subscriptions that say nothing: none does without the order of topics"),
    EVSI_ROW_BOOL("verifyHash", 0, "true", "check the body against the header's hash"),
    EVSI_ROW_INT("closeDeadline", 0, 0, DAY_MS, "10000", "how long closing waits for handlers, ms"),
    EVSI_ROW_BOOL("enablePatternRouting", 0, "true", "accepted for compatibility: patterns always work"),
    EVSI_ROW_BOOL("enableConsumerGroups", 0, "true", "accepted for compatibility: groups always work"),
    EVSI_ROW_CHOICE("validationMode", EVSI_KEY_NULLABLE, mode_choices, NULL, NULL,
                    "of received events; not given: the top level's"),
    EVSI_ROW_LATER("poisonMessageHandler", NULL, "set the handler in the program, not in the document"),
    EVSI_ROW_ALSO("requireSchema", "/schemas/required", NULL),
    EVSI_ROW_INT("maxCrashes", EVSI_KEY_NULLABLE, 1, 1000, NULL,
                 "how often the process may end while it handles an event, until that is a dead letter; not "
                 "given: the transport's"),
};
static const evsi_section consumer_section = {
    "consumer", "How events are received; every subscription may override most of it.",
    EVSI_ROWS(consumer_keys)};

#define ROUTE_OPTION_ROWS                                                                                    \
  EVSI_ROW_TEXT("topic", EVSI_KEY_NULLABLE, 1, 200, NULL,                                                    \
                "topic word; the suffix is added unless it is there"),                                       \
      EVSI_ROW_INT("partitions", 0, 0, 1024, "0", "partitions of the topic; 0: none"),                       \
      EVSI_ROW_CHOICE("partitionKey", 0, "keyed|roundRobin", NULL, "\"keyed\"",                              \
                      "partition by the event's key, or in turn"),                                           \
      EVSI_ROW_CHOICE("ordering", 0, evsi_ordering_choices, NULL, "\"none\"",                                \
                      "order in which the events of its topics are handled"),                                \
      EVSI_ROW_CHOICE(                                                                                       \
          "onDeadLetter", 0, evsi_on_dead_letter_choices, NULL, "\"skip\"",                                  \
          "what a dead letter of an ordered topic means for the events behind it: nothing, they "            \
          "wait until it is requeued or discarded, or those with its key do"),                               \
      EVSI_ROW_INT("partition", EVSI_KEY_NULLABLE, 0, 1023, NULL,                                            \
                   "of events that name none; without partitions it has no effect"),                         \
      EVSI_ROW_OBJECT("retention", EVSI_KEY_NULLABLE, &evsi_section_retention,                               \
                      "of its topics; not given: the transport's")

static const evsi_key route_option_keys[] = {ROUTE_OPTION_ROWS};
static const evsi_section route_option_section = {
    "routing.routes[].options", "The published shape: its members count as the route's own.",
    EVSI_ROWS(route_option_keys)};

static const evsi_key route_keys[] = {
    EVSI_ROW_TEXT("name", EVSI_KEY_NULLABLE, 1, 128, NULL, "shown by explain and statistics"),
    EVSI_ROW_TEXT("pattern", EVSI_KEY_REQUIRED, 1, 512, NULL, "events that it takes"),
    EVSI_ROW_TEXTS("transports", EVSI_KEY_REQUIRED, 1, 16, "names of transports; the event goes to each"),
    {.name = "transport", .flags = EVSI_KEY_ONE, .target = "transports", .doc = "one name"},
    EVSI_ROW_INT("priority", 0, -1000000000, 1000000000, "0",
                 "the highest wins, then the more specific pattern"),
    ROUTE_OPTION_ROWS,
    EVSI_ROW_BOOL("enabled", 0, "true", "false: checked, never used"),
    EVSI_ROW_OBJECT("options", EVSI_KEY_FLATTEN, &route_option_section, "the published shape"),
};
static const evsi_section route_section = {"routing.routes[]", "Where events go.", EVSI_ROWS(route_keys)};

static const evsi_key routing_keys[] = {
    {.name = "routes",
     .kind = EVSI_KEY_LIST,
     .max = 10000,
     .fallback = "[]",
     .section = &route_section,
     .doc = "routes, see below"},
    {.name = "topicMapping",
     .kind = EVSI_KEY_WORDS,
     .max = 10000,
     .fallback = "{}",
     .doc = "pattern to topic word; the first that matches at any origin wins"},
    EVSI_ROW_CHOICE("defaultTopicStrategy", 0, "namespace|custom", NULL, "\"namespace\"",
                    "topic without route and mapping: first segment of the type, or customTopicWord"),
    EVSI_ROW_TEXT("customTopicWord", EVSI_KEY_NULLABLE, 1, 200, NULL, "topic word of the strategy custom"),
    EVSI_ROW_TEXT("topicSuffix", 0, 0, 100, "\"-events\"", "ends every topic"),
    EVSI_ROW_BOOL("extendedTypes", 0, "false", "allow `_` and `-` in types and patterns"),
    EVSI_ROW_TEXT(
        "defaultTransport", EVSI_KEY_NULL_MEANS, 1, 64, NULL,
        "takes events without a route; not given: the first transport; null: such events are unroutable"),
    EVSI_ROW_CHOICE("validationMode", EVSI_KEY_NULLABLE, mode_choices, NULL, NULL,
                    "of unroutable events and of warnings here; not given: the top level's"),
    EVSI_ROW_ALSO("originPrefix", "/originPrefix", NULL),
    EVSI_ROW_BOOL("enablePatternRouting", 0, "false", "true: the transports must have it"),
    EVSI_ROW_BOOL("enableBatching", 0, "false", "true: the transports must have it"),
    EVSI_ROW_BOOL("enablePartitioning", 0, "false", "true: the transports must have it"),
    EVSI_ROW_BOOL("enableConsumerGroups", 0, "false", "true: the transports must have it"),
};
static const evsi_section routing_section = {"routing", "Topics and transports of events.",
                                             EVSI_ROWS(routing_keys)};

static const evsi_key statistics_keys[] = {
    EVSI_ROW_INT("maxLabels", 0, 1, 1000000, "1000",
                 "most types, topics and subscriptions counted by name each"),
};
static const evsi_section statistics_section = {"statistics", "What is counted.", EVSI_ROWS(statistics_keys)};

static const evsi_key fleet_keys[] = {
    EVSI_ROW_BOOL("enabled", 0, "true", "show this system to others through the stores it is connected to"),
    EVSI_ROW_INT("interval", 0, 100, 600000, "5000",
                 "time between two writes, ms; it is gone from view after three times this"),
};
static const evsi_section fleet_section = {"fleet", "How other processes learn of this system.",
                                           EVSI_ROWS(fleet_keys)};

static const evsi_key testing_keys[] = {
    EVSI_ROW_BOOL(
        "holdClock", 0, "false",
        "true: the time of this system stands still until the request `testing.advance` moves it; every "
        "transport must be `memory`, without `name`"),
};
static const evsi_section testing_section = {
    "testing", "For tests of programs (docs/testing.md), never elsewhere.", EVSI_ROWS(testing_keys)};

static const evsi_key system_keys[] = {
    EVSI_ROW_IGNORED("$schema", EVSI_KEY_TEXT, 0, 2048, "names `docs/configuration.schema.json` to editors"),
    EVSI_ROW_TEXT("service", EVSI_KEY_REQUIRED, 1, 200, NULL, "name of the service: origin of its events"),
    EVSI_ROW_ALSO("withService", "service", NULL),
    EVSI_ROW_TEXT("originPrefix", EVSI_KEY_NULLABLE, 0, 255, NULL, "region or organisation, e.g. `eu.de`"),
    EVSI_ROW_TEXTS("origins", EVSI_KEY_NULLABLE, 0, 1000,
                   "origin prefixes that subscriptions receive; `\"\"`: events without one"),
    EVSI_ROW_CHOICE("validationMode", 0, mode_choices, NULL, "\"warn\"",
                    "what breaks a rule is refused, counted "
                    "or ignored"),
    {.name = "transports",
     .kind = EVSI_KEY_TRANSPORTS,
     .flags = EVSI_KEY_REQUIRED,
     .min = 1,
     .max = EVSI_TRANSPORTS_MAX,
     .doc = "name to transport, in order: the first is the default"},
    EVSI_ROW_OBJECT("routing", 0, &routing_section, "topics and transports of events"),
    EVSI_ROW_OBJECT("publisher", 0, &publisher_section, "how events are published"),
    EVSI_ROW_OBJECT("consumer", 0, &consumer_section, "how events are received"),
    EVSI_ROW_OBJECT("schemas", 0, &evsi_section_schemas, "schemas of event types"),
    EVSI_ROW_OBJECT("limits", 0, &limits_section, "bounds on what is accepted"),
    EVSI_ROW_OBJECT("statistics", 0, &statistics_section, "what is counted"),
    EVSI_ROW_OBJECT("fleet", 0, &fleet_section, "how other processes learn of this system"),
    EVSI_ROW_OBJECT("testing", 0, &testing_section, "for tests of programs"),
    EVSI_ROW_CHOICE("logLevel", 0, "debug|info|warn|error", NULL, "\"info\"",
                    "log records below it are not made"),
    EVSI_ROW_CHOICE("logOutput", 0, "host|stderr", NULL, "\"host\"",
                    "who gets log records: the host, or standard error as lines of JSON"),
    EVSI_ROW_LATER("transportCapabilities", NULL, "leave it out: they come from the types of the transports"),
};
const evsi_section evsi_section_system = {"The document", "The top level.", EVSI_ROWS(system_keys)};

const evsi_key *evsi_section_find(const evsi_section *section, const char *name) {
  for (size_t i = 0; i < section->count; i++)
    if (strcmp(section->keys[i].name, name) == 0)
      return &section->keys[i];
  return NULL;
}

const evsi_key *evsi_section_find_path(const evsi_section *section, const char *path) {
  for (;;) {
    const char *slash = strchr(path, '/');
    if (!slash)
      return evsi_section_find(section, path);
    const evsi_key *part = NULL;
    size_t size = (size_t)(slash - path);
    for (size_t i = 0; i < section->count && !part; i++)
      if (strncmp(section->keys[i].name, path, size) == 0 && section->keys[i].name[size] == '\0')
        part = &section->keys[i];
    if (!part || !part->section)
      return NULL;
    section = part->section;
    path = slash + 1;
  }
}

bool evsi_choices_hold(const char *choices, const char *word) {
  size_t size = strlen(word);
  while (choices && *choices) {
    size_t length = strcspn(choices, "|");
    if (length == size && memcmp(choices, word, size) == 0)
      return true;
    choices += length + (choices[length] == '|');
  }
  return false;
}
