/* SPDX-License-Identifier: MIT
 * gate.h - holds the thread that delivers to a host: what a test asks for meanwhile is found together. */
#ifndef GATE_H
#define GATE_H

#include <limits.h>
#include <pthread.h>

#include "libevents_transport.h"

static struct {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  int came, may_go;
} gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0};

/* For evs_host.delivering. */
static inline void gate_hold(evs_host *host) {
  (void)host;
  pthread_mutex_lock(&gate.lock);
  int turn = ++gate.came;
  pthread_cond_broadcast(&gate.changed);
  while (gate.may_go < turn)
    pthread_cond_wait(&gate.changed, &gate.lock);
  pthread_mutex_unlock(&gate.lock);
}

/* Waits until it is held for the `turn`th time. */
static inline void gate_wait(int turn) {
  pthread_mutex_lock(&gate.lock);
  while (gate.came < turn)
    pthread_cond_wait(&gate.changed, &gate.lock);
  pthread_mutex_unlock(&gate.lock);
}

/* Lets it go on, as often as that; INT_MAX: from now on always. */
static inline void gate_open(int turn) {
  pthread_mutex_lock(&gate.lock);
  gate.may_go = turn;
  pthread_cond_broadcast(&gate.changed);
  pthread_mutex_unlock(&gate.lock);
}

static inline void gate_close(void) {
  pthread_mutex_lock(&gate.lock);
  gate.came = gate.may_go = 0;
  pthread_mutex_unlock(&gate.lock);
}

#endif
