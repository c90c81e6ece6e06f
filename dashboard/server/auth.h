/* SPDX-License-Identifier: MIT
 * auth.h - who is calling: basic and bearer credentials, and a bound on wrong guesses. */
#ifndef EVSD_AUTH_H
#define EVSD_AUTH_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct evsd_request;

enum { EVSD_PROVEN = 64, EVSD_ADDRESSES = 1024, EVSD_DIGEST = 32 };

/* A header that was checked before: the page polls, and PBKDF2 is slow on purpose. */
typedef struct evsd_proof {
  unsigned char digest[EVSD_DIGEST];
  uint32_t account; /* + 1; 0: empty */
} evsd_proof;

typedef struct evsd_guesses {
  char address[48];
  uint32_t wrong;
  uint64_t since_ms;
} evsd_guesses;

typedef struct evsd_auth {
  pthread_mutex_t lock; /* of the tables */
  pthread_mutex_t slow; /* one PBKDF2 at a time, so that guessing takes one core at most */
  unsigned char key[EVSD_DIGEST];
  evsd_proof proven[EVSD_PROVEN];
  uint32_t next_proof;
  evsd_guesses guesses[EVSD_ADDRESSES];
} evsd_auth;

bool evsd_auth_init(evsd_auth *auth);
void evsd_auth_destroy(evsd_auth *auth);
/* Fills request->caller, or answers 401 or 429. */
bool evsd_authenticate(struct evsd_request *request);

#endif
