/* SPDX-License-Identifier: MIT
 * line_out.c - see line_out.h. */
#include "base/line_out.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Others share the descriptor, so its flags are not ours to change: a pipe or terminal is opened anew. */
static ssize_t write_without_waiting(evs_bytes line) {
  struct stat about;
  if (fstat(STDERR_FILENO, &about) != 0)
    return -1;
  if (S_ISSOCK(about.st_mode))
    return send(STDERR_FILENO, line.data, line.size, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (!S_ISFIFO(about.st_mode) && !S_ISCHR(about.st_mode))
    return write(STDERR_FILENO, line.data, line.size);
  int own = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (own >= 0) {
    ssize_t written = write(own, line.data, line.size);
    close(own);
    return written;
  }
  struct pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT};
  return poll(&ready, 1, 0) == 1 && ready.revents & POLLOUT ? write(STDERR_FILENO, line.data, line.size) : -1;
}

bool evsi_line_out(evs_bytes line) {
  sigset_t pipe_only, before, pending;
  static const struct timespec at_once = {0};
  if (line.size > EVSI_LINE_MAX)
    return false;
  /* A closed pipe must not end the host: the signal that we cause is taken back. */
  sigemptyset(&pipe_only);
  sigaddset(&pipe_only, SIGPIPE);
  sigpending(&pending);
  pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
  bool is_written = write_without_waiting(line) == (ssize_t)line.size;
  if (!is_written && !sigismember(&pending, SIGPIPE))
    sigtimedwait(&pipe_only, NULL, &at_once);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return is_written;
}
