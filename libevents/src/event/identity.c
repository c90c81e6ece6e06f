/* SPDX-License-Identifier: MIT
 * identity.c - what tells events apart and dates them. No state but the last id's time and counter. */
#include "event/identity.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* Milliseconds and the 12 bits of rand_a in one word, so that rising ids need no lock. */
enum { COUNTER_BITS = 12, COUNTER_START_MASK = 0x7FF };
enum { POOL_ROLLS = 64 };

static _Atomic uint64_t last_tick;

static uint64_t next_tick(uint64_t wall_ms, uint64_t roll) {
  /* The counter starts in its lower half, which leaves room to count up; past its end it carries into the
   * milliseconds, which the RFC allows, and a clock set back does not break the order. */
  uint64_t fresh = wall_ms << COUNTER_BITS | (roll & COUNTER_START_MASK);
  uint64_t last = atomic_load_explicit(&last_tick, memory_order_relaxed);
  uint64_t tick;
  do {
    tick = (fresh >> COUNTER_BITS) > (last >> COUNTER_BITS) ? fresh : last + 1;
  } while (!atomic_compare_exchange_weak_explicit(&last_tick, &last, tick, memory_order_relaxed,
                                                  memory_order_relaxed));
  return tick;
}

/* Random numbers of this thread: asking the system for each event's costs more than the rest of its id. A
 * child made by fork() throws away what it inherited, or it would make its parent's ids. */
typedef struct pool {
  unsigned generation; /* 0: never filled */
  size_t left;
  uint64_t rolls[POOL_ROLLS];
} pool;

static atomic_uint generation = 1;
static pthread_once_t is_watching = PTHREAD_ONCE_INIT;

static void begin_generation(void) {
  atomic_fetch_add(&generation, 1);
}

static void watch_forks(void) {
  pthread_atfork(NULL, NULL, begin_generation);
}

/* Stands in when the system has no random numbers: unique enough for ids, worthless as a secret. */
static void fill_without_random(const evsi_env *env, uint64_t out_rolls[2]) {
  static _Atomic uint64_t salt;
  uint64_t x =
      evsi_now_us(env) ^ (uint64_t)(uintptr_t)&x ^ atomic_fetch_add(&salt, UINT64_C(0x9E3779B97F4A7C15));
  for (int i = 0; i < 2; i++) {
    x += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    out_rolls[i] = z ^ z >> 31;
  }
}

static void take_rolls(const evsi_env *env, uint64_t out_rolls[2]) {
  static _Thread_local pool own;
  pthread_once(&is_watching, watch_forks);
  unsigned now = atomic_load_explicit(&generation, memory_order_relaxed);
  if (own.left < 2 || own.generation != now) {
    own.generation = now;
    own.left = env->random(own.rolls, sizeof own.rolls) ? POOL_ROLLS : 0;
  }
  if (own.left == 0) {
    fill_without_random(env, out_rolls);
    return;
  }
  own.left -= 2;
  memcpy(out_rolls, &own.rolls[own.left], 2 * sizeof *out_rolls);
}

/* The two digits of each byte. */
#define ROW(high)                                                                                            \
  high "0" high "1" high "2" high "3" high "4" high "5" high "6" high "7" high "8" high "9" high "a" high    \
       "b" high "c" high "d" high "e" high "f"
static const char pairs[] = ROW("0") ROW("1") ROW("2") ROW("3") ROW("4") ROW("5") ROW("6") ROW("7") ROW("8")
    ROW("9") ROW("a") ROW("b") ROW("c") ROW("d") ROW("e") ROW("f");
#undef ROW

static inline void put_hex(char *out, const unsigned char *bytes, size_t count) {
  for (size_t i = 0; i < count; i++)
    memcpy(out + 2 * i, pairs + 2 * bytes[i], 2);
}

static void put_big_endian(unsigned char out[8], uint64_t value) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  value = __builtin_bswap64(value);
#endif
  memcpy(out, &value, sizeof value);
}

