/* SPDX-License-Identifier: MIT
 * bridge_entry.c - entries from the program's transport until they are settled, retries included. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event/base64.h"
#include "event/envelope.h"
#include "event/type_name.h"
#include "transport/bridge/bridge_internal.h"

enum { OFFSET_SIZE = 24 };

const char evsi_bridge_no_memory[] = "out of memory";

/* ---- taking ------------------------------------------------------------------------------------ */

static void append(bridge_entry *entry) {
  bridge_group *group = entry->group;
  entry->next = NULL;
  *(group->last ? &group->last->next : &group->first) = entry;
  group->last = entry;
}

static void put_in_front(bridge_entry *entry) {
  bridge_group *group = entry->group;
  entry->next = group->first;
  group->first = entry;
  if (!group->last)
    group->last = entry;
}

static bridge_entry *take_out_first(bridge_group *group) {
  bridge_entry *entry = group->first;
  group->first = entry->next;
  if (!group->first)
    group->last = NULL;
  return entry;
}

static void park(bridge_entry *entry) {
  bridge_entry **link = &entry->group->parked;
  while (*link && (*link)->due_ms <= entry->due_ms)
    link = &(*link)->next;
  entry->next = *link;
  *link = entry;
}

static void drop(bridge_entry *entry) {
  entry->group->count--;
  evsi_free(entry->state);
  evsi_free(entry);
}

static bridge_entry *entry_new(evs_bytes topic, evs_bytes data, evs_bytes raw) {
  bridge_entry *entry = evsi_calloc(1, sizeof *entry + topic.size + data.size + raw.size + 3);
  if (!entry)
    return NULL;
  char *at = entry->bytes;
  entry->topic = evsi_bytes_place(&at, topic);
  entry->data = evsi_bytes_place(&at, data);
  entry->raw = evsi_bytes_place(&at, raw);
  return entry;
}

static evs_bytes text_of(const json_t *value) {
  return evsi_bytes(json_string_value(value), json_string_length(value));
}

/* Somebody who subscribed to all topics gets what no handler here is for, too. */
static bool is_wanted(evs_transport *transport, const bridge_group *group, evs_bytes topic, evs_bytes data) {
  char full[2 * EVSI_TYPE_MAX + 2];
  evsi_envelope envelope;
  evsi_buf scratch = {0};
  bool is_read = evsi_envelope_header(data, &envelope, &scratch);
  int size = !is_read ? 0
             : envelope.origin_prefix.size
                 ? snprintf(full, sizeof full, "%.*s.%.*s", (int)envelope.origin_prefix.size,
                            envelope.origin_prefix.data, (int)envelope.type.size, envelope.type.data)
                 : snprintf(full, sizeof full, "%.*s", (int)envelope.type.size, envelope.type.data);
  evsi_buf_free(&scratch);
  bool is_known = size > 0 && (size_t)size < sizeof full;
  return !is_known ||
         transport->ops->wants(transport->host, group->token, topic, evsi_bytes(full, (size_t)size));
}

static const char *take_one(evs_transport *transport, bridge_group *group, evs_bytes topic,
                            const json_t *given) {
  const json_t *delivery = json_object_get(given, "delivery"), *data = json_object_get(given, "data");
  const json_t *partition = json_object_get(given, "partition"), *raw = json_object_get(given, "raw");
  evsi_buf bytes = {0};
  if (!json_is_integer(delivery) || !json_is_string(data))
    return "an entry needs delivery, a number, and data, a text";
  if (group->count >= BRIDGE_QUEUE_MAX)
    return "a group has 100000 entries that are not handled: wait for some of them first";
  if (raw && (!json_is_string(raw) || !evsi_base64_decode(&bytes, text_of(raw)))) {
    bool is_short = bytes.failed;
    evsi_buf_free(&bytes);
    return is_short ? evsi_bridge_no_memory : "raw of an entry must be base64";
  }
  bridge_entry *entry =
      bytes.failed ? NULL : entry_new(topic, text_of(data), evsi_bytes(bytes.data, bytes.size));
  evsi_buf_free(&bytes);
  if (!entry)
    return evsi_bridge_no_memory;
  entry->group = group;
  entry->sequence = ++transport->next_number;
  entry->delivery = (uint64_t)json_integer_value(delivery);
  entry->partition = json_is_integer(partition) ? (int32_t)json_integer_value(partition) : EVS_PARTITION_NONE;
  group->count++;
  append(entry);
  return NULL;
}

