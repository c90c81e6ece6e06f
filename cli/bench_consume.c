/* SPDX-License-Identifier: MIT
 * bench_consume.c - one consumer of a load test: takes events of one pattern, checks that each is one of this
 * run, of the right type and there for the first time, and acknowledges it. */
#include <string.h>

#include "bench.h"
#include "input.h"

enum { BATCH = 512, PATIENCE_MS = 50 /* it looks so often whether the run has ended */ };

/* What a batch of messages adds. */
typedef struct found {
  long long handled;
  uint64_t repeated, wrong;
} found;

static bool is_of_type(evs_bytes type, const char *name) {
  return type.size == strlen(name) && memcmp(type.data, name, type.size) == 0;
}

static void note(bench_consumer *consumer, const evs_message *message, uint64_t now, found *sum) {
  bench_run *run = consumer->run;
  const bench_plan *plan = &run->plan;
  bench_stamp stamp;
  if (!bench_body_read(message->body, plan->run, &stamp) ||
      !is_of_type(message->type, plan->type_names[stamp.number % plan->types]) ||
      !plan->wanted[stamp.number % plan->types * plan->pattern_count + consumer->pattern]) {
    sum->wrong++;
    return;
  }
  if (!bench_bits_add(&run->handled_bits[consumer->pattern], stamp.number)) {
    sum->repeated++;
    return;
  }
  sum->handled++;
  histogram_record(&consumer->latency.from_due, now - stamp.due_ns);
  histogram_record(&consumer->latency.from_offer, now - stamp.offered_ns);
}

static void handle(bench_consumer *consumer, const evs_batch *batch) {
  bench_run *run = consumer->run;
  uint64_t deliveries[BATCH], now = bench_now_ns();
  size_t count = 0;
  found sum = {0};
  evs_error *error = NULL;
  const evs_message *messages = evs_batch_messages(batch, &count);
  for (size_t i = 0; i < count; i++) {
    note(consumer, &messages[i], now, &sum);
    deliveries[i] = messages[i].delivery;
  }
  if (count > 0 && evs_ack(consumer->system, deliveries, count, NULL, &error) != EVS_OK)
    bench_fail(run, "acknowledging", error);
  consumer->last_ns = count > 0 ? now : consumer->last_ns;
  run->handled += sum.handled;
  run->repeated += sum.repeated;
  run->wrong += sum.wrong;
}

void *bench_consume(void *data) {
  bench_consumer *consumer = data;
  bench_run *run = consumer->run;
  while (!run->stop_consumers && !run->has_failed) {
    evs_batch *batch = NULL;
    evs_error *error = NULL;
    evs_status status =
        evs_poll(consumer->system, EVS_POLL_MESSAGES | EVS_POLL_REPORTS, BATCH, PATIENCE_MS, &batch, &error);
    if (status == EVS_OK) {
      handle(consumer, batch);
      evs_batch_release(batch);
    } else if (status == EVS_AGAIN) {
      evs_error_free(error);
    } else {
      bench_fail(run, "waiting for events", error);
    }
  }
  return NULL;
}
