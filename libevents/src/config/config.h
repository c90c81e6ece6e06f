/* SPDX-License-Identifier: MIT
 * config.h - the checked, immutable settings of one system. Built by evsi_config_load() from JSON text; every
 * other part reads this struct and never the document. */
#ifndef EVSI_CONFIG_H
#define EVSI_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/backoff.h"
#include "base/compress.h"
#include "base/rate_limit.h"
#include "schema/body.h"
#include "schema/registry_load.h"
#include "libevents.h"

typedef enum { EVSI_VALIDATE_WARN, EVSI_VALIDATE_STRICT, EVSI_VALIDATE_IGNORE } evsi_validation_mode;
typedef enum { EVSI_TOPIC_NAMESPACE, EVSI_TOPIC_CUSTOM } evsi_topic_strategy;
typedef enum {
  EVSI_ORDER_NONE,
  EVSI_ORDER_PER_KEY,
  EVSI_ORDER_PER_PARTITION,
  EVSI_ORDER_STRICT
} evsi_ordering;
typedef enum { EVSI_DEAD_LETTER_SKIP, EVSI_DEAD_LETTER_BLOCK, EVSI_DEAD_LETTER_PARK_KEY } evsi_on_dead_letter;
typedef enum { EVSI_PARTITION_BY_KEY, EVSI_PARTITION_ROUND_ROBIN } evsi_partitioning;
typedef enum { EVSI_UNMATCHED_ACK, EVSI_UNMATCHED_DLQ } evsi_on_unmatched;

typedef enum { EVSI_SCHEMAS_IN_MEMORY, EVSI_SCHEMAS_IN_FOLDER, EVSI_SCHEMAS_IN_TRANSPORT } evsi_schemas_where;

typedef struct evsi_route {
  char *name;           /* NULL: none */
  char *pattern;        /* normalised */
  uint32_t *transports; /* indexes into config->transports */
  uint32_t transport_count;
  int64_t priority;
  char *topic;         /* with suffix; NULL: by mapping and strategy */
  uint32_t partitions; /* 0: none */
  int32_t partition;   /* of events that name none; EVS_PARTITION_NONE: by partitioning */
  evsi_partitioning partitioning;
  evsi_ordering ordering;
  evsi_on_dead_letter on_dead_letter;
  char *retention_json; /* NULL: none of its own */
  bool enabled;
} evsi_route;

typedef struct evsi_topic_mapping {
  char *pattern; /* normalised, as declared */
  char *topic;   /* with suffix */
} evsi_topic_mapping;

typedef struct evsi_compression {
  evsi_encoding algorithm;
  uint64_t min_bytes; /* smaller bodies stay as they are */
  int32_t level;      /* 0: the algorithm's own */
} evsi_compression;

typedef enum { EVSI_RATE_WAIT, EVSI_RATE_REJECT } evsi_on_limit;
typedef enum { EVSI_RATE_PER_SYSTEM, EVSI_RATE_PER_TYPE, EVSI_RATE_PER_TOPIC } evsi_rate_scope;

typedef struct evsi_rate_limiting {
  bool enabled;
  evsi_rate rate;
  evsi_on_limit on_limit;
  evsi_rate_scope scope;
} evsi_rate_limiting;

typedef enum { EVSI_BATCH_BY_SIZE, EVSI_BATCH_BY_TIME, EVSI_BATCH_BY_PARTITION } evsi_batch_strategy;

typedef struct evsi_batching {
  bool enabled;
  evsi_batch_strategy strategy;
  uint32_t max_size;
  uint64_t max_bytes;
  uint32_t max_wait_ms;
  uint32_t max_concurrent;
} evsi_batching;

enum { EVSI_TRANSPORTS_MAX = 64, EVSI_BATCH_SIZE_MAX = 10000 };

typedef struct evsi_transport_config {
  char *name;
  char *type;
  char *options_json; /* normalised: every key of its type present, defaults filled in */
  char *group_id;     /* NULL: the service name */
  char *consumer_id;  /* NULL: generated */
  evsi_retry_policy
      retry;            /* of handlers: each value from consumer.retry, else the transport's, else default */
  uint32_t max_crashes; /* from consumer, else the transport's; 0: its type counts none */
  bool enable_dlq;
  bool is_plain;          /* stores entries in the published form, and a topic in one stream */
  bool starts_new;        /* new groups start at the newest event, unless a subscription says otherwise */
  evsi_ordering ordering; /* of topics whose routes ask for none */
  uint64_t capabilities;  /* EVS_CAP_… that the document counts on */
  char *library, *plugin; /* where a plug-in comes from, one of the two; NULL: it is built in */
} evsi_transport_config;

