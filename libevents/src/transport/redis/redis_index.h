/* SPDX-License-Identifier: MIT
 * redis_index.h - the index of fingerprints of dead letters, read for all streams of a request. Private to
 * transport/redis. @thread io. */
#ifndef EVSI_REDIS_INDEX_H
#define EVSI_REDIS_INDEX_H

#include "transport/redis/redis_request.h"

/* Reads index and lengths of the request's streams, then goes on with `next`. The request's result becomes
 * {fingerprint: {count, back, firstAt, lastAt, topics, about: {type, group, class, message}, …}}. */
void evsi_redis_index_read(evsi_redis_request *request, void (*next)(evsi_redis_request *request));
/* Letters that there are, and those that the index counts: older ones are in none. */
uint64_t evsi_redis_index_letters(const evsi_redis_request *request);
uint64_t evsi_redis_index_counted(const evsi_redis_request *request);

#endif
