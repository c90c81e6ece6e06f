/* SPDX-License-Identifier: MIT
 * host.h - what a program around libevents does, short enough for tests: open, subscribe, publish, take one
 * message, settle it. Public ABI only. Each fails the running test when the library does not do as asked. */
#ifndef HOST_H
#define HOST_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "libevents.h"

/* One message, copied out of its batch; longer texts are cut. */
typedef struct host_message {
  uint64_t subscription, delivery;
  uint32_t attempt, deliveries;
  char id[80], type[80], group[80], pattern[80], topic[80], offset[40], content_type[80], origin[80];
  char body[256], headers[512], requeue[256];
  char version[40], validation[1024];
} host_message;

typedef struct host_report {
  uint64_t token;
  evs_status status;
  uint32_t outcome, attempts, acknowledgement, is_duplicate;
  char id[80], topic[80], offset[40], message[1024]; /* of a log entry, or a call to a transport: its JSON */
} host_report;

/* Formats a configuration and opens a system from it. */
evs_system *host_open(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same, connected and ready. */
evs_system *host_connect(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Closes with a deadline, takes the last record and releases. */
void host_close(evs_system *system, uint32_t deadline_ms);

/* A request that must succeed; json_decref() the answer. params: a format of JSON. */
json_t *host_call(evs_system *system, const char *method, const char *params, ...)
    __attribute__((format(printf, 3, 4)));
void host_ready(evs_system *system);
uint64_t host_subscribe(evs_system *system, const char *format, ...) __attribute__((format(printf, 2, 3)));

evs_bytes host_bytes(const char *text);
evs_event host_event(const char *type, const char *body);
/* Publishes one event, waits, gives what became of it. */
host_report host_try(evs_system *system, const evs_event *event);
/* The same, and it must be stored. */
host_report host_publish(evs_system *system, const char *type, const char *body);

/* Publishes events e-<from>, e-<from + 1> … with these types in turn and their number as body; all must be
 * stored. */
void host_publish_many(evs_system *system, const char *const *types, int type_count, int from, int count);
/* The same of one type; event e-<i> has the key k-<i % keys>. */
void host_publish_keyed(evs_system *system, const char *type, int keys, int from, int count);

/* Takes one message; false when none came in time. */
bool host_take(evs_system *system, host_message *out, uint32_t timeout_ms);
/* Takes one that must come. */
host_message host_next(evs_system *system);
/* Takes reports until one of this kind came; false when none did in time. */
bool host_report_of(evs_system *system, uint32_t kind, host_report *out, uint32_t timeout_ms);
/* Settle; give whether the library still knew the delivery. */
bool host_ack(evs_system *system, uint64_t delivery);
bool host_fail(evs_system *system, uint64_t delivery, uint32_t kind, const char *error_class);
bool host_later(evs_system *system, uint64_t delivery, uint64_t delay_ms);

/* One number of the statistics, by section and name; -1 when there is none. */
long long host_stat(evs_system *system, const char *section, const char *name);
/* The statistics or the status as JSON. */
json_t *host_stats(evs_system *system);
json_t *host_status(evs_system *system);
/* Opening or subscribing must fail so; the error's JSON, json_decref(). */
json_t *host_refused(evs_status status, evs_status expected, evs_error *error);

/* Is there a problem at this path that says (or hints) this? */
bool host_has_problem(const json_t *error, const char *path, const char *text);

#endif
