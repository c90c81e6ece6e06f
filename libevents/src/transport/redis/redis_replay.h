/* SPDX-License-Identifier: MIT
 * redis_replay.h - the `job.` requests of the operations engine for replays. Private to transport/redis.
 * @thread io. */
#ifndef EVSI_REDIS_REPLAY_H
#define EVSI_REDIS_REPLAY_H

#include "transport/redis/redis_request.h"

void evsi_redis_replay_bounds(evsi_redis_request *request);
void evsi_redis_replay_step(evsi_redis_request *request);
/* {id, group, streams}: {unhandled}. */
void evsi_redis_request_job_left(evsi_redis_request *request);
/* {id, state, streams}: members go on, wait, or end, and then what is left is removed. */
void evsi_redis_request_job_gate(evsi_redis_request *request);

#endif
