/* SPDX-License-Identifier: MIT
 * race.c - a defect on purpose: two threads append to one buffer, which is not made for that.
 * ThreadSanitizer has to report the race inside the library, which shows that it is watched. */
#include <pthread.h>

#include "base/buf.h"

enum { APPENDS = 1000 };

static void *append(void *data) {
  evsi_buf *buf = data;
  for (int i = 0; i < APPENDS; i++) {
    evsi_buf_clear(buf);
    evsi_buf_add_text(buf, "x");
  }
  return NULL;
}

int main(void) {
  evsi_buf buf = {0};
  if (!evsi_buf_reserve(&buf, 16)) {
    return 2;
  }
  pthread_t other;
  if (pthread_create(&other, NULL, append, &buf) != 0) {
    return 2;
  }
  append(&buf);
  pthread_join(other, NULL);
  evsi_buf_free(&buf);
  return 0;
}
