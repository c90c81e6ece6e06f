/* SPDX-License-Identifier: MIT
 * fields.h - for fuzz targets: input cut into chunks at 0xFF, and chunks as the field list of a stored entry,
 * as a parsed answer of the server has it. */
#ifndef FUZZ_FIELDS_H
#define FUZZ_FIELDS_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "transport/redis/redis_reply.h"

enum { FUZZ_CHUNKS_MAX = 64, FUZZ_CHUNK_END = 0xFF };

static inline void fuzz_require(bool condition) {
  if (!condition)
    abort();
}

static inline evs_bytes fuzz_chunk(const uint8_t **at, const uint8_t *end) {
  size_t left = (size_t)(end - *at);
  const uint8_t *last = left ? memchr(*at, FUZZ_CHUNK_END, left) : NULL;
  evs_bytes chunk = {(const char *)*at, last ? (size_t)(last - *at) : left};
  *at += chunk.size + (last ? 1 : 0);
  return chunk;
}

/* Each text has memory of its own, which ends behind its NUL: as the parser's replies have it. */
typedef struct fuzz_fields {
  evsi_redis_reply list, texts[FUZZ_CHUNKS_MAX];
  evsi_redis_reply *items[FUZZ_CHUNKS_MAX];
  char *copies[FUZZ_CHUNKS_MAX];
} fuzz_fields;

static inline void fuzz_add_field(fuzz_fields *fields, evs_bytes chunk) {
  size_t at = fields->list.count++;
  free(fields->copies[at]);
  char *copy = malloc(chunk.size + 1);
  fuzz_require(copy != NULL);
  memcpy(copy, chunk.data, chunk.size);
  copy[chunk.size] = '\0';
  fields->copies[at] = copy;
  fields->texts[at] = (evsi_redis_reply){.type = EVSI_REDIS_STRING, .text = {copy, chunk.size}};
  fields->items[at] = &fields->texts[at];
}

/* All that is left, one text a chunk. */
static inline const evsi_redis_reply *fuzz_read_fields(fuzz_fields *fields, const uint8_t *at,
                                                       const uint8_t *end) {
  fields->list = (evsi_redis_reply){.type = EVSI_REDIS_ARRAY, .items = fields->items};
  while (at < end && fields->list.count < FUZZ_CHUNKS_MAX)
    fuzz_add_field(fields, fuzz_chunk(&at, end));
  return &fields->list;
}

#endif
