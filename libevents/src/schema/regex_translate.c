/* SPDX-License-Identifier: MIT
 * regex_translate.c - ECMA-262 regular expressions (with the flag u) in PCRE2's language. What means
 * something else there is written differently, what exists only there is refused, and escaped punctuation is
 * let pass. */
#include <string.h>

#include "schema/regex.h"

/* White space and line ends of ECMA-262, and all the rest, as the inside of a class. */
#define SPACES                                                                                               \
  "\\x{9}-\\x{d}\\x{20}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}\\x{" \
  "feff}"
#define NO_SPACES                                                                                            \
  "\\x{0}-\\x{8}\\x{e}-\\x{1f}\\x{21}-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}\\x{200b}-\\x{2027}"        \
  "\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}\\x{3001}-\\x{fefe}\\x{ff00}-\\x{10ffff}"

typedef struct translation {
  const char *at;
  const char *end;
  evsi_buf *out;
  const char *error;
  bool has_atom;       /* what stands before may be repeated */
  bool is_class;       /* inside brackets */
  bool is_range_start; /* in a class: a single character stands before, so that a dash may make a range */
} translation;

static bool refuse(translation *t, const char *why) {
  t->error = why;
  return false;
}

static bool starts(const translation *t, const char *text) {
  size_t size = strlen(text);
  return (size_t)(t->end - t->at) >= size && memcmp(t->at, text, size) == 0;
}

static bool emit(translation *t, const char *text) {
  evsi_buf_add_text(t->out, text);
  return true;
}

static bool emit_point(translation *t, unsigned long point) {
  evsi_buf_addf(t->out, "\\x{%lx}", point);
  t->is_range_start = true;
  return true;
}

