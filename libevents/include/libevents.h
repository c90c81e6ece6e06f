/* SPDX-License-Identifier: MIT
 * libevents.h - the whole public interface of libevents: a flat, stable C ABI.
 *
 * Conventions, true for every function here:
 *  - Returns evs_status (EVS_OK is 0, failures are negative); values leave through out-parameters,
 *    which are written only on success unless the comment says otherwise.
 *  - `out_error` may be NULL. On failure it receives an error that the caller frees with
 *    evs_error_free(); with NULL the same error is kept for the thread, see evs_last_error().
 *  - Strings are UTF-8 with an explicit size. Those of reports and errors also end in a NUL byte; those of
 *    messages are parts of a longer text and do not.
 *  - *lends*: valid until the named call. *gives*: the caller frees it with the named function.
 *    Arguments are copied or fully used before a function returns.
 *  - Unless a comment says otherwise a function may be called from any thread and does not block.
 *  - Durations are milliseconds. Tokens and delivery ids are below 2^53.
 *  - After close every call on a system gives EVS_CLOSED; in a forked child EVS_FORKED.
 */
#ifndef LIBEVENTS_H
#define LIBEVENTS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

#define EVS_VERSION_MAJOR 0
#define EVS_VERSION_MINOR 1
#define EVS_VERSION_PATCH 0
#define EVS_VERSION "0.1.0"

/* ---- results -------------------------------------------------------------------------------- */

/* Numbers are never reused. docs/errors.md says for each what it means and what to do. */
typedef int32_t evs_status;
enum {
  EVS_OK = 0,
  EVS_CONFIG = -1,       /* the configuration is wrong; problems[] lists every fault */
  EVS_VALIDATION = -2,   /* a type, pattern, header, body or option breaks a rule */
  EVS_ROUTING = -3,      /* no route, topic or transport takes the event */
  EVS_TRANSPORT = -4,    /* the store refused or cannot be reached */
  EVS_TIMEOUT = -5,      /* no answer in time: for a publish the outcome is unknown */
  EVS_CLOSED = -6,       /* the system is closing or closed */
  EVS_QUEUE_FULL = -7,   /* the bound on events or bytes in flight is reached: poll, then retry */
  EVS_NOT_FOUND = -8,    /* no such subscription, delivery, dead letter, method or transport */
  EVS_CONFLICT = -9,     /* somebody else settled or changed it first */
  EVS_UNSUPPORTED = -10, /* known, but this transport or version cannot do it */
  EVS_INTERNAL = -11,    /* what must not happen: no descriptors or threads left, or a defect */
  EVS_AGAIN = -12,       /* nothing to take yet */
  EVS_FORKED = -13,      /* this process inherited the system by fork; open a new one */
  EVS_NOMEM = -14,       /* out of memory */
  EVS_ARGUMENT = -15,    /* a NULL or impossible argument */
  EVS_RATE_LIMITED = -16 /* publisher.rateLimiting lets no more events pass now */
};

typedef struct evs_error evs_error;
typedef struct evs_system evs_system;
typedef struct evs_batch evs_batch;
typedef struct evs_schema evs_schema;

/* Bytes with a length; data may be NULL when size is 0. */
typedef struct evs_bytes {
  const char *data;
  uint64_t size;
} evs_bytes;

/* evs_version - the version of the loaded library, e.g. "0.1.0" (static). */
const char *evs_version(void);

/* evs_status_name - "EVS_CONFIG" for EVS_CONFIG and so on; "EVS_UNKNOWN" for other numbers (static). */
const char *evs_status_name(evs_status status);

/* evs_status_list - every status as a JSON array of {code, name, class, retriable, text} (static).
 * Bindings derive their exception classes from it. */
const char *evs_status_list(void);

evs_status evs_error_status(const evs_error *error);
/* evs_error_message - what happened, where, why and how to fix it. lends: until evs_error_free(). */
const char *evs_error_message(const evs_error *error);
/* evs_error_path - JSON pointer of the offence, or "" . lends: until evs_error_free(). */
const char *evs_error_path(const evs_error *error);
/* evs_error_json - {code, message, path, hint, problems:[{path, message, found, expected, suggestion}]}.
 * lends: until evs_error_free(). */
const char *evs_error_json(const evs_error *error);
/* evs_error_create - an error of a library that stands on this interface, built and kept as ours are. Returns
 * `status`, so that a function can end with it. path: JSON pointer or NULL. A status that is none of the
 * failures above becomes EVS_INTERNAL. */
