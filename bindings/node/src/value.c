/* SPDX-License-Identifier: MIT
 * value.c - see value.h. */
#include "value.h"

#include <stdlib.h>
#include <string.h>

#include "env_state.h"

enum { CHUNK_SIZE = 16 * 1024 };
#define TOKEN_MAX 9007199254740991.0

struct evsn_chunk {
  evsn_chunk *older;
  size_t used;
  size_t size;
  char bytes[];
};

static evsn_chunk *add_chunk(evsn_arena *arena, size_t size) {
  size_t room = size > CHUNK_SIZE ? size : CHUNK_SIZE;
  evsn_chunk *chunk = malloc(sizeof *chunk + room);
  if (!chunk)
    return NULL;
  chunk->older = arena->newest;
  chunk->used = 0;
  chunk->size = room;
  arena->newest = chunk;
  return chunk;
}

/* Room for `size` bytes, of which evsn_arena_keep() says how many are used. */
static char *arena_room(evsn_arena *arena, size_t size) {
  evsn_chunk *chunk = arena->newest;
  if (!chunk || chunk->size - chunk->used < size)
    chunk = add_chunk(arena, size);
  return chunk ? chunk->bytes + chunk->used : NULL;
}

static void arena_keep(evsn_arena *arena, size_t size) {
  enum { ALIGNMENT = 16 };
  evsn_chunk *chunk = arena->newest;
  size_t used = (chunk->used + size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  chunk->used = used < chunk->size ? used : chunk->size;
}

void *evsn_arena_take(evsn_arena *arena, size_t size) {
  char *bytes = arena_room(arena, size);
  if (bytes)
    arena_keep(arena, size);
  return bytes;
}

void evsn_arena_free(evsn_arena *arena) {
  while (arena->newest) {
    evsn_chunk *older = arena->newest->older;
    free(arena->newest);
    arena->newest = older;
  }
}

/* An exception for a defect of the layer above: it checks what its callers give. */
static bool type_error(napi_env env, const char *expected) {
  bool is_pending = false;
  napi_is_exception_pending(env, &is_pending);
  if (!is_pending)
    napi_throw_type_error(env, "EVS_ARGUMENT", expected);
  return false;
}

bool evsn_args(napi_env env, napi_callback_info info, size_t count, napi_value *out_args) {
  size_t given = count;
  if (napi_get_cb_info(env, info, &given, out_args, NULL, NULL) != napi_ok || given < count)
    return type_error(env, "too few arguments");
  return true;
}

/* Reads a text of `units` code units. One of ASCII alone is copied as it is, which in engines of today takes
 * less than half the time of turning it into UTF-8 character by character, once it is long. */
static bool read_text(napi_env env, napi_value value, size_t units, evsn_arena *arena, evs_bytes *out_text) {
  enum { SHORT = 64, BYTES_PER_UNIT = 3 };
  size_t room = units * BYTES_PER_UNIT, size = 0;
  if (units > SHORT && napi_get_value_string_utf8(env, value, NULL, 0, &room) != napi_ok)
    return false;
  char *text = arena_room(arena, room + 1);
  napi_status status = napi_generic_failure;
  if (text && room == units)
    status = napi_get_value_string_latin1(env, value, text, room + 1, &size);
  else if (text)
    status = napi_get_value_string_utf8(env, value, text, room + 1, &size);
  if (status != napi_ok)
    return false;
  arena_keep(arena, size + 1);
  *out_text = (evs_bytes){text, size};
  return true;
}

bool evsn_text(napi_env env, evsn_arena *arena, napi_value value, evs_bytes *out_text) {
  size_t units = 0;
  napi_valuetype type = napi_undefined;
  *out_text = (evs_bytes){NULL, 0};
  if (napi_typeof(env, value, &type) == napi_ok && (type == napi_undefined || type == napi_null))
    return true;
  if (type != napi_string || napi_get_value_string_utf16(env, value, NULL, 0, &units) != napi_ok)
    return type_error(env, "expected a string");
  return read_text(env, value, units, arena, out_text) || type_error(env, "no memory for a string");
}

bool evsn_bytes(napi_env env, evsn_arena *arena, napi_value value, evs_bytes *out_bytes) {
  napi_typedarray_type type;
  void *data = NULL;
  size_t size = 0;
  bool is_array = false;
  if (napi_is_typedarray(env, value, &is_array) != napi_ok || !is_array)
    return evsn_text(env, arena, value, out_bytes);
  if (napi_get_typedarray_info(env, value, &type, &size, &data, NULL, NULL) != napi_ok ||
      type != napi_uint8_array)
    return type_error(env, "expected a string or a Uint8Array");
  *out_bytes = (evs_bytes){data, size};
  return true;
}

bool evsn_uint32(napi_env env, napi_value value, uint32_t *out_number) {
  double number = 0;
  if (napi_get_value_double(env, value, &number) != napi_ok || !(number >= 0 && number <= UINT32_MAX))
    return type_error(env, "expected a number from 0 to 4294967295");
  *out_number = (uint32_t)number;
  return true;
}

bool evsn_token(napi_env env, napi_value value, uint64_t *out_token) {
  double number = 0;
  if (napi_get_value_double(env, value, &number) != napi_ok || !(number >= 0 && number <= TOKEN_MAX))
    return type_error(env, "expected a number from 0 to 2^53 - 1");
  *out_token = (uint64_t)number;
  return true;
}

bool evsn_numbers(napi_env env, napi_value value, size_t count, const double **out_numbers) {
  napi_typedarray_type type;
  size_t length = 0;
  void *data = NULL;
  if (napi_get_typedarray_info(env, value, &type, &length, &data, NULL, NULL) != napi_ok ||
      type != napi_float64_array || length < count)
    return type_error(env, "expected a Float64Array that is long enough");
  *out_numbers = data;
  return true;
}

napi_value evsn_new_text(napi_env env, const char *text, size_t size) {
  napi_value value = NULL;
  if (napi_create_string_utf8(env, text ? text : "", size, &value) != napi_ok)
    type_error(env, "the text is too long for a string");
  return value;
}

napi_value evsn_new_number(napi_env env, double number) {
  napi_value value = NULL;
  napi_create_double(env, number, &value);
  return value;
}

napi_value evsn_new_numbers(napi_env env, size_t count, double **out_numbers) {
  napi_value buffer = NULL, numbers = NULL;
  void *data = NULL;
  if (napi_create_arraybuffer(env, count * sizeof(double), &data, &buffer) != napi_ok ||
      napi_create_typedarray(env, napi_float64_array, count, buffer, 0, &numbers) != napi_ok)
    type_error(env, "no memory for numbers");
  *out_numbers = data;
  return numbers;
}

napi_value evsn_new_list(napi_env env, size_t count, const napi_value *values) {
  napi_value list = NULL, maker = evsn_list_maker(env);
  if (napi_call_function(env, maker, maker, count, values, &list) != napi_ok)
    type_error(env, "no memory for a list");
  return list;
}

bool evsn_set(napi_env env, napi_value object, const char *name, napi_value value) {
  return value && napi_set_named_property(env, object, name, value) == napi_ok;
}

napi_value evsn_give_text(napi_env env, char *text) {
  napi_value value = evsn_new_text(env, text, text ? strlen(text) : 0);
  evs_string_free(text);
  return value;
}

napi_value evsn_new_error(napi_env env, evs_status status, evs_error *error) {
  napi_value made = NULL, maker = evsn_error_maker(env);
  const char *message = error ? evs_error_message(error) : evs_status_name(status);
  const char *detail = error ? evs_error_json(error) : "";
  napi_value arguments[3] = {evsn_new_number(env, status), evsn_new_text(env, message, strlen(message)),
                             evsn_new_text(env, detail, strlen(detail))};
  evs_error_free(error);
  if (maker)
    napi_call_function(env, maker, maker, 3, arguments, &made);
  else
    napi_create_error(env, NULL, arguments[1], &made);
  return made;
}

napi_value evsn_throw(napi_env env, evs_status status, evs_error *error) {
  napi_value made = evsn_new_error(env, status, error);
  if (made)
    napi_throw(env, made);
  return NULL;
}
