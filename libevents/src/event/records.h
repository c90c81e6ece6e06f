/* SPDX-License-Identifier: MIT
 * records.h - reports on their way to the host, and the batches in which hosts take them. */
#ifndef EVSI_RECORDS_H
#define EVSI_RECORDS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/wake.h"
#include "libevents.h"

/* A report with its bytes, in one block (base/blocks.h). */
typedef struct evsi_report {
  struct evsi_report *next;
  evs_report public; /* points into bytes */
  char bytes[];
} evsi_report;

/* Copies a report and everything it points to. NULL when memory is short. */
evsi_report *evsi_report_new(const evs_report *from);
void evsi_report_free(evsi_report *report); /* NULL is fine */

typedef struct evsi_records {
  pthread_mutex_t lock;
  evsi_report *head;
  evsi_report **tail;
  size_t logs;              /* how many of them are log records: these are bounded */
  _Atomic size_t publishes; /* and how many tell of an event: its publisher bounds these */
  evsi_wake *wake;
} evsi_records;

void evsi_records_init(evsi_records *records, evsi_wake *wake);
void evsi_records_destroy(evsi_records *records); /* frees what nobody took */
/* Takes a list of reports linked by next. Wakes the host once. */
void evsi_records_add(evsi_records *records, evsi_report *first);
/* Takes a log record; false: too many wait already, and it was freed. */
bool evsi_records_add_log(evsi_records *records, evsi_report *record);

struct evs_batch {
  evs_message *messages;
  void **holds; /* per message: what keeps its bytes */
  size_t message_count;
  size_t message_capacity;
  void (*release)(void **holds, size_t count);
  evs_report *reports;
  size_t report_count;
  evsi_report *nodes;
};

evs_batch *evsi_batch_new(void);
bool evsi_batch_reserve(evs_batch *batch, size_t messages);
/* Moves up to max reports into the batch; *out_left: some remain. False when memory is short. */
bool evsi_records_take(evsi_records *records, evs_batch *batch, size_t max, bool *out_left);
/* Does any report wait? */
bool evsi_records_any(evsi_records *records);
/* How many that tell of a published event wait to be taken; from any thread, without a lock. */
size_t evsi_records_publishes(const evsi_records *records);
/* Fills the batch from a list of reports it then owns; in the list's order. */
bool evsi_batch_set_reports(evs_batch *batch, evsi_report *first, size_t count);
void evsi_batch_free(evs_batch *batch);

#endif
