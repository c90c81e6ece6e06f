/* SPDX-License-Identifier: MIT
 * config_walk.c - goes through a document along the table: unknown keys, synonyms, parts that are not built.
 * It goes as deep as the table does, never as deep as the input. */
#include "config/config_walk.h"

#include "base/json_text.h"

#include <stdio.h>
#include <string.h>

#include "config/config_suggest.h"
#include "event/header_filter.h"

typedef struct walk {
  evsi_check *check;
  const evsi_section *section;
  json_t *given;
  json_t *root;
} walk;

enum { MESSAGE_SIZE = 384, NAMES_SIZE = 1200 };

/* ---- unknown keys ---------------------------------------------------------------------------- */

static void section_names(const evsi_section *section, char out[NAMES_SIZE]) {
  size_t used = (size_t)snprintf(out, NAMES_SIZE, "one of:");
  for (size_t i = 0; i < section->count && used < NAMES_SIZE; i++)
    if (!(section->keys[i].flags & EVSI_KEY_UNSUPPORTED))
      used += (size_t)snprintf(out + used, NAMES_SIZE - used, " %s", section->keys[i].name);
}

/* A key that another type of transport has is no slip of the pen. */
static const char *other_transport(const evsi_section *section, const char *name) {
  static const char *const types[] = {"memory", "redis-streams", "file", "plugin", "bridge"};
  bool is_transport = false;
  const char *other = NULL;
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
    const evsi_section *candidate = evsi_section_transport(types[i]);
    if (candidate == section)
      is_transport = true;
    else if (evsi_section_find(candidate, name))
      other = other ? "other" : types[i];
  }
  return is_transport ? other : NULL;
}

static void unknown_key(walk *at, const char *name) {
  evsi_suggest suggest = {.word = name};
  char expected[NAMES_SIZE], message[MESSAGE_SIZE], shown[MESSAGE_SIZE / 2];
  for (size_t i = 0; i < at->section->count && !evsi_check_full(at->check); i++)
    evsi_suggest_offer(&suggest, at->section->keys[i].name, strlen(at->section->keys[i].name));
  section_names(at->section, expected);
  evsi_text_cut(name, shown, sizeof shown);
  const char *other = other_transport(at->section, name);
  if (other)
    snprintf(message, sizeof message, "\"%s\" is a key of %s transports only", shown, other);
  else
    snprintf(message, sizeof message, "unknown key \"%s\" (names that begin with x- are free)", shown);
  /* The value is not shown: a misspelt name may hide a password. */
  evsi_check_problem(at->check, &(evsi_problem){.message = message,
                                                .found = shown,
                                                .expected = expected,
                                                .suggestion = other ? NULL : suggest.best});
}

/* ---- parts that are not built ----------------------------------------------------------------- */

static bool harmless(const evsi_key *key, const json_t *value) {
  if (json_is_null(value) || json_is_false(json_object_get(value, "enabled")))
    return true;
  const char *algorithm = json_string_value(json_object_get(value, "algorithm"));
  if (algorithm && strcmp(algorithm, "none") == 0)
    return true;
  json_t *fallback = evsi_json_load(evsi_text(key->fallback), JSON_DECODE_ANY, NULL);
  bool equal = fallback && json_equal(fallback, value);
  json_decref(fallback);
  return equal;
}

static void unsupported(walk *at, const evsi_key *key, const json_t *value) {
  if (harmless(key, value))
    return;
  char message[MESSAGE_SIZE], found[EVSI_FOUND_SIZE];
  snprintf(message, sizeof message, "unsupported: \"%s\" is known but not built in this version; %s",
           key->name, key->doc);
  /* Text under such a key may be a credential. */
  evsi_found(found, value, json_is_string(value));
  evsi_check_problem(at->check, &(evsi_problem){.message = message,
                                                .found = found,
                                                .expected = key->fallback ? key->fallback : "nothing"});
}

/* ---- where values go -------------------------------------------------------------------------- */

static json_t *child(evsi_check *check, json_t *parent, const char *name) {
  json_t *found = json_object_get(parent, name);
  if (found)
    return found;
  json_t *made = json_object();
  if (!made || json_object_set_new(parent, name, made) != 0) {
    check->nomem = true;
    return NULL;
  }
  return made;
}