typedef struct evsi_config {
  char *normalized_json; /* the whole document, defaults filled in, secrets masked */
  char *routing_json;    /* its part `routing` */
  char *service;
  char *origin_prefix; /* folded; "" when none */
  char **origins;      /* folded; "" means events without a prefix */
  uint32_t origin_count;
  bool origins_set;
  evsi_validation_mode validation_mode;
  int32_t log_level; /* 0 debug to 3 error: what is below it is not logged */
  bool logs_to_stderr;

  struct {
    uint64_t body_bytes;
    uint32_t header_count;
    uint32_t header_bytes;
    uint32_t patterns;
  } limits;

  struct {
    evsi_retry_policy retry;
    uint32_t timeout_ms;
    uint32_t max_in_flight;
    uint64_t max_in_flight_bytes;
    evsi_validation_mode validation_mode;
    bool hash;
    evsi_rate_limiting rate_limiting;
    evsi_batching batching;
    evsi_compression compression;
  } publisher;

  struct {
    evsi_retry_policy retry;
    uint32_t handler_timeout_ms;
    uint32_t concurrency;
    uint32_t prefetch;
    uint64_t prefetch_bytes;
    uint32_t unmatched_grace_ms;
    uint32_t max_deferrals;
    uint32_t close_deadline_ms;
    evsi_on_unmatched on_unmatched;
    bool has_ordering; /* else that of each topic holds */
    evsi_ordering ordering;
    evsi_validation_mode validation_mode;
    bool verify_hash;
  } consumer;

  struct {
    evsi_route *routes; /* in declaration order */
    uint32_t route_count;
    evsi_topic_mapping *mappings; /* in declaration order */
    uint32_t mapping_count;
    evsi_topic_strategy strategy;
    char *custom_topic; /* with suffix; NULL when strategy is namespace */
    char *topic_suffix;
    int32_t default_transport; /* index, -1: none, then unrouted events are `unroutable` */
    bool extended_types;
    evsi_validation_mode validation_mode; /* of unroutable events */
  } routing;

  struct {
    evsi_schemas_where where;
    char *folder;
    uint32_t transport; /* index, of EVSI_SCHEMAS_IN_TRANSPORT */
    uint32_t refresh_ms;
    evsi_compat_rule rule;
    evsi_on_unknown_version on_unknown;
    bool asserts_format;
    bool required;
    evsi_stored_set types;
  } schemas;

  evsi_transport_config *transports; /* in declaration order */
  uint32_t transport_count;

  struct {
    uint32_t max_labels; /* past it statistics go under `other` */
  } statistics;

  struct {
    bool enabled;
    uint32_t interval_ms;
  } fleet;

  struct {
    bool holds_clock;
  } testing;
} evsi_config;

/* Reads, checks and fills in. Reports all problems at once (EVS_CONFIG with problems[]).
 * Frees nothing of the caller; *out_config is freed with evsi_config_free(). */
evs_status evsi_config_load(const char *json, size_t size, evsi_config **out_config, evs_error **out_error);
void evsi_config_free(evsi_config *config);

/* The same from the part that decides where events go: originPrefix, origins, names of transports, routing.
 * The document may be another process's: what else it has is not looked at, and ${…} stays as it is. */
evs_status evsi_config_load_routing(const char *json, size_t size, evsi_config **out_config,
                                    evs_error **out_error);

/* The document evs_config_check() gives. */
evs_status evsi_config_report(const char *json, size_t size, char **out_json, evs_error **out_error);

/* The words of the document, and what they stand for; an unknown one is the first. */
const char *evsi_ordering_word(evsi_ordering ordering);
const char *evsi_on_dead_letter_word(evsi_on_dead_letter policy);
evsi_ordering evsi_ordering_of(const char *word);
evsi_on_dead_letter evsi_on_dead_letter_of(const char *word);

/* Options of one subscription (evs_subscribe), with the configuration's values where not given. */
typedef struct evsi_subscription_options {
  char *pattern;      /* as given */
  char *group;        /* never NULL: option, transport's groupId, service */
  char *name;         /* NULL: by default pattern#ordinal */
  char *consumer;     /* NULL: generated */
  uint32_t transport; /* index into config->transports */
  char *replay;       /* NULL: what is published, not what a replay brings */
  char **topics;      /* overrides which topics are read */
  uint32_t topic_count;
  char **origins; /* folded */
  uint32_t origin_count;
  bool origins_set;
  bool from_new;
  char *from; /* offset, or milliseconds since 1970, where a new group begins; NULL: as from_new says */
  int32_t partition; /* the only one that it takes; EVS_PARTITION_NONE: all */
  uint32_t max_crashes;
  bool has_concurrency; /* it says one; else the configuration's, also when that changes */
  char *version;        /* of the schema that its handler reads by; NULL: the event's */
  uint32_t concurrency;
  uint32_t batch; /* events that a handler takes at once */
  uint32_t prefetch;
  uint32_t handler_timeout_ms;
  evsi_retry_policy retry;
  evsi_on_unmatched on_unmatched;
  char *filter_json;      /* which headers an event must have (event/header_filter.h); NULL: any */
  bool has_ordering;      /* it says one; else that of each topic holds */
  evsi_ordering ordering; /* of the topic, or none: does without */
  bool has_on_dead_letter;
  evsi_on_dead_letter on_dead_letter;
} evsi_subscription_options;

evs_status evsi_subscription_options_load(const evsi_config *config, const char *json, size_t size,
                                          evsi_subscription_options *out_options, evs_error **out_error);
void evsi_subscription_options_free(evsi_subscription_options *options);

#endif
