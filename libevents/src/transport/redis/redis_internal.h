/* SPDX-License-Identifier: MIT
 * redis_internal.h - one redis-streams transport. Private to transport/redis. All @thread io. */
#ifndef EVSI_REDIS_INTERNAL_H
#define EVSI_REDIS_INTERNAL_H

#include <jansson.h>

#include "base/alloc.h"
#include "transport/redis/redis_group.h"
#include "transport/redis/redis_transport.h"

enum { EVSI_REDIS_OUTCOMES = 256, EVSI_REDIS_POKES = 64 };

typedef struct evsi_redis_request evsi_redis_request;
typedef struct evsi_redis_topic evsi_redis_topic;
typedef struct evsi_redis_wait evsi_redis_wait;
typedef struct evsi_redis_store evsi_redis_store;
typedef struct evsi_redis_delayed evsi_redis_delayed;
typedef struct evsi_redis_trim evsi_redis_trim;

/* Outcomes that go to the host together. */
typedef struct evsi_redis_outcomes {
  evs_tp_outcome list[EVSI_REDIS_OUTCOMES];
  char offsets[EVSI_REDIS_OUTCOMES][EVSI_REDIS_ID_TEXT];
  size_t count;
} evsi_redis_outcomes;

/* A reader of another member that is to be woken. */
typedef struct evsi_redis_poke {
  int64_t client_id;
  uint32_t tries;
  bool is_sent;
} evsi_redis_poke;

/* For whom a heartbeat is due. */
typedef enum evsi_beat_due { EVSI_BEAT_NONE, EVSI_BEAT_SOME, EVSI_BEAT_ALL } evsi_beat_due;

struct evs_transport {
  const evs_host_ops *ops;
  evs_host *host;
  const evsi_world *world;
  char *name;
  evsi_redis_config config;
  evsi_redis_net *net; /* outlives this until the last socket is closed */
  evsi_redis_conn command;
  evsi_redis_scripts scripts;

  evsi_redis_topic *topics;     /* published to */
  evsi_redis_topic *last_topic; /* of them; mostly the next event goes there, too */
  evsi_redis_outcomes published;
  uint64_t publishing;     /* events without an outcome */
  evsi_redis_conn durable; /* publishes what waits for replicas or the disk, which block a connection */
  uint32_t fsync_probes;
  bool has_waitaof, is_always_synced, is_durable_ready;
  evsi_redis_wait *waits;  /* of the vector at hand */
  evsi_redis_store *store; /* the call that is being collected, or NULL */

  evsi_redis_delayed *delayed; /* streams with entries that are due later, as far as is known */
  evsi_timer *delay_timer;
  bool is_delay_refused;   /* this user may not move them; told once a connection */
  uint64_t delay_again_ms; /* when it is tried again */

  char registry_id[64]; /* identity and version of the registry as last read */
  char registry_version[32];
  char own_registry_id[64]; /* identity of the registry that we wrote to */
  bool is_reading_registry, must_read_registry;
  json_t *known_topics;  /* names in the registry as last read; NULL: never read */
  json_t *found_streams; /* names of streams that a scan found and nobody registered, or NULL */
  uint64_t scan_ms;      /* when to look for streams that nobody registered */
  bool is_scanning;
  json_t *seen_streams; /* names that a request found by their keys, or NULL */
  uint64_t seen_until_ms;
  json_t *looked_at; /* topics that were looked for in the plain layout beside ours, or NULL */
  bool is_foreign_told;

  evsi_redis_trim *trims; /* streams that are kept within their limits */
  uint32_t trimming;      /* of them being looked at */
  bool must_not_trim;     /* its user may not */
  uint64_t retention_looks;

  evsi_redis_group *groups;
  evsi_redis_outcomes settled;
  evsi_timer *work_timer, *beat_timer, *discover_timer, *due_timer, *poke_timer, *retention_timer,
      *close_timer;
  bool work_due, is_working;
  evsi_beat_due beat_due; /* before its time comes */
  uint32_t beats_open;    /* without an answer */
  uint64_t beat_sent_ms, beat_all_ms, due_ms;
  evsi_redis_poke pokes[EVSI_REDIS_POKES];
  size_t poke_count;

