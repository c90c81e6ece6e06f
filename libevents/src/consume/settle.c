/* SPDX-License-Identifier: MIT
 * settle.c - the settlement engine: when all deliveries of an entry ended, decides between acknowledge,
 * another attempt, dead letter, hand over and hand back, and tells the transport in vectors. Knows nothing
 * of any particular transport. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json_text.h"
#include "consume/engine.h"
#include "deadletter/record.h"

enum { VECTOR_MAX = 256, LINGER_MS = 1, LINGERING_MOST = 64, UNMATCHED_RETRY_MS = 5000 };
#define STUCK_DELAY_MS (UINT64_C(365) * 24 * 3600 * 1000)

static evsi_delivery_state final_state(const evsi_delivery *delivery) {
  return delivery->is_late ? delivery->late_state : delivery->state;
}

/* What the deliveries of one round came to. */
typedef struct round_result {
  bool failed, later, released, exhausted;
  uint64_t retry_ms;
} round_result;

static round_result sum_up(evsi_entry *entry) {
  round_result result = {false, false, false, false, 0};
  const evsi_env *env = entry->group->consume->setup.env;
  for (uint32_t i = 0; i < entry->delivery_count; i++) {
    const evsi_delivery *delivery = &entry->deliveries[i];
    switch (final_state(delivery)) {
    case EVSI_DELIVERY_DONE:
      evsi_names_add(&entry->state.done, delivery->subscription->name);
      break;
    case EVSI_DELIVERY_FAILED: {
      uint64_t delay =
          evsi_backoff_delay(env, &delivery->subscription->options.retry, entry->state.attempts + 1);
      result.retry_ms = delay > result.retry_ms ? delay : result.retry_ms;
      result.failed = true;
      break;
    }
    case EVSI_DELIVERY_EXHAUSTED:
      evsi_names_add(&entry->state.exhausted, delivery->subscription->name);
      result.exhausted = true;
      break;
    case EVSI_DELIVERY_LATER:
      result.later = true;
      break;
    case EVSI_DELIVERY_RELEASED:
    case EVSI_DELIVERY_QUEUED:
    case EVSI_DELIVERY_HANDED:
      result.released = true;
      break;
    }
  }
  return result;
}

static bool is_handled_by_all(const evsi_entry *entry) {
  for (uint32_t i = 0; i < entry->delivery_count; i++) {
    if (final_state(&entry->deliveries[i]) != EVSI_DELIVERY_DONE)
      return false;
  }
  return json_array_size(entry->state.exhausted) == 0;
}

void evsi_settle_entry(evsi_entry *entry, evsi_outgoing *outgoing) {
  if (is_handled_by_all(entry)) { /* most are, and nobody will ask by whom */
    evsi_settle_as(entry, EVS_SETTLE_ACK, 0, outgoing);
    return;
  }
  evsi_stats *stats = entry->group->consume->setup.stats;
  round_result result = sum_up(entry);
  if (result.failed || result.exhausted)
    entry->state.attempts++;
  if (result.failed) {
    evsi_count(stats, EVSI_COUNT_RETRIED, 1);
    evsi_count_labels(&entry->labels, EVSI_LABELED_RETRIED, 1);
    evsi_settle_as(entry, EVS_SETTLE_PARK, result.retry_ms, outgoing);
  } else if (result.later) {
    entry->state.deferrals++;
    evsi_settle_as(entry, EVS_SETTLE_PARK, entry->settlement.delay_ms, outgoing);
  } else if (result.released) {
    bool has_progress = json_array_size(entry->state.done) + json_array_size(entry->state.exhausted) > 0;
    evsi_settle_as(entry, has_progress ? EVS_SETTLE_PARK : EVS_SETTLE_RELEASE, 0, outgoing);
  } else if (result.exhausted || json_array_size(entry->state.exhausted) > 0) {
    /* The list lacks a name when memory was short. */
    evsi_settle_dead(entry, NULL, NULL, outgoing);
  } else {
    evsi_settle_as(entry, EVS_SETTLE_ACK, 0, outgoing);
  }
}

