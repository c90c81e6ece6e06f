/* SPDX-License-Identifier: MIT
 * bind_poll.c - batches of records for JavaScript: numbers in rows, texts in lists. The texts of a record are
 * one string with a NUL between them, split only when a field is asked for. Those that most records have in
 * common with the one before, such as the topic, stand in a list of their own. */
#include <string.h>

#include "bindings.h"
#include "env_state.h"
#include "value.h"

/* Rows of the Float64Arrays; the last number is the place of what a record shares. */
enum { MESSAGE_NUMBERS = 7, REPORT_NUMBERS = 9 };

/* The texts as one string with a NUL between them. No valid text holds a NUL, which ends a text here: one
 * that does all the same gets a space in its place. */
static napi_value join(napi_env env, evsn_arena *arena, const evs_bytes *texts, size_t count) {
  size_t size = count;
  for (size_t i = 0; i < count; i++)
    size += texts[i].size;
  char *joined = evsn_arena_take(arena, size), *at = joined;
  if (!joined)
    return evsn_throw(env, EVS_NOMEM, NULL);
  for (size_t i = 0; i < count; i++, *at++ = ' ') {
    if (texts[i].size > 0)
      memcpy(at, texts[i].data, texts[i].size);
    at += texts[i].size;
  }
  for (char *nul = memchr(joined, 0, size); nul; nul = memchr(nul, 0, (size_t)(at - nul)))
    *nul = ' ';
  at = joined;
  for (size_t i = 0; i < count; i++, *at++ = 0)
    at += texts[i].size;
  return evsn_new_text(env, joined, size - 1);
}

/* ---- what records share ---------------------------------------------------------------------------- */

enum { SHARED_MAX = 8 };

typedef struct shared_texts {
  napi_value list; /* joined texts, none twice in a row */
  uint32_t count;
  evs_bytes last[SHARED_MAX];
} shared_texts;

static bool are_equal(const evs_bytes *left, const evs_bytes *right, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (left[i].size != right[i].size ||
        (left[i].data != right[i].data && memcmp(left[i].data, right[i].data, left[i].size) != 0))
      return false;
  }
  return true;
}

/* The place of these texts in the list. */
static bool share(napi_env env, evsn_arena *arena, shared_texts *shared, const evs_bytes *texts, size_t count,
                  double *out_place) {
  if (shared->count == 0 || !are_equal(shared->last, texts, count)) {
    napi_value joined = join(env, arena, texts, count);
    if (!joined || napi_set_element(env, shared->list, shared->count, joined) != napi_ok)
      return false;
    memcpy(shared->last, texts, count * sizeof *texts);
    shared->count++;
  }
  *out_place = shared->count - 1;
  return true;
}

/* ---- messages -------------------------------------------------------------------------------------- */

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
  const evs_bytes texts[] = {message->id,      message->type,         message->timestamp,
                             message->hash,    message->headers,      message->offset,
                             message->requeue, message->content_type, message->validation};
  return join(env, arena, texts, sizeof texts / sizeof *texts);
}

/* The texts in the order of `Shared` in lib/message.ts. */
static bool message_place(napi_env env, evsn_arena *arena, shared_texts *shared, const evs_message *message,
                          double *out_place) {
  const evs_bytes texts[] = {message->origin, message->origin_prefix, message->version,  message->transport,
                             message->topic,  message->group,         message->consumer, message->pattern};
  return share(env, arena, shared, texts, sizeof texts / sizeof *texts, out_place);
}

static void message_numbers(const evs_message *message, double place, double *row) {
  const double numbers[MESSAGE_NUMBERS] = {(double)message->subscription,
                                           (double)message->delivery,
                                           message->attempt,
                                           message->deliveries,
                                           (double)message->handler_timeout_ms,
                                           message->partition,
                                           place};
  memcpy(row, numbers, sizeof numbers);
}

static bool give_messages(napi_env env, evsn_arena *arena, const evs_batch *batch, napi_value result) {
  enum { TEXTS, BODY, COLUMNS };
  size_t count;
  double *rows, place;
  shared_texts shared = {0};
  const evs_message *messages = evs_batch_messages(batch, &count);
  napi_value numbers = evsn_new_numbers(env, count * MESSAGE_NUMBERS, &rows);
  napi_value *texts = evsn_arena_take(arena, (count * COLUMNS + 1) * sizeof *texts);
  if (!numbers || !texts || napi_create_array(env, &shared.list) != napi_ok)
    return false;
  for (size_t i = 0; i < count; i++) {
    napi_value *row = texts + i * COLUMNS;
    row[TEXTS] = message_texts(env, arena, &messages[i]);
    row[BODY] = row[TEXTS] ? body_of(env, &messages[i]) : NULL;
    if (!row[BODY] || !message_place(env, arena, &shared, &messages[i], &place))
      return false;
    message_numbers(&messages[i], place, rows + i * MESSAGE_NUMBERS);
  }
  return evsn_set(env, result, "messageNumbers", numbers) &&
         evsn_set(env, result, "messageTexts", evsn_new_list(env, count * COLUMNS, texts)) &&
         evsn_set(env, result, "messagePlaces", shared.list);
}

/* ---- reports --------------------------------------------------------------------------------------- */

/* The texts in the order that lib/reports.ts expects; what is told of a failure only where there is any. */
static napi_value report_texts(napi_env env, evsn_arena *arena, const evs_report *report) {
  enum { OF_SUCCESS = 2, ALL = 4 };
  const evs_bytes texts[ALL] = {report->id, report->offset, report->message, report->detail};
  bool is_success = report->kind == EVS_REPORT_PUBLISH && report->status == EVS_OK;
  return join(env, arena, texts, is_success ? OF_SUCCESS : ALL);
}

static void report_numbers(const evs_report *report, double place, double *row) {
  const double numbers[REPORT_NUMBERS] = {report->kind,
                                          (double)report->token,
                                          report->status,
                                          report->outcome,
                                          report->attempts,
                                          report->partition,
                                          report->acknowledgement,
                                          report->is_duplicate,
                                          place};
  memcpy(row, numbers, sizeof numbers);
}

static bool give_reports(napi_env env, evsn_arena *arena, const evs_batch *batch, napi_value result) {
  size_t count;
  double *rows, place;
  shared_texts shared = {0};
  const evs_report *reports = evs_batch_reports(batch, &count);
  napi_value numbers = evsn_new_numbers(env, count * REPORT_NUMBERS, &rows);
  napi_value *texts = evsn_arena_take(arena, (count + 1) * sizeof *texts);
  if (!numbers || !texts || napi_create_array(env, &shared.list) != napi_ok)
    return false;
  for (size_t i = 0; i < count; i++) {
    const evs_bytes common[] = {reports[i].transport, reports[i].topic};
    texts[i] = report_texts(env, arena, &reports[i]);
    if (!texts[i] || !share(env, arena, &shared, common, sizeof common / sizeof *common, &place))
      return false;
    report_numbers(&reports[i], place, rows + i * REPORT_NUMBERS);
  }
  return evsn_set(env, result, "reportNumbers", numbers) &&
         evsn_set(env, result, "reportTexts", evsn_new_list(env, count, texts)) &&
         evsn_set(env, result, "reportPlaces", shared.list);
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