evs_status evs_error_create(evs_status status, const char *path, const char *message, evs_error **out_error);
/* evs_error_free - frees; NULL is fine; never touches the thread's last error. */
void evs_error_free(evs_error *error);
/* evs_last_error - the newest failure on this thread of a call that was given no out_error, or NULL.
 * lends: until the next such failure on this thread. */
const evs_error *evs_last_error(void);

/* evs_string_free - frees a text that a function gave; NULL is fine. */
void evs_string_free(char *text);

/* ---- system --------------------------------------------------------------------------------- */

/* evs_system_open - checks a configuration (docs/configuration.md) and builds a system from it.
 * Opens no connection: that is the request "connect". Starts one I/O thread, all signals blocked.
 * gives:  *out_system, freed with evs_system_release()
 * errors: EVS_CONFIG with problems[] naming every fault at once, EVS_NOMEM */
evs_status evs_system_open(const char *config_json, size_t config_size, evs_system **out_system,
                           evs_error **out_error);

/* evs_system_close - begins to close and returns at once; legal from any thread, in a handler, and twice.
 * Stops fetching, waits for publishes and for messages that the host holds until deadline_ms, hands the
 * rest back to the store and then reports EVS_REPORT_CLOSED through evs_poll(). */
evs_status evs_system_close(evs_system *system, uint32_t deadline_ms, evs_error **out_error);

/* evs_system_release - frees the system; closes first if that was not done (deadline 0).
 * thread: any but a handler's; no other call on this system may run or follow
 * blocks: until the I/O thread has ended: at most the deadline of the close that is under way and two
 *         seconds for the transports to hand back.
 * In a forked child it only closes the wake-up descriptor. */
void evs_system_release(evs_system *system);

/* evs_system_wake_fd - a descriptor that is readable while records wait for evs_poll(); for select(),
 * poll() or an event loop. The system owns it. -1 after a fork. */
int evs_system_wake_fd(evs_system *system);

/* evs_wake_clear - no wake-up follows after this returned: for hosts that tear down their own loop. */
void evs_wake_clear(evs_system *system);

/* evs_system_stats - one consistent JSON snapshot, names in docs/statistics.md. gives: evs_string_free(). */
evs_status evs_system_stats(evs_system *system, char **out_json, evs_error **out_error);
/* evs_system_metrics - the same numbers as Prometheus text. gives: evs_string_free(). */
evs_status evs_system_metrics(evs_system *system, char **out_text, evs_error **out_error);
/* evs_system_status - {connected, healthy, live, ready, reasons, state, transports:{name:{connected, since,
 * lastError, nextTry}}}: docs/statistics.md#status-and-health. gives: evs_string_free(). */
evs_status evs_system_status(evs_system *system, char **out_json, evs_error **out_error);

/* ---- publishing ------------------------------------------------------------------------------ */

enum { EVS_PARTITION_NONE = -1 };

/* One event to publish. Set struct_size to sizeof(evs_event) and the rest to 0, then fill in. */
typedef struct evs_event {
  uint32_t struct_size;
  int32_t partition;      /* explicit partition + 1; 0: by key or by the route */
  uint64_t token;         /* comes back in the report; 0: no report is wanted */
  evs_bytes type;         /* required; folded to lower case; the own origin prefix is stripped once */
  evs_bytes body;         /* JSON text, or any bytes when content_type is set; empty means null */
  evs_bytes content_type; /* empty: application/json */
  evs_bytes headers;      /* JSON object of strings, or empty */
  evs_bytes key;          /* partition key, or empty */
  evs_bytes id;           /* own event id, or empty for a UUIDv7 */
  evs_bytes timestamp;    /* RFC 3339, or empty for now */
  evs_bytes version; /* schema version of the body, or empty: that of the type's newest schema, else 1.0.0 */
  evs_bytes transport;      /* name, or empty for what the routes say */
  uint32_t timeout_ms;      /* 0: publisher.timeout */
  uint32_t acknowledgement; /* EVS_ACKNOWLEDGE_…; 0: what the transport is configured for */
  uint64_t delay_ms;        /* delivered so long after the store took it, by the store's clock; 0: at once */
  uint32_t replicas;        /* of EVS_ACKNOWLEDGE_REPLICATED: how many; 0: one */
  uint32_t acknowledge_timeout_ms; /* how long replicas or the disk are waited for; 0: as configured */
  evs_bytes batch_key; /* with batching: those of different keys are in no batch together; or empty */
  /* With `transport`: the event goes to this topic there, whatever its type, and no route is asked; what a
   * route says of the topic itself (partitions, order, retention) holds. Or empty. */
  evs_bytes topic;
  /* Of an event that is passed on, only with `topic`: whose it is. Empty: this system's. */
  evs_bytes origin;
  evs_bytes origin_prefix;
} evs_event;

