/* SPDX-License-Identifier: MIT
 * partition.h - key to partition, as Kafka's default partitioner does it (murmur2), and key to cluster slot.
 */
#ifndef EVSI_PARTITION_H
#define EVSI_PARTITION_H

#include <stdint.h>

#include "libevents.h"

uint32_t evsi_murmur2(const void *data, uint64_t size); /* seed 0x9747b28c */
uint32_t evsi_partition_of_key(evs_bytes key, uint32_t partitions);
uint32_t evsi_slot_of_key(evs_bytes key); /* CRC16 (XMODEM) mod 16384, hash tags */

#endif
