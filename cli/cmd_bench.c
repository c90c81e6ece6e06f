/* SPDX-License-Identifier: MIT
 * cmd_bench.c - `events bench`: starts the threads of a load test, watches over them, and ends it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "input.h"
#include "output.h"
#include "session.h"

enum { TICK_MS = 100, PROGRESS_NS = 1000000000, PATIENCE_MS = 30000, CLEAN_UP_MS = 120000, TAKEN = 4096 };

/* ---- what the threads share ------------------------------------------------------------------- */

uint64_t bench_now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

double bench_cpu_seconds(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

void bench_fail(bench_run *run, const char *what, evs_error *error) {
  pthread_mutex_lock(&run->failing);
  bool is_first = !run->has_failed;
  if (is_first) {
    run->failed_what = what;
    run->failed_why = error;
    run->has_failed = true;
  }
  pthread_mutex_unlock(&run->failing);
  if (!is_first)
    evs_error_free(error);
}

void bench_note_refusal(bench_run *run, evs_bytes reason) {
  pthread_mutex_lock(&run->failing);
  if (!run->refusal)
    run->refusal = input_copy(reason.size > 0 ? reason.data : "", reason.size);
  pthread_mutex_unlock(&run->failing);
}

/* ---- beginning -------------------------------------------------------------------------------- */

static int join_group(bench_run *run, bench_consumer *consumer) {
  const bench_plan *plan = &run->plan;
  char *answer = NULL, group[64];
  uint64_t subscription;
  evs_error *error = NULL;
  int code = session_take(run->cli, &consumer->system);
  if (code != CLI_OK)
    return code;
  snprintf(group, sizeof group, "%s-%zu", plan->topic, consumer->pattern);
  json_t *options = json_pack("{s:s,s:s,s:s,s:[s],s:s,s:i,s:i}", "pattern", plan->patterns[consumer->pattern],
                              "group", group, "transport", plan->transport, "topics", plan->topic, "from",
                              "earliest", "concurrency", TAKEN, "prefetch", TAKEN);
  char *text = json_dumps(options, JSON_COMPACT);
  evs_status status = evs_subscribe(consumer->system, text, strlen(text), &subscription, &error);
  if (status == EVS_OK)
    status = evs_call(consumer->system, "ready", "{}", 2, run->cli->timeout_ms, &answer, &error);
  json_decref(options);
  free(text);
  evs_string_free(answer);
  return status == EVS_OK ? CLI_OK : session_fail(run->cli, "bench", error);
}

/* All of them are connected before the first event is offered. */
static int open_all(bench_run *run) {
  bench_plan *plan = &run->plan;
  run->publishers = input_alloc(plan->publishers * sizeof *run->publishers);
  int code = CLI_OK;
  for (uint32_t i = 0; i < plan->publishers && code == CLI_OK; i++) {
    run->publishers[i] = (bench_publisher){.run = run, .index = i};
    code = session_take(run->cli, &run->publishers[i].system);
    if (code == CLI_OK && i == 0)
      code = bench_plan_check(run->cli, plan);
  }
  if (code != CLI_OK)
    return code;
  run->consumer_count = plan->pattern_count * plan->consumers;
  run->consumers = input_alloc((run->consumer_count + 1) * sizeof *run->consumers);
  for (size_t i = 0; i < run->consumer_count && code == CLI_OK; i++) {
    run->consumers[i] = (bench_consumer){.run = run, .pattern = i / plan->consumers};
    code = join_group(run, &run->consumers[i]);
  }
  return code;
}

static void start_all(bench_run *run) {
  run->publishers_left = run->plan.publishers;
  run->cpu_before_s = bench_cpu_seconds();
  run->began_ns = bench_now_ns();
  run->sample_ns = (uint64_t)TICK_MS * 1000000;
  for (; run->consumers_running < run->consumer_count; run->consumers_running++) {
    bench_consumer *consumer = &run->consumers[run->consumers_running];
    if (pthread_create(&consumer->thread, NULL, bench_consume, consumer) != 0)
      break;
  }
  for (; run->publishers_running < run->plan.publishers; run->publishers_running++) {
    bench_publisher *publisher = &run->publishers[run->publishers_running];
    if (pthread_create(&publisher->thread, NULL, bench_publish, publisher) != 0)
      break;
  }
  if (run->consumers_running < run->consumer_count || run->publishers_running < run->plan.publishers)
    bench_fail(run, "there can be no more threads: ask for fewer publishers or consumers", NULL);
  run->publishers_left -= run->plan.publishers - (unsigned)run->publishers_running;
}

/* ---- watching --------------------------------------------------------------------------------- */

/* When all places are taken, every second one is kept, and from then on half as many are taken. */
static void take_samples(bench_run *run, uint64_t now) {
  while (now - run->began_ns >= run->sample_ns * (run->sample_count + 1)) {
    if (run->sample_count == BENCH_SAMPLES) {
      for (size_t i = 0; i < BENCH_SAMPLES / 2; i++)
        run->samples[i] = run->samples[2 * i + 1];
      run->sample_count /= 2;
      run->sample_ns *= 2;
      continue;
    }
    run->samples[run->sample_count++] = (bench_sample){run->stored, (uint64_t)run->handled};
  }
}

/* One line that is written over, for people only. */
static void tell_progress(const bench_run *run, uint64_t now, uint64_t *told_ns, bench_sample *told) {
  if (now - *told_ns < PROGRESS_NS || !isatty(STDERR_FILENO))
    return;
  bench_sample here = {run->stored, (uint64_t)run->handled};
  double seconds = (double)(now - *told_ns) / 1e9;
  fprintf(stderr, "\r%4.0f s  published %.0f/s  handled %.0f/s  to be handled %lld\033[K",
          (double)(now - run->began_ns) / 1e9, (double)(here.published - told->published) / seconds,
          (double)(here.handled - told->handled) / seconds, run->expected - run->handled);
  *told_ns = now;
  *told = here;
}

/* Is nothing to come any more, or has nothing come for long? */
static bool is_through(const bench_run *run, uint64_t now, uint64_t *moved_ns, long long *handled) {
  if (run->handled != *handled) {
    *handled = run->handled;
    *moved_ns = now;
  }
  if (run->publishers_left > 0)
    return false;
  uint32_t patience_ms = run->cli->timeout_ms ? run->cli->timeout_ms : PATIENCE_MS;
  return run->consumer_count == 0 || run->has_failed || now - *moved_ns > (uint64_t)patience_ms * 1000000 ||
         (run->handled >= run->expected && bench_count_lost(run).sum == 0);
}

static void watch(bench_run *run) {
  uint64_t now = bench_now_ns(), told_ns = now, moved_ns = now;
  long long handled = 0;
  bench_sample told = {0};
  while (!is_through(run, now, &moved_ns, &handled)) {
    session_wait(run->cli, -1, 0, TICK_MS);
    if (session_stopped())
      run->stop_publishers = true;
    now = bench_now_ns();
    moved_ns = run->publishers_left > 0 ? now : moved_ns;
    take_samples(run, now);
    tell_progress(run, now, &told_ns, &told);
  }
  if (isatty(STDERR_FILENO))
    fputs("\r\033[K", stderr);
  run->stop_consumers = true;
  for (size_t i = 0; i < run->publishers_running; i++)
    pthread_join(run->publishers[i].thread, NULL);
  for (size_t i = 0; i < run->consumers_running; i++)
    pthread_join(run->consumers[i].thread, NULL);
}

/* ---- the end ---------------------------------------------------------------------------------- */

static int tell(bench_run *run, FILE *chart) {
  bench_result *result = input_alloc(sizeof *result);
  bench_sum_up(run, result);
  if (CLI_HAS(run->cli, JSON))
    bench_print_json(run, result);
  else
    bench_print(run, result);
  if (chart)
    bench_chart(run, result, chart);
  bool is_whole = result->losses.sum == 0 && run->wrong == 0 && run->refused == 0 && run->unknown == 0;
  free(result);
  return is_whole ? CLI_OK : CLI_FAILED;
}

static int failure(bench_run *run) {
  if (run->failed_why)
    return session_fail(run->cli, run->failed_what, run->failed_why);
  output_problem("%s", run->failed_what);
  return CLI_FAILED;
}

static void close_all(bench_run *run) {
  for (size_t i = 0; i < run->consumer_count; i++)
    if (run->consumers[i].system)
      session_end(run->consumers[i].system);
  for (uint32_t i = 0; run->publishers && i < run->plan.publishers; i++)
    if (run->publishers[i].system)
      session_end(run->publishers[i].system);
}

/* What was made in the store, once nobody uses it any more. Not by session_call(): that one ends with Ctrl-C.
 */
static int clean_up(bench_run *run) {
  const bench_plan *plan = &run->plan;
  char *answer = NULL;
  evs_error *error = NULL;
  if (!plan->transport || !plan->is_kept)
    return CLI_OK;
  int code = session_connect(run->cli);
  if (code != CLI_OK)
    return code;
  json_t *params = json_pack("{s:s,s:s}", "topic", plan->topic, "transport", plan->transport);
  char *text = json_dumps(params, JSON_COMPACT);
  evs_status status =
      evs_call(run->cli->system, "topics.remove", text, strlen(text), CLEAN_UP_MS, &answer, &error);
  json_decref(params);
  free(text);
  evs_string_free(answer);
  if (status == EVS_OK)
    return CLI_OK;
  output_problem("topic %s stays in the store", plan->topic);
  return session_fail(run->cli, "bench", error);
}

static void run_free(bench_run *run) {
  bench_plan_free(&run->plan);
  bench_bits_free(&run->stored_bits);
  for (size_t i = 0; i < BENCH_PATTERNS_MAX; i++)
    bench_bits_free(&run->handled_bits[i]);
  pthread_mutex_destroy(&run->failing);
  free(run->refusal);
  free(run->publishers);
  free(run->consumers);
  free(run);
}

int cmd_bench(cli_call *cli) {
  bench_run *run = input_alloc(sizeof *run);
  const char *path = cli->text[CLI_OPT_CHART];
  FILE *chart = NULL;
  run->cli = cli;
  pthread_mutex_init(&run->failing, NULL);
  int code = bench_plan_make(cli, &run->plan);
  if (code == CLI_OK && path && !(chart = fopen(path, "w"))) {
    output_problem("--chart %s cannot be written: %s", path, strerror(errno));
    code = CLI_USAGE;
  }
  if (code == CLI_OK)
    code = open_all(run);
  if (code == CLI_OK) {
    session_watch_signals();
    start_all(run);
    watch(run);
    code = run->has_failed ? failure(run) : tell(run, chart);
  }
  close_all(run);
  int cleaned = clean_up(run);
  if (chart && fclose(chart) != 0)
    output_problem("--chart %s was not written whole: %s", path, strerror(errno));
  run_free(run);
  return code != CLI_OK ? code : cleaned;
}
