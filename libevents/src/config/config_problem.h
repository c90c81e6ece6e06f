/* SPDX-License-Identifier: MIT
 * config_problem.h - collects what is wrong with a document: where (a JSON pointer that follows the reader),
 * what was found, what was expected. Nothing secret gets in. */
#ifndef EVSI_CONFIG_PROBLEM_H
#define EVSI_CONFIG_PROBLEM_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/json_text.h"

enum { EVSI_PROBLEMS_MAX = 100, EVSI_FOUND_SIZE = 160 };

typedef struct evsi_check {
  json_t *problems;
  json_t *warnings;
  size_t dropped;  /* problems past the bound */
  evsi_buf path;   /* where the reader is */
  size_t expanded; /* bytes that came out of ${…} so far */
  bool expand;     /* replace ${…} in texts */
  bool strict;     /* warnings are problems */
  bool nomem;
} evsi_check;

/* Texts may be NULL but for message. */
typedef struct evsi_problem {
  const char *message;
  const char *found;
  const char *expected;
  const char *suggestion;
} evsi_problem;

bool evsi_check_init(evsi_check *check, bool expand);
void evsi_check_free(evsi_check *check);

/* Goes down one step; give the result to evsi_check_pop() to come back. */
size_t evsi_check_push(evsi_check *check, const char *name);
size_t evsi_check_push_index(evsi_check *check, size_t index);
void evsi_check_pop(evsi_check *check, size_t mark);

void evsi_check_problem(evsi_check *check, const evsi_problem *problem);
/* Further problems are only counted: not worth the search for a suggestion. */
bool evsi_check_full(const evsi_check *check);
/* A problem where `strict` is set. */
void evsi_check_warning(evsi_check *check, const evsi_problem *problem);
bool evsi_check_failed(const evsi_check *check);

/* EVS_CONFIG with all problems, or EVS_NOMEM. `what`: "configuration". */
evs_status evsi_check_error(const evsi_check *check, const char *what, evs_error **out_error);

/* A value as it may be shown: short, and without what a URL or a secret gives away. */
void evsi_found(char out[EVSI_FOUND_SIZE], const json_t *value, bool secret);
/* A URL without user, password and query; cut to fit. */
bool evsi_url_mask(const char *url, char *out, size_t size);
/* Copies what fits, whole characters only, with a sign that it was cut. */
void evsi_text_cut(const char *text, char *out, size_t size);

/* Reads the one JSON text of a document or of options: an object, or NULL and a problem. */
json_t *evsi_check_parse(evsi_check *check, const char *json, size_t size);

#endif
