/* SPDX-License-Identifier: MIT
 * line_out.h - a line to the standard error stream of the process, for programs that take no log records.
 * Never waits: a reader that has stopped reading costs lines, not time. */
#ifndef EVSI_LINE_OUT_H
#define EVSI_LINE_OUT_H

#include <stdbool.h>

#include "libevents.h"

enum { EVSI_LINE_MAX = 4096 }; /* what a pipe takes as a whole or not at all */

/* The line ends in a line feed. False: it was not written, as a whole. Any thread. */
bool evsi_line_out(evs_bytes line);

#endif
