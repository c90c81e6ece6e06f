/* SPDX-License-Identifier: MIT
 * bench_ledger.h - the events of a load test: what stands in a body, and which numbers were seen, by any
 * thread. One bit each, so that losing or repeating a single one of billions is noticed. */
#ifndef EVENTS_CLI_BENCH_LEDGER_H
#define EVENTS_CLI_BENCH_LEDGER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "libevents.h"

enum { BENCH_CHUNK_BITS = 20, BENCH_CHUNKS = 4096, BENCH_BODY_MIN = 100 };
#define BENCH_EVENTS_MAX ((uint64_t)BENCH_CHUNKS << BENCH_CHUNK_BITS)

/* A set of numbers below BENCH_EVENTS_MAX. Memory that is not there ends the process. */
typedef struct bench_bits {
  _Atomic(_Atomic uint64_t *) chunks[BENCH_CHUNKS];
} bench_bits;

/* False: it was there before. */
bool bench_bits_add(bench_bits *bits, uint64_t number);
bool bench_bits_have(const bench_bits *bits, uint64_t number);
/* A number behind all that are there. */
uint64_t bench_bits_end(const bench_bits *bits);
void bench_bits_free(bench_bits *bits);

/* What an event says of itself. Times by the monotonic clock of the process, which sends and takes it. */
typedef struct bench_stamp {
  uint64_t number, due_ns, offered_ns;
} bench_stamp;

/* Makes the largest body, JSON, of `size` bytes, then bodies of any smaller size out of it. */
void bench_body_fill(char *body, uint64_t size, const char *run);
/* Writes the stamp and lets the body end after `size` bytes; before: the size that it had last. */
void bench_body_write(char *body, uint64_t size, uint64_t before, const bench_stamp *stamp);
/* False: it is no body of this run. */
bool bench_body_read(evs_bytes body, const char *run, bench_stamp *out_stamp);

#endif
