/* SPDX-License-Identifier: MIT
 * scene.h - what an acceptance test stands on: an empty store, and the ledger of what its processes did. One
 * scene a program, set anew for each test. */
#ifndef SCENE_H
#define SCENE_H

#include "support/members.h"
#include "support/store.h"

extern test_store store;
extern test_ledger book;

/* As cmocka wants them: the store is a server, the store is a file; and the end of both, with all members. */
int scene_redis(void **state);
int scene_file(void **state);
int scene_end(void **state);

/* Stops a member, but not in the midst of a write to the file, in which it would hold up everybody. */
void scene_freeze(pid_t pid);

/* A test over both. */
#define SCENE_ON_BOTH(test)                                                                                  \
  cmocka_unit_test_setup_teardown(test, scene_redis, scene_end), {                                           \
#test " (file)", test, scene_file, scene_end, NULL                                                       \
  }

#endif
