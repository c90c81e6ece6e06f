/* SPDX-License-Identifier: MIT
 * compress.c - see compress.h. What a frame says of its size is a hint: the content is counted as it comes.
 */
#include "base/compress.h"

#include <lz4frame.h>
#define ZSTD_STATIC_LINKING_ONLY /* it is linked statically: the only way to give it our memory */
#include <zstd.h>
#include <zstd_errors.h>

#include "base/alloc.h"

/* A frame may ask for a window that is larger than its content; encoders take up to this much at common
 * levels. */
enum { CHUNK = 64 * 1024, WINDOW_LOG_MIN = 23, WINDOW_LOG_MAX = 27 };

const char evsi_decompress_no_memory[] = "out of memory";
static const char too_large[] = "the body is larger, when it is decompressed, than limits.bodyBytes allows";
static const char cut_off[] = "the compressed body is cut off";
static const char broken[] = "the compressed body is broken";
static const char followed[] = "something follows the compressed body";

static const char *const words[] = {"none", "zstd", "lz4"};
enum { WORDS = sizeof words / sizeof *words };

evsi_encoding evsi_encoding_of(evs_bytes word) {
  if (word.size == 0)
    return EVSI_ENCODING_NONE;
  for (int i = 0; i < WORDS; i++) {
    if (evsi_bytes_equal(word, evsi_text(words[i])))
      return (evsi_encoding)i;
  }
  return EVSI_ENCODING_UNKNOWN;
}

const char *evsi_encoding_word(evsi_encoding encoding) {
  return encoding < EVSI_ENCODING_UNKNOWN ? words[encoding] : "unknown";
}

/* ---- there ------------------------------------------------------------------------------------ */

static void *zstd_alloc(void *nothing, size_t size) {
  (void)nothing;
  return evsi_alloc(size);
}

static void zstd_free(void *nothing, void *memory) {
  (void)nothing;
  evsi_free(memory);
}

static const ZSTD_customMem zstd_memory = {zstd_alloc, zstd_free, NULL};

static bool took(evsi_buf *out, size_t size, bool is_error) {
  if (is_error) {
    out->failed = true;
    return false;
  }
  out->size += size;
  out->data[out->size] = '\0';
  return true;
}

static bool compress_zstd(int32_t level, evs_bytes plain, evsi_buf *out) {
  size_t bound = ZSTD_compressBound(plain.size);
  ZSTD_CCtx *context = ZSTD_createCCtx_advanced(zstd_memory);
  if (!context || !evsi_buf_reserve(out, bound)) {
    ZSTD_freeCCtx(context);
    return false;
  }
  ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level); /* 0 is its own */
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  size_t size = ZSTD_compress2(context, out->data + out->size, bound, plain.data, plain.size);
  ZSTD_freeCCtx(context);
  return took(out, size, ZSTD_isError(size));
}

static bool compress_lz4(int32_t level, evs_bytes plain, evsi_buf *out) {
  LZ4F_preferences_t wishes = {.compressionLevel = level};
  wishes.frameInfo.contentSize = plain.size;
  wishes.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled;
  size_t bound = LZ4F_compressFrameBound(plain.size, &wishes);
  if (!evsi_buf_reserve(out, bound))
    return false;
  size_t size = LZ4F_compressFrame(out->data + out->size, bound, plain.data, plain.size, &wishes);
  return took(out, size, LZ4F_isError(size));
}

bool evsi_compress(evsi_encoding encoding, int32_t level, evs_bytes plain, evsi_buf *out) {
  return encoding == EVSI_ENCODING_ZSTD  ? compress_zstd(level, plain, out)
         : encoding == EVSI_ENCODING_LZ4 ? compress_lz4(level, plain, out)
                                         : false;
}

/* ---- and back --------------------------------------------------------------------------------- */

/* Makes room for more content, and gives how much; 0 when there is none left to be had. One byte more than
 * allowed fits, so that it is seen. */
static size_t make_room(evsi_buf *out, uint64_t most) {
  uint64_t left = most + 1 - out->size, wanted = out->size > CHUNK ? out->size : CHUNK;
  size_t room = (size_t)(wanted < left ? wanted : left);
  return evsi_buf_reserve(out, room) ? room : 0;
}

static const char *decompress_zstd_with(ZSTD_DCtx *context, evs_bytes packed, uint64_t most, evsi_buf *out) {
  ZSTD_inBuffer in = {packed.data, packed.size, 0};
  size_t left = 1;
  while (left > 0) {
    size_t room = make_room(out, most), before = in.pos;
    if (room == 0)
      return evsi_decompress_no_memory;
    ZSTD_outBuffer part = {out->data + out->size, room, 0};
    left = ZSTD_decompressStream(context, &part, &in);
    if (ZSTD_isError(left))
      return ZSTD_getErrorCode(left) == ZSTD_error_memory_allocation ? evsi_decompress_no_memory : broken;
    took(out, part.pos, false);
    if (out->size > most)
      return too_large;
    if (left > 0 && in.pos == before && part.pos == 0)
      return cut_off;
  }
  return in.pos < in.size ? followed : NULL;
}

static int window_log(uint64_t most) {
  int log = WINDOW_LOG_MIN;
  while (log < WINDOW_LOG_MAX && (UINT64_C(1) << log) < most)
    log++;
  return log;
}

static const char *decompress_zstd(evs_bytes packed, uint64_t most, evsi_buf *out) {
  unsigned long long size = ZSTD_getFrameContentSize(packed.data, packed.size);
  bool is_known = size != ZSTD_CONTENTSIZE_UNKNOWN && size != ZSTD_CONTENTSIZE_ERROR;
  if (is_known && size > most)
    return too_large;
  ZSTD_DCtx *context = ZSTD_createDCtx_advanced(zstd_memory);
  if (!context)
    return evsi_decompress_no_memory;
  ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, window_log(most));
  const char *why = decompress_zstd_with(context, packed, most, out);
  ZSTD_freeDCtx(context);
  return why;
}

static const char *decompress_lz4_with(LZ4F_dctx *context, evs_bytes packed, uint64_t most, evsi_buf *out) {
  size_t at = 0, left = 1;
  while (left > 0) {
    size_t room = make_room(out, most), taken = packed.size - at;
    if (room == 0)
      return evsi_decompress_no_memory;
    left = LZ4F_decompress(context, out->data + out->size, &room, packed.data + at, &taken, NULL);
    if (LZ4F_isError(left))
      return broken;
    at += taken;
    took(out, room, false);
    if (out->size > most)
      return too_large;
    if (left > 0 && taken == 0 && room == 0)
      return cut_off;
  }
  return at < packed.size ? followed : NULL;
}

static const char *decompress_lz4(evs_bytes packed, uint64_t most, evsi_buf *out) {
  LZ4F_dctx *context = NULL;
  if (LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION)))
    return evsi_decompress_no_memory;
  const char *why = decompress_lz4_with(context, packed, most, out);
  LZ4F_freeDecompressionContext(context);
  return why;
}

const char *evsi_decompress(evsi_encoding encoding, evs_bytes packed, uint64_t most, evsi_buf *out) {
  switch (encoding) {
  case EVSI_ENCODING_ZSTD:
    return decompress_zstd(packed, most, out);
  case EVSI_ENCODING_LZ4:
    return decompress_lz4(packed, most, out);
  case EVSI_ENCODING_NONE:
  case EVSI_ENCODING_UNKNOWN:
    break;
  }
  return "the body is compressed in a way that is not known here";
}
