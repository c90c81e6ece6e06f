/* SPDX-License-Identifier: MIT
 * overflow.c - a defect on purpose: a text whose stated size is one more than its memory, given to the
 * library. AddressSanitizer has to report the read inside the library, which shows that it is watched. */
#include <stdlib.h>
#include <string.h>

#include "libevents.h"

int main(void) {
  static const char text[] = "user.created";
  size_t size = sizeof text - 1;
  char *type = malloc(size);
  if (!type) {
    return 2;
  }
  memcpy(type, text, size);
  evs_status status = evs_type_check((evs_bytes){type, size + 1}, 0, NULL);
  free(type);
  return status == EVS_OK;
}
