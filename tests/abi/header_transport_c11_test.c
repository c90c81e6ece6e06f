/* SPDX-License-Identifier: MIT
 * header_transport_c11_test.c - the transport header is self-contained and may be included twice. */
#include "libevents_transport.h"
#include "libevents_transport.h"

int main(void) {
  return EVS_TRANSPORT_ABI == 1 && EVS_OK == 0 ? 0 : 1;
}