/* Handing back is not counted, and whoever it is handed over to gets it by the same delivery. */
void evsi_settle_account(evsi_entry *entry, uint32_t kind) {
  uint32_t deliveries = entry->stored.deliveries;
  bool is_open = kind == EVS_SETTLE_HAND_OVER || kind == EVS_SETTLE_RELEASE || kind == EVS_SETTLE_KEEP;
  entry->state.crashes = entry->crashes;
  entry->state.counted = is_open && deliveries > 0 ? deliveries - 1 : deliveries;
  if (kind != EVS_SETTLE_KEEP)
    entry->state.alone = 0;
}

static char *state_text(const evsi_entry *entry) {
  json_t *root = evsi_entry_state_json(&entry->state);
  if (root && entry->kept)
    json_object_set(root, "b", entry->kept);
  char *text = root ? evsi_json_text(root) : NULL;
  json_decref(root);
  return text;
}

/* Puts the settlement on its way. */
static void push(evsi_entry *entry, evsi_outgoing *outgoing) {
  entry->is_settling = true;
  entry->settlement.token = entry->token;
  entry->next = NULL;
  *(outgoing->last ? &outgoing->last->next : &outgoing->first) = entry;
  outgoing->last = entry;
}

/* @locks consume. The transport had no memory for it: it is told again. */
static void keep_unsettled(evsi_entry *entry) {
  evsi_group *group = entry->group;
  entry->next = group->unsettled;
  group->unsettled = entry;
  evsi_group_try_again(group);
}

void evsi_unsettled_send(evsi_group *group, evsi_outgoing *outgoing) {
  while (group->unsettled) {
    evsi_entry *entry = group->unsettled;
    group->unsettled = entry->next;
    push(entry, outgoing);
  }
}

static void set_state(evsi_entry *entry, uint32_t kind) {
  evsi_settle_account(entry, kind);
  evsi_free(entry->settlement_state);
  entry->settlement_state = state_text(entry);
  entry->settlement.state = evsi_text(entry->settlement_state);
}

void evsi_settle_as(evsi_entry *entry, uint32_t kind, uint64_t delay_ms, evsi_outgoing *outgoing) {
  evs_tp_settlement *settlement = &entry->settlement;
  settlement->struct_size = sizeof *settlement;
  settlement->kind = kind;
  settlement->group = entry->group->token;
  settlement->partition = entry->stored.partition;
  settlement->flags |= entry->had_state ? EVS_SETTLE_HAS_STATE : 0;
  settlement->topic = entry->stored.topic;
  settlement->offset = entry->stored.offset;
  settlement->delay_ms = delay_ms;
  if (entry->carrier) {
    evsi_bundle_decided(entry, outgoing);
    return;
  }
  bool was_alone = entry->state.alone > 0 && kind == EVS_SETTLE_RELEASE;
  if (!entry->bundle && (was_alone || kind == EVS_SETTLE_PARK || kind == EVS_SETTLE_HAND_OVER))
    set_state(entry, kind);
  if (entry->lane)
    evsi_order_decided(entry, outgoing);
  push(entry, outgoing);
}

void evsi_settle_keep(evsi_entry *entry, evsi_outgoing *outgoing) {
  set_state(entry, EVS_SETTLE_KEEP);
  entry->had_state = true;
  evsi_settle_as(entry, EVS_SETTLE_KEEP, 0, outgoing);
}

static void set_error(evsi_entry *entry, const char *error_class, const char *message) {
  evs_failure failure = {.error_class = evsi_text(error_class), .message = evsi_text(message)};
  evsi_entry_state_failed(entry, &failure, 0);
}

