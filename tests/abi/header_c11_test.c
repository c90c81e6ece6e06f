/* SPDX-License-Identifier: MIT
 * header_c11_test.c - the public header is self-contained, may be included twice, and needs nothing but C11.
 */
#include "libevents.h"
#include "libevents.h"

#include <string.h>

int main(void) {
  return strcmp(evs_version(), EVS_VERSION) == 0 ? 0 : 1;
}
