/* SPDX-License-Identifier: MIT
 * libevents_testing.h - a kit for tests of C programs: a system on memory whose clock stands still until the
 * test moves it, what was published and handled, failures on demand. Over libevents.h alone; conventions as
 * there.
 *
 * A kit belongs to one thread. It takes the messages of its system; reports are left to the program. */
#ifndef LIBEVENTS_TESTING_H
#define LIBEVENTS_TESTING_H

#include "libevents.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct evs_testing evs_testing;

/* EVS_OK: handled; anything else is a failed attempt. The message is lent for the call. */
typedef evs_status (*evs_testing_handler)(void *data, const evs_message *message);

/* evs_testing_open - opens and connects a system. config_json: as for evs_system_open(), every transport of
 * type memory; NULL: one of them. gives: *out_kit, freed with evs_testing_close(). errors: as
 * evs_system_open() */
evs_status evs_testing_open(const char *config_json, size_t config_size, evs_testing **out_kit,
                            evs_error **out_error);
/* evs_testing_close - closes the system and frees everything; NULL is fine. */
void evs_testing_close(evs_testing *kit);
/* evs_testing_system - for all that libevents.h offers. lends: until evs_testing_close() */
evs_system *evs_testing_system(evs_testing *kit);

/* evs_testing_subscribe - a handler for a pattern; options as for evs_subscribe(). Not within a handler. */
evs_status evs_testing_subscribe(evs_testing *kit, const char *options_json, evs_testing_handler handler,
                                 void *data, evs_error **out_error);

/* evs_testing_now - milliseconds that the clock has gone since the kit was opened. */
uint64_t evs_testing_now(const evs_testing *kit);
/* evs_testing_settle - runs all that is due now, handlers too, and what follows from it. */
evs_status evs_testing_settle(evs_testing *kit, evs_error **out_error);
/* evs_testing_advance - moves the clock, stopping wherever something is due, and lets it happen. */
evs_status evs_testing_advance(evs_testing *kit, uint64_t ms, evs_error **out_error);

/* evs_testing_publish - publishes, waits for the outcome and settles. errors: those of the outcome. Events
 * that wait for the clock (batches, rate limits) go by evs_publish() and evs_testing_advance(). */
evs_status evs_testing_publish(evs_testing *kit, const evs_event *event, evs_error **out_error);
/* evs_testing_fail_publish - the next `times` events that match do not get through. outcome: "refused" for
 * good, "unreachable" or "full" (tried again), "unknown" (not stored, no answer) or "lost" (stored, no
 * answer). */
evs_status evs_testing_fail_publish(evs_testing *kit, const char *pattern, const char *outcome,
                                    uint32_t times, evs_error **out_error);

/* evs_testing_fail_handling - the next `times` handlers of events that match have run, and yet it was for
 * nothing. outcome: "failed" (the attempt failed, behind what it did) or "crashed" (its process ended before
 * the event was acknowledged: it comes again, `attempt` as before and `deliveries` one more). */
evs_status evs_testing_fail_handling(evs_testing *kit, const char *pattern, const char *outcome,
                                     uint32_t times, evs_error **out_error);

/* evs_testing_published - what came to the transports, in order. gives: *out_json, an array of {type,
 * fullType, body, id, headers, topic, partition, outcome: "stored" | "refused" | "unknown", at}; free() */
evs_status evs_testing_published(evs_testing *kit, const char *pattern, char **out_json,
                                 evs_error **out_error);
/* evs_testing_handled - runs of handlers, in order. gives: *out_json, an array of {type, fullType, body, id,
 * attempt, deliveries, pattern, outcome: "done" | "failed" | "later", status, at}; free() */
evs_status evs_testing_handled(evs_testing *kit, const char *pattern, char **out_json, evs_error **out_error);

/* evs_testing_expect_published - EVS_OK when so many events that match were stored.
 * errors: EVS_NOT_FOUND, whose message tells what was published */
evs_status evs_testing_expect_published(evs_testing *kit, const char *pattern, size_t times,
                                        evs_error **out_error);
/* evs_testing_expect_handled - the same of handlers that were done. */
evs_status evs_testing_expect_handled(evs_testing *kit, const char *pattern, size_t times,
                                      evs_error **out_error);

typedef struct evs_testing_idempotence {
  evs_testing_handler handler;
  void *data;                                           /* for both */
  void (*snapshot)(void *data, char *out, size_t size); /* what the handler may change, as text; or NULL */
} evs_testing_idempotence;

/* evs_testing_expect_idempotent - publishes the event, delivers it twice, and compares what the handler left
 * behind after each: the snapshot, and events that it published. errors: EVS_CONFLICT, whose message tells
 * what the second delivery changed; what the handler gave when it failed */
evs_status evs_testing_expect_idempotent(evs_testing *kit, const evs_event *event,
                                         const evs_testing_idempotence *subject, evs_error **out_error);

#ifdef __cplusplus
}
#endif
#endif
