/* SPDX-License-Identifier: MIT
 * fake_dashboard.c - a library with the functions of the dashboard and nothing behind them, for tests of how
 * a binding starts and stops one. It says on standard error when it is stopped; a title of "slow" makes the
 * first stop end with EVS_TIMEOUT, one of "wrong" is refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libevents.h"

typedef struct evs_dashboard {
  int is_slow;
} evs_dashboard;

#define EXPORTED __attribute__((visibility("default")))

EXPORTED evs_status evs_dashboard_start(evs_system *system, const char *options, size_t size,
                                        evs_dashboard **out_dashboard, evs_error **out_error);
EXPORTED const char *evs_dashboard_url(const evs_dashboard *dashboard);
EXPORTED evs_status evs_dashboard_stop(evs_dashboard *dashboard, uint32_t deadline_ms);

evs_status evs_dashboard_start(evs_system *system, const char *options, size_t size,
                               evs_dashboard **out_dashboard, evs_error **out_error) {
  char *text = NULL;
  if (memmem(options, size, "wrong", 5))
    return evs_explain(system, "not JSON", 8, &text, out_error);
  *out_dashboard = calloc(1, sizeof **out_dashboard);
  (*out_dashboard)->is_slow = memmem(options, size, "slow", 4) != NULL;
  return EVS_OK;
}

const char *evs_dashboard_url(const evs_dashboard *dashboard) {
  (void)dashboard;
  return "http://127.0.0.1:1/";
}

evs_status evs_dashboard_stop(evs_dashboard *dashboard, uint32_t deadline_ms) {
  (void)deadline_ms;
  if (dashboard->is_slow) {
    dashboard->is_slow = 0;
    return EVS_TIMEOUT;
  }
  fputs("stopped\n", stderr);
  free(dashboard);
  return EVS_OK;
}
