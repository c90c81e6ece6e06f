/* SPDX-License-Identifier: MIT
 * entry_state.c - what an entry carries from one attempt to the next, as short JSON that the transport
 * keeps beside it: {"a":attempts,"l":deferrals,"f":first failure,"t":last failure,"u":unmatched since,
 * "ok":[names],"dead":[names],"h":[history],"e":{class,message,stack},"c":crashes,"n":deliveries
 * counted,"x":alone,"d":what became of its dead letter}. docs/wire-format.md names it. */
#include <string.h>

#include "consume/engine.h"

#include "base/json_text.h"

enum { HISTORY_MAX = 16, MESSAGE_MAX = 4096, SHORT_MESSAGE_MAX = 512, CLASS_MAX = 256, STACK_MAX = 16384 };

static uint64_t number(const json_t *object, const char *key) {
  json_int_t value = json_integer_value(json_object_get(object, key));
  return value > 0 ? (uint64_t)value : 0;
}

static json_t *list(json_t *object, const char *key) {
  json_t *value = json_object_get(object, key);
  return json_is_array(value) ? json_incref(value) : NULL;
}

/* Written by other members: what cannot be read counts as a first attempt, and loses nothing. */
void evsi_entry_state_load(evsi_entry_state *state, const json_t *kept) {
  json_t *root = (json_t *)kept; /* reading takes references */
  memset(state, 0, sizeof *state);
  if (!kept)
    return;
  state->attempts = (uint32_t)number(root, "a");
  state->deferrals = (uint32_t)number(root, "l");
  state->first_failure_ms = number(root, "f");
  state->last_failure_ms = number(root, "t");
  state->unmatched_since_ms = number(root, "u");
  state->crashes = (uint32_t)number(root, "c");
  state->counted = (uint32_t)number(root, "n");
  state->alone = (uint32_t)number(root, "x");
  state->letter = (uint32_t)number(root, "d");
  state->done = list(root, "ok");
  state->exhausted = list(root, "dead");
  state->history = list(root, "h");
  state->error = json_incref(json_object_get(root, "e"));
}

static void add_number(json_t *root, const char *key, uint64_t value) {
  if (value > 0)
    json_object_set_new(root, key, json_integer((json_int_t)value));
}

static void add_list(json_t *root, const char *key, json_t *value) {
  if (value && json_array_size(value) > 0)
    json_object_set(root, key, value);
}

json_t *evsi_entry_state_json(const evsi_entry_state *state) {
  json_t *root = json_object();
  if (!root)
    return NULL;
  add_number(root, "a", state->attempts);
  add_number(root, "l", state->deferrals);
  add_number(root, "f", state->first_failure_ms);
  add_number(root, "t", state->last_failure_ms);
  add_number(root, "u", state->unmatched_since_ms);
  add_number(root, "c", state->crashes);
  add_number(root, "n", state->counted);
  add_number(root, "x", state->alone);
  add_list(root, "ok", state->done);
  add_list(root, "dead", state->exhausted);
  add_list(root, "h", state->history);
  if (state->error)
    json_object_set(root, "e", state->error);
  return root;
}

void evsi_entry_state_free(evsi_entry_state *state) {
  json_decref(state->done);
  json_decref(state->exhausted);
  json_decref(state->history);
  json_decref(state->error);
}

bool evsi_names_have(const json_t *names, const char *name) {
  size_t i;
  json_t *each;
  json_array_foreach((json_t *)names, i, each) {
    if (strcmp(json_string_value(each) ? json_string_value(each) : "", name) == 0)
      return true;
  }
  return false;
}

void evsi_names_add(json_t **names, const char *name) {
  if (!*names)
    *names = json_array();
  if (*names && !evsi_names_have(*names, name))
    json_array_append_new(*names, json_string(name));
}

/* A JSON string of at most max bytes; a cut never splits a character, other bytes become U+FFFD. */
static json_t *bounded(evs_bytes text, size_t max) {
  size_t size = text.size < max ? text.size : max;
  while (size > 0 && size < text.size && ((unsigned char)text.data[size] & 0xc0) == 0x80)
    size--;
  evsi_buf quoted = {0};
  evsi_buf_add_json(&quoted, text.data, size);
  json_t *value = quoted.failed ? NULL
                                : evsi_json_load(evsi_bytes(quoted.data, quoted.size),
                                                 JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
  evsi_buf_free(&quoted);
  return value ? value : json_string("");
}

void evsi_entry_state_failed(evsi_entry *entry, const evs_failure *failure, uint64_t duration_us) {
  evsi_entry_state *state = &entry->state;
  uint64_t now = evsi_wall_ms(entry->group->consume->setup.env);
  evs_bytes error_class = failure->error_class.size ? failure->error_class : evsi_text("Error");
  if (state->first_failure_ms == 0)
    state->first_failure_ms = now;
  state->last_failure_ms = now;
  json_decref(state->error);
  state->error =
      json_pack("{s:o,s:o,s:o}", "class", bounded(error_class, CLASS_MAX), "message",
                bounded(failure->message, MESSAGE_MAX), "stack", bounded(failure->stack, STACK_MAX));
  if (!state->history)
    state->history = json_array();
  if (json_array_size(state->history) >= HISTORY_MAX)
    json_array_remove(state->history, 0);
  json_array_append_new(state->history,
                        json_pack("{s:I,s:s,s:f,s:{s:o,s:o}}", "at", (json_int_t)now, "consumer",
                                  entry->group->consumer, "durationMs", (double)duration_us / 1000.0, "error",
                                  "class", bounded(error_class, CLASS_MAX), "message",
                                  bounded(failure->message, SHORT_MESSAGE_MAX)));
}
