/* SPDX-License-Identifier: MIT
 * meter.h - how often something happened in the last second, minute and five minutes: differences of its
 * counter at a regular look, once a second. Counting itself knows nothing of it. One thread looks, any may
 * read: the owner locks. */
#ifndef EVSI_METER_H
#define EVSI_METER_H

#include <stdbool.h>
#include <stdint.h>

enum { EVSI_METER_STEPS = 60 }; /* of five seconds: five minutes */

/* When the looks were; shared by all that are looked at together. */
typedef struct evsi_meter_clock {
  uint64_t looked_ms;
  uint32_t second_ms; /* between the two newest looks */
  uint32_t step;      /* the one that is being filled */
  uint32_t lengths[EVSI_METER_STEPS];
} evsi_meter_clock;

typedef struct evsi_meter {
  uint64_t counted; /* at the newest look */
  uint32_t second;  /* what came between the two newest */
  uint32_t steps[EVSI_METER_STEPS];
} evsi_meter;

/* Each is a number a second. */
typedef struct evsi_meter_reading {
  double second, minute, five_minutes;
} evsi_meter_reading;

void evsi_meter_clock_init(evsi_meter_clock *clock, uint64_t now_ms);
/* A look begins; gives whether it also begins a step, which each rate is to be told. */
bool evsi_meter_clock_look(evsi_meter_clock *clock, uint64_t now_ms);
void evsi_meter_look(evsi_meter *rate, const evsi_meter_clock *clock, bool is_new_step, uint64_t count);
/* While there was no whole minute, of what there was. */
evsi_meter_reading evsi_meter_read(const evsi_meter *rate, const evsi_meter_clock *clock);

#endif