void evsi_uuid7(const evsi_env *env, uint64_t wall_ms, char out_text[37]) {
  unsigned char bytes[16];
  uint64_t rolls[2];
  take_rolls(env, rolls);
  uint64_t tick = next_tick(wall_ms, rolls[0]);
  put_big_endian(bytes, (tick >> COUNTER_BITS) << 16 | 0x7000 | (tick & 0xFFF));
  put_big_endian(bytes + 8, UINT64_C(0x8000000000000000) | (rolls[1] & UINT64_C(0x3FFFFFFFFFFFFFFF)));
  put_hex(out_text, bytes, 4);
  put_hex(out_text + 9, bytes + 4, 2);
  put_hex(out_text + 14, bytes + 6, 2);
  put_hex(out_text + 19, bytes + 8, 2);
  put_hex(out_text + 24, bytes + 10, 6);
  out_text[8] = out_text[13] = out_text[18] = out_text[23] = '-';
  out_text[36] = '\0';
}

/* Days since 1970-01-01 to year, month and day (Howard Hinnant, "chrono-Compatible Low-Level Date
 * Algorithms", civil_from_days). */
static void civil_from_days(uint64_t days, unsigned *year, unsigned *month, unsigned *day) {
  uint64_t z = days + 719468;
  uint64_t era = z / 146097, doe = z % 146097;
  uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  uint64_t mp = (5 * doy + 2) / 153;
  *day = (unsigned)(doy - (153 * mp + 2) / 5 + 1);
  *month = (unsigned)(mp < 10 ? mp + 3 : mp - 9);
  *year = (unsigned)(yoe + era * 400 + (*month <= 2));
}

static char *put_number(char *out, unsigned value, int digits) {
  for (int i = digits - 1; i >= 0; i--) {
    out[i] = (char)('0' + value % 10);
    value /= 10;
  }
  return out + digits;
}

/* "2026-11-27T01:59:11." and as many zeros as milliseconds have digits. */
static void write_second(uint64_t second, char out_text[25]) {
  unsigned year, month, day, of_day = (unsigned)(second % 86400);
  civil_from_days(second / 86400, &year, &month, &day);
  char *out = put_number(out_text, year, 4);
  *out++ = '-';
  out = put_number(out, month, 2);
  *out++ = '-';
  out = put_number(out, day, 2);
  *out++ = 'T';
  out = put_number(out, of_day / 3600, 2);
  *out++ = ':';
  out = put_number(out, of_day / 60 % 60, 2);
  *out++ = ':';
  out = put_number(out, of_day % 60, 2);
  memcpy(out, ".000Z", 6);
}

enum { SECOND_TEXT = 19, TIMESTAMP_TEXT = 24 };

void evsi_timestamp(uint64_t wall_ms, char out_text[25]) {
  static _Thread_local uint64_t known =
      UINT64_MAX; /* the second of the text beside it: many events have the same */
  static _Thread_local char text[TIMESTAMP_TEXT + 1];
  const uint64_t last = UINT64_C(253402300799999); /* 9999-12-31T23:59:59.999Z: four digits for the year */
  uint64_t ms = wall_ms < last ? wall_ms : last;
  if (ms / 1000 != known) {
    known = ms / 1000;
    write_second(known, text);
  }
  memcpy(out_text, text, sizeof text);
  put_number(out_text + SECOND_TEXT + 1, (unsigned)(ms % 1000), 3);
}

/* Reads exactly `digits` digits; -1 when there are others. */
static int take_number(const char **at, const char *end, int digits) {
  int value = 0;
  if (end - *at < digits)
    return -1;
  for (int i = 0; i < digits; i++) {
    char c = (*at)[i];
    if (c < '0' || c > '9')
      return -1;
    value = value * 10 + (c - '0');
  }
  *at += digits;
  return value;
}

static bool take_char(const char **at, const char *end, const char *allowed) {
  if (*at == end || **at == '\0' || !strchr(allowed, **at))
    return false;
  ++*at;
  return true;
}

static int days_in_month(int year, int month) {
  static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return month == 2 && is_leap ? 29 : days[month - 1];
}

static bool take_date(const char **at, const char *end) {
  int year = take_number(at, end, 4);
  bool ok = year >= 0 && take_char(at, end, "-");
  int month = ok ? take_number(at, end, 2) : -1;
  if (month < 1 || month > 12 || !take_char(at, end, "-"))
    return false;
  int day = take_number(at, end, 2);
  return day >= 1 && day <= days_in_month(year, month);
}

