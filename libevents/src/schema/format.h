/* SPDX-License-Identifier: MIT
 * format.h - what `format` names: is a string a date, an address, a URI …? Unknown names are no error. */
#ifndef EVSI_FORMAT_H
#define EVSI_FORMAT_H

#include "base/buf.h"
#include "schema/regex.h"

typedef struct evsi_format evsi_format;

/* The format of that name, or NULL. */
const evsi_format *evsi_format_find(evs_bytes name);
/* The expression that the format is checked with: made once, given to every check. NULL where there is none,
 * and where memory is short: evsi_format_has_expression() tells. */
evsi_regex *evsi_format_compile(const evsi_format *format);
bool evsi_format_has_expression(const evsi_format *format);
/* Is `text` of that format? */
evsi_regex_verdict evsi_format_check(const evsi_format *format, const evsi_regex *regex,
                                     evsi_regex_memory **memory, evs_bytes text);

/* ---- one by one ---- */
bool evsi_is_date(evs_bytes text);
bool evsi_is_time(evs_bytes text); /* with its offset */
bool evsi_is_date_time(evs_bytes text);
bool evsi_is_duration(evs_bytes text);
bool evsi_is_ipv4(evs_bytes text);
bool evsi_is_ipv6(evs_bytes text);
bool evsi_is_hostname(evs_bytes text);
bool evsi_is_uuid(evs_bytes text);
bool evsi_is_json_pointer(evs_bytes text);
bool evsi_is_relative_json_pointer(evs_bytes text);
bool evsi_is_regex(evs_bytes text);
bool evsi_has_valid_ip_literal(evs_bytes text); /* of a URI that is one otherwise */

#endif
