/* SPDX-License-Identifier: MIT
 * layout_test.c - sizes and offsets of the public structs on 64-bit systems: a compiled host and a newer
 * library must agree on them. Everything is checked by the compiler; the program only has to exist.
 * A struct has no holes when its members' sizes add up to its own. */
#include <stddef.h>

#include "libevents.h"
#include "libevents_transport.h"

#define AT(type, member, offset)                                                                             \
  _Static_assert(offsetof(type, member) == (offset), #type "." #member " has moved")
#define SIZE(type, size) _Static_assert(sizeof(type) == (size), #type " has another size")

SIZE(evs_bytes, 16);
AT(evs_bytes, data, 0);
AT(evs_bytes, size, 8);

AT(evs_event, struct_size, 0);
AT(evs_event, partition, 4);
AT(evs_event, token, 8);
AT(evs_event, type, 16);
AT(evs_event, body, 32);
AT(evs_event, content_type, 48);
AT(evs_event, headers, 64);
AT(evs_event, key, 80);
AT(evs_event, id, 96);
AT(evs_event, timestamp, 112);
AT(evs_event, version, 128);
AT(evs_event, transport, 144);
AT(evs_event, timeout_ms, 160);
AT(evs_event, acknowledgement, 164);
AT(evs_event, delay_ms, 168);
AT(evs_event, replicas, 176);
AT(evs_event, acknowledge_timeout_ms, 180);
AT(evs_event, batch_key, 184);
AT(evs_event, topic, 200);
AT(evs_event, origin, 216);
AT(evs_event, origin_prefix, 232);
SIZE(evs_event, 248);

AT(evs_report, struct_size, 0);
AT(evs_report, kind, 4);
AT(evs_report, token, 8);
AT(evs_report, status, 16);
AT(evs_report, outcome, 20);
AT(evs_report, attempts, 24);
AT(evs_report, partition, 28);
AT(evs_report, id, 32);
AT(evs_report, transport, 48);
AT(evs_report, topic, 64);
AT(evs_report, offset, 80);
AT(evs_report, message, 96);
AT(evs_report, detail, 112);
AT(evs_report, acknowledgement, 128);
AT(evs_report, is_duplicate, 132);
SIZE(evs_report, 136);

AT(evs_message, struct_size, 0);
AT(evs_message, partition, 4);
AT(evs_message, subscription, 8);
AT(evs_message, delivery, 16);
AT(evs_message, attempt, 24);
AT(evs_message, deliveries, 28);
AT(evs_message, handler_timeout_ms, 32);
AT(evs_message, id, 40);
AT(evs_message, type, 56);
AT(evs_message, origin, 72);
AT(evs_message, origin_prefix, 88);
AT(evs_message, timestamp, 104);
AT(evs_message, version, 120);
AT(evs_message, hash, 136);
AT(evs_message, content_type, 152);
AT(evs_message, headers, 168);
AT(evs_message, body, 184);
AT(evs_message, transport, 200);
AT(evs_message, topic, 216);
AT(evs_message, offset, 232);
AT(evs_message, group, 248);
AT(evs_message, consumer, 264);
AT(evs_message, pattern, 280);
AT(evs_message, requeue, 296);
AT(evs_message, validation, 312);
SIZE(evs_message, 328);

AT(evs_failure, struct_size, 0);
AT(evs_failure, kind, 4);
AT(evs_failure, delivery, 8);
AT(evs_failure, delay_ms, 16);
AT(evs_failure, error_class, 24);
AT(evs_failure, message, 40);
AT(evs_failure, stack, 56);
SIZE(evs_failure, 72);

AT(evs_tp_event, struct_size, 0);
AT(evs_tp_event, partition, 4);
AT(evs_tp_event, token, 8);
AT(evs_tp_event, partitions, 16);
AT(evs_tp_event, acknowledgement, 20);
AT(evs_tp_event, topic, 24);
AT(evs_tp_event, full_type, 40);
AT(evs_tp_event, data, 56);
AT(evs_tp_event, raw, 72);
AT(evs_tp_event, id, 88);
AT(evs_tp_event, delay_ms, 104);
AT(evs_tp_event, replicas, 112);
AT(evs_tp_event, acknowledge_timeout_ms, 116);
AT(evs_tp_event, retention, 120);
AT(evs_tp_event, ordering, 136);
AT(evs_tp_event, on_dead_letter, 140);
AT(evs_tp_event, parcel, 144);
SIZE(evs_tp_event, 152);

AT(evs_tp_outcome, struct_size, 0);
AT(evs_tp_outcome, flags, 4);
AT(evs_tp_outcome, token, 8);
AT(evs_tp_outcome, status, 16);
AT(evs_tp_outcome, acknowledgement, 20);
AT(evs_tp_outcome, offset, 24);
AT(evs_tp_outcome, message, 40);
SIZE(evs_tp_outcome, 56);

AT(evs_tp_entry, struct_size, 0);
AT(evs_tp_entry, partition, 4);
AT(evs_tp_entry, flags, 8);
AT(evs_tp_entry, deliveries, 12);
AT(evs_tp_entry, topic, 16);
AT(evs_tp_entry, offset, 32);
AT(evs_tp_entry, data, 48);
AT(evs_tp_entry, raw, 64);
AT(evs_tp_entry, requeue, 80);
AT(evs_tp_entry, state, 96);
AT(evs_tp_entry, ordering, 112);
AT(evs_tp_entry, on_dead_letter, 116);
AT(evs_tp_entry, wait_ms, 120);
AT(evs_tp_entry, parcel, 128);
SIZE(evs_tp_entry, 136);

AT(evs_tp_settlement, struct_size, 0);
AT(evs_tp_settlement, kind, 4);
AT(evs_tp_settlement, group, 8);
AT(evs_tp_settlement, token, 16);
AT(evs_tp_settlement, partition, 24);
AT(evs_tp_settlement, flags, 28);
AT(evs_tp_settlement, topic, 32);
AT(evs_tp_settlement, offset, 48);
AT(evs_tp_settlement, delay_ms, 64);
AT(evs_tp_settlement, members_version, 72);
AT(evs_tp_settlement, state, 80);
AT(evs_tp_settlement, record, 96);
AT(evs_tp_settlement, member, 112);
AT(evs_tp_settlement, letters, 128);
AT(evs_tp_settlement, letter_count, 136);
SIZE(evs_tp_settlement, 144);

AT(evs_tp_letter, struct_size, 0);
AT(evs_tp_letter, reserved, 4);
AT(evs_tp_letter, data, 8);
AT(evs_tp_letter, record, 24);
SIZE(evs_tp_letter, 40);

AT(evs_tp_group, struct_size, 0);
AT(evs_tp_group, discover, 4);
AT(evs_tp_group, group, 8);
AT(evs_tp_group, name, 16);
AT(evs_tp_group, consumer, 32);
AT(evs_tp_group, topics, 48);
AT(evs_tp_group, topic_count, 56);
AT(evs_tp_group, from_new, 64);
AT(evs_tp_group, prefetch, 68);
AT(evs_tp_group, subscriptions, 72);
AT(evs_tp_group, replay, 88);
AT(evs_tp_group, from, 104);
AT(evs_tp_group, partitions, 120);
AT(evs_tp_group, partition_count, 128);
AT(evs_tp_group, is_relaxed, 136);
AT(evs_tp_group, reserved, 140);
SIZE(evs_tp_group, 144);

AT(evs_tp_place, struct_size, 0);
AT(evs_tp_place, partition, 4);
AT(evs_tp_place, group, 8);
AT(evs_tp_place, topic, 16);
AT(evs_tp_place, offset, 32);
SIZE(evs_tp_place, 48);

/* The tables begin with size and version, the functions follow in their order without a gap. */
AT(evs_host_ops, struct_size, 0);
AT(evs_host_ops, abi, 4);
AT(evs_host_ops, state, 8);
AT(evs_host_ops, log, 8 + 12 * sizeof(void *));
AT(evs_host_ops, paused, 8 + 13 * sizeof(void *));
AT(evs_host_ops, lease, 8 + 14 * sizeof(void *));
AT(evs_host_ops, wake, 8 + 15 * sizeof(void *));
AT(evs_host_ops, now_ms, 8 + 16 * sizeof(void *));
AT(evs_host_ops, tell, 8 + 17 * sizeof(void *));
AT(evs_host_ops, again, 8 + 18 * sizeof(void *));
SIZE(evs_host_ops, 8 + 19 * sizeof(void *));
AT(evs_transport_ops, struct_size, 0);
AT(evs_transport_ops, abi, 4);
AT(evs_transport_ops, type, 8);
AT(evs_transport_ops, capabilities, 16);
AT(evs_transport_ops, create, 24);
AT(evs_transport_ops, request, 24 + 9 * sizeof(void *));
AT(evs_transport_ops, announce, 24 + 10 * sizeof(void *));
AT(evs_transport_ops, recall, 24 + 11 * sizeof(void *));
AT(evs_transport_ops, wake, 24 + 12 * sizeof(void *));
SIZE(evs_transport_ops, 24 + 13 * sizeof(void *));

int main(void) {
  return 0;
}
