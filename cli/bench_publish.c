/* SPDX-License-Identifier: MIT
 * bench_publish.c - one publisher of a load test: offers what is due, takes outcomes, waits for either. At a
 * rate, each event has its time by the rate alone, however late others were: a store that stalls cannot hide
 * it by being asked less often ("coordinated omission": Gil Tene, How NOT to Measure Latency). */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "bench.h"
#include "input.h"

enum {
  WINDOW = 16384,        /* events under way */
  BATCH = 256,           /* offered in one call */
  BATCH_BYTES = 4194304, /* of their bodies */
  BEHIND_MOST = 65536,   /* without a rate: more are not stored before the consumers follow */
  REST_NS = 1000000,     /* without anything to wait for */
  TIMER_SLACK_NS = 1000, /* the kernel's default of 50 µs would be measured, too */
  PATIENCE_MS = 60000    /* for outcomes: past any time limit of the publisher's */
};

/* An event under way. */
typedef struct offer_slot {
  uint64_t due_ns, offered_ns;
  bool is_used;
} offer_slot;

struct bench_offers {
  uint64_t next; /* own number of the event that is offered next */
  uint64_t under_way;
  uint64_t random;
  size_t batch;
  char *bodies;
  uint64_t sizes[BATCH];
  evs_event events[BATCH];
  offer_slot slots[WINDOW];
};

static uint64_t number_of(const bench_publisher *publisher, uint64_t own) {
  return own * publisher->run->plan.publishers + publisher->index;
}

static uint64_t due_at(const bench_publisher *publisher, uint64_t own, uint64_t now) {
  const bench_run *run = publisher->run;
  if (run->plan.rate == 0)
    return now;
  return run->began_ns + (uint64_t)((double)number_of(publisher, own) * 1e9 / (double)run->plan.rate);
}

static bool is_over(const bench_publisher *publisher, uint64_t now) {
  const bench_run *run = publisher->run;
  const bench_plan *plan = &run->plan;
  uint64_t own = publisher->offers->next;
  return run->stop_publishers || run->has_failed || number_of(publisher, own) >= plan->count ||
         now - run->began_ns >= plan->duration_ns ||
         due_at(publisher, own, now) - run->began_ns >= plan->duration_ns;
}

static bool must_hold(const bench_run *run) {
  return run->plan.rate == 0 && run->expected - run->handled > BEHIND_MOST;
}

/* ---- offering --------------------------------------------------------------------------------- */

static uint64_t draw_size(const bench_plan *plan, uint64_t *random) {
  *random ^= *random << 13;
  *random ^= *random >> 7;
  *random ^= *random << 17;
  return plan->smallest + *random % (plan->largest - plan->smallest + 1);
}

/* Prepares event `own` as the i-th of a batch. False: it is not due, or has no room. */
static bool prepare(bench_publisher *publisher, uint64_t own, uint64_t now, size_t i) {
  const bench_plan *plan = &publisher->run->plan;
  struct bench_offers *offers = publisher->offers;
  offer_slot *slot = &offers->slots[own % WINDOW];
  bench_stamp stamp = {number_of(publisher, own), due_at(publisher, own, now), now};
  if (slot->is_used || stamp.number >= plan->count || stamp.due_ns > now)
    return false;
  *slot = (offer_slot){.due_ns = stamp.due_ns, .offered_ns = now};
  char *body = offers->bodies + i * plan->largest;
  uint64_t size = draw_size(plan, &offers->random);
  bench_body_write(body, size, offers->sizes[i], &stamp);
  offers->sizes[i] = size;
  offers->events[i] = (evs_event){.struct_size = sizeof(evs_event),
                                  .token = own + 1,
                                  .type = input_bytes(plan->type_names[stamp.number % plan->types]),
                                  .body = {body, size},
                                  .transport = input_bytes(plan->transport),
                                  .topic = input_bytes(plan->topic),
                                  .timeout_ms = publisher->run->cli->timeout_ms,
                                  .acknowledgement = publisher->run->cli->acknowledgement,
                                  .replicas = publisher->run->cli->replicas};
  return true;
}

/* Offers what is due; gives how many were taken. */
static size_t offer(bench_publisher *publisher, uint64_t now) {
  struct bench_offers *offers = publisher->offers;
  size_t wanted = 0, taken = 0;
  evs_error *error = NULL;
  while (wanted < offers->batch && prepare(publisher, offers->next + wanted, now, wanted))
    wanted++;
  if (wanted == 0)
    return 0;
  evs_status status = evs_publish(publisher->system, offers->events, wanted, &taken, &error);
  if (status != EVS_OK && status != EVS_QUEUE_FULL)
    bench_fail(publisher->run, "publishing", error);
  else
    evs_error_free(error);
  for (size_t i = 0; i < taken; i++) {
    offers->slots[(offers->next + i) % WINDOW].is_used = true;
    publisher->bytes += offers->sizes[i];
  }
  offers->next += taken;
  offers->under_way += taken;
  publisher->run->offered += taken;
  return taken;
}