/* Where dead letters cannot be kept. */
static void settle_without_dlq(evsi_entry *entry, evsi_outgoing *outgoing) {
  evsi_consume *consume = entry->group->consume;
  const evsi_link *link = entry->group->link;
  bool can_keep = (link->ops->capabilities & EVS_CAP_DLQ) != 0;
  const char *why = json_string_value(json_object_get(entry->state.error, "message"));
  evsi_consume_log(consume, EVSI_LOG_ERROR,
                   can_keep
                       ? "an event failed for good: dead letters are off (enableDLQ), so it stays pending"
                       : "an event failed for good: this transport has no dead letters, so it is dropped",
                   (evsi_log_field[]){{"group", evsi_text(entry->group->name)},
                                      {"topic", entry->stored.topic},
                                      {"type", entry->envelope.type},
                                      {"id", entry->envelope.id},
                                      {"error", evsi_text(why)},
                                      {NULL}});
  evsi_count(consume->setup.stats, can_keep ? EVSI_COUNT_STUCK : EVSI_COUNT_POISON, 1);
  if (!can_keep)
    evsi_count_labels(&entry->labels, EVSI_LABELED_POISON, 1);
  evsi_settle_as(entry, can_keep ? EVS_SETTLE_PARK : EVS_SETTLE_ACK, can_keep ? STUCK_DELAY_MS : 0, outgoing);
}

/* What the dead letter means for those behind the entry: the strictest of what its handlers say that failed
 * for good, and of what the topic says where they say nothing. */
static uint32_t policy_of(const evsi_entry *entry) {
  uint32_t policy = entry->stored.on_dead_letter;
  bool any = false;
  for (uint32_t i = 0; i < entry->delivery_count; i++) {
    const evsi_subscription_options *options = &entry->deliveries[i].subscription->options;
    if (final_state(&entry->deliveries[i]) != EVSI_DELIVERY_EXHAUSTED)
      continue;
    uint32_t own = options->has_on_dead_letter ? options->on_dead_letter : entry->stored.on_dead_letter;
    bool is_stricter = own == EVS_DEAD_LETTER_BLOCK || policy == EVS_DEAD_LETTER_SKIP;
    policy = !any || is_stricter ? own : policy;
    any = true;
  }
  return policy;
}

/* Of an entry in a lane: whether it stays there until somebody has dealt with its dead letter. */
static evsi_letter_state hold_up_by_letter(const evsi_entry *entry) {
  bool may_stay = entry->lane && !(entry->stored.flags & EVS_ENTRY_TRIMMED);
  uint32_t policy = may_stay ? policy_of(entry) : EVS_DEAD_LETTER_SKIP;
  if (policy == EVS_DEAD_LETTER_BLOCK)
    return EVSI_LETTER_HOLDS_LANE;
  bool has_key = entry->envelope.key.size > 0;
  return policy == EVS_DEAD_LETTER_PARK_KEY && has_key ? EVSI_LETTER_HOLDS_KEY : EVSI_LETTER_REQUEUED;
}

/* False: no memory. */
static bool stay_behind_letter(evsi_entry *entry) {
  char text[16];
  snprintf(text, sizeof text, "{\"d\":%u}", entry->state.letter);
  evsi_free(entry->settlement_state);
  entry->settlement_state = evsi_strdup(text);
  entry->settlement.state = evsi_text(entry->settlement_state);
  entry->settlement.flags |= entry->settlement_state ? EVS_SETTLE_STAYS : 0;
  return entry->settlement_state != NULL;
}

void evsi_settle_dead(evsi_entry *entry, const char *error_class, const char *message,
                      evsi_outgoing *outgoing) {
  evsi_consume *consume = entry->group->consume;
  const evsi_link *link = entry->group->link;
  if (error_class)
    set_error(entry, error_class, message);
  const char *why = json_string_value(json_object_get(entry->state.error, "message"));
  evsi_stats_error(consume->setup.stats, EVSI_SIDE_CONSUMER, &entry->labels, why ? why : "failed");
  if (!link->config->enable_dlq || (link->ops->capabilities & EVS_CAP_DLQ) == 0) {
    settle_without_dlq(entry, outgoing);
    return;
  }
  entry->state.letter = hold_up_by_letter(entry);
  evsi_dead_record record = {
      .original_id = entry->stored.offset,
      .topic = entry->stored.topic,
      .partition = entry->stored.partition,
      .group = entry->group->name,
      .consumer = entry->group->consumer,
      .service = consume->setup.config->service,
      .type = entry->envelope.type,
      .subscriptions = entry->state.exhausted,
      .error = entry->state.error,
      .history = entry->state.history,
      .attempts = entry->state.attempts,
      .first_failure_ms = entry->state.first_failure_ms,
      .last_failure_ms = entry->state.last_failure_ms,
      .requeue = entry->stored.requeue,
      .holds = entry->state.letter == EVSI_LETTER_HOLDS_LANE  ? "lane"
               : entry->state.letter == EVSI_LETTER_HOLDS_KEY ? "key"
                                                              : NULL,
  };
  evsi_free(entry->record);
  entry->record = evsi_dead_record_text(&record);
  bool is_whole = entry->record && (!record.holds || stay_behind_letter(entry));
  entry->settlement.record = evsi_text(entry->record);
  evsi_settle_as(entry, is_whole ? EVS_SETTLE_DEAD_LETTER : EVS_SETTLE_PARK, 0, outgoing);
}

