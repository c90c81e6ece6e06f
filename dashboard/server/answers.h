/* SPDX-License-Identifier: MIT
 * answers.h - answers to calls with an Idempotency-Key, so that a call that is repeated is not done again.
 * They live in this process; what must hold longer (operations) has its key in the store. */
#ifndef EVSD_ANSWERS_H
#define EVSD_ANSWERS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct evsd_request;

enum { EVSD_ANSWERS = 256 };

typedef struct evsd_answer {
  unsigned char key[32];  /* of caller and key; all zero: free */
  unsigned char call[32]; /* of method, path and body */
  uint64_t number;        /* in order of use */
  int status;             /* 0: under way */
  const char *type;
  char *data;
} evsd_answer;

typedef struct evsd_answers {
  pthread_mutex_t lock;
  pthread_cond_t ended;
  uint64_t last_number;
  evsd_answer rows[EVSD_ANSWERS];
} evsd_answers;

void evsd_answers_init(evsd_answers *answers);
void evsd_answers_destroy(evsd_answers *answers);

/* True: do the call and say so with evsd_answers_end(); false: it is answered, from memory or by a problem.
 */
bool evsd_answers_begin(struct evsd_request *request);
void evsd_answers_end(struct evsd_request *request);

#endif
