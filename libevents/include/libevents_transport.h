/* SPDX-License-Identifier: MIT
 * libevents_transport.h - what a transport (a store of events) offers to libevents, and what libevents
 * offers to it. The built-in transports use exactly this, and so do plug-ins (docs/plugins.md).
 *
 * The interface is asynchronous: vectors go in, outcomes come back through the host functions with the
 * token that went in. Decisions (retry, dead letter, hand over) are made by libevents; a transport only
 * carries them out.
 *
 * Threads: every function of a transport is called on the system's I/O thread, unless it has
 * EVS_CAP_DIRECT; then join, publish, settle and resume are also called on the host's threads, and outcomes
 * are given before publish and settle return. Host functions are called on the I/O thread, from within a
 * transport's function; wake(), now_ms(), count() and log() from any thread. A plug-in that has threads of
 * its own leaves a note for wake() there. None of them blocks, and no function of a transport may block.
 *
 * Bytes given to publish() and settle() stay valid until the outcome of that token was given. Bytes given
 * to host functions are copied before these return.
 *
 * Both tables start with their size; a reader uses only what both sides know.
 */
#ifndef LIBEVENTS_TRANSPORT_H
#define LIBEVENTS_TRANSPORT_H

#include "libevents.h"

#ifdef __cplusplus
extern "C" {
#endif

#define EVS_TRANSPORT_ABI 1

enum {
  EVS_CAP_PUBLISH = 1 << 0,
  EVS_CAP_SUBSCRIBE = 1 << 1,
  EVS_CAP_PATTERN_ROUTING = 1 << 2,
  EVS_CAP_BATCHING = 1 << 3,
  EVS_CAP_PARTITIONING = 1 << 4,
  EVS_CAP_CONSUMER_GROUPS = 1 << 5,
  EVS_CAP_ORDERING = 1 << 6,
  EVS_CAP_PERSISTENCE = 1 << 7,
  EVS_CAP_REPLAY = 1 << 8,
  EVS_CAP_DLQ = 1 << 9,
  EVS_CAP_RETENTION = 1 << 10,
  EVS_CAP_DELAY = 1 << 11,
  EVS_CAP_DIRECT = 1 << 12, /* join, publish, settle and resume run on the caller's thread; built in only */
  EVS_CAP_DURABILITY = 1 << 13 /* acknowledgement `replicated` and `fsynced` */
};

/* In which order the events of a topic are handled. */
enum {
  EVS_ORDER_NONE = 0,
  EVS_ORDER_PER_KEY = 1,       /* those with one key one after the other */
  EVS_ORDER_PER_PARTITION = 2, /* those of one partition */
  EVS_ORDER_STRICT = 3         /* all; the topic has one partition */
};

/* What a dead letter of an ordered topic means for what came after it. */
enum {
  EVS_DEAD_LETTER_SKIP = 0,    /* nothing: they go on */
  EVS_DEAD_LETTER_BLOCK = 1,   /* they wait until it is requeued or discarded */
  EVS_DEAD_LETTER_PARK_KEY = 2 /* those with its key do */
};

typedef struct evs_transport evs_transport; /* the transport's own */
typedef struct evs_host evs_host;           /* libevents' side of one transport */

/* One event to store. */
typedef struct evs_tp_event {
  uint32_t struct_size;
  int32_t partition; /* EVS_PARTITION_NONE: the topic has no partitions */
  uint64_t token;
  uint32_t partitions;      /* of the topic; 0: none */
  uint32_t acknowledgement; /* EVS_ACKNOWLEDGE_…; 0: as configured */
  evs_bytes topic;
  evs_bytes full_type;
  evs_bytes data; /* the envelope as docs/wire-format.md has it */
  evs_bytes raw;  /* bytes of a body that is not JSON, or is compressed; else empty */
  evs_bytes id;   /* of the event: the same when it is sent again */
  uint64_t delay_ms;
  uint32_t replicas; /* as in evs_event */
  uint32_t acknowledge_timeout_ms;
  /* JSON {maxMessages, maxAge, maxSize, force} of the route that decided, or empty: the transport's own.
   * Valid as long as the system is open. */
  evs_bytes retention;
  uint32_t ordering;       /* EVS_ORDER_… that the route asks for */
  uint32_t on_dead_letter; /* EVS_DEAD_LETTER_… of it */
  /* with EVS_CAP_DIRECT: the event itself in place of `data`, internal to libevents; else NULL */
  void *parcel;
} evs_tp_event;

enum {
  EVS_TP_TRANSIENT = 1,     /* may succeed when tried again */
  EVS_TP_NOT_SENT = 2,      /* certainly not stored */
  EVS_TP_MEMBERS_MOVED = 4, /* a settlement was refused since membership changed: decide anew */
  EVS_TP_HELD = 8,          /* the store takes nothing now: tried again until the event's time is up */
  EVS_TP_DUPLICATE = 16     /* an event of this id was there already, at this offset */
};

/* What became of one event or settlement. */
typedef struct evs_tp_outcome {
  uint32_t struct_size;
  uint32_t flags; /* EVS_TP_… */
  uint64_t token;
  evs_status status;        /* EVS_OK; EVS_CONFLICT: the entry is no longer ours; else a failure */
  uint32_t acknowledgement; /* EVS_ACKNOWLEDGE_… that was reached; 0: stored */
  evs_bytes offset;         /* of a stored event */
  evs_bytes message;        /* of a failure */
} evs_tp_outcome;

enum {
  EVS_ENTRY_MALFORMED = 1, /* not in any known form: data holds what was found, as JSON text */
  EVS_ENTRY_TRIMMED = 2,   /* pending, but its body was removed from the store */
  EVS_ENTRY_BATCH = 4 /* holds several events: data is {"data":[envelope,…],…}. Each is handled by itself,
                         as `<offset>/<index>`; the entry is settled when all of them are */
};

/* One stored entry for one group. (topic, partition, offset) is its address. */
typedef struct evs_tp_entry {
  uint32_t struct_size;
  int32_t partition;
  uint32_t flags;      /* EVS_ENTRY_… */
  uint32_t deliveries; /* as the store counts, this one included */
  evs_bytes topic;
  evs_bytes offset;
  evs_bytes data;
  evs_bytes raw;
  evs_bytes requeue; /* JSON written by a requeue, else empty */
  evs_bytes state;   /* what the last settlement kept, else empty */
  /* of its topic: EVS_ORDER_…, EVS_DEAD_LETTER_…. Entries of an ordered stream are given to one member of the
   * group only, in the order of the stream; those that were pending before any that were not */
  uint32_t ordering;
  uint32_t on_dead_letter;
  uint64_t wait_ms; /* of an ordered stream: parked, and not due before that; it comes again when it is */
  void *parcel;     /* as it was published, with EVS_CAP_DIRECT; else NULL */
} evs_tp_entry;

enum {
  EVS_SETTLE_ACK = 1,
  EVS_SETTLE_PARK = 2,        /* deliver again to any member after delay_ms, with `state` */
  EVS_SETTLE_DEAD_LETTER = 3, /* move to the dead letters with `record`, atomically */
  EVS_SETTLE_RELEASE = 4,     /* hand back: another member gets it at once, nothing is counted; with `state`,
                                 where there is one, else what was kept stays */
  EVS_SETTLE_HAND_OVER = 5,   /* give to `member`, with `state` */
  EVS_SETTLE_KEEP = 6,        /* keep `state` and go on: the entry is still held, and settled later. Asked for
                                 only where a process may end without its transport (EVS_CAP_PERSISTENCE) */
  EVS_SETTLE_ASIDE = 7        /* keep it for this member, until recall() asks for it or it is due */
};

enum {
  EVS_SETTLE_CHECK_MEMBERS = 1, /* only if members_version is still current (else EVS_TP_MEMBERS_MOVED) */
  EVS_SETTLE_HAS_STATE = 2,     /* the entry had kept state, to be forgotten on acknowledgement */
  EVS_SETTLE_STAYS =
      4 /* of a dead letter: the entry stays pending, aside, and comes again with the state
           {"d": 1} (waits for the letter), {"d": 0} (it was requeued) or {"d": 2} (discarded) */
};

/* One of several events of an entry that goes to the dead letters by itself. */
typedef struct evs_tp_letter {
  uint32_t struct_size;
  uint32_t reserved;
  evs_bytes data;   /* its envelope; stands in place of the entry's */
  evs_bytes record; /* JSON of a dead letter without the event itself */
} evs_tp_letter;

/* How one delivered entry ends. A transport keeps settlements over a lost connection and sends them
 * again: repeating one is harmless. */
typedef struct evs_tp_settlement {
  uint32_t struct_size;
  uint32_t kind;  /* EVS_SETTLE_… */
  uint64_t group; /* token of the group, see evs_tp_group */
  uint64_t token;
  int32_t partition;
  uint32_t flags; /* EVS_SETTLE_CHECK_MEMBERS, EVS_SETTLE_HAS_STATE */
  evs_bytes topic;
  evs_bytes offset;
  uint64_t delay_ms;
  uint64_t members_version;
  evs_bytes state;
  evs_bytes record; /* JSON of a dead letter without the event itself */
  evs_bytes member;
  /* of an entry with EVS_ENTRY_BATCH, never with EVS_SETTLE_DEAD_LETTER: written in the same step as what
   * becomes of the entry. NULL and 0: none */
  const evs_tp_letter *letters;
  uint64_t letter_count;
} evs_tp_settlement;

/* Where an entry, or with an empty offset a stream, of a group is. */
typedef struct evs_tp_place {
  uint32_t struct_size;
  int32_t partition;
  uint64_t group;
  evs_bytes topic;
  evs_bytes offset;
} evs_tp_place;

/* A consumer group of this process. join() with a known token changes it. */
typedef struct evs_tp_group {
  uint32_t struct_size;
  uint32_t discover; /* 1: also read every topic for which host->wants() is true */
  uint64_t group;    /* token chosen by libevents */
  evs_bytes name;
  evs_bytes consumer; /* stable part of this member's name */
  const evs_bytes *topics;
  uint64_t topic_count;
  uint32_t from_new;       /* 1: a group that does not exist yet starts behind the newest entry */
  uint32_t prefetch;       /* most entries that this member holds */
  evs_bytes subscriptions; /* JSON array [{pattern, originPrefix, origins}], shown to the other members */
  evs_bytes replay;        /* id of the replay whose events it reads in place of the topics, or empty */
  evs_bytes from;          /* where a group that does not exist yet starts: an offset, or digits: a time in ms
                              since 1970; empty: as from_new says */
  const int32_t *partitions; /* of topics that have partitions it reads these; NULL: all */
  uint64_t partition_count;
  uint32_t is_relaxed; /* 1: it does without the order of topics */
  uint32_t reserved;
} evs_tp_group;

/* libevents' functions for a transport. */
typedef struct evs_host_ops {
  uint32_t struct_size;
  uint32_t abi;

  /* connection came (connected 1) or went; `message` says why. fatal 1: trying again cannot help
   * (wrong password). next_try_ms: when the next attempt is made, 0 none */
  void (*state)(evs_host *host, int32_t connected, int32_t fatal, evs_bytes message, uint64_t next_try_ms);
  /* answer to close(): the last call of a transport */
  void (*closed)(evs_host *host);
  void (*published)(evs_host *host, const evs_tp_outcome *outcomes, size_t count);
  void (*settled)(evs_host *host, const evs_tp_outcome *outcomes, size_t count);
  /* answer of request(): JSON text, or a failure with a message */
  void (*replied)(evs_host *host, uint64_t token, evs_status status, evs_bytes json_or_message);
  /* the group is established on all topics known by now */
  void (*joined)(evs_host *host, uint64_t group);
  /* the group gave everything back and reads no more */
  void (*left)(evs_host *host, uint64_t group);
  /* gives how many of them, from the first on, were taken. The others were not, since memory is short: they
   * are as if they had never been delivered, and the transport tries again after a while */
  size_t (*deliver)(evs_host *host, uint64_t group, const evs_tp_entry *entries, size_t count);
  /* how many more entries the group takes now */
  uint32_t (*credits)(evs_host *host, uint64_t group);
  /* 1 if the group has a subscription that can match this full type, at any origin; type "*": any; type "":
   * nobody said what the topic holds, and the group has a subscription for which no topic is named */
  int32_t (*wants)(evs_host *host, uint64_t group, evs_bytes topic, evs_bytes full_type);
  /* the live members of a group on one topic: JSON [{consumer, self, subscriptions}]; one that is alone needs
   * no subscriptions */
  void (*members)(evs_host *host, uint64_t group, evs_bytes topic, int32_t partition, uint64_t version,
                  evs_bytes json);
  /* counts something under a name of libevents/src/observe/counters.def; topic may be empty */
  void (*count)(evs_host *host, const char *counter, uint64_t amount);
  /* level: 0 debug, 1 info, 2 warn, 3 error; rate-limited per message text */
  void (*log)(evs_host *host, int32_t level, const char *message);
  /* an operator paused the group (paused 1): what waits for a handler comes back as released settlements, and
   * the transport delivers nothing; or it goes on (0) */
  void (*paused)(evs_host *host, uint64_t group, int32_t paused);
  /* of an ordered stream: handlers may begin its entries until this time of the monotonic clock (ms), which a
   * transport moves on as long as nobody else may take the stream. 0: it is given up, or was lost. What no
   * handler has then comes back as released settlements, and what was set aside is forgotten. A transport
   * that never calls it holds its streams for ever. */
  void (*lease)(evs_host *host, const evs_tp_place *stream, uint64_t until_ms);
  /* the transport's wake() is called after so many ms, or earlier when something else asked for that */
  void (*wake)(evs_host *host, uint64_t after_ms);
  /* the monotonic clock that delays and leases count by */
  uint64_t (*now_ms)(evs_host *host);
  /* gives the program a record: an EVS_REPORT_TRANSPORT with this token and JSON text. 0: memory is short */
  int32_t (*tell)(evs_host *host, uint64_t token, evs_bytes json);
  /* memory is too short for what was asked of the group: join(), leave(), resume(), or a recall() that is
   * still running, is called again after a while */
  void (*again)(evs_host *host, uint64_t group);
} evs_host_ops;

/* A transport's functions. */
typedef struct evs_transport_ops {
  uint32_t struct_size;
  uint32_t abi;
  const char *type;      /* "memory", "redis-streams" */
  uint64_t capabilities; /* EVS_CAP_… */

  /* builds a transport from its configuration, of a plug-in the object `options`; opens nothing. env is
   * internal to libevents (a const evsi_world of base/world.h: clock, random numbers, loop) and NULL for
   * plug-ins. The ops table and host outlive it. */
  evs_status (*create)(const evs_host_ops *ops, evs_host *host, const void *env, const char *name,
                       const char *config_json, size_t config_size, evs_transport **out_transport,
                       evs_error **out_error);
  void (*connect)(evs_transport *transport); /* begin; tells host->state(); keeps trying until close() */
  /* begin to stop: hand back every entry that is not settled, answer every open publish and settlement
   * (what cannot be sent within deadline_ms as a failure), then call host->closed(). With EVS_CAP_DIRECT it
   * may be connected again after that; of others a new one is made then */
  void (*close)(evs_transport *transport, uint32_t deadline_ms);
  void (*destroy)(evs_transport *transport); /* frees; after close, or without connect */
  void (*publish)(evs_transport *transport, const evs_tp_event *events, size_t count);
  void (*join)(evs_transport *transport, const evs_tp_group *group);
  void (*leave)(evs_transport *transport, uint64_t group);
  void (*resume)(evs_transport *transport, uint64_t group); /* credits() may have risen */
  void (*settle)(evs_transport *transport, const evs_tp_settlement *settlements, size_t count);
  /* those of docs/requests.md that are about a store; with EVS_CAP_DLQ also the "job." requests that
   * operations on dead letters rest on (docs/decisions/0008-operations.md), and where schemas can be kept
   * "schemas.read" and "schemas.write" (docs/decisions/0024-schemas.md); answers replied() */
  void (*request)(evs_transport *transport, const char *method, const char *params_json, size_t params_size,
                  uint64_t token);
  /* keeps a document about this system for ttl_ms where the request "fleet" of other systems finds it; with
   * ttl_ms 0 takes it back. May be NULL: nobody else sees this store. Not answered: it comes again soon. */
  void (*announce)(evs_transport *transport, evs_bytes service, evs_bytes instance, evs_bytes document,
                   uint32_t ttl_ms);
  /* with EVS_CAP_ORDERING: gives an entry again that was set aside, when there are credits, in the order that
   * they were asked for */
  void (*recall)(evs_transport *transport, const evs_tp_place *places, size_t count);
  /* what host->wake() asked for. May be NULL: it never does */
  void (*wake)(evs_transport *transport);
} evs_transport_ops;

/* A shared object that holds a transport has one function of this type, named EVS_TRANSPORT_ENTRY. It gives a
 * table that stays as it is until the process ends; the object is never unloaded. */
typedef const evs_transport_ops *(*evs_transport_entry_fn)(void);
#define EVS_TRANSPORT_ENTRY "evs_transport_entry"

#pragma GCC visibility push(default)

/* evs_transport_register - makes a transport of this program known by its type, for configurations that name
 * it:
 * {"type": "plugin", "plugin": <type>}. The table is lent until the process ends.
 * errors: EVS_CONFIG for a table that does not fit this library, EVS_CONFLICT when another one has this type
 */
evs_status evs_transport_register(const evs_transport_ops *ops, evs_error **out_error);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif
#endif