void evsi_walk_put(evsi_check *check, json_t *given, const evsi_key *key, json_t *value) {
  const json_t *there = json_object_get(given, key->name);
  if (!there) {
    if (value && json_object_set_new(given, key->name, value) != 0)
      check->nomem = true;
    return;
  }
  if (value && !json_equal(there, value)) {
    char message[MESSAGE_SIZE];
    snprintf(message, sizeof message,
             "\"%s\" is given twice, here and under another name, with different values", key->name);
    evsi_check_problem(check,
                       &(evsi_problem){.message = message, .expected = "one of the two, or equal values"});
  }
  json_decref(value);
}

static void put_synonym(walk *at, const evsi_key *key, const json_t *input) {
  const char *path = key->target;
  bool absolute = path[0] == '/';
  const evsi_section *section = absolute ? &evsi_section_system : at->section;
  json_t *given = absolute ? at->root : at->given;
  path += absolute;
  const evsi_key *target = evsi_section_find_path(section, path);
  for (const char *slash = strchr(path, '/'); slash && given; path = slash + 1, slash = strchr(path, '/')) {
    char name[EVSI_SUGGEST_MAX];
    snprintf(name, sizeof name, "%.*s", (int)(slash - path), path);
    given = child(at->check, given, name);
  }
  if (!given || !target || (json_is_null(input) && (target->flags & EVSI_KEY_NULLABLE)))
    return;
  if (!(key->flags & EVSI_KEY_ONE)) {
    json_t *value = evsi_value_check(at->check, target, input);
    evsi_walk_put(at->check, given, target, value);
    return;
  }
  static const evsi_key one = {.name = "", .kind = EVSI_KEY_TEXT, .min = 1, .max = 255};
  json_t *value = evsi_value_check(at->check, &one, input);
  json_t *list = value ? json_pack("[o]", value) : NULL;
  at->check->nomem |= value && !list;
  evsi_walk_put(at->check, given, target, list);
}

/* ---- objects in objects ------------------------------------------------------------------------ */

static bool size_fits(walk *at, const evsi_key *key, size_t size) {
  if ((int64_t)size >= key->min && (int64_t)size <= key->max)
    return true;
  char expected[MESSAGE_SIZE], found[64];
  snprintf(expected, sizeof expected, "%lld to %lld entries", (long long)key->min, (long long)key->max);
  snprintf(found, sizeof found, "%zu entries", size);
  evsi_check_problem(at->check,
                     &(evsi_problem){.message = size ? "has too many entries" : "must not be empty",
                                     .found = found,
                                     .expected = expected});
  return false;
}

static void walk_list(walk *at, const evsi_key *key, const json_t *input, json_t *out) {
  size_t index;
  json_t *value;
  json_array_foreach(input, index, value) {
    size_t mark = evsi_check_push_index(at->check, index);
    json_t *entry = json_object();
    if (!entry || json_array_append_new(out, entry) != 0)
      at->check->nomem = true;
    else if (json_is_object(value))
      evsi_walk(at->check, key->section, value, entry, at->root);
    else
      evsi_value_check(at->check, &(evsi_key){.kind = EVSI_KEY_OBJECT}, value);
    evsi_check_pop(at->check, mark);
  }
}

static void walk_words(walk *at, const json_t *input, json_t *out) {
  static const evsi_key word = {.name = "", .kind = EVSI_KEY_TEXT, .min = 1, .max = 200};
  const char *name;
  json_t *value;
  json_object_foreach((json_t *)input, name, value) {
    size_t mark = evsi_check_push(at->check, name);
    json_t *text = evsi_value_check(at->check, &word, value);
    if (text && json_object_set_new(out, name, text) != 0)
      at->check->nomem = true;
    evsi_check_pop(at->check, mark);
  }
}

/* What each value of a filter must be: json_t of it as it was checked, or NULL. */
static json_t *filter_value(walk *at, const json_t *value) {
  static const evsi_key one = {.name = "", .kind = EVSI_KEY_TEXT, .min = 0, .max = 1024};
  static const evsi_key many = {.name = "", .kind = EVSI_KEY_TEXTS, .min = 1, .max = 100};
  if (json_is_null(value))
    return json_null();
  return evsi_value_check(at->check, json_is_array(value) ? &many : &one, value);
}