  uint32_t requests; /* without an answer; what announces this system counts too */
  bool is_pause_asked, must_ask_pause;
  bool is_pause_refused, is_fleet_refused,
      is_look_refused; /* the server does not let us; told once a connection */
  bool is_looking;     /* for what others changed */
  json_t *outboxes;    /* names of streams, while what is in their outboxes begins to be sent */
  bool uses_outboxes;  /* sent dead letters to another topic */
  bool is_replaying;   /* looks into outboxes that others left behind */
  bool is_connected, is_closing, is_finished, is_closed_told;
};

/* ---- redis_transport.c ---- */
/* The connection that serves a key: the one place that has to change for several servers. */
evsi_redis_conn *evsi_redis_conn_for_key(evs_transport *transport, const char *key);
uint64_t evsi_redis_now(const evs_transport *transport);
/* Work is done once in this turn of the loop. */
void evsi_redis_work_later(evs_transport *transport);
void evsi_redis_work(evs_transport *transport);
void evsi_redis_log(evs_transport *transport, int32_t level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void evsi_redis_count(evs_transport *transport, const char *counter, uint64_t amount);
uint32_t evsi_redis_credits(const evsi_redis_group *group);
void evsi_redis_group_gone(evs_transport *transport); /* a group was removed */

/* ---- redis_publish.c ---- */
void evsi_redis_publish(evs_transport *transport, const evs_tp_event *events, size_t count);
void evsi_redis_publish_report(evs_transport *transport); /* gives collected outcomes to the host */
void evsi_redis_publish_forget(evs_transport *transport); /* every type is registered again when used */
void evsi_redis_publish_register_all(evs_transport *transport);
void evsi_redis_publish_free(evs_transport *transport);

/* ---- redis_acknowledge.c ---- */
bool evsi_redis_durable_init(evs_transport *transport);
void evsi_redis_durable_stop(evs_transport *transport);

/* ---- redis_delay.c ---- */
bool evsi_redis_delay_init(evs_transport *transport);
/* Which streams have something due soon: {name, ms…}. */
void evsi_redis_delay_seen(evs_transport *transport, const evsi_redis_reply *streams);
void evsi_redis_delay_free(evs_transport *transport);

/* ---- redis_topics.c ---- */
/* What the registry is now: {identity, version}. */
void evsi_redis_topics_seen(evs_transport *transport, const evsi_redis_reply *registry);
void evsi_redis_topics_read(evs_transport *transport); /* reads all of it, for all groups */
/* Is it still open which streams a group reads? */
bool evsi_redis_topics_awaited(const evsi_redis_group *group);

/* ---- redis_look.c ---- */
void evsi_redis_look(evs_transport *transport); /* did others change anything? */

/* ---- redis_foreign.c ---- */
/* A topic is in use: does it exist in the plain layout too? Looks once for each. */
void evsi_redis_foreign_look(evs_transport *transport, const char *topic);

/* ---- redis_heartbeat.c ---- */
void evsi_redis_beat(evs_transport *transport);
void evsi_redis_beat_soon(evs_transport *transport);
void evsi_redis_beat_stream_soon(evsi_redis_stream *stream);

/* ---- redis_members.c ---- */
void evsi_redis_poke_send(evs_transport *transport);

/* ---- redis_pause.c ---- */
void evsi_redis_pause_ask(evs_transport *transport); /* which groups of this process are paused? */

/* ---- redis_fleet.c ---- */
void evsi_redis_announce(evs_transport *transport, evs_bytes service, evs_bytes instance, evs_bytes document,
                         uint32_t ttl_ms);

/* ---- redis_retention.c ---- */
void evsi_redis_retention_look(evs_transport *transport);
/* Something happened in this stream. NULL when memory is short. */
evsi_redis_trim *evsi_redis_retention_touch(evs_transport *transport, const char *name);
/* An event was published to it, by a route with these limits. */
void evsi_redis_retention_published(evsi_redis_trim *trim, evs_bytes limits);
void evsi_redis_retention_free(evs_transport *transport);

/* ---- redis_request.c ---- */
void evsi_redis_request_start(evs_transport *transport, const char *method, const char *params_json,
                              size_t params_size, uint64_t token);

#endif
