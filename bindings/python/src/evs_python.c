/* SPDX-License-Identifier: MIT
 * evs_python.c - see evs_python.h. Only packs and unpacks; knows nothing of Python. */
#include "evs_python.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Gives what comes next of a text, and moves on. */
static evs_bytes take(evs_bytes *left, size_t size) {
  evs_bytes taken = {left->data, size};
  left->data += size;
  left->size -= size;
  return taken;
}

static evs_bytes take_line(evs_bytes *left) {
  const char *end = memchr(left->data, '\n', left->size);
  evs_bytes line = take(left, end ? (size_t)(end - left->data) : left->size);
  take(left, end ? 1 : 0);
  return line;
}

static void read_options(evs_event *event, evs_bytes *left) {
  uint64_t numbers[EVSPY_EVENT_NUMBERS], sizes[EVSPY_EVENT_TEXTS];
  memcpy(numbers, take(left, sizeof numbers).data, sizeof numbers);
  memcpy(sizes, take(left, sizeof sizes).data, sizeof sizes);
  event->partition = (int32_t)numbers[0];
  event->timeout_ms = (uint32_t)numbers[1];
  event->delay_ms = numbers[2];
  event->acknowledgement = (uint32_t)numbers[3];
  event->replicas = (uint32_t)numbers[4];
  event->acknowledge_timeout_ms = (uint32_t)numbers[5];
  evs_bytes *texts[EVSPY_EVENT_TEXTS] = {
      &event->type,  &event->body,      &event->content_type,  &event->headers,   &event->key,
      &event->id,    &event->timestamp, &event->version,       &event->transport, &event->batch_key,
      &event->topic, &event->origin,    &event->origin_prefix,
  };
  for (size_t i = 0; i < EVSPY_EVENT_TEXTS; i++)
    *texts[i] = take(left, sizes[i]);
}

static void read_event(evs_event *event, evs_bytes *left) {
  event->struct_size = sizeof *event;
  if (*left->data == '\0') {
    take(left, 1);
    read_options(event, left);
    return;
  }
  event->body = take_line(left);
  event->type = take_line(left);
}

evs_status evspy_publish(evs_system *system, size_t count, uint64_t first_token, const char *text,
                         size_t size, size_t *out_accepted, evs_error **out_error) {
  evs_event *events = calloc(count ? count : 1, sizeof *events);
  *out_accepted = 0;
  if (!events)
    return EVS_NOMEM;
  evs_bytes left = {text, size};
  for (size_t i = 0; i < count; i++) {
    events[i].token = first_token + i;
    read_event(&events[i], &left);
  }
  evs_status status = evs_publish(system, events, count, out_accepted, out_error);
  free(events);
  return status;
}

/* Where the next text is cut from. */
typedef struct text_cursor {
  const char *text;
  const uint64_t *ends;
  uint64_t at;
} text_cursor;

static evs_bytes next_text(text_cursor *cursor) {
  uint64_t end = *cursor->ends++;
  evs_bytes bytes = {cursor->text + cursor->at, end - cursor->at};
  cursor->at = end;
  return bytes;
}

evs_status evspy_fail(evs_system *system, size_t count, const uint64_t *numbers, const uint64_t *ends,
                      const char *text, size_t *out_stale, evs_error **out_error) {
  evs_failure *failures = calloc(count ? count : 1, sizeof *failures);
  if (!failures)
    return EVS_NOMEM;
  text_cursor cursor = {text, ends, 0};
  for (size_t i = 0; i < count; i++) {
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
  LINE_ENDS = 2 /* of a report: behind its id, and behind its offset */
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
    const evs_report *report = &reports[i];
    *out_text_size += report->id.size + report->transport.size + report->topic.size + report->offset.size +
                      report->message.size + report->detail.size + LINE_ENDS;
  }
}

/* Where the texts of a row are copied to, and the columns that say where each ends. */
typedef struct text_writer {
  int64_t *column;
  char *text;
  size_t size; /* so far, of this row */
} text_writer;

