/* SPDX-License-Identifier: MIT
 * program.c - see program.h. */
#include "program.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char marker[] = "\"at\":\"";

uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void sleep_until_ns(uint64_t when) {
  struct timespec until = {.tv_sec = (time_t)(when / 1000000000u), .tv_nsec = (long)(when % 1000000000u)};
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

void die(const char *what, const char *why) {
  fprintf(stderr, "%s: %s\n", what, why ? why : "failed");
  exit(1);
}

static const char *find_stamp(const char *text, size_t size) {
  const char *found = memmem(text, size, marker, sizeof marker - 1);
  const char *digits = found ? found + sizeof marker - 1 : NULL;
  return digits && (size_t)(digits - text) + STAMP_DIGITS <= size ? digits : NULL;
}

payload payload_read(const char *path) {
  payload made = {.text = malloc(BODY_MAX)};
  FILE *file = fopen(path, "rb");
  if (!made.text || !file)
    die(path, "cannot be read");
  made.size = fread(made.text, 1, BODY_MAX, file);
  fclose(file);
  const char *stamp = find_stamp(made.text, made.size);
  if (!stamp)
    die(path, "has no stamp");
  made.stamp = (size_t)(stamp - made.text);
  return made;
}

void stamp_write(char *at, uint64_t ns) {
  for (int i = STAMP_DIGITS - 1; i >= 0; i--, ns /= 10)
    at[i] = (char)('0' + ns % 10);
}

uint64_t stamp_age_ns(const char *text, size_t size) {
  const char *digits = find_stamp(text, size);
  uint64_t then = 0;
  for (int i = 0; digits && i < STAMP_DIGITS; i++)
    then = then * 10 + (uint64_t)(digits[i] - '0');
  return then ? now_ns() - then : 0;
}

/* A row of /proc/self/status, in KiB: what getrusage() gives counts the program that started this one, too.
 */
static long status_kib(const char *name) {
  char row[256];
  long found = 0;
  FILE *file = fopen("/proc/self/status", "r");
  while (file && found == 0 && fgets(row, sizeof row, file))
    if (strncmp(row, name, strlen(name)) == 0)
      found = strtol(row + strlen(name), NULL, 10);
  if (!file || found == 0)
    die("the memory of this process", "cannot be read");
  fclose(file);
  return found;
}

long peak_kib(void) {
  return status_kib("VmHWM:");
}

long rss_kib(void) {
  return status_kib("VmRSS:");
}

void tell_rate(long count, uint64_t begun_ns) {
  double seconds = (double)(now_ns() - begun_ns) / 1e9;
  printf("{\"count\": %ld, \"seconds\": %.6f, \"peak_kib\": %ld}\n", count, seconds, peak_kib());
}

void tell_growth(long count, uint64_t begun_ns, long growth_kib) {
  double seconds = (double)(now_ns() - begun_ns) / 1e9;
  printf("{\"count\": %ld, \"seconds\": %.6f, \"growth_mib\": %.3f, \"peak_kib\": %ld}\n", count, seconds,
         (double)growth_kib / 1024, peak_kib());
}

static int compare(const void *a, const void *b) {
  uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
  return left < right ? -1 : left > right;
}

void tell_latency(uint64_t *ages, long count) {
  qsort(ages, (size_t)count, sizeof *ages, compare);
  uint64_t middle = ages[count / 2], late = ages[count - 1 - count / 100], last = ages[count - 1];
  printf("{\"count\": %ld, \"p50_ms\": %.4f, \"p99_ms\": %.4f, \"max_ms\": %.4f, \"peak_kib\": %ld}\n", count,
         (double)middle / 1e6, (double)late / 1e6, (double)last / 1e6, peak_kib());
}