/* Whether a subscription of the group asks to keep what nobody takes. */
static bool keeps_unmatched(const evsi_group *group) {
  bool keeps = group->consume->setup.config->consumer.on_unmatched == EVSI_UNMATCHED_DLQ;
  for (const evsi_subscription *each = group->subscriptions; each && !keeps; each = each->next)
    keeps = !each->is_closing && each->options.on_unmatched == EVSI_UNMATCHED_DLQ;
  return keeps;
}

static void acknowledge_unmatched(evsi_entry *entry, evsi_outgoing *outgoing) {
  evsi_consume *consume = entry->group->consume;
  if (entry->is_filtered) {
    evsi_settle_as(entry, EVS_SETTLE_ACK, 0, outgoing);
    return;
  }
  if (keeps_unmatched(entry->group)) {
    evsi_settle_dead(entry, "Unmatched", "no live member of the group handles this type", outgoing);
    return;
  }
  evsi_consume_log(
      consume, EVSI_LOG_WARN,
      "no handler takes events of a type: acknowledged unhandled (consumer.onUnmatched)",
      (evsi_log_field[]){{"type", entry->envelope.type}, {"group", evsi_text(entry->group->name)}, {NULL}});
  evsi_settle_as(entry, EVS_SETTLE_ACK, 0, outgoing);
}

void evsi_settle_unmatched(evsi_entry *entry, evsi_outgoing *outgoing) {
  evsi_consume *consume = entry->group->consume;
  if (entry->carrier && !entry->carrier->bundle->is_decided) {
    /* Who is in the group counts when the whole is settled, and the other events may take long until then. */
    entry->is_unmatched = true;
    evsi_bundle_decided(entry, outgoing);
    return;
  }
  evsi_membership *membership =
      evsi_membership_find(entry->group, entry->stored.topic, entry->stored.partition);
  uint64_t now = evsi_wall_ms(consume->setup.env);
  entry->is_unmatched = true;
  if (membership || entry->group->lacks_members) {
    entry->settlement.flags |= EVS_SETTLE_CHECK_MEMBERS;
    entry->settlement.members_version = membership ? membership->version : 0;
  }
  const evsi_member *member = membership ? evsi_membership_match(membership, entry) : NULL;
  if (member) {
    evsi_free(entry->member);
    entry->member = evsi_strdup(member->consumer);
    entry->settlement.member = evsi_text(entry->member);
    evsi_settle_as(entry, EVS_SETTLE_HAND_OVER, 0, outgoing);
    return;
  }
  if (!membership || membership->all_same || entry->is_filtered) {
    acknowledge_unmatched(entry, outgoing);
    return;
  }
  if (entry->state.unmatched_since_ms == 0)
    entry->state.unmatched_since_ms = now;
  uint64_t waited = now > entry->state.unmatched_since_ms ? now - entry->state.unmatched_since_ms : 0;
  uint64_t grace = consume->setup.config->consumer.unmatched_grace_ms;
  if (waited >= grace)
    acknowledge_unmatched(entry, outgoing);
  else
    evsi_settle_as(entry, EVS_SETTLE_PARK,
                   grace - waited < UNMATCHED_RETRY_MS ? grace - waited + 1 : UNMATCHED_RETRY_MS, outgoing);
}

