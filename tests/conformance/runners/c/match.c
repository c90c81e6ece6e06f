/* SPDX-License-Identifier: MIT
 * match.c - see match.h. */
#include "match.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_MAX_BYTES = 512 };

static char *differ(const char *path, const json_t *expected, const json_t *found) {
  char *text = NULL;
  char *wanted = json_dumps(expected, JSON_ENCODE_ANY | JSON_COMPACT);
  char *given = found ? json_dumps(found, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
  if (asprintf(&text, "%s: found %.1000s, expected %.1000s", *path ? path : "/", given ? given : "nothing",
               wanted ? wanted : "?") < 0)
    abort();
  free(wanted);
  free(given);
  return text;
}

static char *differ_in_length(const char *path, const json_t *expected, const json_t *found) {
  char *text = NULL;
  if (json_array_size(expected) == json_array_size(found))
    return NULL;
  if (asprintf(&text, "%s: found %zu entries, expected %zu", *path ? path : "/", json_array_size(found),
               json_array_size(expected)) < 0)
    abort();
  return text;
}

static bool is_same(const json_t *expected, const json_t *found) {
  if (json_is_null(expected))
    return !found || json_is_null(found);
  if (json_is_number(expected) && json_is_number(found))
    return json_number_value(expected) == json_number_value(found);
  const char *text = json_string_value(expected);
  if (text && text[0] == '~')
    return json_is_string(found) && strstr(json_string_value(found), text + 1);
  return found && json_equal(expected, found);
}

static char *compare(const char *path, const json_t *expected, const json_t *found);

static char *compare_members(const char *path, const json_t *expected, const json_t *found) {
  char deeper[PATH_MAX_BYTES];
  const char *name;
  json_t *value;
  char *difference = NULL;
  json_object_foreach((json_t *)expected, name, value) {
    snprintf(deeper, sizeof deeper, "%s/%s", path, name);
    difference = compare(deeper, value, json_object_get(found, name));
    if (difference)
      break;
  }
  return difference;
}

static char *compare_entries(const char *path, const json_t *expected, const json_t *found) {
  char deeper[PATH_MAX_BYTES];
  char *difference = differ_in_length(path, expected, found);
  for (size_t i = 0; i < json_array_size(expected) && !difference; i++) {
    snprintf(deeper, sizeof deeper, "%s/%zu", path, i);
    difference = compare(deeper, json_array_get(expected, i), json_array_get(found, i));
  }
  return difference;
}

static char *compare(const char *path, const json_t *expected, const json_t *found) {
  if (json_is_object(expected) && json_is_object(found))
    return compare_members(path, expected, found);
  if (json_is_array(expected) && json_is_array(found))
    return compare_entries(path, expected, found);
  return is_same(expected, found) ? NULL : differ(path, expected, found);
}

char *match_difference(const json_t *expected, const json_t *found) {
  return compare("", expected, found);
}

/* Takes the first entry that agrees out of `left`; false when none does. */
static bool take_one(const json_t *expected, json_t *left) {
  for (size_t i = 0; i < json_array_size(left); i++) {
    char *difference = match_difference(expected, json_array_get(left, i));
    bool agrees = !difference;
    free(difference);
    if (agrees)
      return json_array_remove(left, i) == 0;
  }
  return false;
}

char *match_in_any_order(const json_t *expected, const json_t *found) {
  char path[32];
  if (!json_is_array(expected) || !json_is_array(found))
    return match_difference(expected, found);
  char *difference = NULL;
  json_t *left = json_copy((json_t *)found);
  for (size_t i = 0; i < json_array_size(expected) && !difference; i++) {
    snprintf(path, sizeof path, "/%zu", i);
    if (!take_one(json_array_get(expected, i), left))
      difference = differ(path, json_array_get(expected, i), NULL);
  }
  json_decref(left);
  return difference ? difference : differ_in_length("", expected, found);
}

json_t *match_repeated(const json_t *entries) {
  json_t *all = json_array();
  for (size_t i = 0; i < json_array_size(entries); i++) {
    json_t *entry = json_copy(json_array_get(entries, i));
    const json_t *given = json_object_get(entry, "times");
    json_int_t times = given ? json_integer_value(given) : 1;
    json_object_del(entry, "times");
    for (json_int_t n = 0; n < times; n++)
      json_array_append(all, entry);
    json_decref(entry);
  }
  return all;
}
