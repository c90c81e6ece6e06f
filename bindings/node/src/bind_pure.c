/* SPDX-License-Identifier: MIT
 * bind_pure.c - what needs no system: patterns, types, hashes, partitions, configuration checks. */
#include <string.h>

#include "bindings.h"
#include "value.h"

enum { ARGS_MAX = 4 };

/* Arguments that are texts, read into one arena. */
typedef struct text_args {
  evsn_arena arena;
  napi_value values[ARGS_MAX];
  evs_bytes texts[ARGS_MAX];
} text_args;

static bool read_texts(napi_env env, napi_callback_info info, size_t count, size_t texts,
                       text_args *out_args) {
  memset(out_args, 0, sizeof *out_args);
  bool is_read = evsn_args(env, info, count, out_args->values);
  for (size_t i = 0; i < texts && is_read; i++)
    is_read = evsn_bytes(env, &out_args->arena, out_args->values[i], &out_args->texts[i]);
  if (!is_read)
    evsn_arena_free(&out_args->arena);
  return is_read;
}

/* What a call gave, or its exception; the end of every function here. */
static napi_value finish(napi_env env, text_args *args, evs_status status, char *text, evs_error *error) {
  evsn_arena_free(&args->arena);
  return status == EVS_OK ? evsn_give_text(env, text) : evsn_throw(env, status, error);
}

static napi_value finish_flag(napi_env env, text_args *args, evs_status status, int32_t flag,
                              evs_error *error) {
  napi_value value = NULL;
  evsn_arena_free(&args->arena);
  if (status != EVS_OK)
    return evsn_throw(env, status, error);
  napi_get_boolean(env, flag != 0, &value);
  return value;
}

static napi_value finish_number(napi_env env, text_args *args, double number) {
  evsn_arena_free(&args->arena);
  return evsn_new_number(env, number);
}

static int32_t flag_of(napi_env env, napi_value value) {
  bool flag = false;
  napi_get_value_bool(env, value, &flag);
  return flag;
}

/* version() */
napi_value evsn_version(napi_env env, napi_callback_info info) {
  (void)info;
  return evsn_new_text(env, evs_version(), strlen(evs_version()));
}

/* statusList() → JSON */
napi_value evsn_status_list(napi_env env, napi_callback_info info) {
  (void)info;
  return evsn_new_text(env, evs_status_list(), strlen(evs_status_list()));
}

/* configCheck(config) → JSON */
napi_value evsn_config_check(napi_env env, napi_callback_info info) {
  text_args args;
  char *text = NULL;
  evs_error *error = NULL;
  if (!read_texts(env, info, 1, 1, &args))
    return NULL;
  evs_status status = evs_config_check(args.texts[0].data, args.texts[0].size, &text, &error);
  return finish(env, &args, status, text, error);
}

/* patternNormalize(pattern, originPrefix, extendedTypes) */
napi_value evsn_pattern_normalize(napi_env env, napi_callback_info info) {
  text_args args;
  char *text = NULL;
  evs_error *error = NULL;
  if (!read_texts(env, info, 3, 2, &args))
    return NULL;
  evs_status status =
      evs_pattern_normalize(args.texts[0], args.texts[1], flag_of(env, args.values[2]), &text, &error);
  return finish(env, &args, status, text, error);
}

/* patternMatches(pattern, fullType, originPrefix) */
napi_value evsn_pattern_matches(napi_env env, napi_callback_info info) {
  text_args args;
  int32_t matches = 0;
  evs_error *error = NULL;
  if (!read_texts(env, info, 3, 3, &args))
    return NULL;
  evs_status status = evs_pattern_matches(args.texts[0], args.texts[1], args.texts[2], &matches, &error);
  return finish_flag(env, &args, status, matches, error);
}

/* typeCheck(type, extendedTypes) → is it valid? */
napi_value evsn_type_check(napi_env env, napi_callback_info info) {
  text_args args;
  evs_error *error = NULL;
  if (!read_texts(env, info, 2, 1, &args))
    return NULL;
  evs_status status = evs_type_check(args.texts[0], flag_of(env, args.values[1]), &error);
  if (status != EVS_OK && status != EVS_VALIDATION)
    return finish_flag(env, &args, status, 0, error);
  evs_error_free(error);
  return finish_flag(env, &args, EVS_OK, status == EVS_OK, NULL);
}

/* fullType(type, originPrefix) */
napi_value evsn_full_type(napi_env env, napi_callback_info info) {
  text_args args;
  char *text = NULL;
  evs_error *error = NULL;
  if (!read_texts(env, info, 2, 2, &args))
    return NULL;
  evs_status status = evs_full_type(args.texts[0], args.texts[1], &text, &error);
  return finish(env, &args, status, text, error);
}

/* originDelivered(query) */
napi_value evsn_origin_delivered(napi_env env, napi_callback_info info) {
  text_args args;
  int32_t delivered = 0;
  evs_error *error = NULL;
  if (!read_texts(env, info, 1, 1, &args))
    return NULL;
  evs_status status = evs_origin_delivered(args.texts[0].data, args.texts[0].size, &delivered, &error);
  return finish_flag(env, &args, status, delivered, error);
}

/* retryDelay(strategy, baseDelayMs, maxDelayMs, retry) */
napi_value evsn_retry_delay(napi_env env, napi_callback_info info) {
  napi_value args[4];
  uint32_t strategy, retry;
  uint64_t base_ms, max_ms;
  if (!evsn_args(env, info, 4, args) || !evsn_uint32(env, args[0], &strategy) ||
      !evsn_token(env, args[1], &base_ms) || !evsn_token(env, args[2], &max_ms) ||
      !evsn_uint32(env, args[3], &retry))
    return NULL;
  return evsn_new_number(env, (double)evs_retry_delay((int32_t)strategy, base_ms, max_ms, retry));
}

/* bodyHash(body) → 64 hex digits */
napi_value evsn_body_hash(napi_env env, napi_callback_info info) {
  text_args args;
  char digits[65];
  if (!read_texts(env, info, 1, 1, &args))
    return NULL;
  evs_status status = evs_body_hash(args.texts[0], digits);
  evsn_arena_free(&args.arena);
  return status == EVS_OK ? evsn_new_text(env, digits, sizeof digits - 1) : evsn_throw(env, status, NULL);
}

/* partitionForKey(key, partitions) */
napi_value evsn_partition_for_key(napi_env env, napi_callback_info info) {
  text_args args;
  uint32_t partitions = 0;
  if (!read_texts(env, info, 2, 1, &args))
    return NULL;
  if (!evsn_uint32(env, args.values[1], &partitions)) {
    evsn_arena_free(&args.arena);
    return NULL;
  }
  return finish_number(env, &args, evs_partition_for_key(args.texts[0], partitions));
}

/* keySlot(key) */
napi_value evsn_key_slot(napi_env env, napi_callback_info info) {
  text_args args;
  if (!read_texts(env, info, 1, 1, &args))
    return NULL;
  return finish_number(env, &args, evs_key_slot(args.texts[0]));
}
