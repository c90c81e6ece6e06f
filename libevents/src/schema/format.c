/* SPDX-License-Identifier: MIT
 * format.c - the table of formats. What a grammar describes is checked by an expression, what needs to count
 * by a function, some by both. */
#include "schema/format.h"

#include <string.h>

#include "schema/punycode.h"

struct evsi_format {
  const char *name;
  bool (*check)(evs_bytes text); /* NULL: the expression says all */
  const char *expression;        /* of PCRE2; NULL: the function says all */
  bool (*prepare)(evs_bytes text,
                  evsi_buf *out); /* what the expression is to see, instead of the text; may refuse */
};

/* RFC 3986 and RFC 3987: the latter's characters beyond ASCII are the difference. */
#define URI_DEFINITIONS(beyond)                                                                              \
  "(?(DEFINE)"                                                                                               \
  "(?<pct>%[0-9A-Fa-f]{2})"                                                                                  \
  "(?<unit>[A-Za-z0-9._~!$&'()*+,;=\\-" beyond "]|(?&pct))"                                                  \
  "(?<pchar>(?&unit)|[:@])"                                                                                  \
  "(?<authority>(?:(?:(?&unit)|:)*+@)?(?:\\[(?:[0-9A-Fa-f:.]+|[vV][0-9A-Fa-f]+\\.[A-Za-z0-9._~!$&'()*+,;=:"  \
  "\\-]+)\\]"                                                                                                \
  "|(?&unit)*+)(?::[0-9]*)?)"                                                                                \
  "(?<abempty>(?:/(?&pchar)*+)*+)"                                                                           \
  "(?<absolute>/(?:(?&pchar)++(?&abempty))?)"                                                                \
  "(?<tail>(?:\\?(?:(?&pchar)|[/?])*+)?(?:\\#(?:(?&pchar)|[/?])*+)?)"                                        \
  ")"
#define ABSOLUTE_FORM                                                                                        \
  "[A-Za-z][A-Za-z0-9+.\\-]*+:(?://(?&authority)(?&abempty)|(?&absolute)|(?&pchar)++(?&abempty)|)(?&tail)"
#define RELATIVE_FORM "(?://(?&authority)(?&abempty)|(?&absolute)|(?:(?!:)(?&pchar))++(?&abempty)|)(?&tail)"
#define BEYOND_ASCII "\\x{a0}-\\x{d7ff}\\x{e000}-\\x{10ffff}"
#define URI(beyond, form) URI_DEFINITIONS(beyond) "^(?:" form ")\\z"

#define TEMPLATE                                                                                             \
  "^(?:[^\\x{0}-\\x{20}\"%<>\\\\^`{|}\\x{7f}]|%[0-9A-Fa-f]{2}"                                               \
  "|\\{[+#./"                                                                                                \
  ";?&=,!@|]?(?<spec>(?<char>[A-Za-z0-9_]|%[0-9A-Fa-f]{2})(?:\\.?(?&char))*+(?::[1-9][0-9]{0,3}|\\*)?)"      \
  "(?:,(?&spec))*+\\})*+\\z"

#define EMAIL(beyond)                                                                                        \
  "^(?=[^@\"]{1,64}@|\")(?:[A-Za-z0-9!#$%&'*+/=?^_`{|}~\\-" beyond                                           \
  "]++(?:\\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~\\-" beyond                                                          \
  "]++)*+|\"(?:[\\x{20}!\\x{23}-\\x{5b}\\x{5d}-\\x{7e}" beyond "]|\\\\[\\x{20}-\\x{7e}])*+\")@"

#define LABEL(beyond) "[A-Za-z0-9" beyond "](?:[A-Za-z0-9\\-" beyond "]{0,61}[A-Za-z0-9" beyond "])?"
#define BEYOND_CONTROLS "\\x{80}-\\x{10ffff}"
#define IPV4_OCTET "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
#define DOMAIN(beyond)                                                                                       \
  "(?:" LABEL(beyond) "(?:\\." LABEL(beyond) ")*+|\\[(?:" IPV4_OCTET "(?:\\." IPV4_OCTET                     \
                                             "){3}|IPv6:[0-9A-Fa-f:.]+)\\])\\z"