static int hex_value(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static bool is_word(char c) {
  return is_digit(c) || c == '_' || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* Exactly `digits` hex digits at `t->at`. */
static bool read_hex(translation *t, int digits, unsigned long *out_value) {
  unsigned long value = 0;
  if (t->end - t->at < digits)
    return refuse(t, "an escape ends too early");
  for (int i = 0; i < digits; i++) {
    int digit = hex_value(t->at[i]);
    if (digit < 0)
      return refuse(t, "an escape needs hex digits");
    value = value << 4 | (unsigned long)digit;
  }
  t->at += digits;
  *out_value = value;
  return true;
}

/* Behind \u: four digits, a pair of surrogates, or digits in braces. */
static bool unicode_escape(translation *t) {
  unsigned long point = 0, low;
  if (starts(t, "{")) {
    const char *close = memchr(t->at, '}', (size_t)(t->end - t->at));
    if (!close || close == t->at + 1 || close - t->at > 9)
      return refuse(t, "\\u{…} needs one to eight hex digits");
    t->at++;
    if (!read_hex(t, (int)(close - t->at), &point))
      return false;
    t->at++;
    if (point > 0x10FFFF)
      return refuse(t, "\\u{…} is above the last code point");
  } else if (!read_hex(t, 4, &point)) {
    return false;
  }
  if (point >= 0xD800 && point <= 0xDBFF && starts(t, "\\u")) {
    t->at += 2;
    if (!read_hex(t, 4, &low))
      return false;
    if (low < 0xDC00 || low > 0xDFFF)
      return refuse(t, "half of a surrogate pair, which no text holds");
    point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
  }
  if (point >= 0xD800 && point <= 0xDFFF)
    return refuse(t, "half of a surrogate pair, which no text holds");
  return emit_point(t, point);
}

/* PCRE2 knows general categories by their short names only. */
static const char *short_category(evs_bytes name) {
  static const char *const names[][2] = {
      {"Letter", "L"},
      {"Cased_Letter", "L&"},
      {"LC", "L&"},
      {"Uppercase_Letter", "Lu"},
      {"Lowercase_Letter", "Ll"},
      {"Titlecase_Letter", "Lt"},
      {"Modifier_Letter", "Lm"},
      {"Other_Letter", "Lo"},
      {"Mark", "M"},
      {"Combining_Mark", "M"},
      {"Nonspacing_Mark", "Mn"},
      {"Spacing_Mark", "Mc"},
      {"Enclosing_Mark", "Me"},
      {"Number", "N"},
      {"Decimal_Number", "Nd"},
      {"digit", "Nd"},
      {"Letter_Number", "Nl"},
      {"Other_Number", "No"},
      {"Punctuation", "P"},
      {"punct", "P"},
      {"Connector_Punctuation", "Pc"},
      {"Dash_Punctuation", "Pd"},
      {"Open_Punctuation", "Ps"},
      {"Close_Punctuation", "Pe"},
      {"Initial_Punctuation", "Pi"},
      {"Final_Punctuation", "Pf"},
      {"Other_Punctuation", "Po"},
      {"Symbol", "S"},
      {"Math_Symbol", "Sm"},
      {"Currency_Symbol", "Sc"},
      {"Modifier_Symbol", "Sk"},
      {"Other_Symbol", "So"},
      {"Separator", "Z"},
      {"Space_Separator", "Zs"},
      {"Line_Separator", "Zl"},
      {"Paragraph_Separator", "Zp"},
      {"Other", "C"},
      {"Control", "Cc"},
      {"cntrl", "Cc"},
      {"Format", "Cf"},
      {"Surrogate", "Cs"},
      {"Private_Use", "Co"},
      {"Unassigned", "Cn"},
  };
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strlen(names[i][0]) == name.size && memcmp(names[i][0], name.data, name.size) == 0)
      return names[i][1];
  return NULL;
}

/* Behind \p or \P. */
static bool property_escape(translation *t, bool is_negated) {
  const char *close = starts(t, "{") ? memchr(t->at, '}', (size_t)(t->end - t->at)) : NULL;
  if (!close || close == t->at + 1)
    return refuse(t, "\\p needs a property's name in braces");
  evs_bytes name = evsi_bytes(t->at + 1, (uint64_t)(close - t->at - 1));
  for (uint64_t i = 0; i < name.size; i++)
    if (!is_word(name.data[i]) && name.data[i] != '=')
      return refuse(t, "\\p needs a property's name in braces");
  t->at = close + 1;
  t->is_range_start = false;
  static const char *const general[] = {"General_Category=", "gc="};
  for (size_t i = 0; i < 2; i++) {
    size_t size = strlen(general[i]);
    if (name.size > size && memcmp(name.data, general[i], size) == 0)
      name = evsi_bytes(name.data + size, name.size - size);
  }
  if (name.size == 8 && memcmp(name.data, "Assigned", 8) == 0)
    return emit(t, is_negated ? "\\p{Cn}" : "\\P{Cn}");
  const char *category = short_category(name);
  evsi_buf_addf(t->out, "\\%c{%.*s}", is_negated ? 'P' : 'p',
                category ? (int)strlen(category) : (int)name.size, category ? category : name.data);
  return true;
}

static bool space_escape(translation *t, bool is_negated) {
  const char *inside = is_negated ? NO_SPACES : SPACES;
  t->is_range_start = false;
  if (t->is_class)
    return emit(t, inside);
  evsi_buf_addf(t->out, "[%s]", inside);
  return true;
}

/* Escapes that are a class of characters or one character by its name: the same inside of brackets and
 * outside. */
static bool character_escape(translation *t, char c) {
  static const char controls[][2] = {{'f', 0xC}, {'n', 0xA}, {'r', 0xD}, {'t', 0x9}, {'v', 0xB}};
  unsigned long point;
  for (size_t i = 0; i < sizeof controls / sizeof *controls; i++)
    if (controls[i][0] == c)
      return emit_point(t, (unsigned long)controls[i][1]);
  switch (c) {
  case 'd':
  case 'D':
  case 'w':
  case 'W':
    t->is_range_start = false;
    evsi_buf_addf(t->out, "\\%c", c);
    return true;
  case 's':
  case 'S':
    return space_escape(t, c == 'S');
  case 'p':
  case 'P':
    return property_escape(t, c == 'P');
  case 'u':
    return unicode_escape(t);
  case 'x':
    return read_hex(t, 2, &point) && emit_point(t, point);
  case 'c':
    if (t->at == t->end || (*t->at | 0x20) < 'a' || (*t->at | 0x20) > 'z')
      return refuse(t, "\\c needs a letter");
    return emit_point(t, (unsigned long)(*t->at++ & 0x1F));
  case '0':
    if (t->at < t->end && is_digit(*t->at))
      return refuse(t, "octal escapes are no part of the language");
    return emit_point(t, 0);
  default:
    break;
  }
  if (is_word(c) || (unsigned char)c >= 0x80)
    return refuse(t, "no such escape");
  evsi_buf_addf(t->out, "\\%c", c);
  t->is_range_start = true;
  return true;
}

/* Behind \k: the name is checked by PCRE2. */
static bool named_reference(translation *t) {
  const char *close = starts(t, "<") ? memchr(t->at, '>', (size_t)(t->end - t->at)) : NULL;
  if (!close || close == t->at + 1)
    return refuse(t, "\\k needs a group's name in angle brackets");
  evsi_buf_addf(t->out, "\\k");
  evsi_buf_add(t->out, t->at, (size_t)(close + 1 - t->at));
  t->at = close + 1;
  return true;
}

static bool escape(translation *t) {
  if (++t->at == t->end)
    return refuse(t, "a backslash at the end");
  char c = *t->at++;
  if (t->is_class)
    return c == 'b' ? emit_point(t, 0x8) : character_escape(t, c);
  t->has_atom = true;
  if (c == 'b' || c == 'B') {
    t->has_atom = false;
    evsi_buf_addf(t->out, "\\%c", c);
    return true;
  }
  if (c == 'k')
    return named_reference(t);
  if (c < '1' || c > '9')
    return character_escape(t, c);
  const char *digits = t->at - 1;
  while (t->at < t->end && is_digit(*t->at))
    t->at++;
  evsi_buf_addf(t->out, "\\g{%.*s}", (int)(t->at - digits), digits);
  return true;
}

/* A dash behind a class of characters is one itself; between two characters it makes a range. */
static bool class_item(translation *t) {
  char c = *t->at;
  if (c == '\\')
    return escape(t);
  if (c == '-' && !t->is_range_start) {
    t->at++;
    return emit(t, "\\-");
  }
  t->is_range_start = c != '-';
  if (c == '[')
    emit(t, "\\");
  evsi_buf_add(t->out, t->at++, 1);
  return true;
}

static bool class_of_characters(translation *t) {
  t->at++;
  emit(t, "[");
  if (starts(t, "^")) {
    t->at++;
    emit(t, "^");
  }
  t->is_class = true;
  t->is_range_start = false;
  while (t->at < t->end && *t->at != ']')
    if (!class_item(t))
      return false;
  t->is_class = false;
  if (t->at == t->end)
    return refuse(t, "a [ without its ]");
  t->at++;
  t->has_atom = true;
  return emit(t, "]");
}

/* Behind "(?": what the language knows. The name of a group is checked by PCRE2. */
static bool group(translation *t) {
  static const char *const known[] = {"(?:", "(?=", "(?!", "(?<=", "(?<!"};
  t->has_atom = false;
  if (!starts(t, "(?")) {
    t->at++;
    return emit(t, "(");
  }
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    if (!starts(t, known[i]))
      continue;
    t->at += strlen(known[i]);
    return emit(t, known[i]);
  }
  const char *close = starts(t, "(?<") ? memchr(t->at, '>', (size_t)(t->end - t->at)) : NULL;
  if (!close)
    return refuse(t, "no such kind of group");
  evsi_buf_add(t->out, t->at, (size_t)(close + 1 - t->at));
  t->at = close + 1;
  return true;
}

