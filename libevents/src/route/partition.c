/* SPDX-License-Identifier: MIT
 * partition.c - key to partition and key to cluster slot. Pure; which topics have partitions is the router's
 * business. */
#include "route/partition.h"

#include <string.h>

enum { SLOT_COUNT = 16384 };

/* MurmurHash2 (Austin Appleby) with the seed of Kafka's default partitioner. Words are little-endian. */
uint32_t evsi_murmur2(const void *data, uint64_t size) {
  const uint32_t m = 0x5bd1e995;
  const unsigned char *at = data;
  uint32_t hash = 0x9747b28cu ^ (uint32_t)size;
  for (; size >= 4; at += 4, size -= 4) {
    uint32_t k = (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
    k *= m;
    k ^= k >> 24;
    k *= m;
    hash = hash * m ^ k;
  }
  if (size > 2)
    hash ^= (uint32_t)at[2] << 16;
  if (size > 1)
    hash ^= (uint32_t)at[1] << 8;
  if (size > 0)
    hash = (hash ^ at[0]) * m;
  hash = (hash ^ hash >> 13) * m;
  return hash ^ hash >> 15;
}

uint32_t evsi_partition_of_key(evs_bytes key, uint32_t partitions) {
  return partitions ? (evsi_murmur2(key.data, key.size) & 0x7fffffffu) % partitions : 0;
}

static uint16_t crc16(const char *data, uint64_t size) {
  uint16_t crc = 0;
  for (uint64_t i = 0; i < size; i++) {
    crc = (uint16_t)(crc ^ (uint16_t)((unsigned char)data[i] << 8));
    for (int bit = 0; bit < 8; bit++)
      crc = (uint16_t)(crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1);
  }
  return crc;
}

/* Only what stands between the first `{` and the next `}` counts, unless that is nothing. */
uint32_t evsi_slot_of_key(evs_bytes key) {
  const char *open = key.size ? memchr(key.data, '{', key.size) : NULL;
  if (open) {
    const char *inside = open + 1;
    const char *close = memchr(inside, '}', (size_t)(key.data + key.size - inside));
    if (close && close > inside)
      return crc16(inside, (uint64_t)(close - inside)) % SLOT_COUNT;
  }
  return crc16(key.data, key.size) % SLOT_COUNT;
}
