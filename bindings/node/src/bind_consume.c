/* SPDX-License-Identifier: MIT
 * bind_consume.c - subscriptions, and batches of records: taken, acknowledged and failed in one crossing. */
#include <string.h>

#include "bindings.h"
#include "env_state.h"
#include "value.h"

/* subscribe(id, options) → token */
napi_value evsn_subscribe(napi_env env, napi_callback_info info) {
  napi_value args[2], result = NULL;
  evsn_arena arena = {NULL};
  evs_bytes options;
  uint64_t token = 0;
  evs_error *error = NULL;
  evsn_system *system = evsn_args(env, info, 2, args) ? evsn_env_find(env, args[0]) : NULL;
  if (system && evsn_text(env, &arena, args[1], &options)) {
    evs_status status = evs_subscribe(system->handle, options.data, options.size, &token, &error);
    result = status == EVS_OK ? evsn_new_number(env, (double)token) : evsn_throw(env, status, error);
  }
  evsn_arena_free(&arena);
  return result;
}

/* unsubscribe(id, token) */
napi_value evsn_unsubscribe(napi_env env, napi_callback_info info) {
  napi_value args[2];
  uint64_t token;
  evs_error *error = NULL;
  evsn_system *system = evsn_args(env, info, 2, args) ? evsn_env_find(env, args[0]) : NULL;
  if (!system || !evsn_token(env, args[1], &token))
    return NULL;
  evs_status status = evs_unsubscribe(system->handle, token, &error);
  return status == EVS_OK ? NULL : evsn_throw(env, status, error);
}

/* ---- poll ------------------------------------------------------------------------------------------ */

/* Rows of the Float64Arrays that poll() gives. */
enum { MESSAGE_NUMBERS = 6, REPORT_NUMBERS = 8 };

/* Copies a text; gives where the next one goes. No valid text holds a NUL, which ends a text here: one that
 * does all the same gets a space in its place. */
static char *put(char *at, evs_bytes text) {
  char *end = at + text.size;
  if (text.size == 0)
    return at;
  memcpy(at, text.data, text.size);
  for (char *nul = memchr(at, 0, text.size); nul; nul = memchr(nul, 0, (size_t)(end - nul)))
    *nul = ' ';
  return end;
}

/* The texts of a record as one string, with a NUL between them: one string for the border, split only when a
 * field is asked for. */
static napi_value join(napi_env env, evsn_arena *arena, const evs_bytes *texts, size_t count) {
  size_t size = count;
  for (size_t i = 0; i < count; i++)
    size += texts[i].size;
  char *joined = evsn_arena_take(arena, size), *at = joined;
  if (!joined)
    return evsn_throw(env, EVS_NOMEM, NULL);
  for (size_t i = 0; i < count; i++) {
    at = put(at, texts[i]);
    *at++ = 0;
  }
  return evsn_new_text(env, joined, size - 1);
}

static napi_value body_of(napi_env env, const evs_message *message) {
  napi_value body = NULL;
  if (message->content_type.size == 0)
    return evsn_new_text(env, message->body.data, message->body.size);
  if (napi_create_buffer_copy(env, message->body.size, message->body.data, NULL, &body) != napi_ok)
    evsn_throw(env, EVS_NOMEM, NULL);
  return body;
}

/* The texts in the order of `Field` in lib/message.ts. */
static napi_value message_texts(napi_env env, evsn_arena *arena, const evs_message *message) {
  const evs_bytes texts[] = {
      message->id,         message->type,    message->origin,  message->origin_prefix,
      message->timestamp,  message->version, message->hash,    message->headers,
      message->transport,  message->topic,   message->offset,  message->group,
      message->consumer,   message->pattern, message->requeue, message->content_type,
      message->validation,
  };
  return join(env, arena, texts, sizeof texts / sizeof *texts);
}

static void message_numbers(const evs_message *message, double *row) {
  const double numbers[MESSAGE_NUMBERS] = {
      (double)message->subscription, (double)message->delivery,           message->attempt,
      message->deliveries,           (double)message->handler_timeout_ms, message->partition};
  memcpy(row, numbers, sizeof numbers);
}

static bool give_messages(napi_env env, evsn_arena *arena, const evs_batch *batch, napi_value result) {
  enum { TEXTS, BODY, COLUMNS };
  size_t count;
  double *rows;
  napi_value texts;
  const evs_message *messages = evs_batch_messages(batch, &count);
  napi_value numbers = evsn_new_numbers(env, count * MESSAGE_NUMBERS, &rows);
  if (!numbers || napi_create_array_with_length(env, count * COLUMNS, &texts) != napi_ok)
    return false;
  for (uint32_t i = 0; i < count; i++) {
    napi_value joined = message_texts(env, arena, &messages[i]), body = body_of(env, &messages[i]);
    if (!joined || !body || napi_set_element(env, texts, i * COLUMNS + TEXTS, joined) != napi_ok ||
        napi_set_element(env, texts, i * COLUMNS + BODY, body) != napi_ok)
      return false;
    message_numbers(&messages[i], rows + (size_t)i * MESSAGE_NUMBERS);
  }
  return evsn_set(env, result, "messageNumbers", numbers) && evsn_set(env, result, "messageTexts", texts);
}

static void report_numbers(const evs_report *report, double *row) {
  const double numbers[REPORT_NUMBERS] = {
      report->kind,     (double)report->token, report->status,          report->outcome,
      report->attempts, report->partition,     report->acknowledgement, report->is_duplicate};
  memcpy(row, numbers, sizeof numbers);
}