/* What happened when an outcome is `stored`. Beyond STORED needs EVS_CAP_DURABILITY of the transport. */
enum {
  EVS_ACKNOWLEDGE_NONE = 1,       /* it was sent; the outcome is `unknown`, with EVS_OK */
  EVS_ACKNOWLEDGE_STORED = 2,     /* the store has it */
  EVS_ACKNOWLEDGE_REPLICATED = 3, /* so many of its replicas have it */
  EVS_ACKNOWLEDGE_FSYNCED = 4     /* the store's disk has it */
};

/* `refused` is certain: it is not stored. `unknown` is neither: it may be stored, or may still be. */
enum { EVS_OUTCOME_STORED = 1, EVS_OUTCOME_REFUSED = 2, EVS_OUTCOME_UNKNOWN = 3 };

enum {
  EVS_REPORT_PUBLISH = 1,      /* the outcome of one event */
  EVS_REPORT_REQUEST = 2,      /* the answer to evs_request(); `detail` is its JSON */
  EVS_REPORT_UNSUBSCRIBED = 3, /* the last record of a subscription; token is the subscription */
  EVS_REPORT_CLOSED = 4,       /* the last record of a system; `detail` is {released, abandoned} */
  EVS_REPORT_LOG = 5, /* `detail` is one line of JSON: docs/statistics.md#log-records; at most 256 wait */
  EVS_REPORT_TRANSPORT = 6 /* `transport` asks its program for something: `detail`, by docs/plugins.md */
};

/* One thing that ended. Bytes are lent until evs_batch_release(). */
typedef struct evs_report {
  uint32_t struct_size;
  uint32_t kind; /* EVS_REPORT_… */
  uint64_t token;
  evs_status status; /* EVS_OK or why not */
  uint32_t outcome;  /* EVS_OUTCOME_… of a publish, else 0 */
  uint32_t attempts; /* sends of a publish, the first included */
  int32_t partition; /* EVS_PARTITION_NONE where the topic has no partitions */
  evs_bytes id;      /* event id of a publish */
  evs_bytes transport;
  evs_bytes topic;
  evs_bytes offset;  /* position given by the store */
  evs_bytes message; /* text of a failure */
  evs_bytes detail;  /* JSON: answer of a request, or the whole error of a failure (as evs_error_json) */
  uint32_t acknowledgement; /* EVS_ACKNOWLEDGE_… that a publish reached; 0: none is known */
  uint32_t is_duplicate;    /* 1: the store had an event of this id already; offset is that one's */
} evs_report;

/* evs_publish - hands events to the publisher: validate, route, encode, send. Every accepted event with
 * a token ends in exactly one EVS_REPORT_PUBLISH, also when it is refused.
 * out_accepted: how many from the front were taken, also on failure (may be NULL)
 * errors: EVS_QUEUE_FULL past publisher.maxInFlight, also when as many reports wait: poll for reports and
 * offer the rest again; EVS_CLOSED */
evs_status evs_publish(evs_system *system, const evs_event *events, size_t count, size_t *out_accepted,
                       evs_error **out_error);

/* evs_publish_wait - publishes and waits for every outcome; tokens of the events are ignored.
 * blocks: until all reports are there, at most timeout_ms (then missing ones are `unknown`)
 * gives:  *out_reports in the order of `events`, freed with evs_batch_release() */
evs_status evs_publish_wait(evs_system *system, const evs_event *events, size_t count, uint32_t timeout_ms,
                            evs_batch **out_reports, evs_error **out_error);

/* ---- consuming ------------------------------------------------------------------------------- */

/* evs_subscribe - registers a subscription; before or after "connect". Options, a JSON object:
 * pattern (required: a type, a pattern with `*`, or a regular expression `/…/`), group, name, transport,
 * topics, from ("earliest" | "new"), concurrency, batch, prefetch, handlerTimeout, maxRetries, retry,
 * ordering, onDeadLetter, origins, filter, version, onUnmatched and more: docs/configuration.md.
 * The request "ready" tells when the store has it.
 * out_subscription: its token, unique in this system
 * errors: EVS_VALIDATION names the pattern and the position, EVS_CONFIG the option, EVS_UNSUPPORTED */
