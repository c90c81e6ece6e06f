/* SPDX-License-Identifier: MIT
 * base64.c - see base64.h. */
#include "event/base64.h"

#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void evsi_base64(evsi_buf *out, evs_bytes bytes) {
  const unsigned char *at = (const unsigned char *)bytes.data;
  for (uint64_t i = 0; i < bytes.size; i += 3) {
    uint64_t left = bytes.size - i;
    uint32_t value =
        (uint32_t)at[i] << 16 | (left > 1 ? (uint32_t)at[i + 1] << 8 : 0) | (left > 2 ? at[i + 2] : 0);
    char quad[4] = {digits[value >> 18], digits[value >> 12 & 63], left > 1 ? digits[value >> 6 & 63] : '=',
                    left > 2 ? digits[value & 63] : '='};
    evsi_buf_add(out, quad, sizeof quad);
  }
}

static int value_of(char c) {
  const char *found = c ? strchr(digits, c) : NULL;
  return found ? (int)(found - digits) : -1;
}

bool evsi_base64_decode(evsi_buf *out, evs_bytes text) {
  uint64_t size = text.size;
  if (size % 4 != 0)
    return false;
  for (int i = 0; i < 2 && size > 0 && text.data[size - 1] == '='; i++)
    size--;
  uint32_t bits = 0;
  for (uint64_t i = 0; i < size; i++) {
    int value = value_of(text.data[i]);
    if (value < 0)
      return false;
    bits = bits << 6 | (uint32_t)value;
    unsigned held = (unsigned)(i % 4); /* this digit completes a byte unless it is the first of four */
    if (held == 0)
      continue;
    char byte = (char)(bits >> (6 - 2 * held) & 0xff);
    evsi_buf_add(out, &byte, 1);
  }
  return true;
}
