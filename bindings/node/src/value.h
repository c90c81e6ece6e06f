/* SPDX-License-Identifier: MIT
 * value.h - JavaScript values to C and back. On the thread of the environment only.
 * Functions that give bool leave a JavaScript exception pending when they give false. */
#ifndef EVSN_VALUE_H
#define EVSN_VALUE_H

#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>

#include "libevents.h"

/* Memory of one call: what is taken from it lives until evsn_arena_free(). */
typedef struct evsn_chunk evsn_chunk;
typedef struct evsn_arena {
  evsn_chunk *newest;
} evsn_arena;

/* evsn_arena_take - `size` bytes, or NULL when there is no memory. */
void *evsn_arena_take(evsn_arena *arena, size_t size);
void evsn_arena_free(evsn_arena *arena);

/* evsn_args - reads exactly `count` arguments; fewer are an exception. */
bool evsn_args(napi_env env, napi_callback_info info, size_t count, napi_value *out_args);

/* evsn_text - the UTF-8 of a string, NUL-terminated in the arena. undefined and null are the empty text. */
bool evsn_text(napi_env env, evsn_arena *arena, napi_value value, evs_bytes *out_text);

/* evsn_bytes - as evsn_text(), and the bytes of a Uint8Array as they are (not copied: use them at once). */
bool evsn_bytes(napi_env env, evsn_arena *arena, napi_value value, evs_bytes *out_bytes);

bool evsn_uint32(napi_env env, napi_value value, uint32_t *out_number);

/* evsn_token - a whole number from 0 to 2^53 - 1. */
bool evsn_token(napi_env env, napi_value value, uint64_t *out_token);

/* evsn_numbers - a Float64Array of at least `count` numbers, lent until the call returns. */
bool evsn_numbers(napi_env env, napi_value value, size_t count, const double **out_numbers);

/* Values for JavaScript; NULL with an exception pending when there is no memory. */
napi_value evsn_new_text(napi_env env, const char *text, size_t size);
napi_value evsn_new_number(napi_env env, double number);
napi_value evsn_new_numbers(napi_env env, size_t count, double **out_numbers);
/* evsn_new_list - an array, made by one call of a function: setting each element costs several times as much.
 */
napi_value evsn_new_list(napi_env env, size_t count, const napi_value *values);
bool evsn_set(napi_env env, napi_value object, const char *name, napi_value value);

/* evsn_give_text - a text that the library gave, as a string; frees it. */
napi_value evsn_give_text(napi_env env, char *text);

/* evsn_throw - throws what the library says of a failure; frees `error`. Always NULL. */
napi_value evsn_throw(napi_env env, evs_status status, evs_error *error);

/* evsn_new_error - the same error as a value; frees `error`. */
napi_value evsn_new_error(napi_env env, evs_status status, evs_error *error);

#endif
