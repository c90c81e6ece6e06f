/* SPDX-License-Identifier: MIT
 * meter.c - see meter.h. */
#include "observe/meter.h"

#include <string.h>

enum { STEP_MS = 5000, STEPS_OF_MINUTE = 12 };

void evsi_meter_clock_init(evsi_meter_clock *clock, uint64_t now_ms) {
  memset(clock, 0, sizeof *clock);
  clock->looked_ms = now_ms;
}

bool evsi_meter_clock_look(evsi_meter_clock *clock, uint64_t now_ms) {
  uint64_t passed = now_ms > clock->looked_ms ? now_ms - clock->looked_ms : 0;
  bool is_full = clock->lengths[clock->step] >= STEP_MS;
  if (is_full) {
    clock->step = (clock->step + 1) % EVSI_METER_STEPS;
    clock->lengths[clock->step] = 0;
  }
  clock->second_ms = passed < UINT32_MAX / 2 ? (uint32_t)passed : UINT32_MAX / 2;
  clock->lengths[clock->step] += clock->second_ms;
  clock->looked_ms = now_ms;
  return is_full;
}

void evsi_meter_look(evsi_meter *rate, const evsi_meter_clock *clock, bool is_new_step, uint64_t count) {
  uint64_t more = count - rate->counted;
  if (is_new_step)
    rate->steps[clock->step] = 0;
  rate->second = more < UINT32_MAX ? (uint32_t)more : UINT32_MAX;
  rate->steps[clock->step] += rate->second;
  rate->counted = count;
}

static double over(const evsi_meter *rate, const evsi_meter_clock *clock, uint32_t steps) {
  double events = 0, ms = 0;
  for (uint32_t back = 0; back < steps; back++) {
    uint32_t step = (clock->step + EVSI_METER_STEPS - back) % EVSI_METER_STEPS;
    events += rate->steps[step];
    ms += clock->lengths[step];
  }
  return ms > 0 ? events * 1000 / ms : 0;
}

evsi_meter_reading evsi_meter_read(const evsi_meter *rate, const evsi_meter_clock *clock) {
  return (evsi_meter_reading){.second = clock->second_ms ? rate->second * 1000.0 / clock->second_ms : 0,
                              .minute = over(rate, clock, STEPS_OF_MINUTE),
                              .five_minutes = over(rate, clock, EVSI_METER_STEPS)};
}
