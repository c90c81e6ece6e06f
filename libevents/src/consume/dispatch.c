/* SPDX-License-Identifier: MIT
 * dispatch.c - from an entry to deliveries: decode, match, filter by origin, check the hash, queue one
 * delivery per subscription. What nobody may handle is decided at once. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json_text.h"
#include "consume/engine.h"
#include "event/header_filter.h"
#include "event/identity.h"

enum { MATCHES_MAX = 1024 };

/* Why an entry cannot be handled at all, or NULL. */
static const char *decode(evsi_entry *entry, const char **out_class) {
  evsi_stats *stats = entry->group->consume->setup.stats;
  if (entry->stored.flags & EVS_ENTRY_TRIMMED) {
    evsi_count(stats, EVSI_COUNT_LOST_TO_TRIM, 1);
    *out_class = "LostToTrim";
    return "the body was removed from the store before the event was handled";
  }
  *out_class = "MalformedEntry";
  const char *why = entry->stored.flags & EVS_ENTRY_MALFORMED ? "the entry has no field that holds an event"
                                                              : evsi_entry_read(entry);
  if (why && why != evsi_envelope_no_memory)
    evsi_count(stats, EVSI_COUNT_MALFORMED, 1);
  return why;
}

static bool hash_fits(const evsi_entry *entry) {
  char hex[65];
  bool is_asked = entry->group->consume->setup.config->consumer.verify_hash && entry->envelope.hash.size > 0;
  if (!is_asked || entry->parcel) /* which nobody can have changed */
    return true;
  return evsi_sha256_hex(evsi_body_of(entry), hex) == 0 &&
         evsi_bytes_equal(entry->envelope.hash, evsi_text(hex));
}

/* A requeued entry is for one group, and within it for the subscriptions that failed. */
typedef struct requeue {
  bool is_for_others;
  json_t *subscriptions;
} requeue;

static requeue read_requeue(const evsi_entry *entry) {
  requeue result = {false, NULL};
  if (entry->stored.requeue.size == 0)
    return result;
  json_t *root = evsi_json_load(entry->stored.requeue, 0, NULL);
  const char *group = json_string_value(json_object_get(root, "group"));
  result.is_for_others = group && strcmp(group, entry->group->name) != 0;
  json_t *names = json_object_get(root, "subscriptions");
  if (!result.is_for_others && json_array_size(names) > 0)
    result.subscriptions = json_incref(names);
  json_decref(root);
  return result;
}

static bool any_named(evsi_consume *consume, const uint32_t *numbers, uint32_t count, const json_t *names) {
  for (uint32_t i = 0; i < count; i++) {
    if (evsi_names_have(names, consume->by_number[numbers[i]]->name))
      return true;
  }
  return false;
}

static void queue_all(evsi_entry *entry, const uint32_t *numbers, uint32_t count, const json_t *only) {
  evsi_consume *consume = entry->group->consume;
  if (only && !any_named(consume, numbers, count, only))
    only = NULL; /* the names have changed since: whoever matches now runs */
  for (uint32_t i = 0; i < count; i++) {
    evsi_subscription *subscription = consume->by_number[numbers[i]];
    if (evsi_names_have(entry->state.done, subscription->name) ||
        evsi_names_have(entry->state.exhausted, subscription->name) ||
        (only && !evsi_names_have(only, subscription->name)))
      continue;
    evsi_delivery *delivery = &entry->deliveries[entry->delivery_count++];
    *delivery = (evsi_delivery){.entry = entry, .subscription = subscription};
    subscription->references++;
    atomic_fetch_add(&subscription->holders, 1);
    delivery->state = evsi_view_delivery(delivery);
    if (delivery->state != EVSI_DELIVERY_QUEUED)
      continue;
    entry->open++;
    evsi_delivery_queue(delivery);
  }
}

/* Leaves out the subscriptions to other partitions and topics. */
static uint32_t keep_fitting(const evsi_entry *entry, uint32_t *numbers, uint32_t count) {
  uint32_t kept = 0;
  for (uint32_t i = 0; i < count; i++) {
    const evsi_subscription *subscription = entry->group->consume->by_number[numbers[i]];
    if (evsi_partition_fits(subscription->options.partition, entry->stored.partition) &&
        evsi_subscription_reads(subscription, entry->stored.topic))
      numbers[kept++] = numbers[i];
  }
  return kept;
}