static void walk_filter(walk *at, const json_t *input, json_t *out) {
  const char *name;
  json_t *value;
  char expected[MESSAGE_SIZE];
  json_object_foreach((json_t *)input, name, value) {
    size_t mark = evsi_check_push(at->check, name);
    json_t *checked = NULL;
    if (evsi_header_filter_knows(name)) {
      checked = filter_value(at, value);
    } else {
      snprintf(expected, sizeof expected, "header. and one of: %s", evsi_header_filter_names);
      evsi_check_problem(at->check, &(evsi_problem){.message = "is no member of the envelope's header",
                                                    .expected = expected});
    }
    if (checked && json_object_set_new(out, name, checked) != 0)
      at->check->nomem = true;
    evsi_check_pop(at->check, mark);
  }
}

/* The section that the member `type` names, or NULL and a problem. */
static const evsi_section *transport_section(walk *at, const json_t *input) {
  static const evsi_key type_key = {.name = "type", .kind = EVSI_KEY_CHOICE, .choices = evsi_transport_types};
  const json_t *type = json_object_get(input, "type");
  if (!type) {
    evsi_check_problem(at->check,
                       &(evsi_problem){.message = "the key \"type\" is required",
                                       .expected = "one of: memory redis-streams file plugin bridge"});
    return NULL;
  }
  size_t mark = evsi_check_push(at->check, "type");
  json_t *checked = evsi_value_check(at->check, &type_key, type);
  evsi_check_pop(at->check, mark);
  const evsi_section *section = checked ? evsi_section_transport(json_string_value(checked)) : NULL;
  json_decref(checked);
  return section;
}

static void walk_transports(walk *at, const json_t *input, json_t *out) {
  const char *name;
  json_t *value;
  json_object_foreach((json_t *)input, name, value) {
    size_t mark = evsi_check_push(at->check, name);
    json_t *entry = child(at->check, out, name);
    const evsi_section *section = NULL;
    if (!json_is_object(value))
      evsi_value_check(at->check, &(evsi_key){.kind = EVSI_KEY_OBJECT}, value);
    else
      section = transport_section(at, value);
    if (entry && section)
      evsi_walk(at->check, section, value, entry, at->root);
    evsi_check_pop(at->check, mark);
  }
}

static void walk_object(walk *at, const evsi_key *key, const json_t *input) {
  if (key->flags & EVSI_KEY_FLATTEN) {
    evsi_walk(at->check, key->section, input, at->given, at->root);
    return;
  }
  if (!(key->flags & (EVSI_KEY_UNSUPPORTED | EVSI_KEY_IGNORED))) {
    json_t *part = child(at->check, at->given, key->name);
    if (part)
      evsi_walk(at->check, key->section, input, part, at->root);
    return;
  }
  json_t *nowhere = json_object();
  if (nowhere)
    evsi_walk(at->check, key->section, input, nowhere, at->root);
  else
    at->check->nomem = true;
  json_decref(nowhere);
  if (key->flags & EVSI_KEY_UNSUPPORTED)
    unsupported(at, key, input);
}

/* true is an object without members; false is kept, so that it can contradict what a URL says. */
static void walk_switch(walk *at, const evsi_key *key, const json_t *input) {
  json_t *value = json_is_true(input) ? json_object() : json_false();
  if (!value || json_object_set_new(at->given, key->name, value) != 0)
    at->check->nomem = true;
  else if (json_is_true(input))
    evsi_walk(at->check, key->section, value, value, at->root); /* some may be required */
}

static void walk_container(walk *at, const evsi_key *key, const json_t *input) {
  bool list = key->kind == EVSI_KEY_LIST;
  if ((key->flags & EVSI_KEY_SWITCH) && json_is_boolean(input)) {
    walk_switch(at, key, input);
    return;
  }
  if (list ? !json_is_array(input) : !json_is_object(input)) {
    evsi_value_check(at->check, key, input);
    return;
  }
  if (key->kind == EVSI_KEY_OBJECT) {
    walk_object(at, key, input);
    return;
  }
  if (!size_fits(at, key, list ? json_array_size(input) : json_object_size(input)))
    return;
  json_t *out = list ? json_array() : json_object();
  if (!out || json_object_set_new(at->given, key->name, out) != 0) {
    at->check->nomem = true;
    return;
  }
  if (list)
    walk_list(at, key, input, out);
  else if (key->kind == EVSI_KEY_WORDS)
    walk_words(at, input, out);
  else if (key->kind == EVSI_KEY_FILTER)
    walk_filter(at, input, out);
  else
    walk_transports(at, input, out);
}