/* Sends a run of entries of one transport. */
static evsi_entry *send_run(evsi_entry *first) {
  evs_tp_settlement vector[VECTOR_MAX];
  const evsi_link *link = first->group->link;
  size_t count = 0;
  evsi_entry *entry = first;
  for (; entry && entry->group->link == link && count < VECTOR_MAX; entry = entry->next)
    vector[count++] = entry->settlement;
  link->ops->settle(link->transport, vector, count);
  return entry; /* read before the call: the entries may be gone now */
}

/* What is acknowledged soon after others goes together, as an acknowledgement by itself costs a store more
 * than an event does. One after a pause is sent at once, and nobody waits for one that lingers. */
void evsi_settle_flush(evsi_consume *consume) {
  pthread_mutex_lock(&consume->lock);
  evsi_entry *entry = consume->outgoing_first;
  consume->outgoing_first = NULL;
  consume->outgoing_last = NULL;
  consume->outgoing_count = 0;
  consume->is_lingering = entry != NULL;
  pthread_mutex_unlock(&consume->lock);
  if (entry)
    consume->setup.env->io->timer_start(consume->linger_timer, LINGER_MS);
  while (entry)
    entry = send_run(entry);
}

/* @locks consume. Does nothing begin because of it, here or elsewhere? */
static bool may_linger(const evsi_entry *entry) {
  const evsi_group *group = entry->group;
  const evsi_consume *consume = group->consume;
  return entry->settlement.kind == EVS_SETTLE_ACK && !entry->lane && !group->starved && !consume->suspects &&
         !consume->stopping;
}

/* Appends what goes through the I/O thread; the rest stays in the list. */
static void queue_indirect(evsi_consume *consume, evsi_outgoing *outgoing) {
  evsi_outgoing direct = {NULL, NULL};
  bool is_urgent = false;
  pthread_mutex_lock(&consume->lock);
  for (evsi_entry *entry = outgoing->first, *next; entry; entry = next) {
    next = entry->next;
    entry->next = NULL;
    if (evsi_link_is_direct(entry->group->link)) {
      *(direct.last ? &direct.last->next : &direct.first) = entry;
      direct.last = entry;
    } else {
      *(consume->outgoing_last ? &consume->outgoing_last->next : &consume->outgoing_first) = entry;
      consume->outgoing_last = entry;
      consume->outgoing_count++;
      is_urgent |= !consume->is_lingering || !may_linger(entry);
    }
  }
  is_urgent |= consume->outgoing_count >= LINGERING_MOST;
  pthread_mutex_unlock(&consume->lock);
  if (is_urgent)
    evsi_tasks_post(consume->setup.tasks, &consume->send_task);
  *outgoing = direct;
}

void evsi_settle_send(evsi_consume *consume, evsi_outgoing *outgoing) {
  if (!outgoing->first)
    return;
  queue_indirect(consume, outgoing);
  for (evsi_entry *entry = outgoing->first; entry;)
    entry = send_run(entry);
}

static void count_untaken(evsi_stats *stats, const evsi_entry *event) {
  bool is_filtered = event->is_filtered;
  evsi_count(stats, is_filtered ? EVSI_COUNT_FILTERED : EVSI_COUNT_UNMATCHED, 1);
  evsi_count_labels(&event->labels, is_filtered ? EVSI_LABELED_FILTERED : EVSI_LABELED_UNMATCHED, 1);
}

