/* SPDX-License-Identifier: MIT
 * type_name.c - checks, folds and joins event types and origin prefixes. Patterns are pattern.c. */
#include "event/type_name.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "event/segment.h"

/* What kind of name is checked, for the texts of errors. */
typedef struct grammar {
  const char *noun;
  const char *path;
  bool extended;
  const char *hint;
} grammar;

static evs_status refuse_byte(const grammar *g, evs_bytes name, uint64_t at, evs_error **out_error) {
  char shown[EVSI_SHOWN_MAX];
  evsi_byte_show(name.data[at], shown);
  return evsi_error(out_error, EVS_VALIDATION, g->path, "%s \"%.*s\": %s at byte %llu is not allowed; %s",
                    g->noun, (int)name.size, name.data, shown, (unsigned long long)at, g->hint);
}

static evs_status refuse_gap(const grammar *g, evs_bytes name, uint64_t at, evs_error **out_error) {
  return evsi_error(out_error, EVS_VALIDATION, g->path,
                    "%s \"%.*s\": a segment is empty at byte %llu; put letters or digits between single dots",
                    g->noun, (int)name.size, name.data, (unsigned long long)at);
}

/* Checks and folds `name` into out, which has room for EVSI_TYPE_MAX + 1 bytes. */
static evs_status fold_name(const grammar *g, evs_bytes name, char *out, bool *out_folded,
                            evs_error **out_error) {
  bool folded = false, is_start = true;
  if (name.size == 0)
    return evsi_error(out_error, EVS_VALIDATION, g->path, "%s is empty; %s", g->noun, g->hint);
  if (name.size > EVSI_TYPE_MAX)
    return evsi_error(out_error, EVS_VALIDATION, g->path, "%s has %llu bytes, at most %d are allowed",
                      g->noun, (unsigned long long)name.size, EVSI_TYPE_MAX);
  for (uint64_t i = 0; i < name.size; i++) {
    char c = evsi_fold(name.data[i]);
    if (c == '.' && is_start)
      return refuse_gap(g, name, i, out_error);
    if (c != '.' && !evsi_segment_char(c, g->extended))
      return refuse_byte(g, name, i, out_error);
    is_start = c == '.';
    folded |= c != name.data[i];
    out[i] = c;
  }
  if (is_start)
    return refuse_gap(g, name, name.size, out_error);
  out[name.size] = '\0';
  if (out_folded)
    *out_folded = folded;
  return EVS_OK;
}

evs_status evsi_type_fold(evs_bytes type, const char *own_prefix, bool extended, char *out, bool *out_folded,
                          evs_error **out_error) {
  const grammar g = {.noun = "event type",
                     .path = "/type",
                     .extended = extended,
                     .hint = extended ? "a type is segments of letters, digits, _ and - joined by dots"
                                      : "a type is segments of letters and digits joined by dots "
                                        "(routing.extendedTypes also allows _ and -)"};
  size_t cut = evsi_prefix_length(type, own_prefix);
  return fold_name(&g, evsi_bytes(cut ? type.data + cut : type.data, type.size - cut), out, out_folded,
                   out_error);
}

evs_status evsi_prefix_fold(evs_bytes prefix, char *out, evs_error **out_error) {
  const grammar g = {.noun = "origin prefix",
                     .path = "/originPrefix",
                     .extended = true,
                     .hint = "a prefix is segments of letters, digits, _ and - joined by dots"};
  return fold_name(&g, prefix, out, NULL, out_error);
}

bool evsi_topic_is_valid(evs_bytes topic) {
  bool is_gap = true;
  for (uint64_t i = 0; i < topic.size; i++) {
    bool is_letter = evsi_segment_char(topic.data[i], false);
    if (!is_letter && (topic.data[i] != '-' || is_gap))
      return false;
    is_gap = !is_letter;
  }
  return !is_gap;
}