evs_status evs_subscribe(evs_system *system, const char *options_json, size_t options_size,
                         uint64_t *out_subscription, evs_error **out_error);

/* evs_unsubscribe - nothing new is delivered after this returned; messages that the host holds may still
 * be settled. Ends with EVS_REPORT_UNSUBSCRIBED once none is left. errors: EVS_NOT_FOUND */
evs_status evs_unsubscribe(evs_system *system, uint64_t subscription, evs_error **out_error);

/* One event for one subscription. Bytes are lent until evs_batch_release(), and no longer than to
 * evs_system_release(); settle by delivery id. */
typedef struct evs_message {
  uint32_t struct_size;
  int32_t partition;           /* EVS_PARTITION_NONE where the topic has no partitions */
  uint64_t subscription;       /* token */
  uint64_t delivery;           /* id for evs_ack() and evs_fail() */
  uint32_t attempt;            /* from 1: failures so far + 1; a crash does not raise it */
  uint32_t deliveries;         /* deliveries of the entry as the store counts them */
  uint64_t handler_timeout_ms; /* 0: none */
  evs_bytes id;
  evs_bytes type; /* without origin prefix */
  evs_bytes origin;
  evs_bytes origin_prefix;
  evs_bytes timestamp;
  evs_bytes version;
  evs_bytes hash;
  evs_bytes content_type; /* empty: the body is JSON text */
  evs_bytes headers;      /* JSON object, or empty */
  evs_bytes body;         /* exact bytes as published; required members that were left out and have a default
                             in the schema stand behind the others (docs/concepts/schemas.md) */
  evs_bytes transport;
  evs_bytes topic;
  evs_bytes offset; /* of one of several events in an entry: <entry>/<index> */
  evs_bytes group;
  evs_bytes consumer;
  evs_bytes pattern; /* of the subscription, as normalised */
  evs_bytes requeue; /* JSON {group, from, count} when an operator requeued it, {replay, offset} of a replay,
                        or empty */
  evs_bytes validation; /* JSON {type, version, schemaHash, bodyHash, errors, more} when the body is not valid
                           and validationMode is warn; empty: it is valid, or nothing was checked */
} evs_message;

enum { EVS_POLL_MESSAGES = 1, EVS_POLL_REPORTS = 2 };

/* evs_poll - takes what waits: up to `max` messages and up to `max` reports, of the kinds in `what`.
 * thread: any, many at a time; each caller gets its own batch
 * blocks: at most timeout_ms while there is nothing; 0 never blocks
 * gives:  *out_batch, freed with evs_batch_release()
 * errors: EVS_AGAIN when nothing came, EVS_CLOSED once the last record was taken */
evs_status evs_poll(evs_system *system, uint32_t what, uint32_t max, uint32_t timeout_ms,
                    evs_batch **out_batch, evs_error **out_error);
/* Arrays of a batch. lends: until evs_batch_release(). out_count is always written. */
const evs_message *evs_batch_messages(const evs_batch *batch, size_t *out_count);
const evs_report *evs_batch_reports(const evs_batch *batch, size_t *out_count);
void evs_batch_release(evs_batch *batch);

/* evs_ack - the handler succeeded. The entry is acknowledged in the store once all its deliveries in
 * this group are settled. Ids that are unknown or already settled are counted as stale, not errors.
 * out_stale: how many (may be NULL) */
evs_status evs_ack(evs_system *system, const uint64_t *deliveries, size_t count, size_t *out_stale,
                   evs_error **out_error);

enum {
  EVS_FAIL_RETRY = 0,  /* a failed attempt: retried after the backoff, then dead-lettered */
  EVS_FAIL_REJECT = 1, /* to the dead letters at once */
  EVS_FAIL_LATER = 2,  /* not a failure: again after delay_ms (at most maxDeferrals times) */
  EVS_FAIL_RELEASE = 3 /* not a failure: hand back as if it had not been delivered */
};

typedef struct evs_failure {
  uint32_t struct_size;
  uint32_t kind; /* EVS_FAIL_… */
  uint64_t delivery;
  uint64_t delay_ms; /* EVS_FAIL_LATER only */
  evs_bytes error_class;
  evs_bytes message;
  evs_bytes stack; /* kept up to 16 KiB */
} evs_failure;

