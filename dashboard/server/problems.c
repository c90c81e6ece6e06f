/* SPDX-License-Identifier: MIT
 * problems.c - see problems.h. */
#include "problems.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void evsd_problem_add(evsd_problems *problems, const char *path, const char *format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (problems->count++ == 0)
    snprintf(problems->path, sizeof problems->path, "%s", path);
  size_t room = sizeof problems->text - problems->used;
  int more =
      snprintf(problems->text + problems->used, room, "%s%s: %s", problems->used ? "; " : "", path, text);
  if (more > 0 && (size_t)more < room)
    problems->used += (size_t)more;
}

evs_status evsd_problems_end(const evsd_problems *problems, evs_error **out_error) {
  char message[sizeof problems->text + 64];
  if (problems->count == 0)
    return EVS_OK;
  snprintf(message, sizeof message, "the options of the dashboard have %zu fault%s: %.*s", problems->count,
           problems->count == 1 ? "" : "s", (int)problems->used, problems->text);
  return evs_error_create(EVS_CONFIG, problems->path, message, out_error);
}

/* Edit distance of words up to a length at which nobody misspells. */
static size_t distance(const char *a, const char *b) {
  enum { WORD_MAX = 32 };
  size_t row[WORD_MAX], na = strlen(a), nb = strlen(b);
  if (na >= WORD_MAX || nb >= WORD_MAX)
    return WORD_MAX;
  for (size_t j = 0; j <= nb; j++)
    row[j] = j;
  for (size_t i = 1; i <= na; i++) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= nb; j++) {
      size_t best = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      best = row[j] + 1 < best ? row[j] + 1 : best;
      row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
    }
  }
  return row[nb];
}

const char *evsd_suggest(const char *name, const char *const *known) {
  const char *best = NULL;
  size_t least = strlen(name) / 3 + 2;
  for (; *known; known++) {
    size_t far = distance(name, *known);
    if (far < least) {
      least = far;
      best = *known;
    }
  }
  return best;
}

void evsd_problems_unknown(evsd_problems *problems, const char *path, json_t *object,
                           const char *const *known) {
  const char *name;
  json_t *value;
  json_object_foreach(object, name, value) {
    size_t i = 0;
    while (known[i] && strcmp(known[i], name) != 0)
      i++;
    if (known[i])
      continue;
    char where[160];
    const char *near = evsd_suggest(name, known);
    snprintf(where, sizeof where, "%s/%.64s", path, name);
    evsd_problem_add(problems, where, near ? "not known; did you mean \"%s\"?" : "not known", near);
  }
}