/* Labels of host names by IDNA 2008 (RFC 5892), with their xn-- decoded: letters, digits and marks, what
 * stands out of the rule, and what is allowed in some surroundings only. */
#define NOT_ALLOWED "\\x{640}\\x{7fa}\\x{302e}\\x{302f}\\x{3031}-\\x{3035}\\x{303b}"
#define INDIC_DIGITS "\\x{660}-\\x{669}"
#define EXTENDED_DIGITS "\\x{6f0}-\\x{6f9}"
#define VIRAMA                                                                                               \
  "[\\x{94d}\\x{9cd}\\x{a4d}\\x{acd}\\x{b4d}\\x{bcd}\\x{c4d}\\x{ccd}\\x{d4d}\\x{dca}\\x{e3a}\\x{f84}\\x{"    \
  "1039}\\x{1714}\\x{17d2}]"
#define IDN_CHARACTER                                                                                        \
  "(?:(?![" NOT_ALLOWED                                                                                      \
  "])[A-Za-z0-9\\-\\p{Ll}\\p{Lo}\\p{Lm}\\p{Mn}\\p{Mc}\\p{Nd}\\x{6fd}\\x{6fe}\\x{f0b}\\x{3007}]"              \
  "|(?<=l)\\x{b7}(?=l)|\\x{375}(?=\\p{Greek})|(?<=\\p{Hebrew})[\\x{5f3}\\x{5f4}]|\\x{30fb}"                  \
  "|(?<=" VIRAMA ")[\\x{200c}\\x{200d}]|(?<=\\p{Arabic})\\x{200c}(?=\\p{Arabic}))"
#define IDN_LABEL                                                                                            \
  "(?!-|\\p{M}|[^.]{2}--)(?![^.]*-(?:\\.|\\z))(?:(?![^.]*\\x{30fb})|(?=[^.]*[\\p{sc:Hiragana}\\p{sc:"        \
  "Katakana}\\p{sc:Han}]))"                                                                                  \
  "(?![^.]*[" INDIC_DIGITS "][^.]*[" EXTENDED_DIGITS "])(?![^.]*[" EXTENDED_DIGITS "][^.]*[" INDIC_DIGITS    \
  "])" IDN_CHARACTER "++"
/* The Bidi rule (RFC 5893), for names with a letter that is written from right to left. */
#define BIDI(classes) "(?:(?!\\.)[" classes "])"
#define RIGHT "\\p{bc=R}\\p{bc=AL}"
#define NEUTRAL "\\p{bc=ES}\\p{bc=CS}\\p{bc=ET}\\p{bc=ON}\\p{bc=BN}\\p{bc=NSM}"
#define BIDI_LABEL                                                                                           \
  "(?:(?![^.]*\\p{bc=EN}[^.]*\\p{bc=AN})(?![^.]*\\p{bc=AN}[^.]*\\p{bc=EN})(?=[" RIGHT "])" BIDI(             \
      RIGHT "\\p{bc=AN}\\p{bc=EN}" NEUTRAL) "*(?<=[" RIGHT "\\p{bc=EN}\\p{bc=AN}])\\p{bc=NSM}*+"             \
                                            "|(?=\\p{bc=L})" BIDI(                                           \
                                                "\\p{bc=L}\\p{bc=EN}" NEUTRAL) "*(?<=[\\p{bc=L}\\p{bc=EN}])" \
                                                                               "\\p{bc=NSM}*+)(?=\\.|\\z)"
#define IDN                                                                                                  \
  "^(?:(?!.*[" RIGHT "\\p{bc=AN}])|(?=" BIDI_LABEL "(?:\\." BIDI_LABEL ")*+\\z))" IDN_LABEL                  \
  "(?:\\." IDN_LABEL ")*+\\z"

