/* SPDX-License-Identifier: MIT
 * addon.c - the entry point of the addon, once for every environment that loads it: its state, its functions,
 * and the constants of the library. */
#include <node_api.h>

#include "bindings.h"
#include "env_state.h"
#include "value.h"

#define CONSTANT(name)                                                                                       \
  { #name, NULL, NULL, NULL, NULL, evsn_new_number(env, name), napi_enumerable, NULL }

static bool export_constants(napi_env env, napi_value exports) {
  const napi_property_descriptor constants[] = {
      CONSTANT(EVS_OK),
      CONSTANT(EVS_OUTCOME_STORED),
      CONSTANT(EVS_OUTCOME_REFUSED),
      CONSTANT(EVS_OUTCOME_UNKNOWN),
      CONSTANT(EVS_ACKNOWLEDGE_NONE),
      CONSTANT(EVS_ACKNOWLEDGE_STORED),
      CONSTANT(EVS_ACKNOWLEDGE_REPLICATED),
      CONSTANT(EVS_ACKNOWLEDGE_FSYNCED),
      CONSTANT(EVS_REPORT_PUBLISH),
      CONSTANT(EVS_REPORT_REQUEST),
      CONSTANT(EVS_REPORT_UNSUBSCRIBED),
      CONSTANT(EVS_REPORT_CLOSED),
      CONSTANT(EVS_REPORT_LOG),
      CONSTANT(EVS_REPORT_TRANSPORT),
      CONSTANT(EVS_FAIL_RETRY),
      CONSTANT(EVS_FAIL_REJECT),
      CONSTANT(EVS_FAIL_LATER),
      CONSTANT(EVS_FAIL_RELEASE),
      CONSTANT(EVS_BACKOFF_FIXED),
      CONSTANT(EVS_BACKOFF_EXPONENTIAL),
      CONSTANT(EVS_BACKOFF_FIBONACCI),
      {"EVS_VERSION", NULL, NULL, NULL, NULL, evsn_new_text(env, EVS_VERSION, sizeof EVS_VERSION - 1),
       napi_enumerable, NULL},
  };
  return napi_define_properties(env, exports, sizeof constants / sizeof *constants, constants) == napi_ok;
}

#define FUNCTION(name, function) {#name, NULL, function, NULL, NULL, NULL, napi_enumerable, NULL},

NAPI_MODULE_INIT(/* napi_env env, napi_value exports */) {
  static const napi_property_descriptor functions[] = {EVSN_BINDINGS(FUNCTION)};
  if (!evsn_env_init(env))
    return NULL;
  if (!export_constants(env, exports) ||
      napi_define_properties(env, exports, sizeof functions / sizeof *functions, functions) != napi_ok)
    napi_throw_error(env, "EVS_INTERNAL", "the addon's exports could not be made");
  return exports;
}
