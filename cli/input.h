/* SPDX-License-Identifier: MIT
 * input.h - what comes from outside: files, stdin, lines. Everything is bounded. Memory that is not there
 * ends the process with a message: a command has nothing better to do. */
#ifndef EVENTS_CLI_INPUT_H
#define EVENTS_CLI_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libevents.h"

enum {
  INPUT_DOCUMENT_MAX = 16 * 1024 * 1024, /* a configuration */
  INPUT_BODY_MAX = 64 * 1024 * 1024,     /* the largest body that a configuration can allow */
  INPUT_LINE_MAX = INPUT_BODY_MAX + 1024 * 1024
};

/* Zeroed, never NULL; freed with free(). */
void *input_alloc(size_t size);
char *input_copy(const char *text, size_t size);

evs_bytes input_bytes(const char *text); /* NULL gives no bytes */

/* Reads a file, or stdin for "-", whole. The reason of a failure is printed and NULL given. */
char *input_read(const char *path, size_t max, size_t *out_size);

/* Lines of a descriptor, read as they come. */
typedef struct input_lines {
  int fd;
  bool ended;      /* no more bytes will come */
  bool skipping;   /* inside a line that was too long */
  int error;       /* errno of a failed read */
  uint64_t number; /* of the line given last, from 1 */
  char *buffer;
  size_t start, scanned, end, size;
} input_lines;

typedef enum { INPUT_LINE, INPUT_LINE_TOO_LONG, INPUT_LINE_WAIT, INPUT_LINE_END } input_line_result;

/* The next line without its end; lent until the next call. WAIT: call input_lines_fill() when the descriptor
 * is readable. The last line needs no line feed. */
input_line_result input_lines_next(input_lines *lines, evs_bytes *out_line);
/* One read(). */
void input_lines_fill(input_lines *lines);
void input_lines_free(input_lines *lines);

#endif
