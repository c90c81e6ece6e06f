/* SPDX-License-Identifier: MIT
 * input.c - reads files, stdin and lines with bounds. */
#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output.h"

enum { READ_SIZE = 64 * 1024 };

void *input_alloc(size_t size) {
  void *memory = calloc(1, size ? size : 1);
  if (memory)
    return memory;
  fputs("events: out of memory\n", stderr);
  exit(1);
}

char *input_copy(const char *text, size_t size) {
  char *copy = input_alloc(size + 1);
  memcpy(copy, text, size);
  return copy;
}

evs_bytes input_bytes(const char *text) {
  return (evs_bytes){text, text ? strlen(text) : 0};
}

static void grow(char **buffer, size_t *size, size_t wanted) {
  if (wanted <= *size)
    return;
  size_t larger = *size ? *size : READ_SIZE;
  while (larger < wanted)
    larger *= 2;
  char *moved = realloc(*buffer, larger);
  if (!moved) {
    fputs("events: out of memory\n", stderr);
    exit(1);
  }
  *buffer = moved;
  *size = larger;
}

static ssize_t read_some(int fd, char *to, size_t size) {
  ssize_t got;
  do
    got = read(fd, to, size);
  while (got < 0 && errno == EINTR);
  return got;
}

char *input_read(const char *path, size_t max, size_t *out_size) {
  bool is_stdin = strcmp(path, "-") == 0;
  int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
  const char *name = is_stdin ? "stdin" : path;
  if (fd < 0) {
    output_problem("cannot read %s: %s", name, strerror(errno));
    return NULL;
  }
  char *buffer = NULL;
  size_t size = 0, used = 0;
  ssize_t got;
  do {
    grow(&buffer, &size, used + READ_SIZE + 1);
    got = read_some(fd, buffer + used, READ_SIZE);
    used += got > 0 ? (size_t)got : 0;
  } while (got > 0 && used <= max);
  int reason = errno;
  if (!is_stdin)
    close(fd);
  if (got < 0 || used > max) {
    if (got < 0)
      output_problem("cannot read %s: %s", name, strerror(reason));
    else
      output_problem("%s is larger than %zu MiB, the most that is read", name, max >> 20);
    free(buffer);
    return NULL;
  }
  buffer[used] = '\0';
  *out_size = used;
  return buffer;
}

input_line_result input_lines_next(input_lines *lines, evs_bytes *out_line) {
  size_t unread = lines->end - lines->scanned;
  char *feed = lines->buffer ? memchr(lines->buffer + lines->scanned, '\n', unread) : NULL;
  if (!feed && !lines->ended) {
    lines->scanned = lines->end;
    if (lines->end - lines->start > INPUT_LINE_MAX) {
      lines->skipping = true;
      lines->start = lines->scanned = lines->end = 0;
    }
    return INPUT_LINE_WAIT;
  }
  if (!feed && lines->start == lines->end && !lines->skipping)
    return INPUT_LINE_END;
  size_t stop = feed ? (size_t)(feed - lines->buffer) : lines->end;
  *out_line = (evs_bytes){lines->buffer + lines->start, stop - lines->start};
  lines->start = lines->scanned = feed ? stop + 1 : lines->end;
  lines->number++;
  bool too_long = lines->skipping || out_line->size > INPUT_LINE_MAX;
  lines->skipping = false;
  if (out_line->size && out_line->data[out_line->size - 1] == '\r')
    out_line->size--;
  return too_long ? INPUT_LINE_TOO_LONG : INPUT_LINE;
}

void input_lines_fill(input_lines *lines) {
  if (lines->start) {
    memmove(lines->buffer, lines->buffer + lines->start, lines->end - lines->start);
    lines->end -= lines->start;
    lines->scanned -= lines->start;
    lines->start = 0;
  }
  grow(&lines->buffer, &lines->size, lines->end + READ_SIZE);
  ssize_t got = read_some(lines->fd, lines->buffer + lines->end, READ_SIZE);
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
    return;
  if (got < 0)
    lines->error = errno;
  if (got <= 0)
    lines->ended = true;
  else
    lines->end += (size_t)got;
}

void input_lines_free(input_lines *lines) {
  free(lines->buffer);
}
