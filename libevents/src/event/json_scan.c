/* SPDX-License-Identifier: MIT
 * json_scan.c - one pass over JSON text, for checking and for finding members. Builds no tree and keeps no
 * numbers; duplicate keys are the caller's business. */
#include "event/json_scan.h"

#include <string.h>

#include "event/json_token.h"

/* One bit per open level says whether it is an object. */
typedef struct levels {
  uint64_t is_object[EVSI_JSON_DEPTH_MAX / 64];
  unsigned depth;
} levels;

static bool level_is_object(const levels *l) {
  unsigned top = l->depth - 1;
  return l->is_object[top / 64] >> (top % 64) & 1;
}

static bool level_open(evsi_token_scan *s, levels *l, bool is_object, unsigned outer) {
  if (l->depth + outer == EVSI_JSON_DEPTH_MAX)
    return evsi_token_fail(s, "nested deeper than 512 levels");
  uint64_t bit = UINT64_C(1) << (l->depth % 64);
  if (is_object)
    l->is_object[l->depth / 64] |= bit;
  else
    l->is_object[l->depth / 64] &= ~bit;
  l->depth++;
  s->at++;
  return true;
}

static bool scan_key(evsi_token_scan *s) {
  evsi_token_space(s);
  if (s->at == s->end || *s->at != '"')
    return evsi_token_fail(s, "a key in quotes is expected here");
  if (!evsi_token_string(s))
    return false;
  evsi_token_space(s);
  if (s->at == s->end || *s->at != ':')
    return evsi_token_fail(s, "a colon is expected here");
  s->at++;
  return true;
}

/* Behind a value or an empty bracket: closes what ends here, and stops before the next value or at depth 0.
 */
static bool scan_after_value(evsi_token_scan *s, levels *l) {
  while (l->depth > 0) {
    bool is_object = level_is_object(l);
    evsi_token_space(s);
    if (s->at == s->end)
      return evsi_token_fail(s,
                             is_object ? "the text ends inside an object" : "the text ends inside an array");
    if (*s->at == ',') {
      s->at++;
      return !is_object || scan_key(s);
    }
    if (*s->at != (is_object ? '}' : ']'))
      return evsi_token_fail(s,
                             is_object ? "a comma or } is expected here" : "a comma or ] is expected here");
    s->at++;
    l->depth--;
  }
  return true;
}

/* An object or array, from its bracket on. outer: the levels that it stands in. */
static bool scan_nested(evsi_token_scan *s, unsigned outer) {
  levels l = {.depth = 0};
  do {
    evsi_token_space(s);
    if (s->at == s->end)
      return evsi_token_fail(s, "the text ends where a value is expected");
    bool is_object = *s->at == '{';
    if (is_object || *s->at == '[') {
      if (!level_open(s, &l, is_object, outer))
        return false;
      evsi_token_space(s);
      bool is_empty = s->at < s->end && *s->at == (is_object ? '}' : ']');
      if (!is_empty) {
        if (is_object && !scan_key(s))
          return false;
        continue;
      }
    } else if (!evsi_token_scalar(s)) {
      return false;
    }
    if (!scan_after_value(s, &l))
      return false;
  } while (l.depth > 0);
  return true;
}

/* One whole value, from where it begins. */
static bool scan_value(evsi_token_scan *s, unsigned outer) {
  evsi_token_space(s);
  if (s->at == s->end)
    return evsi_token_fail(s, "the text ends where a value is expected");
  return *s->at == '{' || *s->at == '[' ? scan_nested(s, outer) : evsi_token_scalar(s);
}

static evsi_token_scan scan_from(evs_bytes text, size_t offset) {
  const char *data = text.size ? text.data : "";
  return (evsi_token_scan){
      .at = data + (offset < text.size ? offset : text.size), .end = data + text.size, .error = NULL};
}

static void end_here(evsi_token_scan *s) {
  evsi_token_space(s);
  if (s->at != s->end)
    s->error = "nothing may follow the value";
}

const char *evsi_json_check(evs_bytes text, size_t *out_offset) {
  evsi_token_scan s = scan_from(text, 0);
  const char *start = s.at;
  if (scan_value(&s, 0))
    end_here(&s);
  if (out_offset)
    *out_offset = (size_t)(s.at - start);
  return s.error;
}

