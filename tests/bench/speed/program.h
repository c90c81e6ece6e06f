/* SPDX-License-Identifier: MIT
 * program.h - what the two measured programs in C have in common: the clock, the body, the answer. */
#ifndef BENCH_PROGRAM_H
#define BENCH_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STAMP_DIGITS = 20, BODY_MAX = 1 << 21 };

/* What each event carries: the text of a file, with the time when it was due at its stamp
 * ("at":"00000000000000000000"). */
typedef struct payload {
  char *text;
  size_t size;
  size_t stamp; /* where the digits begin */
} payload;

uint64_t now_ns(void);
void sleep_until_ns(uint64_t when);
payload payload_read(const char *path);
void stamp_write(char *at, uint64_t ns);
/* How old an event is by its stamp; 0 where it has none. */
uint64_t stamp_age_ns(const char *text, size_t size);

long rss_kib(void);
long peak_kib(void);

/* Ends the program: says why, exit status 1. */
void die(const char *what, const char *why) __attribute__((noreturn));

/* The answer of a program: one line of JSON on standard output. */
void tell_rate(long count, uint64_t begun_ns);
/* A rate, too, and by how much the memory of this process has grown. */
void tell_growth(long count, uint64_t begun_ns, long growth_kib);
/* Sorts `ages`. */
void tell_latency(uint64_t *ages, long count);

#endif
