/* SPDX-License-Identifier: MIT
 * records.c - see records.h. */
#include "event/records.h"

#include "base/alloc.h"
#include "base/blocks.h"
#include "base/buf.h"

enum { LOGS_MAX = 256 };

evsi_report *evsi_report_new(const evs_report *from) {
  size_t size = 6 + from->id.size + from->transport.size + from->topic.size + from->offset.size +
                from->message.size + from->detail.size;
  evsi_report *report = evsi_block(sizeof *report + size);
  if (!report)
    return NULL;
  report->next = NULL;
  report->public = *from;
  report->public.struct_size = sizeof report->public;
  char *at = report->bytes;
  report->public.id = evsi_bytes_place(&at, from->id);
  report->public.transport = evsi_bytes_place(&at, from->transport);
  report->public.topic = evsi_bytes_place(&at, from->topic);
  report->public.offset = evsi_bytes_place(&at, from->offset);
  report->public.message = evsi_bytes_place(&at, from->message);
  report->public.detail = evsi_bytes_place(&at, from->detail);
  return report;
}

void evsi_report_free(evsi_report *report) {
  evsi_block_free(report);
}

void evsi_records_init(evsi_records *records, evsi_wake *wake) {
  pthread_mutex_init(&records->lock, NULL);
  records->head = NULL;
  records->tail = &records->head;
  records->logs = 0;
  atomic_init(&records->publishes, 0);
  records->wake = wake;
}

static void free_list(evsi_report *report) {
  while (report) {
    evsi_report *next = report->next;
    evsi_report_free(report);
    report = next;
  }
}

void evsi_records_destroy(evsi_records *records) {
  free_list(records->head);
  pthread_mutex_destroy(&records->lock);
}

/* @locks records */
static void append(evsi_records *records, evsi_report *report) {
  report->next = NULL;
  *records->tail = report;
  records->tail = &report->next;
}

void evsi_records_add(evsi_records *records, evsi_report *first) {
  pthread_mutex_lock(&records->lock);
  size_t publishes = 0;
  while (first) {
    evsi_report *report = first;
    first = report->next;
    publishes += report->public.kind == EVS_REPORT_PUBLISH;
    append(records, report);
  }
  atomic_fetch_add(&records->publishes, publishes);
  pthread_mutex_unlock(&records->lock);
  evsi_wake_signal(records->wake, EVSI_WAKE_REPORTS);
}

bool evsi_records_add_log(evsi_records *records, evsi_report *record) {
  pthread_mutex_lock(&records->lock);
  bool has_room = records->logs < LOGS_MAX;
  if (has_room) {
    records->logs++;
    append(records, record);
  }
  pthread_mutex_unlock(&records->lock);
  if (has_room)
    evsi_wake_signal(records->wake, EVSI_WAKE_REPORTS);
  else
    evsi_report_free(record);
  return has_room;
}

evs_batch *evsi_batch_new(void) {
  return evsi_calloc(1, sizeof(evs_batch));
}

bool evsi_batch_reserve(evs_batch *batch, size_t messages) {
  enum { FIRST = 16 };
  size_t capacity = batch->message_capacity ? batch->message_capacity : FIRST;
  if (messages <= batch->message_capacity)
    return true;
  while (capacity < messages)
    capacity *= 2;
  evs_message *grown = evsi_realloc(batch->messages, capacity * sizeof *grown);
  if (!grown)
    return false;
  batch->messages = grown;
  void **holds = evsi_realloc(batch->holds, capacity * sizeof *holds);
  if (!holds)
    return false;
  batch->holds = holds;
  batch->message_capacity = capacity;
  return true;
}

static bool has_room(evs_batch *batch, size_t reports) {
  batch->reports = evsi_alloc((reports ? reports : 1) * sizeof *batch->reports);
  return batch->reports != NULL;
}

static void fill_reports(evs_batch *batch, evsi_report *first) {
  batch->nodes = first;
  for (; first; first = first->next)
    batch->reports[batch->report_count++] = first->public;
}

bool evsi_batch_set_reports(evs_batch *batch, evsi_report *first, size_t count) {
  if (has_room(batch, count)) {
    fill_reports(batch, first);
    return true;
  }
  free_list(first);
  return false;
}

bool evsi_records_take(evsi_records *records, evs_batch *batch, size_t max, bool *out_left) {
  pthread_mutex_lock(&records->lock);
  evsi_report *first = records->head;
  evsi_report *last = NULL;
  size_t count = 0, logs = 0, publishes = 0;
  for (evsi_report *report = first; report && count < max; report = report->next, count++) {
    last = report;
    logs += report->public.kind == EVS_REPORT_LOG;
    publishes += report->public.kind == EVS_REPORT_PUBLISH;
  }
  bool can_take = count == 0 || has_room(batch, count); /* before: what was taken must not be lost */
  if (last && can_take) {
    records->head = last->next;
    if (!records->head)
      records->tail = &records->head;
    last->next = NULL;
    records->logs -= logs;
    atomic_fetch_sub(&records->publishes, publishes);
    fill_reports(batch, first);
  }
  *out_left = records->head != NULL;
  pthread_mutex_unlock(&records->lock);
  return can_take;
}

size_t evsi_records_publishes(const evsi_records *records) {
  return atomic_load(&records->publishes);
}

bool evsi_records_any(evsi_records *records) {
  pthread_mutex_lock(&records->lock);
  bool any = records->head != NULL;
  pthread_mutex_unlock(&records->lock);
  return any;
}

void evsi_batch_free(evs_batch *batch) {
  if (!batch)
    return;
  if (batch->message_count > 0)
    batch->release(batch->holds, batch->message_count);
  evsi_free(batch->messages);
  evsi_free(batch->holds);
  evsi_free(batch->reports);
  free_list(batch->nodes);
  evsi_free(batch);
}
