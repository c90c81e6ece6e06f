/* SPDX-License-Identifier: MIT
 * bind_publish.c - hands a batch of events to the publisher in one crossing of the border. */
#include <string.h>

#include "bindings.h"
#include "env_state.h"
#include "value.h"

/* Numbers of one event, in this order; texts: type, body, then an array of the rest or undefined. */
enum { TOKEN, PARTITION, TIMEOUT, DELAY, NUMBERS };
enum { TYPE, BODY, REST, TEXTS };
enum { CONTENT_TYPE, HEADERS, KEY, ID, TIMESTAMP, VERSION, TRANSPORT, RESTS };

static bool read_rest(napi_env env, evsn_arena *arena, napi_value rest, evs_event *event) {
  evs_bytes *const fields[RESTS] = {
      [CONTENT_TYPE] = &event->content_type,
      [HEADERS] = &event->headers,
      [KEY] = &event->key,
      [ID] = &event->id,
      [TIMESTAMP] = &event->timestamp,
      [VERSION] = &event->version,
      [TRANSPORT] = &event->transport,
  };
  for (uint32_t i = 0; i < RESTS; i++) {
    napi_value text;
    if (napi_get_element(env, rest, i, &text) != napi_ok || !evsn_text(env, arena, text, fields[i]))
      return false;
  }
  return true;
}

static bool read_texts(napi_env env, evsn_arena *arena, napi_value texts, uint32_t index, evs_event *event) {
  napi_value type, body, rest;
  bool has_rest = false;
  uint32_t first = index * TEXTS;
  return napi_get_element(env, texts, first + TYPE, &type) == napi_ok &&
         napi_get_element(env, texts, first + BODY, &body) == napi_ok &&
         napi_get_element(env, texts, first + REST, &rest) == napi_ok &&
         evsn_text(env, arena, type, &event->type) && evsn_bytes(env, arena, body, &event->body) &&
         napi_is_array(env, rest, &has_rest) == napi_ok && (!has_rest || read_rest(env, arena, rest, event));
}

static bool read_event(napi_env env, evsn_arena *arena, const double *numbers, napi_value texts,
                       uint32_t index, evs_event *event) {
  const double *row = numbers + (size_t)index * NUMBERS;
  memset(event, 0, sizeof *event);
  event->struct_size = sizeof *event;
  event->token = (uint64_t)row[TOKEN];
  event->partition = (int32_t)row[PARTITION];
  event->timeout_ms = (uint32_t)row[TIMEOUT];
  event->delay_ms = (uint64_t)row[DELAY];
  return read_texts(env, arena, texts, index, event);
}

/* publish(id, count, numbers, texts) → {accepted, error?} */
napi_value evsn_publish(napi_env env, napi_callback_info info) {
  napi_value args[4], result = NULL;
  evsn_arena arena = {NULL};
  evs_error *error = NULL;
  const double *numbers;
  uint32_t count;
  size_t accepted = 0;
  evsn_system *system = evsn_args(env, info, 4, args) ? evsn_env_find(env, args[0]) : NULL;
  if (!system || !evsn_uint32(env, args[1], &count) ||
      !evsn_numbers(env, args[2], (size_t)count * NUMBERS, &numbers))
    return NULL;
  evs_event *events = evsn_arena_take(&arena, (count ? count : 1) * sizeof *events);
  bool is_read = events != NULL;
  for (uint32_t i = 0; i < count && is_read; i++)
    is_read = read_event(env, &arena, numbers, args[3], i, &events[i]);
  if (is_read && napi_create_object(env, &result) == napi_ok) {
    evs_status status = evs_publish(system->handle, events, count, &accepted, &error);
    evsn_set(env, result, "accepted", evsn_new_number(env, (double)accepted));
    if (status != EVS_OK)
      evsn_set(env, result, "error", evsn_new_error(env, status, error));
  } else if (!events) {
    evsn_throw(env, EVS_NOMEM, NULL);
  }
  evsn_arena_free(&arena);
  return result;
}
