/* SPDX-License-Identifier: MIT
 * dashboards.h - the dashboards of a system. The library that serves them is loaded when the first one is
 * started, so that a program without one loads no web server. */
#ifndef EVSN_DASHBOARDS_H
#define EVSN_DASHBOARDS_H

#include <stdbool.h>

typedef struct evsn_dashboard evsn_dashboard;

/* evsn_dashboards_stop - stops all of a list, waiting a bounded time; false when one still answers requests:
 * then the system must not be released.
 * thread: any */
bool evsn_dashboards_stop(evsn_dashboard *list);

/* evsn_dashboards_drop - forgets a list. thread: the environment's */
void evsn_dashboards_drop(evsn_dashboard *list);

#endif
