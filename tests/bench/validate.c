/* SPDX-License-Identifier: MIT
 * validate.c SCHEMA TEXTS SECONDS - holds each line of a file against a schema, again and again, on one
 * thread; prints {rounds, texts, valid, seconds} as JSON. Compiled by validate.py. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "libevents.h"

enum { TEXTS_MAX = 10000, FILE_MAX = 16 << 20 };

static char *read_file(const char *path, size_t *out_size) {
  char *text = malloc(FILE_MAX);
  FILE *file = fopen(path, "rb");
  if (!text || !file)
    exit(2);
  *out_size = fread(text, 1, FILE_MAX, file);
  fclose(file);
  return text;
}

static size_t split_lines(char *text, size_t size, evs_bytes *lines) {
  size_t count = 0;
  for (size_t at = 0; at < size && count < TEXTS_MAX; count++) {
    const char *end = memchr(text + at, '\n', size - at);
    lines[count] = (evs_bytes){text + at, (size_t)(end - text) - at};
    at += lines[count].size + 1;
  }
  return count;
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
  static evs_bytes lines[TEXTS_MAX];
  size_t size = 0, rounds = 0, valid = 0;
  evs_schema *schema = NULL;
  if (argc != 4)
    return 2;
  char *source = read_file(argv[1], &size);
  if (evs_schema_compile((evs_bytes){source, size}, (evs_bytes){NULL, 0}, &schema, NULL) != EVS_OK)
    return 1;
  char *texts = read_file(argv[2], &size);
  size_t count = split_lines(texts, size, lines);
  double begun = now(), seconds = 0;
  do {
    for (size_t i = 0; i < count; i++) {
      int32_t is_valid = 0;
      if (evs_schema_validate(schema, lines[i], &is_valid, NULL) != EVS_OK)
        return 1;
      valid += (size_t)is_valid;
    }
    rounds++;
    seconds = now() - begun;
  } while (seconds < atof(argv[3]));
  printf("{\"rounds\": %zu, \"texts\": %zu, \"valid\": %zu, \"seconds\": %.6f}\n", rounds, count, valid,
         seconds);
  evs_schema_free(schema);
  free(texts);
  free(source);
  return 0;
}
