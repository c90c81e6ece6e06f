/* SPDX-License-Identifier: MIT
 * json.c - see json.h. */
#include "json.h"

#include <stdlib.h>
#include <string.h>

#include "jsontext.h"

/* A walk over JSON text that knows where strings are and how deep it is. */
typedef struct walk {
  size_t depth;
  bool in_string, is_escaped;
} walk;

/* Takes the next byte; gives the change of depth. */
static int step(walk *at, char c) {
  if (at->in_string) {
    bool was_escaped = at->is_escaped;
    at->is_escaped = !was_escaped && c == '\\';
    at->in_string = was_escaped || c != '"';
    return 0;
  }
  at->in_string = c == '"';
  if (c == '{' || c == '[') {
    at->depth++;
    return 1;
  }
  if ((c == '}' || c == ']') && at->depth > 0) {
    at->depth--;
    return -1;
  }
  return 0;
}

bool evsd_json_is_flat(evs_bytes text) {
  walk at = {0};
  for (uint64_t i = 0; i < text.size; i++) {
    step(&at, text.data[i]);
    if (at.depth > EVSD_DEPTH_MAX)
      return false;
  }
  return true;
}

/* A copy with null in place of what is too deep. */
static char *flatten(evs_bytes text, size_t *out_size) {
  char *flat = malloc((size_t)text.size * 2 + 1); /* "[]" becomes "null" */
  walk at = {0};
  size_t used = 0;
  for (uint64_t i = 0; flat && i < text.size; i++) {
    int change = step(&at, text.data[i]);
    bool is_cut = at.depth > EVSD_DEPTH_MAX, is_start = change > 0 && at.depth == EVSD_DEPTH_MAX + 1;
    bool is_end = change < 0 && at.depth == EVSD_DEPTH_MAX;
    if (is_start) {
      memcpy(flat + used, "null", 4);
      used += 4;
    } else if (!is_cut && !is_end) {
      flat[used++] = text.data[i];
    }
  }
  *out_size = used;
  return flat;
}

json_t *evsd_json_load(evs_bytes text) {
  if (evsd_json_is_flat(text))
    return jsontext_parse(text);
  size_t size = 0;
  char *flat = flatten(text, &size);
  json_t *value = flat ? jsontext_parse((evs_bytes){flat, size}) : NULL;
  free(flat);
  return value;
}

json_t *evsd_json_frame(evs_bytes object) {
  static const char *const foreign[] = {"\"body\"", "\"raw\"", "\"entry\""};
  json_t *frame = json_object();
  evs_bytes key = {0}, value = {0};
  size_t cursor = 0;
  while (jsontext_next(object, &cursor, &key, &value)) {
    bool is_foreign = false;
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
      is_foreign =
          is_foreign || (strlen(foreign[i]) == key.size && memcmp(foreign[i], key.data, key.size) == 0);
    json_t *name = is_foreign ? NULL : jsontext_parse(key);
    json_t *member = name ? evsd_json_load(value) : NULL;
    if (member)
      json_object_set_new(frame, json_string_value(name), member);
    json_decref(name);
  }
  return frame;
}