/* Leaves out the subscriptions that ask for other headers. False when memory is too short to tell. */
static bool keep_taking(evsi_entry *entry, uint32_t *numbers, uint32_t *count) {
  uint32_t kept = 0;
  evsi_headers headers = {NULL, false};
  for (uint32_t i = 0; i < *count; i++) {
    const evsi_subscription *subscription = entry->group->consume->by_number[numbers[i]];
    if (evsi_header_filter_takes(subscription->filter, &entry->envelope, &headers))
      numbers[kept++] = numbers[i];
  }
  json_decref(headers.tree);
  entry->is_filtered = kept == 0 && *count > 0;
  *count = kept;
  return !headers.no_memory;
}

/* Whose regular expression is too much work for this type may be meant: the event is neither kept from them
 * nor given to them, it is a dead letter of theirs. */
static void refuse_undecided(evsi_entry *entry) {
  uint32_t numbers[MATCHES_MAX];
  evsi_consume *consume = entry->group->consume;
  uint32_t count = evsi_matcher_undecided(entry->group->matcher, entry->envelope.origin_prefix,
                                          entry->envelope.type, numbers, MATCHES_MAX);
  for (uint32_t i = 0; i < count && i < MATCHES_MAX; i++) {
    const evsi_subscription *subscription = consume->by_number[numbers[i]];
    char text[256];
    if (evsi_names_have(entry->state.exhausted, subscription->name) ||
        evsi_names_have(entry->state.done, subscription->name))
      continue;
    snprintf(text, sizeof text,
             "the regular expression of subscription %.180s is too much work for this type",
             subscription->name);
    evsi_consume_log(consume, EVSI_LOG_ERROR, "a regular expression is too much work for a type",
                     (evsi_log_field[]){{"subscription", evsi_text(subscription->name)},
                                        {"type", entry->envelope.type},
                                        {NULL}});
    evsi_names_add(&entry->state.exhausted, subscription->name);
    evsi_entry_state_failed(
        entry, &(evs_failure){.error_class = evsi_text("PatternTooExpensive"), .message = evsi_text(text)},
        0);
  }
}

/* None of the subscriptions here gets it. */
static void settle_untaken(evsi_entry *entry, bool is_elsewhere, evsi_outgoing *outgoing) {
  if (json_array_size(entry->state.exhausted) > 0) {
    evsi_settle_dead(entry, NULL, NULL, outgoing);
  } else if (is_elsewhere) {
    evsi_count(entry->group->consume->setup.stats, EVSI_COUNT_FILTERED, 1);
    evsi_count_labels(&entry->labels, EVSI_LABELED_FILTERED, 1);
    evsi_settle_as(entry, EVS_SETTLE_ACK, 0, outgoing);
  } else {
    evsi_settle_unmatched(entry, outgoing);
  }
}

static void match(evsi_entry *entry, const json_t *only, evsi_outgoing *outgoing) {
  uint32_t numbers[MATCHES_MAX];
  bool filtered = false;
  uint32_t count = evsi_kind_match(entry, numbers, MATCHES_MAX, &filtered);
  count = keep_fitting(entry, numbers, count < MATCHES_MAX ? count : MATCHES_MAX);
  if (!keep_taking(entry, numbers, &count)) {
    evsi_settle_as(entry, EVS_SETTLE_RELEASE, 0, outgoing);
    return;
  }
  refuse_undecided(entry);
  if (count == 0) {
    settle_untaken(entry, filtered, outgoing);
    return;
  }
  if (!evsi_body_open(entry, outgoing))
    return;
  if (!hash_fits(entry)) {
    evsi_settle_dead(entry, "HashMismatch", "the body does not have the SHA-256 of header.hash", outgoing);
    return;
  }
  if (!evsi_view_entry(entry, outgoing))
    return;
  entry->deliveries = count == 1 ? &entry->only : evsi_calloc(count, sizeof *entry->deliveries);
  if (!entry->deliveries) /* handed back: memory may be there when it comes again */
    evsi_settle_as(entry, EVS_SETTLE_RELEASE, 0, outgoing);
  else
    queue_all(entry, numbers, count, only);
  if (entry->deliveries && entry->open == 0)
    evsi_settle_entry(entry, outgoing); /* all its subscriptions were through before */
}