/* @locks consume. Counts what became of one event; whole: how the entry was settled. */
static void count_settled(evsi_consume *consume, const evsi_entry *event, uint32_t whole) {
  evsi_stats *stats = consume->setup.stats;
  uint32_t kind = event->settlement.kind;
  if (kind == EVS_SETTLE_ACK) {
    evsi_count_alone(&stats->counters[EVSI_COUNT_ACKED], 1);
    evsi_count_labels_alone(&event->labels, EVSI_LABELED_ACKED, 1);
    if (event->is_unmatched)
      count_untaken(stats, event);
  } else if (kind == EVS_SETTLE_DEAD_LETTER) {
    evsi_count(stats, EVSI_COUNT_DEAD, 1);
    evsi_count_labels(&event->labels, EVSI_LABELED_DEAD, 1);
  } else if (kind == EVS_SETTLE_HAND_OVER && whole == EVS_SETTLE_HAND_OVER) {
    evsi_count(stats, EVSI_COUNT_HANDED_OVER, 1);
  } else if (kind == EVS_SETTLE_RELEASE) {
    evsi_count(stats, EVSI_COUNT_RELEASED, 1);
    consume->released++;
  }
}

/* @locks consume */
static void count_bundle(evsi_consume *consume, const evsi_entry *carrier) {
  for (uint32_t i = 0; i < carrier->bundle->count; i++) {
    const evsi_part *part = &carrier->bundle->parts[i];
    if (part->event) {
      count_settled(consume, part->event, carrier->settlement.kind);
    } else if (!part->is_through) {
      evsi_count(consume->setup.stats, EVSI_COUNT_RELEASED, 1);
      consume->released++;
    }
  }
}

/* @locks consume */
static void note_outcome(evsi_consume *consume, const evsi_entry *entry, const evs_tp_outcome *outcome) {
  evsi_stats *stats = consume->setup.stats;
  char text[512];
  if (outcome->status == EVS_CONFLICT) {
    evsi_count(stats, EVSI_COUNT_STALE, entry->events);
  } else if (outcome->status != EVS_OK) {
    snprintf(text, sizeof text, "entry %.*s of topic %.*s could not be settled and stays pending: %.*s",
             (int)entry->stored.offset.size, entry->stored.offset.data, (int)entry->stored.topic.size,
             entry->stored.topic.data, (int)outcome->message.size,
             outcome->message.size ? outcome->message.data : "");
    evsi_stats_error(stats, EVSI_SIDE_CONSUMER, &entry->labels, text);
    evsi_consume_log(consume, EVSI_LOG_ERROR, "an entry could not be settled and stays pending",
                     (evsi_log_field[]){{"topic", entry->stored.topic},
                                        {"offset", entry->stored.offset},
                                        {"group", evsi_text(entry->group->name)},
                                        {"error", outcome->message},
                                        {NULL}});
  } else if (entry->bundle) {
    count_bundle(consume, entry);
  } else {
    count_settled(consume, entry, entry->settlement.kind);
  }
}

void evsi_consume_settled(evsi_consume *consume, const evs_tp_outcome *outcomes, size_t count) {
  evsi_outgoing outgoing = {NULL, NULL};
  pthread_mutex_lock(&consume->lock);
  for (size_t i = 0; i < count; i++) {
    evsi_entry *entry = evsi_slots_get(&consume->settlements, outcomes[i].token);
    if (!entry || !entry->is_settling)
      continue;
    if (outcomes[i].status == EVS_NOMEM) {
      keep_unsettled(entry);
      continue;
    }
    entry->is_settling = false;
    if (outcomes[i].flags & EVS_TP_MEMBERS_MOVED) {
      if (entry->bundle)
        evsi_bundle_settle(entry, &outgoing);
      else
        evsi_settle_unmatched(entry, &outgoing);
      continue;
    }
    if (entry->settlement.kind == EVS_SETTLE_KEEP && outcomes[i].status == EVS_OK) {
      evsi_suspect_kept(entry, &outgoing);
      consume->wake_host = true;
      continue;
    }
    note_outcome(consume, entry, &outcomes[i]);
    if (entry->lane)
      evsi_order_settled(entry, &outgoing);
    evsi_entry_finished(entry);
  }
  evsi_suspects_begin(consume, &outgoing);
  bool wake_host = consume->wake_host;
  consume->wake_host = false;
  pthread_mutex_unlock(&consume->lock);
  evsi_settle_send(consume, &outgoing);
  if (wake_host)
    evsi_wake_signal(consume->setup.wake, EVSI_WAKE_MESSAGES);
}
