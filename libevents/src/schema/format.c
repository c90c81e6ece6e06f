/* SPDX-License-Identifier: MIT
 * format.c - the table of formats. What a grammar describes is checked by an expression, what needs to count
 * by a function, some by both. */
#include "schema/format.h"

#include <string.h>

struct evsi_format {
  const char *name;
  bool (*check)(evs_bytes text); /* NULL: the expression says all */
  const char *expression;        /* of PCRE2; NULL: the function says all */
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

static const evsi_format formats[] = {
    {"date-time", evsi_is_date_time, NULL},
    {"date", evsi_is_date, NULL},
    {"time", evsi_is_time, NULL},
    {"duration", evsi_is_duration, NULL},
    {"email", NULL, EMAIL("") DOMAIN("")},
    {"idn-email", NULL, EMAIL(BEYOND_CONTROLS) DOMAIN(BEYOND_ASCII)},
    {"hostname", evsi_is_hostname, NULL},
    {"idn-hostname", NULL,
     "^(?!.{254})" LABEL(BEYOND_ASCII) "(?:[.\\x{3002}\\x{ff0e}\\x{ff61}]" LABEL(BEYOND_ASCII) ")*+\\z"},
    {"ipv4", evsi_is_ipv4, NULL},
    {"ipv6", evsi_is_ipv6, NULL},
    {"uri", evsi_has_valid_ip_literal, URI("", ABSOLUTE_FORM)},
    {"uri-reference", evsi_has_valid_ip_literal, URI("", ABSOLUTE_FORM "|" RELATIVE_FORM)},
    {"iri", evsi_has_valid_ip_literal, URI(BEYOND_ASCII, ABSOLUTE_FORM)},
    {"iri-reference", evsi_has_valid_ip_literal, URI(BEYOND_ASCII, ABSOLUTE_FORM "|" RELATIVE_FORM)},
    {"uuid", evsi_is_uuid, NULL},
    {"uri-template", NULL, TEMPLATE},
    {"json-pointer", evsi_is_json_pointer, NULL},
    {"relative-json-pointer", evsi_is_relative_json_pointer, NULL},
    {"regex", evsi_is_regex, NULL},
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

evsi_regex_verdict evsi_format_check(const evsi_format *format, const evsi_regex *regex,
                                     evsi_regex_memory **memory, evs_bytes text) {
  if (regex) {
    evsi_regex_verdict verdict = evsi_regex_match(regex, memory, text);
    if (verdict != EVSI_REGEX_YES)
      return verdict;
  }
  return !format->check || format->check(text) ? EVSI_REGEX_YES : EVSI_REGEX_NO;
}
