/* SPDX-License-Identifier: MIT
 * clock_shim.c - another wall clock for a program that is not ours: LD_PRELOAD on a server or a client. The
 * file that EVS_CLOCK_FILE names holds how many milliseconds the clock is ahead (8 bytes, signed, of this
 * machine's order), and may change while the program runs; the monotonic clocks stay as they are. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { MS_PER_S = 1000, NS_PER_MS = 1000000, NS_PER_S = 1000000000, NS_PER_US = 1000 };

typedef int clock_gettime_fn(clockid_t clock, struct timespec *out);

static const _Atomic int64_t none;
static const _Atomic int64_t *_Atomic ahead_ms;
static clock_gettime_fn *_Atomic real;

/* Several threads may come first at once: each finds the same, and a mapping too many does no harm. */
static const _Atomic int64_t *find_offset(void) {
  const char *path = getenv("EVS_CLOCK_FILE");
  int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  void *page = fd >= 0 ? mmap(NULL, sizeof *ahead_ms, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
  if (fd >= 0)
    close(fd);
  return page == MAP_FAILED ? &none : page;
}

static int real_clock(clockid_t clock, struct timespec *out) {
  clock_gettime_fn *found = atomic_load(&real);
  if (!found) {
    void *symbol = dlsym(RTLD_NEXT, "clock_gettime");
    memcpy(&found, &symbol, sizeof found);
    atomic_store(&real, found);
  }
  return found(clock, out);
}

static void move(struct timespec *time) {
  const _Atomic int64_t *offset = atomic_load(&ahead_ms);
  if (!offset) {
    offset = find_offset();
    atomic_store(&ahead_ms, offset);
  }
  int64_t ms = atomic_load(offset);
  int64_t ns = time->tv_nsec + ms % MS_PER_S * NS_PER_MS;
  time->tv_sec += ms / MS_PER_S + (ns >= NS_PER_S) - (ns < 0);
  time->tv_nsec = (ns + NS_PER_S) % NS_PER_S;
}

/* The system names these parameters as only a system may.
 * NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */
int clock_gettime(clockid_t clock, struct timespec *out) {
  int failed = real_clock(clock, out);
  if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
    move(out);
  return failed;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone) {
  struct timespec now;
  if (zone)
    memset(zone, 0, sizeof(struct timezone));
  if (clock_gettime(CLOCK_REALTIME, &now) == 0)
    *out = (struct timeval){now.tv_sec, now.tv_nsec / NS_PER_US};
  return 0;
}

time_t time(time_t *out) {
  struct timespec now;
  time_t seconds = clock_gettime(CLOCK_REALTIME, &now) == 0 ? now.tv_sec : (time_t)-1;
  if (out)
    *out = seconds;
  return seconds;
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
