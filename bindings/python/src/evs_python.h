/* SPDX-License-Identifier: MIT
 * evs_python.h - moves whole batches across the Python border in one call each.
 * Python hands over (and takes back) one run of numbers and one run of text per batch, instead of touching
 * every field of every struct. Compiled into the extension module; no part of the library's interface. */
#ifndef EVS_PYTHON_H
#define EVS_PYTHON_H

#include "libevents.h"

/* Numbers of one event: partition + 1, timeout_ms, delay_ms, acknowledgement, replicas, and how long these
 * are waited for in ms. */
enum { EVSPY_EVENT_NUMBERS = 6 };
/* Texts of one event: type, body, content_type, headers, key, id, timestamp, version, transport, batch_key,
 * topic, origin, origin_prefix. */
enum { EVSPY_EVENT_TEXTS = 13 };

/* evspy_publish - evs_publish() of `count` events with tokens from `first_token` on. `text` holds them one
 * after the other. Most have a type and a body of JSON only, a line for each: the body, which never begins
 * with a zero byte, and the type. Others begin with a zero byte, followed by their numbers and the sizes of
 * their texts, of 64 bits each, and these. */
evs_status evspy_publish(evs_system *system, size_t count, uint64_t first_token, const char *text,
                         size_t size, size_t *out_accepted, evs_error **out_error);

/* Numbers of one failure: delivery, kind, delay_ms. */
enum { EVSPY_FAILURE_NUMBERS = 3 };
/* Texts of one failure: error_class, message, stack. */
enum { EVSPY_FAILURE_TEXTS = 3 };

/* evspy_fail - evs_fail() in the same form. */
evs_status evspy_fail(evs_system *system, size_t count, const uint64_t *numbers, const uint64_t *ends,
                      const char *text, size_t *out_stale, evs_error **out_error);

/* Columns of one message: numbers, then where its text begins, then the end of each text from there. */
enum {
  EVSPY_MESSAGE_SUBSCRIPTION = 0,
  EVSPY_MESSAGE_DELIVERY = 1,
  EVSPY_MESSAGE_ATTEMPT = 2,
  EVSPY_MESSAGE_DELIVERIES = 3,
  EVSPY_MESSAGE_HANDLER_TIMEOUT = 4,
  EVSPY_MESSAGE_PARTITION = 5,
  EVSPY_MESSAGE_START = 6,
  EVSPY_MESSAGE_ID = 7,
  EVSPY_MESSAGE_TYPE = 8,
  EVSPY_MESSAGE_ORIGIN = 9,
  EVSPY_MESSAGE_ORIGIN_PREFIX = 10,
  EVSPY_MESSAGE_TIMESTAMP = 11,
  EVSPY_MESSAGE_VERSION = 12,
  EVSPY_MESSAGE_HASH = 13,
  EVSPY_MESSAGE_CONTENT_TYPE = 14,
  EVSPY_MESSAGE_HEADERS = 15,
  EVSPY_MESSAGE_BODY = 16,
  EVSPY_MESSAGE_TRANSPORT = 17,
  EVSPY_MESSAGE_TOPIC = 18,
  EVSPY_MESSAGE_OFFSET = 19,
  EVSPY_MESSAGE_GROUP = 20,
  EVSPY_MESSAGE_CONSUMER = 21,
  EVSPY_MESSAGE_PATTERN = 22,
  EVSPY_MESSAGE_REQUEUE = 23,
  EVSPY_MESSAGE_VALIDATION = 24,
  EVSPY_MESSAGE_COLUMNS = 25
};

/* Columns of one report, in the same form. One row stands for EVSPY_REPORT_EVENTS events with tokens that
 * follow each other, all stored in the same way: their ids are one text, and their offsets, a line for each
 * event. */
enum {
  EVSPY_REPORT_KIND = 0,
  EVSPY_REPORT_TOKEN = 1,
  EVSPY_REPORT_STATUS = 2,
  EVSPY_REPORT_OUTCOME = 3,
  EVSPY_REPORT_ATTEMPTS = 4,
  EVSPY_REPORT_PARTITION = 5,
  EVSPY_REPORT_ACKNOWLEDGEMENT = 6,
  EVSPY_REPORT_DUPLICATE = 7,
  EVSPY_REPORT_EVENTS = 8,
  EVSPY_REPORT_START = 9,
  EVSPY_REPORT_ID = 10,
  EVSPY_REPORT_TRANSPORT = 11,
  EVSPY_REPORT_TOPIC = 12,
  EVSPY_REPORT_OFFSET = 13,
  EVSPY_REPORT_MESSAGE = 14,
  EVSPY_REPORT_DETAIL = 15,
  EVSPY_REPORT_COLUMNS = 16
};

/* evspy_batch_sizes - what evspy_batch_copy() writes at most: rows of messages, rows of reports, bytes of
 * text. */
void evspy_batch_sizes(const evs_batch *batch, size_t *out_messages, size_t *out_reports,
                       size_t *out_text_size);

/* evspy_batch_copy - copies a batch into columns: those of all messages, then those of the reports. Gives the
 * number of rows of reports. */
size_t evspy_batch_copy(const evs_batch *batch, int64_t *columns, char *text);

#endif
