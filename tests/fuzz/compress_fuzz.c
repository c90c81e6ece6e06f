/* SPDX-License-Identifier: MIT
 * compress_fuzz.c - libFuzzer target: any bytes as a compressed body. Whatever comes of them is within the
 * bound; and any bytes that are compressed come back. The first byte chooses. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/compress.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BOUND = 65536 };

static void require(int condition) {
  if (!condition)
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0)
    return 0;
  evsi_encoding encoding = data[0] & 1 ? EVSI_ENCODING_ZSTD : EVSI_ENCODING_LZ4;
  evs_bytes rest = evsi_bytes((const char *)data + 1, size - 1);
  evsi_buf plain = {0}, packed = {0};
  if (data[0] & 2) {
    require(evsi_compress(encoding, data[0] >> 4, rest, &packed));
    require(evsi_decompress(encoding, evsi_bytes(packed.data, packed.size), rest.size, &plain) == NULL);
    require(plain.size == rest.size && (rest.size == 0 || memcmp(plain.data, rest.data, rest.size) == 0));
  } else {
    const char *why = evsi_decompress(encoding, rest, BOUND, &plain);
    require(why != NULL || plain.size <= BOUND);
    require(plain.capacity <= 4 * BOUND);
  }
  evsi_buf_free(&plain);
  evsi_buf_free(&packed);
  return 0;
}
