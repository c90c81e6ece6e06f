/* SPDX-License-Identifier: MIT
 * bind_publish.c - hands a batch of events to the publisher in one crossing of the border. */
#include <string.h>

#include "bindings.h"
#include "env_state.h"
#include "value.h"

/* Numbers of one event, in this order; texts: type, body, and the rest of them. */
enum { PARTITION, TIMEOUT, DELAY, LEVEL, REPLICAS, WAIT, NUMBERS };
enum { TYPE, BODY, REST, TEXTS = 13 };

typedef struct event_texts {
  evs_bytes *at[TEXTS];
} event_texts;

/* Where the texts of an event go, in their order at the border. */
static event_texts texts_of(evs_event *event) {
  return (event_texts){{&event->type, &event->body, &event->content_type, &event->headers, &event->key,
                        &event->id, &event->timestamp, &event->version, &event->transport, &event->batch_key,
                        &event->topic, &event->origin, &event->origin_prefix}};
}

/* `numbers` is NULL where no event has any. */
static void begin_event(evs_event *event, uint64_t token, const double *numbers) {
  memset(event, 0, sizeof *event);
  event->struct_size = sizeof *event;
  event->token = token;
  if (!numbers)
    return;
  event->partition = (int32_t)numbers[PARTITION];
  event->timeout_ms = (uint32_t)numbers[TIMEOUT];
  event->delay_ms = (uint64_t)numbers[DELAY];
  event->acknowledgement = (uint32_t)numbers[LEVEL];
  event->replicas = (uint32_t)numbers[REPLICAS];
  event->acknowledge_timeout_ms = (uint32_t)numbers[WAIT];
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

/* What JavaScript hands over for a batch. */
typedef struct event_source {
  evsn_system *system;
  evsn_arena arena;
  uint32_t count;
  uint64_t token; /* of the first; those of the others count on */
  const double *numbers;
  evs_event *events;
} event_source;

/* Reads (id, count, firstToken, numbers, …), which both ways of publishing begin with. */
static bool begin_source(napi_env env, const napi_value *args, event_source *source) {
  napi_valuetype type = napi_undefined;
  source->system = evsn_env_find(env, args[0]);
  if (!source->system || !evsn_uint32(env, args[1], &source->count) ||
      !evsn_token(env, args[2], &source->token) || napi_typeof(env, args[3], &type) != napi_ok)
    return false;
  if (type != napi_undefined &&
      !evsn_numbers(env, args[3], (size_t)source->count * NUMBERS, &source->numbers))
    return false;
  source->events =
      evsn_arena_take(&source->arena, (source->count ? source->count : 1) * sizeof *source->events);
  if (!source->events)
    evsn_throw(env, EVS_NOMEM, NULL);
  return source->events != NULL;
}

static void begin_events(event_source *source) {
  for (uint32_t i = 0; i < source->count; i++) {
    const double *numbers = source->numbers ? source->numbers + (size_t)i * NUMBERS : NULL;
    begin_event(&source->events[i], source->token + i, numbers);
  }
}

/* ---- as values ------------------------------------------------------------------------------------- */

static bool read_element(napi_env env, napi_value list, uint32_t index, napi_value *out_value) {
  return napi_get_element(env, list, index, out_value) == napi_ok;
}

static bool read_rest(napi_env env, evsn_arena *arena, napi_value list, const event_texts *texts) {
  for (uint32_t i = REST; i < TEXTS; i++) {
    napi_value text;
    if (!read_element(env, list, i - REST, &text) || !evsn_text(env, arena, text, texts->at[i]))
      return false;
  }
  return true;
}

/* Reads the texts of one event; `out_has_controls` is set where a body that is a string has any. */
static bool read_texts(napi_env env, event_source *source, napi_value list, uint32_t index,
                       bool *out_has_controls) {
  enum { COLUMNS = 3 };
  napi_value type, body, rest;
  napi_valuetype body_type = napi_undefined;
  bool has_rest = false;
  event_texts texts = texts_of(&source->events[index]);
  if (!read_element(env, list, index * COLUMNS + TYPE, &type) ||
      !read_element(env, list, index * COLUMNS + BODY, &body) ||
      !read_element(env, list, index * COLUMNS + REST, &rest) ||
      !evsn_text(env, &source->arena, type, texts.at[TYPE]) ||
      !evsn_bytes(env, &source->arena, body, texts.at[BODY]) ||
      napi_typeof(env, body, &body_type) != napi_ok || napi_is_array(env, rest, &has_rest) != napi_ok)
    return false;
  *out_has_controls |= body_type == napi_string && has_controls(*texts.at[BODY]);
  return !has_rest || read_rest(env, &source->arena, rest, &texts);
}

/* publish(id, count, firstToken, numbers, texts) → {accepted, error?}: the type, the body and an array of the
 * rest of each, or undefined. Where the text of a body holds a control character it gives undefined, and has
 * done nothing. */
napi_value evsn_publish(napi_env env, napi_callback_info info) {
  napi_value args[5], result = NULL;
  event_source source = {0};
  bool has_control = false;
  if (evsn_args(env, info, 5, args) && begin_source(env, args, &source)) {
    bool is_read = true;
    begin_events(&source);
    for (uint32_t i = 0; i < source.count && is_read; i++)
      is_read = read_texts(env, &source, args[4], i, &has_control);
    if (is_read && !has_control)
      result = offer(env, source.system, source.events, source.count);
  }
  evsn_arena_free(&source.arena);
  return result;
}

/* ---- as lines -------------------------------------------------------------------------------------- */

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

/* Are there exactly the lines that there must be, and no control character but their ends in a body? */
static bool take_lines(event_source *source, evs_bytes text) {
  const uint32_t lines = source->numbers ? TEXTS : REST;
  for (uint32_t i = 0; i < source->count; i++) {
    event_texts texts = texts_of(&source->events[i]);
    for (uint32_t line = 0; line < lines; line++) {
      if (!take_line(&text, texts.at[line]))
        return false;
    }
    if (has_controls(*texts.at[BODY]))
      return false;
  }
  return text.size == 0;
}

/* publishLines(id, count, firstToken, numbers, text) → {accepted, error?}: a line for each text, without
 * numbers for type and body only. As many texts in an array cost several calls of the engine each. What holds
 * a line end or another control character itself cannot go this way: then it gives undefined, and has done
 * nothing. */
napi_value evsn_publish_lines(napi_env env, napi_callback_info info) {
  napi_value args[5], result = NULL;
  event_source source = {0};
  evs_bytes text;
  if (evsn_args(env, info, 5, args) && begin_source(env, args, &source) &&
      evsn_text(env, &source.arena, args[4], &text)) {
    begin_events(&source);
    if (take_lines(&source, text))
      result = offer(env, source.system, source.events, source.count);
  }
  evsn_arena_free(&source.arena);
  return result;
}
