/* SPDX-License-Identifier: MIT
 * segment.c - see segment.h. */
#include "event/segment.h"

#include <stdio.h>
#include <string.h>

size_t evsi_prefix_length(evs_bytes name, const char *prefix) {
  size_t size = prefix ? strlen(prefix) : 0;
  if (size == 0 || name.size <= size || name.data[size] != '.')
    return 0;
  for (size_t i = 0; i < size; i++)
    if (evsi_fold(name.data[i]) != prefix[i])
      return 0;
  return size + 1;
}

void evsi_byte_show(char c, char out[EVSI_SHOWN_MAX]) {
  if (c > ' ' && c <= '~')
    snprintf(out, EVSI_SHOWN_MAX, "'%c'", c);
  else
    snprintf(out, EVSI_SHOWN_MAX, "0x%02x", (unsigned char)c);
}
