/* SPDX-License-Identifier: MIT
 * redis_doctor.h - what the request `doctor` found out about a server, and what follows from it. Private to
 * transport/redis. */
#ifndef EVSI_REDIS_DOCTOR_H
#define EVSI_REDIS_DOCTOR_H

#include <jansson.h>

#include "transport/redis/redis_config.h"

/* What was asked and answered; a name that is not there is not known. */
typedef struct evsi_redis_facts {
  json_t *info;     /* lines of INFO, names to texts */
  json_t *settings; /* of CONFIG GET, names to texts */
  json_t *commands; /* optional ones, names to booleans */
  json_t *missing;  /* rules of the user's ACL that are not there */
  char user[128];
  bool is_acl_known;
  int64_t clock_difference_ms, round_trip_ms;
} evsi_redis_facts;

/* ---- redis_doctor_needs.c ---- */
typedef struct evsi_redis_need {
  const char *rule;    /* as ACL SETUSER takes it */
  const char *roles;   /* letters of the roles that need it */
  const char *command; /* with {s}, {d} and {e} for keys of streams, dead letters and others */
} evsi_redis_need;

extern const evsi_redis_need evsi_redis_needs[];
extern const size_t evsi_redis_need_count;
/* The letter of "publisher", "consumer", "operator", "viewer"; 0: no such role. */
char evsi_redis_role(const char *name);

/* ---- redis_doctor_advice.c ---- */
/* The answer of `doctor`, or NULL when memory is short. */
json_t *evsi_redis_doctor_report(const evsi_redis_facts *facts, const evsi_redis_config *config,
                                 const char *role);

#endif