/* What became of one goes to the program. */
static bool tell_outcome(evs_transport *transport, uint64_t delivery, const char *outcome) {
  evsi_buf call = {0};
  evsi_bridge_call(&call, "settle");
  evsi_buf_addf(&call, ",\"delivery\":%llu,\"outcome\":\"%s\"", (unsigned long long)delivery, outcome);
  return evsi_bridge_tell(transport, &call);
}

/* Its outcome is told now, or as soon as there is memory for it. */
static void end_as(evs_transport *transport, bridge_entry *entry, const char *outcome) {
  if (tell_outcome(transport, entry->delivery, outcome)) {
    drop(entry);
    return;
  }
  entry->group->count--;
  entry->outcome = outcome;
  entry->next = transport->untold;
  transport->untold = entry;
  transport->ops->wake(transport->host, BRIDGE_TRY_AGAIN_MS);
}

static void free_untold(evs_transport *transport) {
  bridge_entry *entry = transport->untold;
  transport->untold = entry->next;
  evsi_free(entry->state);
  evsi_free(entry);
}

static void tell_untold(evs_transport *transport) {
  while (transport->untold &&
         tell_outcome(transport, transport->untold->delivery, transport->untold->outcome))
    free_untold(transport);
  if (transport->untold)
    transport->ops->wake(transport->host, BRIDGE_TRY_AGAIN_MS);
}

void evsi_bridge_forget_untold(evs_transport *transport) {
  while (transport->untold)
    free_untold(transport);
}

const char *evsi_bridge_take(evs_transport *transport, const json_t *list) {
  const char *refusal = NULL;
  size_t i;
  json_t *each;
  json_array_foreach(list, i, each) {
    uint64_t number = (uint64_t)json_integer_value(json_object_get(each, "subscription"));
    const bridge_subscription *subscription = evsi_bridge_subscription(transport, number);
    evs_bytes topic = text_of(json_object_get(each, "topic"));
    const json_t *delivery = json_object_get(each, "delivery");
    if (!subscription || subscription->group->is_leaving) {
      if (!tell_outcome(transport, (uint64_t)json_integer_value(delivery), "returned"))
        refusal = evsi_bridge_no_memory;
      continue;
    }
    if (topic.size == 0)
      topic = evsi_text(subscription->topic);
    if (!is_wanted(transport, subscription->group, topic, text_of(json_object_get(each, "data")))) {
      if (!tell_outcome(transport, (uint64_t)json_integer_value(delivery), "handled"))
        refusal = evsi_bridge_no_memory;
      continue;
    }
    const char *why = take_one(transport, subscription->group, topic, each);
    refusal = why ? why : refusal;
    if (why) /* which the refusal says, too */
      tell_outcome(transport, (uint64_t)json_integer_value(delivery), "returned");
  }
  for (bridge_group *group = transport->groups; group && json_array_size(list) > 0; group = group->next)
    evsi_bridge_deliver(transport, group);
  return refusal;
}

/* ---- delivering -------------------------------------------------------------------------------- */

/* False: memory is short, or nothing more is taken now. */
static bool deliver_one(evs_transport *transport, bridge_group *group) {
  char offset[OFFSET_SIZE];
  bridge_entry *entry = take_out_first(group);
  HASH_ADD(hh, group->held, sequence, sizeof entry->sequence, entry);
  if (!entry->hh.tbl) {
    put_in_front(entry);
    return false;
  }
  entry->deliveries++;
  snprintf(offset, sizeof offset, "%" PRIu64, entry->sequence);
  const evs_tp_entry given = {.struct_size = sizeof given,
                              .partition = entry->partition,
                              .deliveries = entry->deliveries,
                              .topic = entry->topic,
                              .offset = evsi_text(offset),
                              .data = entry->data,
                              .raw = entry->raw,
                              .state = evsi_text(entry->state)};
  if (transport->ops->deliver(transport->host, group->token, &given, 1) == 1)
    return true;
  HASH_DEL(group->held, entry);
  entry->deliveries--;
  put_in_front(entry);
  return false;
}

