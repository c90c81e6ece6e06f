/* SPDX-License-Identifier: MIT
 * evs_python.c - see evs_python.h. Only packs and unpacks; knows nothing of Python. */
#include "evs_python.h"

#include <stdlib.h>
#include <string.h>

/* Where the next text is cut from. */
typedef struct text_cursor {
  const char *text;
  const uint64_t *ends;
  uint64_t at;
  uint64_t left; /* texts of this event; the rest are empty */
} text_cursor;

static evs_bytes next_text(text_cursor *cursor) {
  if (cursor->left == 0)
    return (evs_bytes){0};
  cursor->left--;
  uint64_t end = *cursor->ends++;
  evs_bytes bytes = {cursor->text + cursor->at, end - cursor->at};
  cursor->at = end;
  return bytes;
}

static void read_event(evs_event *event, const uint64_t *numbers, text_cursor *cursor) {
  cursor->left = numbers[0];
  event->struct_size = sizeof *event;
  event->partition = (int32_t)numbers[1];
  event->timeout_ms = (uint32_t)numbers[2];
  event->delay_ms = numbers[3];
  event->acknowledgement = (uint32_t)numbers[4];
  event->replicas = (uint32_t)numbers[5];
  event->acknowledge_timeout_ms = (uint32_t)numbers[6];
  event->type = next_text(cursor);
  event->body = next_text(cursor);
  event->content_type = next_text(cursor);
  event->headers = next_text(cursor);
  event->key = next_text(cursor);
  event->id = next_text(cursor);
  event->timestamp = next_text(cursor);
  event->version = next_text(cursor);
  event->transport = next_text(cursor);
  event->batch_key = next_text(cursor);
  event->topic = next_text(cursor);
  event->origin = next_text(cursor);
  event->origin_prefix = next_text(cursor);
}

evs_status evspy_publish(evs_system *system, size_t count, uint64_t first_token, const uint64_t *numbers,
                         const uint64_t *ends, const char *text, size_t *out_accepted,
                         evs_error **out_error) {
  evs_event *events = calloc(count ? count : 1, sizeof *events);
  *out_accepted = 0;
  if (!events)
    return EVS_NOMEM;
  text_cursor cursor = {text, ends, 0, 0};
  for (size_t i = 0; i < count; i++) {
    events[i].token = first_token + i;
    read_event(&events[i], numbers + i * EVSPY_EVENT_NUMBERS, &cursor);
  }
  evs_status status = evs_publish(system, events, count, out_accepted, out_error);
  free(events);
  return status;
}

evs_status evspy_fail(evs_system *system, size_t count, const uint64_t *numbers, const uint64_t *ends,
                      const char *text, size_t *out_stale, evs_error **out_error) {
  evs_failure *failures = calloc(count ? count : 1, sizeof *failures);
  if (!failures)
    return EVS_NOMEM;
  text_cursor cursor = {text, ends, 0, 0};
  for (size_t i = 0; i < count; i++) {
    cursor.left = EVSPY_FAILURE_TEXTS;
    evs_failure *failure = &failures[i];
    failure->struct_size = sizeof *failure;
    failure->delivery = numbers[i * EVSPY_FAILURE_NUMBERS];
    failure->kind = (uint32_t)numbers[i * EVSPY_FAILURE_NUMBERS + 1];
    failure->delay_ms = numbers[i * EVSPY_FAILURE_NUMBERS + 2];
    failure->error_class = next_text(&cursor);
    failure->message = next_text(&cursor);
    failure->stack = next_text(&cursor);
  }
  evs_status status = evs_fail(system, failures, count, out_stale, out_error);
  free(failures);
  return status;
}

enum {
  MESSAGE_TEXTS = EVSPY_MESSAGE_COLUMNS - EVSPY_MESSAGE_ID,
  REPORT_TEXTS = EVSPY_REPORT_COLUMNS - EVSPY_REPORT_ID
};

/* In the order of the columns from EVSPY_MESSAGE_ID on. */
static void message_texts(const evs_message *message, evs_bytes texts[MESSAGE_TEXTS]) {
  const evs_bytes ordered[MESSAGE_TEXTS] = {
      message->id,        message->type,    message->origin,       message->origin_prefix, message->timestamp,
      message->version,   message->hash,    message->content_type, message->headers,       message->body,
      message->transport, message->topic,   message->offset,       message->group,         message->consumer,
      message->pattern,   message->requeue, message->validation,
  };
  memcpy(texts, ordered, sizeof ordered);
}

