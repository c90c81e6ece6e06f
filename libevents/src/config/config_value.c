/* SPDX-License-Identifier: MIT
 * config_value.c - one value of the document: its type, its range, and ${…} in it. Objects and lists of
 * objects are walked in config_walk.c. */
#include "config/config_walk.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json_text.h"
#include "config/config_suggest.h"

enum { EXPECTED_SIZE = 256, VARIABLE_MAX = 256, EXPANDED_MAX = 4 << 20, SCALAR_MAX = 64 };

static void complain(evsi_check *check, const evsi_key *key, const json_t *value,
                     const evsi_problem *problem) {
  char found[EVSI_FOUND_SIZE];
  evsi_problem full = *problem;
  evsi_found(found, value, (key->flags & (EVSI_KEY_SECRET | EVSI_KEY_SWITCH)) != 0);
  full.found = found;
  evsi_check_problem(check, &full);
}

/* ---- ${…} ------------------------------------------------------------------------------------ */

static size_t variable_size(const char *name) {
  size_t size = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789");
  return size > 0 && name[0] >= '0' && name[0] <= '9' ? 0 : size;
}

static bool expand_malformed(evsi_check *check) {
  evsi_check_problem(check, &(evsi_problem){.message = "has a ${ that begins no variable",
                                            .expected = "${NAME} or ${NAME:-default}; $${ for a plain ${"});
  return false;
}

/* Replaces the one variable whose name begins at *cursor and moves *cursor behind its closing brace. */
static bool expand_one(evsi_check *check, const char **cursor, evsi_buf *out) {
  const char *name = *cursor;
  size_t size = variable_size(name);
  const char *after = name + size;
  bool has_default = strncmp(after, ":-", 2) == 0;
  const char *fallback = has_default ? after + 2 : after;
  const char *end = has_default ? strchr(fallback, '}') : after;
  if (size == 0 || size >= VARIABLE_MAX || !end || *end != '}')
    return expand_malformed(check);
  char variable[VARIABLE_MAX];
  memcpy(variable, name, size);
  variable[size] = '\0';
  *cursor = end + 1;
  const char *value = getenv(variable);
  if (has_default && (!value || !*value)) {
    evsi_buf_add(out, fallback, (size_t)(end - fallback));
    return true;
  }
  char message[VARIABLE_MAX + 64];
  if (value && evsi_utf8_valid(value, strlen(value))) {
    evsi_buf_add_text(out, value);
    return true;
  }
  snprintf(message, sizeof message, "the environment variable %s is %s", variable,
           value ? "not UTF-8" : "not set");
  evsi_check_problem(
      check, &(evsi_problem){.message = message, .expected = "a variable that is set, or ${NAME:-default}"});
  return false;
}

char *evsi_value_expand(evsi_check *check, const char *text) {
  evsi_buf out = {0};
  bool fine = true;
  while (fine) {
    const char *dollar = strstr(text, "${");
    if (!dollar)
      break;
    if (dollar > text && dollar[-1] == '$') {
      evsi_buf_add(&out, text, (size_t)(dollar - text) - 1);
      evsi_buf_add(&out, "${", 2);
      text = dollar + 2;
      continue;
    }
    evsi_buf_add(&out, text, (size_t)(dollar - text));
    text = dollar + 2;
    size_t before = out.size;
    fine = expand_one(check, &text, &out);
    check->expanded += out.size - before;
    if (check->expanded > EXPANDED_MAX) {
      evsi_check_problem(check, &(evsi_problem){.message = "variables bring in too much text",
                                                .expected = "at most 4 MiB in the whole document"});
      fine = false;
    }
  }
  evsi_buf_add_text(&out, text);
  char *result = evsi_buf_take(&out);
  if (!result)
    check->nomem = true;
  if (fine)
    return result;
  evsi_free(result);
  return NULL;
}

/* ---- types and ranges ------------------------------------------------------------------------ */

