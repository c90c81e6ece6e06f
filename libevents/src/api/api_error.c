/* SPDX-License-Identifier: MIT
 * api_error.c - reading errors from outside, and building them for libraries above. The rest of building is
 * base/error.c. */
#include "base/error.h"
#include "base/error_struct.h"

evs_status evs_error_status(const evs_error *error) {
  return error ? error->status : EVS_OK;
}

const char *evs_error_message(const evs_error *error) {
  return error ? error->message : "";
}

const char *evs_error_path(const evs_error *error) {
  return error ? error->path : "";
}

const char *evs_error_json(const evs_error *error) {
  return error ? error->json : "{}";
}

evs_status evs_error_create(evs_status status, const char *path, const char *message, evs_error **out_error) {
  bool is_failure = status < EVS_OK && status >= EVS_RATE_LIMITED;
  return evsi_error(out_error, is_failure ? status : EVS_INTERNAL, path, "%s", message ? message : "");
}

void evs_error_free(evs_error *error) {
  /* The thread's last error is lent through a const pointer; a host that casts it away must not free it. */
  if (error != evsi_error_last())
    evsi_error_destroy(error);
}

const evs_error *evs_last_error(void) {
  return evsi_error_last();
}