/* ---- outcomes --------------------------------------------------------------------------------- */

/* What a batch of reports adds. */
typedef struct outcomes {
  uint64_t stored, refused, unknown;
  long long expected;
} outcomes;

static void note(bench_publisher *publisher, const evs_report *report, uint64_t now, outcomes *sum) {
  bench_run *run = publisher->run;
  uint64_t own = report->token - 1, number = number_of(publisher, own);
  offer_slot *slot = &publisher->offers->slots[own % WINDOW];
  slot->is_used = false;
  publisher->offers->under_way--;
  if (report->status != EVS_OK) {
    sum->refused += report->outcome == EVS_OUTCOME_REFUSED;
    sum->unknown += report->outcome != EVS_OUTCOME_REFUSED;
    bench_note_refusal(run, report->message);
    return;
  }
  sum->stored++; /* or sent, where nothing else was asked for */
  sum->expected += run->plan.audience[number % run->plan.types];
  bench_bits_add(&run->stored_bits, number);
  histogram_record(&publisher->latency.from_due, now - slot->due_ns);
  histogram_record(&publisher->latency.from_offer, now - slot->offered_ns);
}

static void take_outcomes(bench_publisher *publisher) {
  bench_run *run = publisher->run;
  evs_batch *batch = NULL;
  evs_error *error = NULL;
  outcomes sum = {0};
  size_t count = 0;
  evs_status status = evs_poll(publisher->system, EVS_POLL_REPORTS, 4096, 0, &batch, &error);
  if (status == EVS_AGAIN) {
    evs_error_free(error);
    return;
  }
  if (status != EVS_OK) {
    bench_fail(run, "waiting for outcomes", error);
    return;
  }
  uint64_t now = bench_now_ns();
  const evs_report *reports = evs_batch_reports(batch, &count);
  for (size_t i = 0; i < count; i++)
    if (reports[i].kind == EVS_REPORT_PUBLISH)
      note(publisher, &reports[i], now, &sum);
  evs_batch_release(batch);
  publisher->last_ns = now;
  run->expected += sum.expected;
  run->stored += sum.stored;
  run->refused += sum.refused;
  run->unknown += sum.unknown;
}

/* ---- the thread ------------------------------------------------------------------------------- */

/* Until an outcome is there, or the next event is due. */
static void rest(const bench_publisher *publisher, uint64_t now) {
  const bench_run *run = publisher->run;
  uint64_t due = due_at(publisher, publisher->offers->next, now);
  uint64_t wait_ns = run->plan.rate > 0 && due > now && due - now < REST_NS ? due - now : REST_NS;
  struct pollfd watched = {.fd = evs_system_wake_fd(publisher->system), .events = POLLIN};
  struct timespec limit = {.tv_nsec = (long)wait_ns};
  ppoll(&watched, 1, &limit, NULL);
}

static bool prepare_all(bench_publisher *publisher) {
  const bench_plan *plan = &publisher->run->plan;
  struct bench_offers *offers = input_alloc(sizeof *offers);
  size_t fit = BATCH_BYTES / plan->largest;
  publisher->offers = offers;
  offers->batch = fit < 1 ? 1 : fit < BATCH ? fit : BATCH;
  offers->random = UINT64_C(88172645463325252) + publisher->index;
  offers->bodies = malloc(offers->batch * plan->largest);
  for (size_t i = 0; offers->bodies && i < offers->batch; i++) {
    bench_body_fill(offers->bodies + i * plan->largest, plan->largest, plan->run);
    offers->sizes[i] = plan->largest;
  }
  return offers->bodies != NULL;
}

void *bench_publish(void *data) {
  bench_publisher *publisher = data;
  bench_run *run = publisher->run;
  prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS, 0, 0, 0);
  if (!prepare_all(publisher))
    bench_fail(run, "there is no memory for bodies of this size", NULL);
  for (uint64_t now = bench_now_ns(); !is_over(publisher, now); now = bench_now_ns()) {
    size_t taken = must_hold(run) ? 0 : offer(publisher, now);
    take_outcomes(publisher);
    if (taken == 0)
      rest(publisher, now);
  }
  uint64_t deadline = bench_now_ns() + (uint64_t)PATIENCE_MS * 1000000;
  while (publisher->offers->under_way > 0 && !run->has_failed && bench_now_ns() < deadline) {
    rest(publisher, bench_now_ns());
    take_outcomes(publisher);
  }
  run->unknown += publisher->offers->under_way;
  free(publisher->offers->bodies);
  free(publisher->offers);
  run->publishers_left--;
  return NULL;
}