static bool text_check(evsi_check *check, const evsi_key *key, const json_t *raw, const char *text) {
  size_t size = strlen(text);
  char expected[EXPECTED_SIZE];
  if ((int64_t)size < key->min || (int64_t)size > key->max) {
    snprintf(expected, sizeof expected, "%" PRId64 " to %" PRId64 " bytes", key->min, key->max);
    complain(check, key, raw,
             &(evsi_problem){.message = size ? "is too long or too short" : "must not be empty",
                             .expected = expected});
    return false;
  }
  for (size_t i = 0; i < size; i++) {
    unsigned char c = (unsigned char)text[i];
    bool is_line = (key->flags & EVSI_KEY_LINES) && (c == '\n' || c == '\r');
    if ((c >= 0x20 && c != 0x7F) || is_line || (key->flags & EVSI_KEY_SECRET))
      continue;
    complain(check, key, raw,
             &(evsi_problem){.message = "has a control character in it",
                             .expected = "text without control characters"});
    return false;
  }
  return true;
}

static bool choice_check(evsi_check *check, const evsi_key *key, const json_t *raw, const char *text) {
  char expected[EXPECTED_SIZE], suggestion[EVSI_SUGGEST_MAX + 1], message[EXPECTED_SIZE];
  if (evsi_choices_hold(key->choices, text))
    return true;
  snprintf(expected, sizeof expected, "one of: %s", key->choices);
  for (char *c = expected; *c; c++)
    if (*c == '|')
      *c = ' ';
  if (evsi_choices_hold(key->later, text)) {
    snprintf(message, sizeof message, "unsupported: \"%s\" is known but not built in this version", text);
    complain(check, key, raw, &(evsi_problem){.message = message, .expected = expected});
    return false;
  }
  evsi_suggest suggest = {.word = text};
  if (!evsi_check_full(check))
    evsi_suggest_offer_all(&suggest, key->choices);
  if (suggest.best)
    snprintf(suggestion, sizeof suggestion, "%.*s", (int)suggest.best_size, suggest.best);
  complain(check, key, raw,
           &(evsi_problem){.message = "is not one of the known values",
                           .expected = expected,
                           .suggestion = suggest.best ? suggestion : NULL});
  return false;
}

static json_t *wrong_type(evsi_check *check, const evsi_key *key, const json_t *value) {
  static const char *const names[] = {
      [EVSI_KEY_TEXT] = "a text",       [EVSI_KEY_INT] = "a whole number",
      [EVSI_KEY_NUMBER] = "a number",   [EVSI_KEY_BOOL] = "true or false",
      [EVSI_KEY_CHOICE] = "a text",     [EVSI_KEY_TEXTS] = "a list of texts",
      [EVSI_KEY_OBJECT] = "an object",  [EVSI_KEY_LIST] = "a list of objects",
      [EVSI_KEY_WORDS] = "an object",   [EVSI_KEY_TRANSPORTS] = "an object",
      [EVSI_KEY_FILTER] = "an object",  [EVSI_KEY_ANY] = "anything",
      [EVSI_KEY_SCHEMAS] = "an object", [EVSI_KEY_GIVEN] = "an object",
  };
  char message[80];
  const char *name = key->flags & EVSI_KEY_SWITCH ? "true, false or an object" : names[key->kind];
  snprintf(message, sizeof message, "must be %s", name);
  complain(check, key, value, &(evsi_problem){.message = message, .expected = name});
  return NULL;
}

static json_t *number_check(evsi_check *check, const evsi_key *key, const json_t *raw, const json_t *value) {
  char expected[EXPECTED_SIZE];
  double real = json_number_value(value);
  /* 5e3 is a whole number too; beyond 2^53 a real no longer says which. */
  bool whole = json_is_integer(value) ||
               (json_is_real(value) && real > -9e15 && real < 9e15 && (double)(json_int_t)real == real);
  if (!json_is_number(value) || (key->kind == EVSI_KEY_INT && !whole))
    return wrong_type(check, key, raw);
  json_int_t integer = json_is_integer(value) ? json_integer_value(value) : whole ? (json_int_t)real : 0;
  bool fits = key->kind == EVSI_KEY_INT ? integer >= key->min && integer <= key->max
                                        : real >= (double)key->min && real <= (double)key->max;
  if (!fits) {
    snprintf(expected, sizeof expected, "%" PRId64 " to %" PRId64, key->min, key->max);
    complain(check, key, raw, &(evsi_problem){.message = "is out of range", .expected = expected});
    return NULL;
  }
  json_t *result = key->kind == EVSI_KEY_INT ? json_integer(integer) : json_real(real);
  check->nomem |= !result;
  return result;
}

