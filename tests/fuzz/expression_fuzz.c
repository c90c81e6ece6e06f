/* SPDX-License-Identifier: MIT
 * expression_fuzz.c - libFuzzer target: any bytes as a pattern or regular expression, a line, and a type.
 * What is normalised stays as it is when that is done again; matching ends, and says the same with a matcher
 * and without. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "consume/expression.h"
#include "consume/matcher.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition) {
  if (!condition)
    abort();
}

static bool by_matcher(const char *pattern, evs_bytes type, bool *out_undecided) {
  evsi_matcher *matcher = evsi_matcher_new();
  evsi_origin_rule rule = {.origin_prefix = "", .extended_types = true};
  uint32_t id;
  bool filtered;
  require(evsi_matcher_add(matcher, pattern, &rule, 0, NULL) == EVS_OK);
  bool matches = evsi_matcher_match(matcher, evsi_bytes(NULL, 0), type, &id, 1, &filtered) > 0;
  *out_undecided = evsi_matcher_undecided(matcher, evsi_bytes(NULL, 0), type, &id, 1) > 0;
  require(!(matches && *out_undecided));
  require(!matches || evsi_matcher_can_match(matcher, type));
  evsi_matcher_free(matcher);
  return matches;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const uint8_t *line = size ? memchr(data, '\n', size) : NULL;
  size_t split = line ? (size_t)(line - data) : size;
  evs_bytes pattern = {(const char *)data, split};
  evs_bytes type = {(const char *)data + split + (line != NULL), size - split - (line != NULL)};
  char normal[EVSI_PATTERN_MAX + 1], again[EVSI_PATTERN_MAX + 1];
  evsi_origin_rule rule = {.origin_prefix = "", .extended_types = true};
  evs_error *error = NULL;
  bool undecided = false, matches = false;
  if (evsi_matcher_normalize(pattern, &rule, normal, &error) != EVS_OK) {
    evs_error_free(error);
    return 0;
  }
  require(evsi_matcher_normalize(evsi_text(normal), &rule, again, NULL) == EVS_OK &&
          strcmp(normal, again) == 0);
  if (!evsi_pattern_is_expression(evsi_text(normal)) || type.size == 0 || type.size > 255)
    return 0;
  char folded[256];
  for (size_t i = 0; i < type.size; i++)
    folded[i] = type.data[i] >= 'A' && type.data[i] <= 'Z' ? (char)(type.data[i] | 0x20) : type.data[i];
  bool found = by_matcher(normal, type, &undecided);
  evs_status status = evsi_expression_matches(normal, evsi_bytes(folded, type.size), "", &matches, &error);
  evs_error_free(error);
  if (status == EVS_OK && !undecided && normal[0] == '/')
    require(matches == found);
  return 0;
}