/* Up to the next member of an object or item of an array: behind the bracket or a comma. False at the end,
 * too. */
static bool step_in(evsi_token_scan *s, bool is_first, bool is_object) {
  evsi_token_space(s);
  if (is_first) {
    if (s->at == s->end || *s->at != (is_object ? '{' : '['))
      return evsi_token_fail(s, is_object ? "an object is expected" : "an array is expected");
    s->at++;
    evsi_token_space(s);
  }
  if (s->at == s->end)
    return evsi_token_fail(s, is_object ? "the text ends inside an object" : "the text ends inside an array");
  if (*s->at == (is_object ? '}' : ']')) {
    s->at++;
    return false;
  }
  if (is_first)
    return true;
  if (*s->at != ',')
    return evsi_token_fail(s, is_object ? "a comma or } is expected here" : "a comma or ] is expected here");
  s->at++;
  return true;
}

static bool take_value(evsi_token_scan *s, unsigned outer, evs_bytes *out_value) {
  evsi_token_space(s);
  const char *value = s->at;
  bool is_whole = scan_value(s, outer);
  *out_value = evsi_bytes(value, (size_t)(s->at - value));
  return is_whole;
}

bool evsi_json_key(evs_bytes text, size_t *cursor, evs_bytes *out_key, const char **out_error) {
  evsi_token_scan s = scan_from(text, *cursor);
  const char *start = s.at - *cursor;
  bool has_member = step_in(&s, *cursor == 0, true);
  if (has_member)
    evsi_token_space(&s);
  const char *quote = s.at;
  if (has_member)
    has_member = scan_key(&s);
  if (has_member) {
    const char *behind = s.at;
    while (behind[-1] != '"') /* back over the colon and the space before it */
      behind--;
    *out_key = evsi_bytes(quote + 1, (size_t)(behind - 1 - (quote + 1)));
    evsi_token_space(&s);
  }
  *cursor = (size_t)(s.at - start);
  *out_error = s.error;
  return has_member;
}

bool evsi_json_value(evs_bytes text, size_t *cursor, unsigned outer, evs_bytes *out_value,
                     const char **out_error) {
  evsi_token_scan s = scan_from(text, *cursor);
  const char *start = s.at - *cursor;
  bool is_whole = take_value(&s, outer, out_value);
  *cursor = (size_t)(s.at - start);
  *out_error = s.error;
  return is_whole;
}

const char *evsi_json_end(evs_bytes text, size_t *cursor) {
  evsi_token_scan s = scan_from(text, *cursor);
  const char *start = s.at - *cursor;
  end_here(&s);
  *cursor = (size_t)(s.at - start);
  return s.error;
}

bool evsi_json_member(evs_bytes object, size_t *cursor, evs_bytes *out_key, evs_bytes *out_value,
                      const char **out_error) {
  if (evsi_json_key(object, cursor, out_key, out_error))
    return evsi_json_value(object, cursor, 0, out_value, out_error);
  if (!*out_error)
    *out_error = evsi_json_end(object, cursor);
  return false;
}

bool evsi_json_item(evs_bytes array, size_t *cursor, evs_bytes *out_value, const char **out_error) {
  evsi_token_scan s = scan_from(array, *cursor);
  const char *start = s.at - *cursor;
  bool has_item = step_in(&s, *cursor == 0, false) && take_value(&s, 0, out_value);
  if (!has_item && !s.error)
    end_here(&s);
  *cursor = (size_t)(s.at - start);
  *out_error = s.error;
  return has_item;
}

bool evsi_json_string(evs_bytes value, evsi_buf *scratch, evs_bytes *out_text) {
  evsi_token_scan s = scan_from(value, 0);
  if (s.at == s.end || *s.at != '"' || !evsi_token_string(&s) || s.at != s.end)
    return false;
  *out_text = evsi_bytes(value.data + 1, (size_t)(s.end - 1 - (value.data + 1)));
  if (!s.has_escape)
    return true;
  /* The text without escapes is never longer, so one reservation keeps earlier spans where they are. */
  if (!evsi_buf_reserve(scratch, out_text->size))
    return false;
  char *at = scratch->data + scratch->size;
  size_t size;
  if (!evsi_token_unescape(*out_text, at, &size))
    return false;
  scratch->size += size;
  at[size] = '\0';
  *out_text = evsi_bytes(at, size);
  return true;
}
