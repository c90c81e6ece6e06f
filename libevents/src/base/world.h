/* SPDX-License-Identifier: MIT
 * world.h - what a built-in transport gets as `env`: the surroundings of its system and their loop. */
#ifndef EVSI_WORLD_H
#define EVSI_WORLD_H

#include "base/env.h"
#include "base/tasks.h"

typedef struct evsi_world {
  const evsi_env *env;
  evsi_loop *loop;
  evsi_tasks *tasks; /* to reach the I/O thread from others */
} evsi_world;

#endif