static const evsi_format formats[] = {
    {.name = "date-time", .check = evsi_is_date_time},
    {.name = "date", .check = evsi_is_date},
    {.name = "time", .check = evsi_is_time},
    {.name = "duration", .check = evsi_is_duration},
    {.name = "email", .expression = EMAIL("") DOMAIN("")},
    {.name = "idn-email", .expression = EMAIL(BEYOND_CONTROLS) DOMAIN(BEYOND_ASCII)},
    {.name = "hostname", .check = evsi_is_hostname, .expression = IDN, .prepare = evsi_hostname_decode},
    {.name = "idn-hostname", .expression = IDN, .prepare = evsi_hostname_decode},
    {.name = "ipv4", .check = evsi_is_ipv4},
    {.name = "ipv6", .check = evsi_is_ipv6},
    {.name = "uri", .check = evsi_has_valid_ip_literal, .expression = URI("", ABSOLUTE_FORM)},
    {.name = "uri-reference",
     .check = evsi_has_valid_ip_literal,
     .expression = URI("", ABSOLUTE_FORM "|" RELATIVE_FORM)},
    {.name = "iri", .check = evsi_has_valid_ip_literal, .expression = URI(BEYOND_ASCII, ABSOLUTE_FORM)},
    {.name = "iri-reference",
     .check = evsi_has_valid_ip_literal,
     .expression = URI(BEYOND_ASCII, ABSOLUTE_FORM "|" RELATIVE_FORM)},
    {.name = "uuid", .check = evsi_is_uuid},
    {.name = "uri-template", .expression = TEMPLATE},
    {.name = "json-pointer", .check = evsi_is_json_pointer},
    {.name = "relative-json-pointer", .check = evsi_is_relative_json_pointer},
    {.name = "regex", .check = evsi_is_regex},
};

bool evsi_is_json_pointer(evs_bytes text) {
  if (text.size && text.data[0] != '/')
    return false;
  for (uint64_t i = 0; i < text.size; i++)
    if (text.data[i] == '~' && (i + 1 == text.size || (text.data[i + 1] != '0' && text.data[i + 1] != '1')))
      return false;
  return true;
}

bool evsi_is_relative_json_pointer(evs_bytes text) {
  uint64_t digits = 0;
  while (digits < text.size && text.data[digits] >= '0' && text.data[digits] <= '9')
    digits++;
  if (!digits || (digits > 1 && text.data[0] == '0'))
    return false;
  if (text.size == digits + 1 && text.data[digits] == '#')
    return true;
  return evsi_is_json_pointer(evsi_bytes(text.data + digits, text.size - digits));
}

bool evsi_is_regex(evs_bytes text) {
  evsi_regex *regex = NULL;
  evsi_buf why = {0};
  evsi_regex_fault fault = evsi_regex_compile(text, &regex, &why);
  evsi_buf_free(&why);
  evsi_regex_free(regex);
  return fault != EVSI_REGEX_INVALID;
}

const evsi_format *evsi_format_find(evs_bytes name) {
  for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
    if (strlen(formats[i].name) == name.size && memcmp(formats[i].name, name.data, name.size) == 0)
      return &formats[i];
  return NULL;
}

bool evsi_format_has_expression(const evsi_format *format) {
  return format->expression != NULL;
}

evsi_regex *evsi_format_compile(const evsi_format *format) {
  return format->expression ? evsi_regex_compile_own(format->expression) : NULL;
}

static evsi_regex_verdict match(const evsi_format *format, const evsi_regex *regex,
                                evsi_regex_memory **memory, evs_bytes text) {
  if (!format->prepare)
    return evsi_regex_match(regex, memory, text);
  evsi_buf prepared = {0};
  evsi_regex_verdict verdict = EVSI_REGEX_NO;
  bool is_fine = format->prepare(text, &prepared);
  if (prepared.failed)
    verdict = EVSI_REGEX_SHORT_OF_MEMORY;
  else if (is_fine)
    verdict = evsi_regex_match(regex, memory, evsi_bytes(prepared.data, prepared.size));
  evsi_buf_free(&prepared);
  return verdict;
}

evsi_regex_verdict evsi_format_check(const evsi_format *format, const evsi_regex *regex,
                                     evsi_regex_memory **memory, evs_bytes text) {
  if (format->check && !format->check(text))
    return EVSI_REGEX_NO;
  return regex ? match(format, regex, memory, text) : EVSI_REGEX_YES;
}
