/* SPDX-License-Identifier: MIT
 * libevents_dashboard.h - a web page and a REST interface over one opened system, within the host's process.
 * A library of its own (libevents-dashboard), so that a program without a dashboard loads no web server. The
 * conventions are those of libevents.h; options, security and a reverse proxy: docs/dashboard.md.
 */
#ifndef LIBEVENTS_DASHBOARD_H
#define LIBEVENTS_DASHBOARD_H

#include "libevents.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

typedef struct evs_dashboard evs_dashboard;

/* evs_dashboard_start - checks the options (a JSON object, or nothing) and serves from threads of its own,
 * all signals blocked in them. The disposition of SIGPIPE, which the web server changes while it starts, is
 * put back before this returns. gives:  *out_dashboard, ended with evs_dashboard_stop() before the system is
 * released blocks: until it listens errors: EVS_CONFIG naming every fault at once, EVS_TRANSPORT when it
 * cannot listen there, EVS_NOMEM */
evs_status evs_dashboard_start(evs_system *system, const char *options_json, size_t options_size,
                               evs_dashboard **out_dashboard, evs_error **out_error);

/* evs_dashboard_url - where the page is, for example "http://127.0.0.1:41234/": with the real port where 0
 * was asked for. lends: until evs_dashboard_stop(). */
const char *evs_dashboard_url(const evs_dashboard *dashboard);

/* evs_dashboard_stop - stops serving and frees. NULL is fine.
 * blocks: at most deadline_ms
 * errors: EVS_TIMEOUT when requests are still under way at the deadline: it goes on stopping; call again
 *         before the system is released */
evs_status evs_dashboard_stop(evs_dashboard *dashboard, uint32_t deadline_ms);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
