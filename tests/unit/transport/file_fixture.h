/* SPDX-License-Identifier: MIT
 * file_fixture.h - the fixture of the transports' tests on a file: each test has a folder of its own. */
#ifndef FILE_FIXTURE_H
#define FILE_FIXTURE_H

#include "support/folder.h"
#include "transport/file/file_transport.h"
#include "unit/transport/redis_fixture.h"

static inline char *file_folder(void) {
  static char folder[FOLDER_SIZE];
  return folder;
}

static inline int on_file(void **state) {
  static char place[FOLDER_SIZE + 32];
  the_transport = &evsi_file_transport;
  folder_make(file_folder());
  snprintf(place, sizeof place, "\"path\":\"%s/events.db\"", file_folder());
  the_place = place;
  return fixture_clear(state);
}

static inline int file_leave(void **state) {
  int left = fixture_leave(state);
  folder_remove(file_folder());
  return left;
}

#define TEST_ON_FILE(name) cmocka_unit_test_setup_teardown(name, on_file, file_leave)

#endif
