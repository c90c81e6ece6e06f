/* SPDX-License-Identifier: MIT
 * header_cpp17_test.cpp - both public headers compile as C++17 and link with C names. */
#include "libevents_transport.h"
#include "libevents.h"

#include <cstring>

int main() {
  evs_event event{};
  event.struct_size = sizeof event;
  evs_transport_ops ops{};
  ops.struct_size = sizeof ops;
  return std::strcmp(evs_version(), EVS_VERSION) == 0 && event.token == 0 && ops.publish == nullptr ? 0 : 1;
}