/* evs_fail - the handler did not succeed; see evs_failure. Stale ids as in evs_ack(). */
evs_status evs_fail(evs_system *system, const evs_failure *failures, size_t count, size_t *out_stale,
                    evs_error **out_error);

/* ---- requests -------------------------------------------------------------------------------- */

/* Everything rare that may touch a store is a request by name with JSON arguments and a JSON answer, so
 * that it grows without new symbols. docs/requests.md lists them all:
 *   connect, disconnect, ready, flush, drain, reload, coverage, groups, groups.pause, groups.resume, fleet,
 * topics, dlq.list, dlq.get, dlq.requeue, dlq.discard, tail, schemas.register, schemas.list, … */

/* evs_request - starts a request; its answer is the EVS_REPORT_REQUEST with this token; 0: none is wanted.
 * timeout_ms: 0 means the request's own default (10 s); then it ends with EVS_TIMEOUT
 * errors: EVS_NOT_FOUND for an unknown name, EVS_VALIDATION for bad arguments, EVS_CLOSED */
evs_status evs_request(evs_system *system, const char *method, const char *params_json, size_t params_size,
                       uint32_t timeout_ms, uint64_t token, evs_error **out_error);

/* evs_call - the same, waiting for the answer.
 * blocks: at most timeout_ms (0: the request's own default)
 * gives:  *out_json, freed with evs_string_free() */
evs_status evs_call(evs_system *system, const char *method, const char *params_json, size_t params_size,
                    uint32_t timeout_ms, char **out_json, evs_error **out_error);

/* ---- routing and pure functions --------------------------------------------------------------- */

/* evs_explain - the whole routing decision for {type, originPrefix?, headers?, body?, key?}, by the code that
 * routes. subscriptions are those of this process that would receive the event; without headers those with a
 * filter of headers are among them, and have it as `filter`. gives: *out_json {type, fullType, topic,
 * topicRule, transports, partition, schema, routes, subscriptions}
 */
evs_status evs_explain(evs_system *system, const char *query_json, size_t query_size, char **out_json,
                       evs_error **out_error);

/* evs_explain_config - the same by a configuration that no system here has: a configuration document, or the
 * statistics of another system (request "fleet"), of which originPrefix, origins, transports, routing and
 * subscriptions are used. Its texts stand as they are: no ${…} is replaced.
 * gives: *out_json as evs_explain(). errors: EVS_CONFIG with problems[], EVS_VALIDATION for the query */
evs_status evs_explain_config(const char *config_json, size_t config_size, const char *query_json,
                              size_t query_size, char **out_json, evs_error **out_error);

/* evs_coverage_config - what the routes of a configuration, or of the statistics of another system, are
 * worth: which can never be taken, and which meet; of at most the 200 that win first. For an own system: the
 * request "coverage". gives: *out_json {shadowed, overlapping, examined}. errors: EVS_CONFIG with problems[]
 */
evs_status evs_coverage_config(const char *config_json, size_t config_size, char **out_json,
                               evs_error **out_error);

/* evs_config_check - checks a configuration without opening anything.
 * gives: *out_json {valid, problems, warnings, normalized}; EVS_OK also when it is not valid */
evs_status evs_config_check(const char *config_json, size_t config_size, char **out_json,
                            evs_error **out_error);

/* evs_pattern_normalize - checks a pattern and folds it to lower case, or checks a regular expression between
 * slashes and leaves out its flags. origin_prefix may be empty.
 * extended_types: also allow `_` and `-`. gives: *out_text. errors: EVS_VALIDATION with the position */
evs_status evs_pattern_normalize(evs_bytes pattern, evs_bytes origin_prefix, int32_t extended_types,
                                 char **out_text, evs_error **out_error);

/* evs_pattern_matches - does a pattern match a full type, for a system with this origin prefix?
 * out_matches: 1 or 0. errors: EVS_VALIDATION for an invalid pattern */
evs_status evs_pattern_matches(evs_bytes pattern, evs_bytes full_type, evs_bytes origin_prefix,
                               int32_t *out_matches, evs_error **out_error);

/* evs_type_check - is this a valid event type (without origin prefix)? EVS_OK or EVS_VALIDATION with the
 * reason and the position. */
evs_status evs_type_check(evs_bytes type, int32_t extended_types, evs_error **out_error);