/* What is in a schema is for the compiler; no ${…} in it is replaced. */
static void walk_schemas(walk *at, const evsi_key *key, const json_t *input) {
  const char *type;
  json_t *versions;
  if (!json_is_object(input)) {
    evsi_value_check(at->check, key, input);
    return;
  }
  if (!size_fits(at, key, json_object_size(input)))
    return;
  json_object_foreach((json_t *)input, type, versions) {
    size_t mark = evsi_check_push(at->check, type);
    if (!json_is_object(versions))
      evsi_value_check(at->check, key, versions);
    evsi_check_pop(at->check, mark);
  }
  evsi_walk_put(at->check, at->given, key, json_deep_copy(input));
}

/* What is in it is for somebody else. */
static void walk_given(walk *at, const evsi_key *key, const json_t *input) {
  if (!json_is_object(input))
    evsi_value_check(at->check, key, input);
  else if (size_fits(at, key, json_object_size(input)))
    evsi_walk_put(at->check, at->given, key, json_deep_copy(input));
}

static void walk_key(walk *at, const evsi_key *key, const json_t *input) {
  if (key->target) {
    put_synonym(at, key, input);
    return;
  }
  bool null_is_nothing = key->flags & (EVSI_KEY_NULLABLE | EVSI_KEY_UNSUPPORTED);
  if (json_is_null(input) && null_is_nothing)
    return;
  switch (key->kind) {
  case EVSI_KEY_ANY:
    if (key->flags & EVSI_KEY_UNSUPPORTED)
      unsupported(at, key, input);
    return;
  case EVSI_KEY_OBJECT:
  case EVSI_KEY_LIST:
  case EVSI_KEY_WORDS:
  case EVSI_KEY_FILTER:
  case EVSI_KEY_TRANSPORTS:
    walk_container(at, key, input);
    return;
  case EVSI_KEY_SCHEMAS:
    walk_schemas(at, key, input);
    return;
  case EVSI_KEY_GIVEN:
    walk_given(at, key, input);
    return;
  default:
    break;
  }
  if (key->section && json_is_object(input)) {
    walk_object(at, key, input);
    return;
  }
  if (key->flags & EVSI_KEY_IGNORED) {
    json_decref(evsi_value_check(at->check, key, input));
    return;
  }
  bool null_value = json_is_null(input) && (key->flags & EVSI_KEY_NULL_MEANS);
  evsi_walk_put(at->check, at->given, key,
                null_value ? json_null() : evsi_value_check(at->check, key, input));
}

/* ---- required keys ----------------------------------------------------------------------------- */

static bool given_somehow(const walk *at, const evsi_key *key, const json_t *input) {
  if (json_object_get(at->given, key->name) || json_object_get(input, key->name))
    return true;
  for (size_t i = 0; i < at->section->count; i++) {
    const evsi_key *other = &at->section->keys[i];
    if (other->target && strcmp(other->target, key->name) == 0 && json_object_get(input, other->name))
      return true;
  }
  return false;
}

static void check_required(walk *at, const json_t *input) {
  for (size_t i = 0; i < at->section->count; i++) {
    const evsi_key *key = &at->section->keys[i];
    if (!(key->flags & EVSI_KEY_REQUIRED) || given_somehow(at, key, input))
      continue;
    char message[MESSAGE_SIZE];
    snprintf(message, sizeof message, "the key \"%s\" is required: %s", key->name, key->doc);
    evsi_check_problem(at->check, &(evsi_problem){.message = message, .expected = key->name});
  }
}

void evsi_walk(evsi_check *check, const evsi_section *section, const json_t *input, json_t *given,
               json_t *root) {
  walk at = {check, section, given, root};
  const char *name;
  json_t *value;
  json_object_foreach((json_t *)input, name, value) {
    if (strncmp(name, "x-", 2) == 0)
      continue;
    const evsi_key *key = evsi_section_find(section, name);
    size_t mark = evsi_check_push(check, name);
    if (key)
      walk_key(&at, key, value);
    else
      unknown_key(&at, name);
    evsi_check_pop(check, mark);
  }
  check_required(&at, input);
}