static bool take_clock(const char **at, const char *end) {
  int hour = take_number(at, end, 2);
  if (hour < 0 || hour > 23 || !take_char(at, end, ":"))
    return false;
  int minute = take_number(at, end, 2);
  if (minute < 0 || minute > 59 || !take_char(at, end, ":"))
    return false;
  int second = take_number(at, end, 2); /* 60 is a leap second */
  if (second < 0 || second > 60)
    return false;
  if (!take_char(at, end, "."))
    return true;
  if (take_number(at, end, 1) < 0)
    return false;
  while (take_number(at, end, 1) >= 0)
    continue;
  return true;
}

static bool take_offset(const char **at, const char *end) {
  if (take_char(at, end, "Zz"))
    return true;
  if (!take_char(at, end, "+-"))
    return false;
  int hour = take_number(at, end, 2);
  if (hour < 0 || hour > 23 || !take_char(at, end, ":"))
    return false;
  int minute = take_number(at, end, 2);
  return minute >= 0 && minute <= 59;
}

int evsi_timestamp_valid(evs_bytes text) {
  if (text.size == 0)
    return 0;
  const char *at = text.data, *end = text.data + text.size;
  bool ok = take_date(&at, end) && take_char(&at, end, "Tt") && take_clock(&at, end) && take_offset(&at, end);
  return ok && at == end;
}

/* Days since 1970-01-01 (Hinnant, "chrono-compatible low-level date algorithms", days_from_civil). */
static int64_t days_from_civil(int year, int month, int day) {
  int y = year - (month <= 2);
  int era = (y >= 0 ? y : y - 399) / 400;
  int of_era = y - era * 400;
  int of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return (int64_t)era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* The second of a timestamp that is valid, in milliseconds; before 1970 it is negative. */
static int64_t read_second(const char *text) {
  int parts[6];
  static const int starts[] = {0, 5, 8, 11, 14, 17}, digits[] = {4, 2, 2, 2, 2, 2};
  for (int i = 0; i < 6; i++) {
    const char *at = text + starts[i];
    parts[i] = take_number(&at, at + digits[i], digits[i]);
  }
  int64_t days = days_from_civil(parts[0], parts[1], parts[2]);
  return (days * 86400 + parts[3] * 3600 + parts[4] * 60 + parts[5]) * 1000;
}

uint64_t evsi_timestamp_ms(evs_bytes text) {
  static _Thread_local char known[SECOND_TEXT]; /* the second that was read last, and what it is */
  static _Thread_local int64_t known_ms = -1;
  if (text.size != TIMESTAMP_TEXT || text.data[SECOND_TEXT] != '.' || text.data[TIMESTAMP_TEXT - 1] != 'Z')
    return 0;
  const char *at = text.data + SECOND_TEXT + 1;
  int ms = take_number(&at, at + 3, 3);
  if (memcmp(known, text.data, sizeof known) != 0) {
    if (!evsi_timestamp_valid(text))
      return 0;
    memcpy(known, text.data, sizeof known);
    known_ms = read_second(text.data);
  }
  return ms < 0 || known_ms < 0 ? 0 : (uint64_t)(known_ms + ms);
}

/* Looking an algorithm up by name, and making a context for it, costs more than hashing a small body: the
 * first is done once, the second once for each thread. */
static EVP_MD *sha256;
static pthread_key_t own_context;
static pthread_once_t sha256_once = PTHREAD_ONCE_INIT;

static void free_context(void *context) {
  EVP_MD_CTX_free(context);
}

static void sha256_fetch(void) {
  if (pthread_key_create(&own_context, free_context) == 0)
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

static EVP_MD_CTX *sha256_context(void) {
  pthread_once(&sha256_once, sha256_fetch);
  EVP_MD_CTX *context = sha256 ? pthread_getspecific(own_context) : NULL;
  if (context || !sha256)
    return context;
  context = EVP_MD_CTX_new();
  if (!context || pthread_setspecific(own_context, context) == 0)
    return context;
  EVP_MD_CTX_free(context);
  return NULL;
}

int evsi_sha256_hex(evs_bytes bytes, char out_hex[65]) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_MD_CTX *context = sha256_context();
  if (!context || !EVP_DigestInit_ex2(context, sha256, NULL) ||
      !EVP_DigestUpdate(context, bytes.size ? bytes.data : "", bytes.size) ||
      !EVP_DigestFinal_ex(context, digest, &size) || size != 32)
    return -1;
  put_hex(out_hex, digest, 32);
  out_hex[64] = '\0';
  return 0;
}