/* evs_full_type - origin prefix and type joined. gives: *out_text */
evs_status evs_full_type(evs_bytes type, evs_bytes origin_prefix, char **out_text, evs_error **out_error);

/* evs_origin_delivered - would a subscription receive an event, judged by pattern and origins alone?
 * query: JSON {originPrefix, origins, eventPrefix, type, pattern}; out_delivered: 1 or 0 */
evs_status evs_origin_delivered(const char *query_json, size_t query_size, int32_t *out_delivered,
                                evs_error **out_error);

enum { EVS_BACKOFF_FIXED = 0, EVS_BACKOFF_EXPONENTIAL = 1, EVS_BACKOFF_FIBONACCI = 2 };

/* evs_retry_delay - milliseconds before retry number `retry` (from 1), without jitter. */
uint64_t evs_retry_delay(int32_t strategy, uint64_t base_delay_ms, uint64_t max_delay_ms, uint32_t retry);

/* evs_body_hash - SHA-256 of the bytes as 64 lower-case hex digits and a NUL. errors: EVS_ARGUMENT */
evs_status evs_body_hash(evs_bytes body, char out_hex[65]);

/* evs_partition_for_key - Kafka's default: (murmur2(key) & 0x7fffffff) mod partitions; 0 when partitions is
 * 0. */
uint32_t evs_partition_for_key(evs_bytes key, uint32_t partitions);

/* evs_key_slot - slot of a Redis Cluster key: CRC16 (XMODEM) mod 16384 with hash tags. */
uint32_t evs_key_slot(evs_bytes key);

/* ---- schemas ---------------------------------------------------------------------------------- */

/* JSON Schema by itself; the schemas of event types are the requests "schemas.…". Nothing is fetched.
 * docs/json-schema.md says what is read, and the bounds. */

/* evs_schema_compile - compiles the text of a schema, 2020-12 or draft-07. Options, a JSON object or empty:
 * draft ("2020-12" | "draft-07": of schemas without $schema), format ("annotation" | "assertion"), uri (where
 * the schema comes from: its base), documents (object: URI to the schema that a $ref to it means, as an
 * object, a boolean or a text). gives:  *out_schema, freed with evs_schema_free() after the last call that
 * has it errors: EVS_VALIDATION with problems[] {path, message} for all that is wrong with the schema */
evs_status evs_schema_compile(evs_bytes text, evs_bytes options_json, evs_schema **out_schema,
                              evs_error **out_error);
/* evs_schema_free - frees; NULL is fine. */
void evs_schema_free(evs_schema *schema);

/* evs_schema_validate - is this JSON text valid by the schema? out_valid: 1 or 0.
 * errors: EVS_VALIDATION when it is no JSON, or when that cannot be decided within the bounds */
evs_status evs_schema_validate(const evs_schema *schema, evs_bytes text, int32_t *out_valid,
                               evs_error **out_error);

/* evs_schema_report - the same, telling why. Options, a JSON object or empty: form ("own" | "basic"), limit
 * (1 to 10,000 errors; default 100). gives:  *out_json: own {valid, errors: [{instancePath, schemaPath,
 * keyword, expected, actual, message}], more}; basic the standard's output of that name errors: as
 * evs_schema_validate(), EVS_VALIDATION for the options */
evs_status evs_schema_report(const evs_schema *schema, evs_bytes text, evs_bytes options_json,
                             char **out_json, evs_error **out_error);

/* evs_schema_fill - what a reader does before it validates: members that the schema requires and has a
 * `default` for are added behind the others, all other bytes stay.
 * gives: *out_text; NULL when nothing is missing. errors: as evs_schema_validate() */
evs_status evs_schema_fill(const evs_schema *schema, evs_bytes text, char **out_text, evs_error **out_error);

/* evs_schema_compat - may `newer` take the place of `older`? Options, a JSON object or empty: mode
 * ("backward" | "forward" | "full"; default backward), policy ("pragmatic" | "strict"; default pragmatic).
 * gives: *out_json {verdict: "compatible" | "incompatible" | "unknown", allowed, reasons: [{direction, path,
 *        keyword, verdict, message, example?}]}: path is a place in the texts, * for any item or member;
 * example a text that one accepts and the other does not errors: EVS_VALIDATION for the options */
evs_status evs_schema_compat(const evs_schema *older, const evs_schema *newer, evs_bytes options_json,
                             char **out_json, evs_error **out_error);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