static text_writer begin_texts(int64_t *start, char *text, size_t at) {
  *start = (int64_t)at;
  return (text_writer){start + 1, text + at, 0};
}

static void put(text_writer *writer, evs_bytes bytes) {
  if (bytes.size)
    memcpy(writer->text + writer->size, bytes.data, bytes.size);
  writer->size += bytes.size;
}

static void put_last(text_writer *writer, evs_bytes bytes) {
  put(writer, bytes);
  *writer->column++ = (int64_t)writer->size;
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

static bool is_line(evs_bytes text) {
  return text.size == 0 || !memchr(text.data, '\n', text.size);
}

static bool is_same(evs_bytes one, evs_bytes other) {
  return one.size == other.size && (one.size == 0 || memcmp(one.data, other.data, one.size) == 0);
}

/* May the report be in a row with others at all? */
static bool is_plain(const evs_report *report) {
  return report->kind == EVS_REPORT_PUBLISH && report->status == EVS_OK && report->message.size == 0 &&
         report->detail.size == 0 && is_line(report->id) && is_line(report->offset);
}

static bool is_alike(const evs_report *one, const evs_report *other) {
  return one->outcome == other->outcome && one->attempts == other->attempts &&
         one->partition == other->partition && one->acknowledgement == other->acknowledgement &&
         one->is_duplicate == other->is_duplicate && is_same(one->transport, other->transport) &&
         is_same(one->topic, other->topic);
}

/* How many of the reports go into one row. */
static size_t row_length(const evs_report *reports, size_t count) {
  size_t length = 1;
  if (!is_plain(reports))
    return length;
  while (length < count && reports[length].token == reports->token + length && is_plain(&reports[length]) &&
         is_alike(reports, &reports[length]))
    length++;
  return length;
}

/* Writes one row; gives the size of its texts. */
static size_t copy_reports(const evs_report *reports, size_t count, int64_t *columns, char *text, size_t at) {
  const evs_bytes line_end = {"\n", 1};
  const evs_report *last = &reports[count - 1];
  copy_report_numbers(reports, columns);
  columns[EVSPY_REPORT_EVENTS] = (int64_t)count;
  text_writer writer = begin_texts(&columns[EVSPY_REPORT_START], text, at);
  for (const evs_report *report = reports; report < last; report++) {
    put(&writer, report->id);
    put(&writer, line_end);
  }
  put_last(&writer, last->id);
  put_last(&writer, last->transport);
  put_last(&writer, last->topic);
  for (const evs_report *report = reports; report < last; report++) {
    put(&writer, report->offset);
    put(&writer, line_end);
  }
  put_last(&writer, last->offset);
  put_last(&writer, last->message);
  put_last(&writer, last->detail);
  return writer.size;
}

static size_t copy_message(const evs_message *message, int64_t *columns, char *text, size_t at) {
  evs_bytes texts[MESSAGE_TEXTS];
  message_texts(message, texts);
  copy_message_numbers(message, columns);
  text_writer writer = begin_texts(&columns[EVSPY_MESSAGE_START], text, at);
  for (size_t i = 0; i < MESSAGE_TEXTS; i++)
    put_last(&writer, texts[i]);
  return writer.size;
}

size_t evspy_batch_copy(const evs_batch *batch, int64_t *columns, char *text) {
  size_t message_count, report_count, at = 0, rows = 0;
  const evs_message *messages = evs_batch_messages(batch, &message_count);
  const evs_report *reports = evs_batch_reports(batch, &report_count);
  for (size_t i = 0; i < message_count; i++, columns += EVSPY_MESSAGE_COLUMNS)
    at += copy_message(&messages[i], columns, text, at);
  for (size_t i = 0; i < report_count; rows++, columns += EVSPY_REPORT_COLUMNS) {
    size_t count = row_length(&reports[i], report_count - i);
    at += copy_reports(&reports[i], count, columns, text, at);
    i += count;
  }
  return rows;
}
