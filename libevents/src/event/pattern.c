/* SPDX-License-Identifier: MIT
 * pattern.c - checks and folds one pattern. Matching is always the trie's, also of a single pattern. */
#include "event/pattern.h"

#include <string.h>

#include "base/error.h"
#include "event/pattern_trie.h"
#include "event/segment.h"
#include "event/type_name.h"

/* How far from the start `_` and `-` are allowed because the pattern names an origin there. */
static size_t origin_part(evs_bytes pattern, const evsi_origin_rule *rule) {
  if (!rule)
    return 0;
  size_t length = evsi_prefix_length(pattern, rule->origin_prefix);
  for (uint32_t i = 0; i < rule->origin_count; i++) {
    size_t other = evsi_prefix_length(pattern, rule->origins[i]);
    if (other > length)
      length = other;
  }
  return length;
}

static evs_status refuse(evs_bytes pattern, uint64_t at, const char *why, evs_error **out_error) {
  char shown[EVSI_SHOWN_MAX] = "the end";
  if (at < pattern.size)
    evsi_byte_show(pattern.data[at], shown);
  return evsi_error(out_error, EVS_VALIDATION, "/pattern", "pattern \"%.*s\": %s at byte %llu %s",
                    (int)pattern.size, pattern.data, shown, (unsigned long long)at, why);
}

/* Why the byte at `i` cannot stand there, or NULL. */
static const char *offence(evs_bytes pattern, uint64_t i, bool extended) {
  bool is_start = i == 0 || pattern.data[i - 1] == '.';
  bool is_end = i + 1 == pattern.size || pattern.data[i + 1] == '.';
  char c = evsi_fold(pattern.data[i]);
  if (c == '.')
    return is_start || i + 1 == pattern.size
               ? "has no segment beside it; put a name or * between single dots, none at the ends"
               : NULL;
  if (c == '*')
    return is_start && is_end ? NULL : "must be a whole segment, as in user.* or *.created";
  if (evsi_segment_char(c, extended))
    return NULL;
  if (c == '_' || c == '-')
    return "is only allowed in a leading part that is the originPrefix or one of origins, or with "
           "routing.extendedTypes";
  return "is not allowed; a pattern is segments of letters and digits, or *, joined by dots";
}

evs_status evsi_pattern_normalize(evs_bytes pattern, const evsi_origin_rule *rule, char *out,
                                  evs_error **out_error) {
  if (pattern.size == 0)
    return evsi_error(out_error, EVS_VALIDATION, "/pattern",
                      "the pattern is empty at byte 0; give a type, or a pattern such as user.* or *");
  if (pattern.size > EVSI_PATTERN_MAX)
    return evsi_error(out_error, EVS_VALIDATION, "/pattern",
                      "the pattern has %llu bytes, at most %d are allowed: it is too long from byte %d on",
                      (unsigned long long)pattern.size, EVSI_PATTERN_MAX, EVSI_PATTERN_MAX);
  size_t origin = origin_part(pattern, rule);
  for (uint64_t i = 0; i < pattern.size; i++) {
    const char *why = offence(pattern, i, i < origin || (rule && rule->extended_types));
    if (why)
      return refuse(pattern, i, why, out_error);
    out[i] = evsi_fold(pattern.data[i]);
  }
  out[pattern.size] = '\0';
  return EVS_OK;
}

bool evsi_pattern_is_expression(evs_bytes pattern) {
  bool floats = pattern.size > 2 && memcmp(pattern.data, "*.", 2) == 0;
  return pattern.size > 0 && pattern.data[floats ? 2 : 0] == '/';
}

bool evsi_pattern_is_floating(const char *pattern) {
  return pattern[0] == '*' && (pattern[1] == '.' || pattern[1] == '\0');
}

bool evsi_pattern_sample(const char *pattern, char *out) {
  static const char any[] = "any";
  bool floats = evsi_pattern_is_floating(pattern);
  const char *rest = !floats ? pattern : pattern[1] == '.' ? pattern + 2 : "*";
  if (evsi_pattern_is_expression(evsi_text(pattern)))
    return false;
  /* What follows a leading `*.` names the beginning of a type only if more comes after it. */
  if (rest[0] == '*' || (floats && !strchr(rest, '.')))
    return false;
  for (; *rest; rest++) {
    const char *text = *rest == '*' ? any : rest;
    size_t size = *rest == '*' ? sizeof any - 1 : 1;
    memcpy(out, text, size);
    out += size;
  }
  *out = '\0';
  return true;
}

static bool note_match(void *data, uint32_t id) {
  (void)id;
  *(bool *)data = true;
  return false;
}

bool evsi_pattern_matches_text(const char *pattern, evs_bytes full_type, const char *origin_prefix,
                               bool *out_failed) {
  char joined[EVSI_TYPE_MAX + 1 + EVSI_PATTERN_MAX + 1];
  bool matches = false;
  bool as_written = evsi_pattern_is_floating(pattern) || origin_prefix[0] == '\0' ||
                    evsi_prefix_length(evsi_text(pattern), origin_prefix) > 0;
  evsi_pattern_trie *trie = evsi_pattern_trie_new();
  bool ok = trie != NULL;
  if (ok && as_written)
    ok = evsi_pattern_trie_add(trie, pattern, 0);
  if (ok && origin_prefix[0] != '\0' && !evsi_pattern_is_floating(pattern)) {
    size_t prefix = strlen(origin_prefix), rest = strlen(pattern);
    if (prefix > EVSI_TYPE_MAX || rest > EVSI_PATTERN_MAX)
      ok = false;
    else {
      memcpy(joined, origin_prefix, prefix);
      joined[prefix] = '.';
      memcpy(joined + prefix + 1, pattern, rest + 1);
      ok = evsi_pattern_trie_add(trie, joined, 0);
    }
  }
  if (ok)
    evsi_pattern_trie_match(trie, full_type, note_match, &matches);
  evsi_pattern_trie_free(trie);
  *out_failed = !ok;
  return matches;
}
