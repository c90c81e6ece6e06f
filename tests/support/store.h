/* SPDX-License-Identifier: MIT
 * store.h - a durable store for one test: a Redis server or a file, so that what both promise is tested once.
 */
#ifndef STORE_H
#define STORE_H

#include "support/folder.h"
#include "support/host.h"
#include "support/redis_server.h"

typedef struct test_store {
  bool is_file;
  redis_server server;
  char folder[FOLDER_SIZE];
  char place[160];     /* path or URL */
  char transport[256]; /* JSON members that name it: type, and path or url */
  const char *option;  /* of members: --file or --url */
} test_store;

void store_start_redis(test_store *store);
void store_start_file(test_store *store);
void store_stop(test_store *store);

/* As its own requests say, of all partitions together. */
long long store_pending(evs_system *system, const char *topic, const char *group);
long long store_dead(evs_system *system, const char *topic);
long long store_length(evs_system *system, const char *topic);

#endif