static bool give_reports(napi_env env, evsn_arena *arena, const evs_batch *batch, napi_value result) {
  size_t count;
  double *rows;
  napi_value joined;
  const evs_report *reports = evs_batch_reports(batch, &count);
  napi_value numbers = evsn_new_numbers(env, count * REPORT_NUMBERS, &rows);
  if (!numbers || napi_create_array_with_length(env, count, &joined) != napi_ok)
    return false;
  for (uint32_t i = 0; i < count; i++) {
    const evs_report *report = &reports[i];
    const evs_bytes texts[] = {report->id,     report->transport, report->topic,
                               report->offset, report->message,   report->detail};
    napi_value text = join(env, arena, texts, sizeof texts / sizeof *texts);
    if (!text || napi_set_element(env, joined, i, text) != napi_ok)
      return false;
    report_numbers(report, rows + (size_t)i * REPORT_NUMBERS);
  }
  return evsn_set(env, result, "reportNumbers", numbers) && evsn_set(env, result, "reportTexts", joined);
}

/* poll(id, limit) → the records that wait, or undefined; never blocks. */
napi_value evsn_poll(napi_env env, napi_callback_info info) {
  napi_value args[2], result = NULL;
  evsn_arena arena = {NULL};
  uint32_t limit;
  evs_batch *batch = NULL;
  evs_error *error = NULL;
  evsn_system *system = evsn_args(env, info, 2, args) ? evsn_env_find(env, args[0]) : NULL;
  if (!system || !evsn_uint32(env, args[1], &limit))
    return NULL;
  evs_status status =
      evs_poll(system->handle, EVS_POLL_MESSAGES | EVS_POLL_REPORTS, limit, 0, &batch, &error);
  if (status == EVS_AGAIN)
    evs_error_free(error);
  else if (status != EVS_OK)
    evsn_throw(env, status, error);
  else if (napi_create_object(env, &result) == napi_ok && give_messages(env, &arena, batch, result))
    give_reports(env, &arena, batch, result);
  evs_batch_release(batch);
  evsn_arena_free(&arena);
  return result;
}

/* ---- settling -------------------------------------------------------------------------------------- */

/* ack(id, count, deliveries) → how many were stale */
napi_value evsn_ack(napi_env env, napi_callback_info info) {
  napi_value args[3], result = NULL;
  evsn_arena arena = {NULL};
  const double *numbers;
  uint32_t count;
  size_t stale = 0;
  evs_error *error = NULL;
  evsn_system *system = evsn_args(env, info, 3, args) ? evsn_env_find(env, args[0]) : NULL;
  if (!system || !evsn_uint32(env, args[1], &count) || !evsn_numbers(env, args[2], count, &numbers))
    return NULL;
  uint64_t *deliveries = evsn_arena_take(&arena, (count ? count : 1) * sizeof *deliveries);
  for (uint32_t i = 0; i < count && deliveries; i++)
    deliveries[i] = (uint64_t)numbers[i];
  evs_status status = deliveries ? evs_ack(system->handle, deliveries, count, &stale, &error) : EVS_NOMEM;
  result = status == EVS_OK ? evsn_new_number(env, (double)stale) : evsn_throw(env, status, error);
  evsn_arena_free(&arena);
  return result;
}

/* Rows and texts of fail(). */
enum { DELIVERY, KIND, DELAY, FAILURE_NUMBERS };
enum { ERROR_CLASS, MESSAGE, STACK, FAILURE_TEXTS };

static void read_numbers(const double *row, evs_failure *failure) {
  memset(failure, 0, sizeof *failure);
  failure->struct_size = sizeof *failure;
  failure->delivery = (uint64_t)row[DELIVERY];
  failure->kind = (uint32_t)row[KIND];
  failure->delay_ms = (uint64_t)row[DELAY];
}

static bool read_texts(napi_env env, evsn_arena *arena, napi_value texts, uint32_t index,
                       evs_failure *failure) {
  evs_bytes *const fields[FAILURE_TEXTS] = {&failure->error_class, &failure->message, &failure->stack};
  for (uint32_t i = 0; i < FAILURE_TEXTS; i++) {
    napi_value text;
    if (napi_get_element(env, texts, index * FAILURE_TEXTS + i, &text) != napi_ok ||
        !evsn_text(env, arena, text, fields[i]))
      return false;
  }
  return true;
}

/* fail(id, count, numbers, texts) → how many were stale */
napi_value evsn_fail(napi_env env, napi_callback_info info) {
  napi_value args[4], result = NULL;
  evsn_arena arena = {NULL};
  const double *numbers;
  uint32_t count;
  size_t stale = 0;
  evs_error *error = NULL;
  evsn_system *system = evsn_args(env, info, 4, args) ? evsn_env_find(env, args[0]) : NULL;
  if (!system || !evsn_uint32(env, args[1], &count) ||
      !evsn_numbers(env, args[2], (size_t)count * FAILURE_NUMBERS, &numbers))
    return NULL;
  evs_failure *failures = evsn_arena_take(&arena, (count ? count : 1) * sizeof *failures);
  bool is_read = failures != NULL;
  for (uint32_t i = 0; i < count && is_read; i++) {
    read_numbers(numbers + (size_t)i * FAILURE_NUMBERS, &failures[i]);
    is_read = read_texts(env, &arena, args[3], i, &failures[i]);
  }
  if (is_read) {
    evs_status status = evs_fail(system->handle, failures, count, &stale, &error);
    result = status == EVS_OK ? evsn_new_number(env, (double)stale) : evsn_throw(env, status, error);
  } else if (!failures) {
    evsn_throw(env, EVS_NOMEM, NULL);
  }
  evsn_arena_free(&arena);
  return result;
}
