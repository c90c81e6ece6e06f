/* SPDX-License-Identifier: MIT
 * config_fill.c - defaults for what was not given, and the hiding of secrets in what is shown. */
#include "config/config_walk.h"

#include "base/json_text.h"

#include <string.h>

static json_t *fill_list(const evsi_key *key, const json_t *given) {
  json_t *out = json_array();
  size_t index;
  json_t *entry;
  json_array_foreach(given, index, entry) {
    if (json_array_append_new(out, evsi_fill(key->section, entry)) != 0) {
      json_decref(out);
      return NULL;
    }
  }
  return out;
}

static json_t *fill_transports(const json_t *given) {
  json_t *out = json_object();
  const char *name;
  json_t *entry;
  json_object_foreach((json_t *)given, name, entry) {
    const char *type = json_string_value(json_object_get(entry, "type"));
    const evsi_section *section = type ? evsi_section_transport(type) : NULL;
    /* One without a type keeps its place, so that routes to it are not blamed as well. */
    if (json_object_set_new(out, name, section ? evsi_fill(section, entry) : json_object()) != 0) {
      json_decref(out);
      return NULL;
    }
  }
  return out;
}

/* The value of one key; *out_none: it has none, which is no failure. */
static json_t *fill_key(const evsi_key *key, const json_t *given, bool *out_none) {
  json_t *value = json_object_get(given, key->name);
  switch (key->kind) {
  case EVSI_KEY_OBJECT:
    if ((key->flags & EVSI_KEY_SWITCH) && !json_is_object(value))
      return json_false();
    return evsi_fill(key->section, value);
  case EVSI_KEY_LIST:
    return fill_list(key, value);
  case EVSI_KEY_TRANSPORTS:
    return fill_transports(value);
  default:
    break;
  }
  if (key->section && json_is_object(value))
    return evsi_fill(key->section, value);
  if (value)
    return json_deep_copy(value);
  if (key->fallback)
    return evsi_json_load(evsi_text(key->fallback), JSON_DECODE_ANY, NULL);
  *out_none = !(key->flags & EVSI_KEY_NULLABLE);
  return *out_none ? NULL : json_null();
}

json_t *evsi_fill(const evsi_section *section, const json_t *given) {
  json_t *out = json_object();
  for (size_t i = 0; out && i < section->count; i++) {
    const evsi_key *key = &section->keys[i];
    if (key->target || (key->flags & (EVSI_KEY_UNSUPPORTED | EVSI_KEY_IGNORED | EVSI_KEY_FLATTEN)))
      continue;
    bool none = false;
    json_t *value = fill_key(key, given, &none);
    if (none || (value && json_object_set_new(out, key->name, value) == 0))
      continue;
    json_decref(out);
    return NULL;
  }
  return out;
}

static void hide_given(evsi_check *check, json_t *full, const evsi_key *key) {
  if (json_object_size(json_object_get(full, key->name)) > 0 &&
      json_object_set_new(full, key->name, json_string("***")) != 0)
    check->nomem = true;
}

static void mask_text(evsi_check *check, json_t *full, const evsi_key *key) {
  const char *text = json_string_value(json_object_get(full, key->name));
  char shown[EVSI_FOUND_SIZE] = "***";
  if (!text)
    return;
  if ((key->flags & EVSI_KEY_URL) && !evsi_url_mask(text, shown, sizeof shown))
    check->nomem = true;
  if (json_object_set_new(full, key->name, json_string(shown)) != 0)
    check->nomem = true;
}

void evsi_fill_mask(evsi_check *check, const evsi_section *section, json_t *full) {
  for (size_t i = 0; i < section->count; i++) {
    const evsi_key *key = &section->keys[i];
    if (key->flags & (EVSI_KEY_SECRET | EVSI_KEY_URL))
      mask_text(check, full, key);
    if (key->kind == EVSI_KEY_GIVEN)
      hide_given(check, full, key);
    if (key->kind == EVSI_KEY_OBJECT && key->section)
      evsi_fill_mask(check, key->section, json_object_get(full, key->name));
    if (key->kind != EVSI_KEY_TRANSPORTS)
      continue;
    const char *name;
    json_t *entry;
    json_object_foreach(json_object_get(full, key->name), name, entry) {
      const char *type = json_string_value(json_object_get(entry, "type"));
      const evsi_section *part = type ? evsi_section_transport(type) : NULL;
      if (part)
        evsi_fill_mask(check, part, entry);
    }
  }
}