void evsi_bridge_deliver(evs_transport *transport, bridge_group *group) {
  while (group->first && !group->is_leaving && transport->ops->credits(transport->host, group->token) > 0) {
    if (deliver_one(transport, group))
      continue;
    transport->ops->wake(transport->host, BRIDGE_TRY_AGAIN_MS);
    return;
  }
}

static void unpark(evs_transport *transport, bridge_group *group, uint64_t now) {
  while (group->parked && group->parked->due_ms <= now) {
    bridge_entry *entry = group->parked;
    group->parked = entry->next;
    append(entry);
  }
  if (group->parked)
    transport->ops->wake(transport->host, group->parked->due_ms - now);
}

void evsi_bridge_wake(evs_transport *transport) {
  tell_untold(transport);
  uint64_t now = transport->ops->now_ms(transport->host);
  for (bridge_group *group = transport->groups; group; group = group->next) {
    unpark(transport, group, now);
    evsi_bridge_deliver(transport, group);
  }
}

/* ---- settling ---------------------------------------------------------------------------------- */

static bridge_entry *take_held(const evs_transport *transport, const evs_tp_settlement *how) {
  char offset[OFFSET_SIZE];
  bridge_entry *entry = NULL;
  bridge_group *group = transport->groups;
  while (group && group->token != how->group)
    group = group->next;
  snprintf(offset, sizeof offset, "%.*s", (int)how->offset.size, how->offset.data);
  uint64_t sequence = strtoull(offset, NULL, 10);
  if (group)
    HASH_FIND(hh, group->held, &sequence, sizeof sequence, entry);
  if (entry)
    HASH_DEL(group->held, entry);
  return entry;
}

static void give_back(evs_transport *transport, bridge_entry *entry) {
  end_as(transport, entry, "returned");
}

/* It was settled while its group leaves. */
static void end(evs_transport *transport, bridge_entry *entry, bool is_handled) {
  bridge_group *group = entry->group;
  end_as(transport, entry, is_handled ? "handled" : "returned");
  if (group->is_leaving)
    evsi_bridge_forget_if_done(transport, group);
}

static evs_status settle_one(evs_transport *transport, const evs_tp_settlement *how) {
  char *state = how->state.size > 0 ? evsi_strndup(how->state.data, how->state.size) : NULL;
  if (how->state.size > 0 && !state)
    return EVS_NOMEM;
  bridge_entry *entry = take_held(transport, how);
  if (!entry) {
    evsi_free(state);
    return EVS_CONFLICT;
  }
  bridge_group *group = entry->group;
  if (state) {
    evsi_free(entry->state);
    entry->state = state;
  }
  if (how->kind == EVS_SETTLE_ACK || group->is_leaving) {
    end(transport, entry, how->kind == EVS_SETTLE_ACK);
  } else if (how->kind == EVS_SETTLE_RELEASE) {
    entry->deliveries--;
    put_in_front(entry);
    transport->ops->wake(transport->host, 0);
  } else {
    entry->due_ms = transport->ops->now_ms(transport->host) + how->delay_ms;
    park(entry);
    transport->ops->wake(transport->host, how->delay_ms);
  }
  return EVS_OK;
}

void evsi_bridge_settle(evs_transport *transport, const evs_tp_settlement *settlements, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const evs_tp_outcome outcome = {.struct_size = sizeof outcome,
                                    .token = settlements[i].token,
                                    .status = settle_one(transport, &settlements[i])};
    transport->ops->settled(transport->host, &outcome, 1);
  }
}

void evsi_bridge_return_all(evs_transport *transport, bridge_group *group) {
  while (group->first)
    give_back(transport, take_out_first(group));
  while (group->parked) {
    bridge_entry *entry = group->parked;
    group->parked = entry->next;
    give_back(transport, entry);
  }
}
