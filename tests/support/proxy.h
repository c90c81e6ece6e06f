/* SPDX-License-Identifier: MIT
 * proxy.h - a proxy between a client and a server of loopback that can lose what the server says: it cuts the
 * connection in the middle of an answer, after as many of its bytes as a test wants. */
#ifndef PROXY_H
#define PROXY_H

#include <pthread.h>
#include <stdatomic.h>

typedef struct test_proxy {
  int listener, port, target;
  pthread_t thread;
  atomic_bool is_ending;
  /* -1: everything passes. Else the next answer to what stores is cut behind so many of its bytes, once. */
  atomic_int cut_after;
  atomic_int cuts; /* how many were made */
} test_proxy;

/* Forwards connections to port `target` until proxy_stop(). */
void proxy_start(test_proxy *proxy, int target);
/* The next answer to what stores an event is cut behind `bytes` of it. */
void proxy_cut_next_answer(test_proxy *proxy, int bytes);
void proxy_stop(test_proxy *proxy);

#endif