/* Could its header be read, and is it of an origin that no subscription takes? */
static bool is_of_other_origin(const evsi_entry *entry) {
  evsi_envelope envelope;
  evsi_buf scratch = {0};
  bool filtered = false;
  if (evsi_envelope_header(entry->stored.data, &envelope, &scratch))
    evsi_matcher_match(entry->group->matcher, envelope.origin_prefix, envelope.type, NULL, 0, &filtered);
  evsi_buf_free(&scratch);
  return filtered;
}

/* An entry of this group; only: the subscriptions that it is for, NULL: all. */
static void dispatch(evsi_entry *entry, const json_t *only, evsi_outgoing *outgoing) {
  const char *error_class = NULL;
  if (entry->stored.flags & EVS_ENTRY_BATCH) {
    evsi_bundle_open(entry, outgoing);
    return;
  }
  const char *why = decode(entry, &error_class);
  if (why == evsi_envelope_no_memory) { /* handed back: memory may be there when it comes again */
    evsi_settle_as(entry, EVS_SETTLE_RELEASE, 0, outgoing);
    return;
  }
  if (why && is_of_other_origin(entry)) {
    settle_untaken(entry, true, outgoing);
    return;
  }
  if (why) {
    evsi_settle_dead(entry, error_class, why, outgoing);
    return;
  }
  if (entry->envelope.origin_prefix.size + entry->envelope.type.size + 2 > EVSI_PATTERN_MAX) {
    evsi_settle_dead(entry, "MalformedEntry", "the type is longer than any valid type", outgoing);
    return;
  }
  match(entry, only, outgoing);
}

void evsi_begin(evsi_entry *entry, evsi_outgoing *outgoing) {
  if (entry->state.letter == EVSI_LETTER_DISCARDED) {
    evsi_settle_as(entry, EVS_SETTLE_ACK, 0, outgoing);
    return;
  }
  if (evsi_suspect_take(entry, outgoing))
    return;
  requeue requeued = read_requeue(entry);
  dispatch(entry, requeued.subscriptions, outgoing);
  json_decref(requeued.subscriptions);
}

/* First of all: whose entry it is not must not judge it, or what came back would be dead in every group. */
void evsi_dispatch(evsi_entry *entry, evsi_outgoing *outgoing) {
  requeue requeued = read_requeue(entry);
  if (requeued.is_for_others) {
    evsi_count(entry->group->consume->setup.stats, EVSI_COUNT_ELSEWHERE, 1);
    evsi_settle_as(entry, EVS_SETTLE_ACK, 0, outgoing);
    return;
  }
  if (evsi_order_applies(entry))
    evsi_order_arrived(entry, outgoing);
  else if (!evsi_suspect_take(entry, outgoing))
    dispatch(entry, requeued.subscriptions, outgoing);
  json_decref(requeued.subscriptions);
}

size_t evsi_consume_deliver(evsi_consume *consume, uint64_t group_token, const evs_tp_entry *entries,
                            size_t count) {
  evsi_outgoing outgoing = {NULL, NULL};
  size_t taken = 0;
  uint64_t now_us = evsi_now_us(consume->setup.env);
  pthread_mutex_lock(&consume->lock);
  evsi_group *group = evsi_slots_get(&consume->groups_by_token, group_token);
  if (group) {
    group->events_each = 1;
    evsi_group_hold(group, (uint32_t)count);
  }
  for (; group && taken < count; taken++) {
    evsi_entry *entry = evsi_entry_new(group, &entries[taken], now_us);
    if (!entry) {
      evsi_consume_log(consume, EVSI_LOG_ERROR,
                       "out of memory: an entry stays pending in the store and is taken later",
                       (evsi_log_field[]){{"group", evsi_text(group->name)}, {NULL}});
      break;
    }
    group->held += entry->events;
    group->held_bytes += entry->cost;
    entry->all_next = consume->entries;
    if (consume->entries)
      consume->entries->all_prev = entry;
    consume->entries = entry;
    if (evsi_group_is_ending(group) || group->is_paused)
      evsi_settle_as(entry, EVS_SETTLE_RELEASE, 0, &outgoing);
    else
      evsi_dispatch(entry, &outgoing);
  }
  evsi_suspects_begin(consume, &outgoing);
  if (group)
    evsi_group_drop(group, (uint32_t)(count - taken));
  pthread_mutex_unlock(&consume->lock);
  evsi_settle_send(consume, &outgoing);
  evsi_wake_signal(consume->setup.wake, EVSI_WAKE_MESSAGES);
  return group ? taken : count;
}
