/* SPDX-License-Identifier: MIT
 * jsontext.c - a walk over valid JSON text by counting brackets. Never reads past the end, whatever the text.
 */
#include "jsontext.h"

#include <string.h>

json_t *jsontext_parse(evs_bytes text) {
  size_t flags = JSON_ALLOW_NUL | JSON_DECODE_ANY;
  const char *data = text.data ? text.data : "";
  json_t *value = json_loadb(data, text.size, flags, NULL);
  return value ? value : json_loadb(data, text.size, flags | JSON_DECODE_INT_AS_REAL, NULL);
}

static bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static size_t skip_space(evs_bytes text, size_t at) {
  while (at < text.size && is_space(text.data[at]))
    at++;
  return at;
}

static size_t skip_string(evs_bytes text, size_t at) {
  for (at++; at < text.size && text.data[at] != '"'; at++)
    at += text.data[at] == '\\';
  return at < text.size ? at + 1 : text.size;
}

static size_t skip_value(evs_bytes text, size_t at) {
  size_t depth = 0;
  while (at < text.size) {
    char c = text.data[at];
    if (c == '"') {
      at = skip_string(text, at);
    } else if (c == '{' || c == '[') {
      depth++;
      at++;
    } else if (c == '}' || c == ']') {
      if (depth == 0)
        return at;
      depth--;
      at++;
    } else if (depth == 0 && (c == ',' || c == ':' || is_space(c))) {
      return at;
    } else {
      at++;
      continue;
    }
    if (depth == 0)
      return at;
  }
  return at;
}

bool jsontext_next(evs_bytes text, size_t *cursor, evs_bytes *out_name, evs_bytes *out_value) {
  size_t at = skip_space(text, *cursor);
  if (*cursor == 0 && at < text.size)
    at++; /* the opening bracket */
  size_t first = skip_space(text, 0);
  bool object = first < text.size && text.data[first] == '{';
  at = skip_space(text, at);
  if (at < text.size && text.data[at] == ',')
    at = skip_space(text, at + 1);
  if (at >= text.size || text.data[at] == '}' || text.data[at] == ']')
    return false;
  if (object) {
    size_t end = skip_value(text, at);
    if (out_name)
      *out_name = (evs_bytes){text.data + at, end - at};
    at = skip_space(text, end);
    if (at >= text.size || text.data[at] != ':')
      return false;
    at = skip_space(text, at + 1);
  }
  size_t end = skip_value(text, at);
  *out_value = (evs_bytes){text.data + at, end - at};
  *cursor = end;
  return end > at;
}

static bool is_named(evs_bytes key, const char *name, size_t size) {
  if (!key.data || key.size < 2)
    return false;
  if (!memchr(key.data, '\\', key.size))
    return key.size == size + 2 && memcmp(key.data + 1, name, size) == 0;
  json_t *text = jsontext_parse(key); /* the same name may be written with escapes */
  bool same = json_string_length(text) == size && memcmp(json_string_value(text), name, size) == 0;
  json_decref(text);
  return same;
}

evs_bytes jsontext_member(evs_bytes object, const char *name) {
  evs_bytes found = {0}, key = {0}, value = {0};
  size_t cursor = 0, size = strlen(name);
  while (jsontext_next(object, &cursor, &key, &value))
    if (is_named(key, name, size))
      found = value;
  return found;
}

json_t *jsontext_frame(evs_bytes object) {
  static const char *const foreign[] = {"body", "raw", "entry"};
  json_t *frame = json_object();
  evs_bytes key = {0}, value = {0};
  size_t cursor = 0;
  size_t first = skip_space(object, 0);
  if (first >= object.size || object.data[first] != '{') {
    json_decref(frame);
    return NULL;
  }
  while (jsontext_next(object, &cursor, &key, &value)) {
    bool skipped = false;
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
      skipped = skipped || is_named(key, foreign[i], strlen(foreign[i]));
    json_t *name = skipped ? NULL : jsontext_parse(key);
    json_t *member = name ? jsontext_parse(value) : NULL;
    if (member)
      json_object_set_new(frame, json_string_value(name), member);
    json_decref(name);
  }
  return frame;
}
