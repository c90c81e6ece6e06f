/* SPDX-License-Identifier: MIT
 * redis_jobs.h - what the operations engine asks of this transport (deadletter/operations.h). Private to
 * transport/redis. @thread io. */
#ifndef EVSI_REDIS_JOBS_H
#define EVSI_REDIS_JOBS_H

#include "transport/redis/redis_request.h"

/* ---- redis_job_store.c ---- */
void evsi_redis_request_job_list(evsi_redis_request *request);
void evsi_redis_request_job_create(evsi_redis_request *request);
void evsi_redis_request_job_write(evsi_redis_request *request);
void evsi_redis_request_job_beat(evsi_redis_request *request);
void evsi_redis_request_job_claim(evsi_redis_request *request);
void evsi_redis_request_job_forget(evsi_redis_request *request);
void evsi_redis_request_job_audit(evsi_redis_request *request);
/* ---- redis_jobs.c ---- */
void evsi_redis_request_job_bounds(evsi_redis_request *request);
void evsi_redis_request_job_enter(evsi_redis_request *request);
void evsi_redis_request_job_step(evsi_redis_request *request);
/* ---- redis_job_outcomes.c ---- */
void evsi_redis_request_job_outcomes(evsi_redis_request *request);

#endif