/* {n}, {n,} and {n,m}; anything else in braces is text. */
static const char *braces_end(const translation *t) {
  const char *at = t->at + 1;
  if (at == t->end || !is_digit(*at))
    return NULL;
  while (at < t->end && is_digit(*at))
    at++;
  if (at < t->end && *at == ',') {
    at++;
    while (at < t->end && is_digit(*at))
      at++;
  }
  return at < t->end && *at == '}' ? at + 1 : NULL;
}

static bool quantifier(translation *t, const char *end) {
  if (!t->has_atom)
    return refuse(t, "nothing to repeat");
  t->has_atom = false; /* so that a second one, possessive in PCRE2, is refused */
  evsi_buf_add(t->out, t->at, (size_t)(end - t->at));
  t->at = end;
  if (!starts(t, "?"))
    return true;
  t->at++;
  return emit(t, "?");
}

static bool item(translation *t) {
  char c = *t->at;
  switch (c) {
  case '\\':
    return escape(t);
  case '[':
    return class_of_characters(t);
  case '(':
    return group(t);
  case '*':
  case '+':
  case '?':
    return quantifier(t, t->at + 1);
  case '.':
    t->at++;
    t->has_atom = true;
    return emit(t, "[^\\n\\r\\x{2028}\\x{2029}]");
  case '{':
    if (braces_end(t))
      return quantifier(t, braces_end(t));
    break;
  default:
    break;
  }
  if (c == '{' || c == '}' || c == ']')
    emit(t, "\\");
  t->has_atom = c != '|' && c != '^' && c != '$';
  evsi_buf_add(t->out, t->at++, 1);
  return true;
}

const char *evsi_regex_translate(evs_bytes pattern, evsi_buf *out) {
  if (pattern.size > EVSI_REGEX_SIZE_MAX)
    return "longer than 16 KiB";
  translation t = {.at = pattern.data, .end = pattern.data + pattern.size, .out = out};
  while (t.at < t.end)
    if (!item(&t))
      return t.error;
  return NULL;
}
