/* SPDX-License-Identifier: MIT
 * bind_publish.c - hands a batch of events to the publisher in one crossing of the border. */
#include <string.h>

#include "bindings.h"
#include "env_state.h"
#include "value.h"

/* Numbers of one event, in this order; texts: type, body, then an array of the rest or undefined. */
enum { TOKEN, PARTITION, TIMEOUT, DELAY, LEVEL, REPLICAS, WAIT, NUMBERS };
enum { TYPE, BODY, REST, TEXTS };
enum {
  CONTENT_TYPE,
  HEADERS,
  KEY,
  ID,
  TIMESTAMP,
  VERSION,
  TRANSPORT,
  BATCH_KEY,
  TOPIC,
  ORIGIN,
  ORIGIN_PREFIX,
  RESTS
};

static bool read_rest(napi_env env, evsn_arena *arena, napi_value rest, evs_event *event) {
  evs_bytes *const fields[RESTS] = {
      [CONTENT_TYPE] = &event->content_type,
      [HEADERS] = &event->headers,
      [KEY] = &event->key,
      [ID] = &event->id,
      [TIMESTAMP] = &event->timestamp,
      [VERSION] = &event->version,
      [TRANSPORT] = &event->transport,
      [BATCH_KEY] = &event->batch_key,
      [TOPIC] = &event->topic,
      [ORIGIN] = &event->origin,
      [ORIGIN_PREFIX] = &event->origin_prefix,
  };
  for (uint32_t i = 0; i < RESTS; i++) {
    napi_value text;
    if (napi_get_element(env, rest, i, &text) != napi_ok || !evsn_text(env, arena, text, fields[i]))
      return false;
  }
  return true;
}

/* Is there a byte below 0x20? Eight at a time: none of them is when none of (byte - 0x20) borrows. */
static bool has_controls(evs_bytes text) {
  const uint64_t each = UINT64_C(0x0101010101010101), space = 0x20;
  uint64_t found = 0, eight = 0;
  size_t i = 0;
  for (; i + sizeof eight <= text.size; i += sizeof eight) {
    memcpy(&eight, text.data + i, sizeof eight);
    found |= (eight - each * space) & ~eight & (each << 7);
  }
  for (; i < text.size; i++)
    found |= (unsigned char)text.data[i] < space;
  return found != 0;
}

/* What JavaScript hands over for a batch. */
typedef struct event_source {
  evsn_arena arena;
  const double *numbers;
  napi_value texts;
  bool has_controls; /* in a body that is a string: JSON wants them written otherwise */
} event_source;

static bool read_body(napi_env env, event_source *source, napi_value value, evs_event *event) {
  napi_valuetype type = napi_undefined;
  if (!evsn_bytes(env, &source->arena, value, &event->body) || napi_typeof(env, value, &type) != napi_ok)
    return false;
  source->has_controls |= type == napi_string && has_controls(event->body);
  return true;
}

static bool read_texts(napi_env env, event_source *source, uint32_t index, evs_event *event) {
  napi_value type, body, rest;
  bool has_rest = false;
  uint32_t first = index * TEXTS;
  return napi_get_element(env, source->texts, first + TYPE, &type) == napi_ok &&
         napi_get_element(env, source->texts, first + BODY, &body) == napi_ok &&
         napi_get_element(env, source->texts, first + REST, &rest) == napi_ok &&
         evsn_text(env, &source->arena, type, &event->type) && read_body(env, source, body, event) &&
         napi_is_array(env, rest, &has_rest) == napi_ok &&
         (!has_rest || read_rest(env, &source->arena, rest, event));
}

static bool read_event(napi_env env, event_source *source, uint32_t index, evs_event *event) {
  const double *row = source->numbers + (size_t)index * NUMBERS;
  memset(event, 0, sizeof *event);
  event->struct_size = sizeof *event;
  event->token = (uint64_t)row[TOKEN];
  event->partition = (int32_t)row[PARTITION];
  event->timeout_ms = (uint32_t)row[TIMEOUT];
  event->delay_ms = (uint64_t)row[DELAY];
  event->acknowledgement = (uint32_t)row[LEVEL];
  event->replicas = (uint32_t)row[REPLICAS];
  event->acknowledge_timeout_ms = (uint32_t)row[WAIT];
  return read_texts(env, source, index, event);
}

