/* SPDX-License-Identifier: MIT
 * compress.h - bodies made smaller and read again, as standard frames: `zstd -d` and `lz4 -d` read them, too.
 * Pure; any thread. */
#ifndef EVSI_COMPRESS_H
#define EVSI_COMPRESS_H

#include "base/buf.h"

typedef enum {
  EVSI_ENCODING_NONE,
  EVSI_ENCODING_ZSTD,
  EVSI_ENCODING_LZ4,
  EVSI_ENCODING_UNKNOWN /* of a later version, or of another program */
} evsi_encoding;

/* Of a word of the configuration or of an envelope; nothing is none. */
evsi_encoding evsi_encoding_of(evs_bytes word);
const char *evsi_encoding_word(evsi_encoding encoding); /* static */

/* Appends a frame to `out`. level 0: the algorithm's own. False when memory is short. */
bool evsi_compress(evsi_encoding encoding, int32_t level, evs_bytes plain, evsi_buf *out);

/* Fills `out`, which is empty, with the one frame's content, `most` bytes at the most. NULL, or why not
 * (static text); `evsi_decompress_no_memory` when memory is short: then the frame may well be proper. */
const char *evsi_decompress(evsi_encoding encoding, evs_bytes packed, uint64_t most, evsi_buf *out);
extern const char evsi_decompress_no_memory[];

#endif
