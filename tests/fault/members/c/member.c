/* SPDX-License-Identifier: MIT
 * member.c - life of the program: opens, subscribes, connects, works, closes on SIGTERM. */
#include "member.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { CONNECT_MS = 60000, POLL_MS = 100, RECORDS = 64, PATH_SIZE = 512, THREADS_MAX = 64 };

volatile sig_atomic_t member_stopping;

static void on_signal(int number) {
  (void)number;
  member_stopping = 1;
}

void member_fail(const char *what, const evs_error *error) {
  fprintf(stderr, "member: %s: %s\n", what, error ? evs_error_json(error) : strerror(errno));
  exit(1);
}

void member_sleep(long ms) {
  struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
  while (nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

void member_write(member *self, const char *what, json_t *line) {
  json_object_set_new(line, "what", json_string(what));
  json_object_set_new(line, "t", json_real(now()));
  char *text = json_dumps(line, JSON_COMPACT);
  if (!text)
    member_fail("a line for the ledger", NULL);
  size_t size = strlen(text);
  text[size] = '\n'; /* in place of the NUL: one write, so that lines of threads do not mix */
  if (write(self->ledger, text, size + 1) != (ssize_t)size + 1)
    member_fail("write to the ledger", NULL);
  free(text);
  json_decref(line);
}

bool member_mark(const member *self, const char *id, long number) {
  char path[PATH_SIZE];
  snprintf(path, sizeof path, "%s/marks/%s.%ld", self->folder, id, number);
  int file = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
  if (file < 0 && errno != EEXIST)
    member_fail(path, NULL);
  if (file >= 0)
    close(file);
  return file >= 0;
}

static void open_member(member *self, const char *path) {
  char ledger[PATH_SIZE];
  self->job = json_load_file(path, 0, NULL);
  if (!self->job)
    member_fail(path, NULL);
  self->folder = json_string_value(json_object_get(self->job, "folder"));
  snprintf(ledger, sizeof ledger, "%s/%s.ledger", self->folder,
           json_string_value(json_object_get(self->job, "name")));
  self->ledger = open(ledger, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (self->ledger < 0)
    member_fail(ledger, NULL);
}

static void open_system(member *self) {
  evs_error *error = NULL;
  char *text = json_dumps(json_object_get(self->job, "config"), 0);
  if (!text || evs_system_open(text, strlen(text), &self->system, &error) != EVS_OK)
    member_fail("open", error);
  free(text);
  json_t *consume = json_object_get(self->job, "consume");
  if (!consume)
    return;
  uint64_t token;
  json_t *options = json_deep_copy(json_object_get(consume, "options"));
  json_object_set(options, "pattern", json_object_get(consume, "pattern"));
  text = json_dumps(options, 0);
  if (!text || evs_subscribe(self->system, text, strlen(text), &token, &error) != EVS_OK)
    member_fail("subscribe", error);
  free(text);
  json_decref(options);
}

static void call(member *self, const char *method) {
  char *answer = NULL;
  evs_error *error = NULL;
  if (evs_call(self->system, method, NULL, 0, CONNECT_MS, &answer, &error) != EVS_OK)
    member_fail(method, error);
  evs_string_free(answer);
}

static void tell_stats(member *self) {
  char *text = NULL;
  evs_error *error = NULL;
  double asked = now(); /* its other threads go on */
  if (evs_system_stats(self->system, &text, &error) != EVS_OK)
    member_fail("stats", error);
  member_write(self, "stats", json_pack("{s:f,s:o}", "asked", asked, "stats", json_loads(text, 0, NULL)));
  evs_string_free(text);
}

/* Takes what is no message; false once the system is closed. */
static bool take_reports(member *self) {
  evs_batch *batch = NULL;
  evs_error *error = NULL;
  size_t count = 0;
  bool is_open = true;
  evs_status status = evs_poll(self->system, EVS_POLL_REPORTS, RECORDS, POLL_MS, &batch, &error);
  if (status != EVS_OK && status != EVS_AGAIN)
    member_fail("poll", error);
  evs_error_free(error);
  const evs_report *reports = evs_batch_reports(batch, &count);
  for (size_t i = 0; i < count; i++) {
    if (reports[i].kind != EVS_REPORT_CLOSED)
      continue;
    is_open = false;
    json_t *detail = json_loadb(reports[i].detail.data, reports[i].detail.size, 0, NULL);
    member_write(self, "closed", json_pack("{s:o}", "report", detail));
  }
  evs_batch_release(batch);
  return is_open;
}

static void close_system(member *self) {
  evs_error *error = NULL;
  uint32_t deadline = (uint32_t)json_integer_value(json_object_get(self->job, "closeDeadline"));
  tell_stats(self);
  if (evs_system_close(self->system, deadline, &error) != EVS_OK)
    member_fail("close", error);
  while (take_reports(self)) {
  }
}

int main(int argc, char **argv) {
  member self = {.ledger = -1};
  pthread_t threads[THREADS_MAX];
  if (argc != 2)
    member_fail("usage: evs_fault_member JOB", NULL);
  struct sigaction action = {.sa_handler = on_signal};
  sigaction(SIGTERM, &action, NULL);
  open_member(&self, argv[1]);
  open_system(&self);
  call(&self, "connect");
  call(&self, "ready");
  member_write(&self, "ready", json_pack("{s:i}", "pid", (int)getpid()));
  int count = (int)json_integer_value(json_object_get(json_object_get(self.job, "consume"), "threads"));
  for (int i = 0; i < count && i < THREADS_MAX; i++)
    pthread_create(&threads[i], NULL, member_consume, &self);
  if (json_object_get(self.job, "publish"))
    member_publish(&self);
  while (!member_stopping && count > 0)
    take_reports(&self);
  close_system(&self);
  if (atomic_load(&self.hung) > 0)
    return 0; /* their threads never end */
  for (int i = 0; i < count && i < THREADS_MAX; i++)
    pthread_join(threads[i], NULL);
  evs_system_release(self.system);
  json_decref(self.job);
  return 0;
}
