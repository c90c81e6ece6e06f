/* SPDX-License-Identifier: MIT
 * expression.c - the syntax of `/source/flags`, and matching single ones. */
#include "consume/expression.h"

#include <string.h>

#include "base/error.h"
#include "event/segment.h"

/* Bytes before the opening slash. */
static size_t lead_of(evs_bytes pattern) {
  return pattern.data[0] == '/' ? 0 : 2;
}

static evs_status refuse(evs_bytes pattern, const char *why, evs_error **out_error) {
  return evsi_error(out_error, EVS_VALIDATION, "/pattern", "regular expression %.*s: %s", (int)pattern.size,
                    pattern.data, why);
}

/* The global, multi-line, dot-all, ignore-case, Unicode and indices flags say nothing about one line in
 * folded case of which only whether it matches is asked; others would change what the source means. */
static const char *check_flags(evs_bytes flags) {
  for (uint64_t i = 0; i < flags.size; i++) {
    if (!memchr("dgimsu", flags.data[i], 6))
      return "has a flag that is not known here; d, g, i, m, s and u are, and none is needed";
  }
  return NULL;
}

static evs_status compile(evs_bytes pattern, evs_bytes source, evsi_regex **out, evs_error **out_error) {
  evsi_buf why = {0};
  evs_status status = EVS_OK;
  evsi_regex_fault fault = evsi_regex_compile_folded(source, out, &why);
  if (fault == EVSI_REGEX_NO_MEMORY || (fault != EVSI_REGEX_FINE && why.failed))
    status = evsi_error_nomem(out_error);
  else if (fault != EVSI_REGEX_FINE)
    status = refuse(pattern, why.data, out_error);
  evsi_buf_free(&why);
  return status;
}

static evs_bytes source_of(const char *pattern) {
  size_t begin = lead_of(evsi_text(pattern)) + 1;
  return evsi_bytes(pattern + begin, strlen(pattern) - begin - 1);
}

evs_status evsi_expression_compile(const char *pattern, evsi_regex **out, evs_error **out_error) {
  return compile(evsi_text(pattern), source_of(pattern), out, out_error);
}

evs_status evsi_expression_normalize(evs_bytes pattern, char *out, evs_error **out_error) {
  if (pattern.size > EVSI_PATTERN_MAX)
    return evsi_error(out_error, EVS_VALIDATION, "/pattern",
                      "the regular expression has %llu bytes, at most %d are allowed",
                      (unsigned long long)pattern.size, EVSI_PATTERN_MAX);
  if (!evsi_utf8_valid(pattern.data, pattern.size) || memchr(pattern.data, '\0', pattern.size))
    return evsi_error(out_error, EVS_VALIDATION, "/pattern",
                      "the regular expression is not UTF-8, or has a NUL in it");
  size_t begin = lead_of(pattern), end = pattern.size - 1;
  while (pattern.data[end] != '/')
    end--;
  if (end == begin)
    return refuse(pattern, "has no closing slash; write it as /order\\..+/", out_error);
  if (end == begin + 1)
    return refuse(pattern, "is empty; a pattern * takes every event", out_error);
  const char *why = check_flags(evsi_bytes(pattern.data + end + 1, pattern.size - end - 1));
  if (why)
    return refuse(pattern, why, out_error);
  memcpy(out, pattern.data, end + 1);
  out[end + 1] = '\0';
  evsi_regex *regex = NULL;
  evs_status status = evsi_expression_compile(out, &regex, out_error);
  evsi_regex_free(regex);
  return status;
}

evsi_regex_verdict evsi_expression_try(const evsi_regex *regex, evsi_regex_memory **memory, evs_bytes type) {
  return evsi_utf8_valid(type.data, type.size) ? evsi_regex_match(regex, memory, type) : EVSI_REGEX_NO;
}

/* The first verdict that is not no, trying the text from each of its segments on, or as a whole. */
static evsi_regex_verdict try_each(const evsi_regex *regex, evsi_regex_memory **memory, evs_bytes text,
                                   bool floats) {
  evsi_regex_verdict verdict = evsi_expression_try(regex, memory, text);
  for (uint64_t i = 0; floats && verdict == EVSI_REGEX_NO && i < text.size; i++) {
    if (text.data[i] == '.')
      verdict = evsi_expression_try(regex, memory, evsi_bytes(text.data + i + 1, text.size - i - 1));
  }
  return verdict;
}

bool evsi_expression_can_match(const evsi_regex *regex, evsi_regex_memory **memory, evs_bytes full_type) {
  return try_each(regex, memory, full_type, true) != EVSI_REGEX_NO;
}

evs_status evsi_expression_matches(const char *pattern, evs_bytes full_type, const char *origin_prefix,
                                   bool *out_matches, evs_error **out_error) {
  evsi_regex *regex = NULL;
  evsi_regex_memory *memory = NULL;
  bool floats = evsi_pattern_is_floating(pattern);
  size_t prefix = strlen(origin_prefix);
  *out_matches = false;
  if (!floats && prefix > 0) {
    size_t cut = evsi_prefix_length(full_type, origin_prefix);
    if (cut == 0)
      return EVS_OK; /* of another origin */
    full_type = evsi_bytes(full_type.data + cut, full_type.size - cut);
  }
  evs_status status = evsi_expression_compile(pattern, &regex, out_error);
  if (status != EVS_OK)
    return status;
  evsi_regex_verdict verdict = try_each(regex, &memory, full_type, floats);
  evsi_regex_memory_free(memory);
  evsi_regex_free(regex);
  *out_matches = verdict == EVSI_REGEX_YES;
  if (verdict == EVSI_REGEX_SHORT_OF_MEMORY)
    return evsi_error_nomem(out_error);
  return verdict == EVSI_REGEX_GAVE_UP
             ? refuse(evsi_text(pattern), "is too much work for this type", out_error)
             : EVS_OK;
}
