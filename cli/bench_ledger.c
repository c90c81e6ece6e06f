/* SPDX-License-Identifier: MIT
 * bench_ledger.c - see bench_ledger.h. */
#include "bench_ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "input.h"

/* ---- numbers ---------------------------------------------------------------------------------- */

enum { CHUNK_WORDS = (1 << BENCH_CHUNK_BITS) / 64 };

static _Atomic uint64_t *chunk_of(bench_bits *bits, uint64_t number) {
  _Atomic(_Atomic uint64_t *) *place = &bits->chunks[number >> BENCH_CHUNK_BITS];
  _Atomic uint64_t *chunk = atomic_load(place);
  if (chunk)
    return chunk;
  _Atomic uint64_t *fresh = input_alloc(CHUNK_WORDS * sizeof *fresh);
  if (atomic_compare_exchange_strong(place, &chunk, fresh))
    return fresh;
  free((void *)fresh); /* another thread was faster */
  return chunk;
}

static uint64_t mask_of(uint64_t number) {
  return UINT64_C(1) << (number % 64);
}

static uint64_t word_of(uint64_t number) {
  return (number & ((UINT64_C(1) << BENCH_CHUNK_BITS) - 1)) / 64;
}

bool bench_bits_add(bench_bits *bits, uint64_t number) {
  uint64_t mask = mask_of(number);
  return !(atomic_fetch_or(&chunk_of(bits, number)[word_of(number)], mask) & mask);
}

bool bench_bits_have(const bench_bits *bits, uint64_t number) {
  const _Atomic uint64_t *chunk = atomic_load(&bits->chunks[number >> BENCH_CHUNK_BITS]);
  return chunk && (atomic_load(&chunk[word_of(number)]) & mask_of(number)) != 0;
}

uint64_t bench_bits_end(const bench_bits *bits) {
  size_t used = BENCH_CHUNKS;
  while (used > 0 && !atomic_load(&bits->chunks[used - 1]))
    used--;
  return (uint64_t)used << BENCH_CHUNK_BITS;
}

void bench_bits_free(bench_bits *bits) {
  for (size_t i = 0; i < BENCH_CHUNKS; i++)
    free((void *)atomic_load(&bits->chunks[i]));
}

/* ---- bodies ----------------------------------------------------------------------------------- */

enum { RUN_SIZE = 8, HEX = 16 };

/* Of fixed width, so that a stamp is written and read without a parser. */
static const char head[] =
    "{\"run\":\"........\",\"n\":\"................\",\"due\":\"................\",\"at\":\""
    "................\",\"pad\":\"";
static const char tail[] = "\"}";
enum {
  AT_RUN = 8,
  AT_NUMBER = AT_RUN + RUN_SIZE + 7,
  AT_DUE = AT_NUMBER + HEX + 9,
  AT_OFFER = AT_DUE + HEX + 8,
  HEAD = sizeof head - 1,
  TAIL = sizeof tail - 1
};
_Static_assert(HEAD + TAIL <= BENCH_BODY_MIN, "the smallest body has room for the stamp");

/* No compression may find a pattern: the same letters for everyone, as good as random. */
static char letter_at(uint64_t place) {
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  uint64_t mixed = (place + 1) * UINT64_C(0x9e3779b97f4a7c15);
  mixed ^= mixed >> 29;
  mixed *= UINT64_C(0xbf58476d1ce4e5b9);
  return letters[mixed >> 58];
}

static void hex_write(char *out, uint64_t value) {
  for (int i = HEX - 1; i >= 0; i--, value >>= 4)
    out[i] = "0123456789abcdef"[value & 15];
}

static bool hex_read(const char *text, uint64_t *out) {
  *out = 0;
  for (int i = 0; i < HEX; i++) {
    char c = text[i];
    bool is_digit = c >= '0' && c <= '9';
    if (!is_digit && !(c >= 'a' && c <= 'f'))
      return false;
    *out = *out << 4 | (uint64_t)(is_digit ? c - '0' : c - 'a' + 10);
  }
  return true;
}

void bench_body_fill(char *body, uint64_t size, const char *run) {
  memcpy(body, head, HEAD);
  memcpy(body + AT_RUN, run, RUN_SIZE);
  for (uint64_t i = HEAD; i < size; i++)
    body[i] = letter_at(i);
}

void bench_body_write(char *body, uint64_t size, uint64_t before, const bench_stamp *stamp) {
  hex_write(body + AT_NUMBER, stamp->number);
  hex_write(body + AT_DUE, stamp->due_ns);
  hex_write(body + AT_OFFER, stamp->offered_ns);
  for (uint64_t i = before - TAIL; i < before; i++)
    body[i] = letter_at(i);
  memcpy(body + size - TAIL, tail, TAIL);
}

bool bench_body_read(evs_bytes body, const char *run, bench_stamp *out_stamp) {
  return body.size >= BENCH_BODY_MIN && memcmp(body.data, head, AT_RUN) == 0 &&
         memcmp(body.data + AT_RUN, run, RUN_SIZE) == 0 &&
         hex_read(body.data + AT_NUMBER, &out_stamp->number) &&
         hex_read(body.data + AT_DUE, &out_stamp->due_ns) &&
         hex_read(body.data + AT_OFFER, &out_stamp->offered_ns) && out_stamp->number < BENCH_EVENTS_MAX;
}
