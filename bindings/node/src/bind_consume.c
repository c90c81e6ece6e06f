/* SPDX-License-Identifier: MIT
 * bind_consume.c - subscriptions, and how their messages ended: many in one crossing. */
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