/* A number where text is asked for stands for its digits. */
static json_t *digits_check(evsi_check *check, const json_t *raw, const json_t *value) {
  static const evsi_key whole = {.name = "", .kind = EVSI_KEY_INT, .min = 0, .max = INT64_MAX};
  char text[SCALAR_MAX];
  json_t *number = number_check(check, &whole, raw, value);
  if (!number)
    return NULL;
  snprintf(text, sizeof text, "%" PRId64, (int64_t)json_integer_value(number));
  json_decref(number);
  json_t *digits = json_string(text);
  check->nomem |= !digits;
  return digits;
}

static json_t *plain_check(evsi_check *check, const evsi_key *key, const json_t *raw, const json_t *value) {
  const char *text = json_string_value(value);
  switch (key->kind) {
  case EVSI_KEY_INT:
  case EVSI_KEY_NUMBER:
    return number_check(check, key, raw, value);
  case EVSI_KEY_BOOL:
    return json_is_boolean(value) ? json_boolean(json_is_true(value)) : wrong_type(check, key, raw);
  case EVSI_KEY_CHOICE:
  case EVSI_KEY_TEXT:
    if (!text && (key->flags & EVSI_KEY_DIGITS) && json_is_number(value))
      return digits_check(check, raw, value);
    if (!text)
      return wrong_type(check, key, raw);
    if (key->kind == EVSI_KEY_CHOICE ? !choice_check(check, key, raw, text)
                                     : !text_check(check, key, raw, text))
      return NULL;
    json_t *copy = json_string(text);
    check->nomem |= !copy;
    return copy;
  default:
    return wrong_type(check, key, raw);
  }
}

/* A variable is always text: "6379" from the environment may stand where a number is asked for. */
static json_t *expanded_check(evsi_check *check, const evsi_key *key, const json_t *raw) {
  char *text = evsi_value_expand(check, json_string_value(raw));
  if (!text)
    return NULL;
  bool scalar = key->kind == EVSI_KEY_INT || key->kind == EVSI_KEY_NUMBER || key->kind == EVSI_KEY_BOOL;
  json_error_t why = {.line = 0};
  json_t *value = NULL;
  if (scalar && strlen(text) <= SCALAR_MAX)
    value = evsi_json_load(evsi_text(text), JSON_DECODE_ANY, &why);
  if (!value && json_error_code(&why) != json_error_out_of_memory)
    value = json_string(text);
  evsi_free(text);
  json_t *result = NULL;
  if (value)
    result = plain_check(check, key, raw, value);
  else
    check->nomem = true;
  json_decref(value);
  return result;
}

static json_t *one_check(evsi_check *check, const evsi_key *key, const json_t *value) {
  const char *text = json_string_value(value);
  if (text && check->expand && strstr(text, "${"))
    return expanded_check(check, key, value);
  return plain_check(check, key, value, value);
}

static json_t *texts_check(evsi_check *check, const evsi_key *key, const json_t *value) {
  if (!json_is_array(value))
    return wrong_type(check, key, value);
  size_t count = json_array_size(value);
  if ((int64_t)count < key->min || (int64_t)count > key->max) {
    char expected[EXPECTED_SIZE];
    snprintf(expected, sizeof expected, "%" PRId64 " to %" PRId64 " entries", key->min, key->max);
    complain(check, key, value,
             &(evsi_problem){.message = "has too many or too few entries", .expected = expected});
    return NULL;
  }
  static const evsi_key entry = {.name = "", .kind = EVSI_KEY_TEXT, .min = 0, .max = 255};
  json_t *result = json_array();
  for (size_t i = 0; result && i < count; i++) {
    size_t mark = evsi_check_push_index(check, i);
    json_t *text = one_check(check, &entry, json_array_get(value, i));
    /* A wrong entry keeps its place, so that later problems name the right one. */
    if (json_array_append_new(result, text ? text : json_null()) != 0)
      check->nomem = true;
    evsi_check_pop(check, mark);
  }
  check->nomem |= !result;
  return result;
}

json_t *evsi_value_check(evsi_check *check, const evsi_key *key, const json_t *value) {
  switch (key->kind) {
  case EVSI_KEY_TEXTS:
    return texts_check(check, key, value);
  case EVSI_KEY_OBJECT:
  case EVSI_KEY_LIST:
  case EVSI_KEY_WORDS:
  case EVSI_KEY_FILTER:
  case EVSI_KEY_TRANSPORTS:
  case EVSI_KEY_SCHEMAS:
  case EVSI_KEY_GIVEN:
    return wrong_type(check, key, value);
  default:
    return one_check(check, key, value);
  }
}
