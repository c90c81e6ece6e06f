/* SPDX-License-Identifier: MIT
 * version.h - numbers of schema versions, <major>.<minor>.<patch>: read, written and put in order. */
#ifndef EVSI_SCHEMA_NUMBER_H
#define EVSI_SCHEMA_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "libevents.h"

enum { EVSI_NUMBER_TEXT = 33 };

typedef struct evsi_number {
  uint32_t part[3];
} evsi_number;

/* False: it is none. Parts are 0 to 999999999, without leading zeros. */
bool evsi_number_parse(evs_bytes text, evsi_number *out);
void evsi_number_text(const evsi_number *number, char out[EVSI_NUMBER_TEXT]);
int evsi_number_compare(const evsi_number *a, const evsi_number *b);
/* The next major (0), minor (1) or patch (2) version. */
evsi_number evsi_number_next(const evsi_number *number, int part);

#endif
