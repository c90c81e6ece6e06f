/* SPDX-License-Identifier: MIT
 * held.h - a loop whose timers go by a clock that stands still until somebody moves it, for tests of
 * programs. What reaches the loop from other threads reaches it at once, as in any loop. */
#ifndef EVSI_HELD_H
#define EVSI_HELD_H

#include "base/env.h"

/* Without streams and watches: nothing beyond the process goes by such a clock. */
extern const evsi_io evsi_io_held;

/* The surroundings of what runs on a loop of evsi_io_held; they live as long as the loop. */
const evsi_env *evsi_held_env(const evsi_loop *loop);
/* The loop of the real world below it, for timers of those who wait outside. */
evsi_loop *evsi_held_real(const evsi_loop *loop);

/* On the loop's thread, all of these. */
uint64_t evsi_held_next_us(const evsi_loop *loop);     /* when the next timer is due; UINT64_MAX: none runs */
void evsi_held_move(evsi_loop *loop, uint64_t now_us); /* never back */
/* Fires what is due now, in the order of due times, then of starting. What it starts waits for the next call.
 * False: nothing was due. */
bool evsi_held_fire(evsi_loop *loop);

#endif
