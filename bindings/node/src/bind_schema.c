/* SPDX-License-Identifier: MIT
 * bind_schema.c - JSON Schemas: compiled, held against texts, compared. A compiled one is an external value
 * that the collector frees; lib/schema.ts keeps it in a private field. */
#include <string.h>

#include "bindings.h"
#include "value.h"

enum { ARGS_MAX = 3 };

/* The first arguments are compiled schemas, the others texts. */
typedef struct schema_args {
  evsn_arena arena;
  evs_schema *schemas[ARGS_MAX];
  evs_bytes texts[ARGS_MAX];
} schema_args;

static bool read_args(napi_env env, napi_callback_info info, size_t count, size_t schemas,
                      schema_args *out_args) {
  napi_value values[ARGS_MAX];
  memset(out_args, 0, sizeof *out_args);
  bool is_read = evsn_args(env, info, count, values);
  for (size_t i = 0; i < schemas && is_read; i++) {
    is_read = napi_get_value_external(env, values[i], (void **)&out_args->schemas[i]) == napi_ok;
    if (!is_read)
      evsn_throw(env, EVS_ARGUMENT, NULL);
  }
  for (size_t i = schemas; i < count && is_read; i++)
    is_read = evsn_bytes(env, &out_args->arena, values[i], &out_args->texts[i - schemas]);
  if (!is_read)
    evsn_arena_free(&out_args->arena);
  return is_read;
}

static void free_schema(napi_env env, void *schema, void *hint) {
  (void)env, (void)hint;
  evs_schema_free(schema);
}

/* schemaCompile(text, options) → handle */
napi_value evsn_schema_compile(napi_env env, napi_callback_info info) {
  schema_args args;
  evs_schema *schema = NULL;
  evs_error *error = NULL;
  napi_value handle = NULL;
  if (!read_args(env, info, 2, 0, &args))
    return NULL;
  evs_status status = evs_schema_compile(args.texts[0], args.texts[1], &schema, &error);
  evsn_arena_free(&args.arena);
  if (status != EVS_OK)
    return evsn_throw(env, status, error);
  if (napi_create_external(env, schema, free_schema, NULL, &handle) == napi_ok)
    return handle;
  evs_schema_free(schema);
  return evsn_throw(env, EVS_NOMEM, NULL);
}

/* schemaValidate(handle, text) → is it valid? */
napi_value evsn_schema_validate(napi_env env, napi_callback_info info) {
  schema_args args;
  int32_t valid = 0;
  evs_error *error = NULL;
  napi_value flag = NULL;
  if (!read_args(env, info, 2, 1, &args))
    return NULL;
  evs_status status = evs_schema_validate(args.schemas[0], args.texts[0], &valid, &error);
  evsn_arena_free(&args.arena);
  if (status != EVS_OK)
    return evsn_throw(env, status, error);
  napi_get_boolean(env, valid != 0, &flag);
  return flag;
}

/* schemaReport(handle, text, options) → JSON */
napi_value evsn_schema_report(napi_env env, napi_callback_info info) {
  schema_args args;
  char *report = NULL;
  evs_error *error = NULL;
  if (!read_args(env, info, 3, 1, &args))
    return NULL;
  evs_status status = evs_schema_report(args.schemas[0], args.texts[0], args.texts[1], &report, &error);
  evsn_arena_free(&args.arena);
  return status == EVS_OK ? evsn_give_text(env, report) : evsn_throw(env, status, error);
}

/* schemaFill(handle, text) → text, or null where nothing is missing */
napi_value evsn_schema_fill(napi_env env, napi_callback_info info) {
  schema_args args;
  char *text = NULL;
  evs_error *error = NULL;
  napi_value nothing = NULL;
  if (!read_args(env, info, 2, 1, &args))
    return NULL;
  evs_status status = evs_schema_fill(args.schemas[0], args.texts[0], &text, &error);
  evsn_arena_free(&args.arena);
  if (status != EVS_OK)
    return evsn_throw(env, status, error);
  napi_get_null(env, &nothing);
  return text ? evsn_give_text(env, text) : nothing;
}

/* schemaCompat(older, newer, options) → JSON */
napi_value evsn_schema_compat(napi_env env, napi_callback_info info) {
  schema_args args;
  char *answer = NULL;
  evs_error *error = NULL;
  if (!read_args(env, info, 3, 2, &args))
    return NULL;
  evs_status status = evs_schema_compat(args.schemas[0], args.schemas[1], args.texts[0], &answer, &error);
  evsn_arena_free(&args.arena);
  return status == EVS_OK ? evsn_give_text(env, answer) : evsn_throw(env, status, error);
}
