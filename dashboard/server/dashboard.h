/* SPDX-License-Identifier: MIT
 * dashboard.h - what one running dashboard consists of. */
#ifndef EVSD_DASHBOARD_H
#define EVSD_DASHBOARD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "answers.h"
#include "auth.h"
#include "fleet.h"
#include "libevents_dashboard.h"
#include "options.h"
#include "sampler.h"
#include "store.h"

struct mg_context;

/* Between two requests a client may keep its connection longer than the page's interval of 2 s. It is told
 * one second less (RFC 2068, 19.7.1.1), or a request could be on its way while the connection is being
 * closed. */
#define EVSD_KEEP_ALIVE_MS "4000"
#define EVSD_KEEP_ALIVE_TOLD "Keep-Alive: timeout=3\r\n"

/* What the dashboard itself costs; shown on About and in the metrics. */
typedef struct evsd_costs {
  _Atomic uint64_t requests, refused;
  _Atomic uint32_t connections;
} evsd_costs;

struct evs_dashboard {
  evs_system *system;
  evsd_options options;
  struct mg_context *web;
  uint16_t port; /* the real one */
  char url[320];
  char boot_id[17];
  uint64_t started_ms;
  evsd_auth auth;
  evsd_store store;
  evsd_fleet fleet;
  evsd_sampler sampler;
  evsd_answers answers;
  evsd_costs costs;
  _Atomic uint32_t threads_started;
  _Atomic int is_stopping;
  pthread_mutex_t lock; /* of what follows */
  pthread_cond_t changed;
  pthread_t stopper;
  bool is_stop_begun, is_web_stopped;
};

/* Milliseconds: a clock that only goes forward, and the time of day. */
uint64_t evsd_now_ms(void);
uint64_t evsd_wall_ms(void);

#endif
