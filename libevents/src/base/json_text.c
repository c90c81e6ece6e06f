/* SPDX-License-Identifier: MIT
 * json_text.c - see json_text.h. */
#include "base/json_text.h"

#include <stdbool.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/error.h"

/* The scanner's buffer grows to twice the longest token, the former one beside it; what was read before takes
 * several times its text. */
enum { TIMES_THE_TEXT = 8, LEAST_ROOM = 4096 };

static bool has_room(size_t size) {
  void *room = size < SIZE_MAX / (2 * TIMES_THE_TEXT) ? evsi_alloc(TIMES_THE_TEXT * size + LEAST_ROOM) : NULL;
  evsi_free(room);
  return room != NULL;
}

json_t *evsi_json_load(evs_bytes text, size_t flags, json_error_t *error) {
  if (text.size == 0 && !error)
    return NULL;
  if (has_room(text.size))
    return json_loadb(text.data ? text.data : "", text.data ? text.size : 0, flags, error);
  if (error) {
    *error = (json_error_t){.line = -1, .column = -1, .text = "out of memory"};
    error->text[JSON_ERROR_TEXT_LENGTH - 1] = json_error_out_of_memory; /* where json_error_code() looks */
  }
  return NULL;
}

evs_status evsi_json_refused(evs_error **out_error, const char *what, const json_error_t *why) {
  if (json_error_code(why) == json_error_out_of_memory)
    return evsi_error_nomem(out_error);
  return evsi_error(out_error, EVS_VALIDATION, "", "%s is not valid JSON at byte %d: %s", what, why->position,
                    why->text);
}

char *evsi_json_text(const json_t *value) {
  size_t size = json_dumpb(value, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
  char *text = size > 0 ? evsi_alloc(size + 1) : NULL;
  if (!text)
    return NULL;
  size_t written = json_dumpb(value, text, size, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
  if (written != size) {
    evsi_free(text);
    return NULL;
  }
  text[size] = '\0';
  return text;
}