/* Hands them over → {accepted, error?} */
static napi_value offer(napi_env env, evsn_system *system, const evs_event *events, size_t count) {
  napi_value result = NULL;
  evs_error *error = NULL;
  size_t accepted = 0;
  if (napi_create_object(env, &result) != napi_ok)
    return NULL;
  evs_status status = evs_publish(system->handle, events, count, &accepted, &error);
  evsn_set(env, result, "accepted", evsn_new_number(env, (double)accepted));
  if (status != EVS_OK)
    evsn_set(env, result, "error", evsn_new_error(env, status, error));
  return result;
}

/* publish(id, count, numbers, texts) → {accepted, error?}. Where the text of a body holds a control character
 * it gives undefined, and has done nothing. */
napi_value evsn_publish(napi_env env, napi_callback_info info) {
  napi_value args[4], result = NULL;
  event_source source = {{NULL}, NULL, NULL, false};
  uint32_t count;
  evsn_system *system = evsn_args(env, info, 4, args) ? evsn_env_find(env, args[0]) : NULL;
  if (!system || !evsn_uint32(env, args[1], &count) ||
      !evsn_numbers(env, args[2], (size_t)count * NUMBERS, &source.numbers))
    return NULL;
  source.texts = args[3];
  evs_event *events = evsn_arena_take(&source.arena, (count ? count : 1) * sizeof *events);
  bool is_read = events != NULL;
  for (uint32_t i = 0; i < count && is_read; i++)
    is_read = read_event(env, &source, i, &events[i]);
  if (is_read && !source.has_controls)
    result = offer(env, system, events, count);
  else if (!events)
    evsn_throw(env, EVS_NOMEM, NULL);
  evsn_arena_free(&source.arena);
  return result;
}

/* Cuts a line off; false where there is none. */
static bool take_line(evs_bytes *left, evs_bytes *out_line) {
  const char *end = left->size ? memchr(left->data, '\n', left->size) : NULL;
  if (!end)
    return false;
  *out_line = (evs_bytes){left->data, (size_t)(end - left->data)};
  left->data = end + 1;
  left->size -= out_line->size + 1;
  return true;
}

/* Are there exactly two lines for each of the events, and no control character but their ends in a body? */
static bool take_lines(evs_bytes text, uint64_t token, evs_event *events, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    memset(&events[i], 0, sizeof *events);
    events[i].struct_size = sizeof *events;
    events[i].token = token + i;
    if (!take_line(&text, &events[i].type) || !take_line(&text, &events[i].body) ||
        has_controls(events[i].body))
      return false;
  }
  return text.size == 0;
}

/* publishLines(id, count, firstToken, text) → {accepted, error?}: events that have a type and a body of JSON
 * only, a line for each. As many texts in an array cost several calls of the engine each. What holds a line
 * end or another control character itself cannot go this way: then it gives undefined, and has done nothing.
 */
napi_value evsn_publish_lines(napi_env env, napi_callback_info info) {
  napi_value args[4], result = NULL;
  evsn_arena arena = {NULL};
  evs_bytes text;
  uint32_t count;
  uint64_t token;
  evsn_system *system = evsn_args(env, info, 4, args) ? evsn_env_find(env, args[0]) : NULL;
  if (!system || !evsn_uint32(env, args[1], &count) || !evsn_token(env, args[2], &token))
    return NULL;
  if (evsn_text(env, &arena, args[3], &text)) {
    evs_event *events = evsn_arena_take(&arena, (count ? count : 1) * sizeof *events);
    if (!events)
      evsn_throw(env, EVS_NOMEM, NULL);
    else if (take_lines(text, token, events, count))
      result = offer(env, system, events, count);
  }
  evsn_arena_free(&arena);
  return result;
}