/* In the order of the columns from EVSPY_REPORT_ID on. */
static void report_texts(const evs_report *report, evs_bytes texts[REPORT_TEXTS]) {
  const evs_bytes ordered[REPORT_TEXTS] = {report->id,     report->transport, report->topic,
                                           report->offset, report->message,   report->detail};
  memcpy(texts, ordered, sizeof ordered);
}

static size_t total_size(const evs_bytes *texts, size_t count) {
  size_t total = 0;
  for (size_t i = 0; i < count; i++)
    total += texts[i].size;
  return total;
}

void evspy_batch_sizes(const evs_batch *batch, size_t *out_messages, size_t *out_reports,
                       size_t *out_text_size) {
  const evs_message *messages = evs_batch_messages(batch, out_messages);
  const evs_report *reports = evs_batch_reports(batch, out_reports);
  evs_bytes texts[MESSAGE_TEXTS];
  *out_text_size = 0;
  for (size_t i = 0; i < *out_messages; i++) {
    message_texts(&messages[i], texts);
    *out_text_size += total_size(texts, MESSAGE_TEXTS);
  }
  for (size_t i = 0; i < *out_reports; i++) {
    report_texts(&reports[i], texts);
    *out_text_size += total_size(texts, REPORT_TEXTS);
  }
}

/* Copies texts to `text` + `at` and writes where they begin, then the end of each from there. */
static size_t copy_texts(const evs_bytes *texts, size_t count, int64_t *columns, char *text, size_t at) {
  size_t end = 0;
  *columns++ = (int64_t)at;
  for (size_t i = 0; i < count; i++) {
    if (texts[i].size)
      memcpy(text + at + end, texts[i].data, texts[i].size);
    end += texts[i].size;
    *columns++ = (int64_t)end;
  }
  return at + end;
}

static void copy_message_numbers(const evs_message *message, int64_t *columns) {
  columns[EVSPY_MESSAGE_SUBSCRIPTION] = (int64_t)message->subscription;
  columns[EVSPY_MESSAGE_DELIVERY] = (int64_t)message->delivery;
  columns[EVSPY_MESSAGE_ATTEMPT] = message->attempt;
  columns[EVSPY_MESSAGE_DELIVERIES] = message->deliveries;
  columns[EVSPY_MESSAGE_HANDLER_TIMEOUT] = (int64_t)message->handler_timeout_ms;
  columns[EVSPY_MESSAGE_PARTITION] = message->partition;
}

static void copy_report_numbers(const evs_report *report, int64_t *columns) {
  columns[EVSPY_REPORT_KIND] = report->kind;
  columns[EVSPY_REPORT_TOKEN] = (int64_t)report->token;
  columns[EVSPY_REPORT_STATUS] = report->status;
  columns[EVSPY_REPORT_OUTCOME] = report->outcome;
  columns[EVSPY_REPORT_ATTEMPTS] = report->attempts;
  columns[EVSPY_REPORT_PARTITION] = report->partition;
  columns[EVSPY_REPORT_ACKNOWLEDGEMENT] = report->acknowledgement;
  columns[EVSPY_REPORT_DUPLICATE] = report->is_duplicate;
}

void evspy_batch_copy(const evs_batch *batch, int64_t *columns, char *text) {
  size_t message_count, report_count, at = 0;
  const evs_message *messages = evs_batch_messages(batch, &message_count);
  const evs_report *reports = evs_batch_reports(batch, &report_count);
  evs_bytes texts[MESSAGE_TEXTS];
  for (size_t i = 0; i < message_count; i++, columns += EVSPY_MESSAGE_COLUMNS) {
    copy_message_numbers(&messages[i], columns);
    message_texts(&messages[i], texts);
    at = copy_texts(texts, MESSAGE_TEXTS, columns + EVSPY_MESSAGE_START, text, at);
  }
  for (size_t i = 0; i < report_count; i++, columns += EVSPY_REPORT_COLUMNS) {
    copy_report_numbers(&reports[i], columns);
    report_texts(&reports[i], texts);
    at = copy_texts(texts, REPORT_TEXTS, columns + EVSPY_REPORT_START, text, at);
  }
}
