/* SPDX-License-Identifier: MIT
 * delivery.c - deliveries from their queue to the host and back: take, acknowledge, fail, time limits. */
#include <string.h>

#include <utlist.h>

#include "consume/engine.h"
#include "event/identity.h"

static void append(evsi_delivery **first, evsi_delivery **last, evsi_delivery *delivery) {
  delivery->next = NULL;
  delivery->prev = *last;
  *(*last ? &(*last)->next : first) = delivery;
  *last = delivery;
}

static void unlink_from(evsi_delivery **first, evsi_delivery **last, evsi_delivery *delivery) {
  *(delivery->prev ? &delivery->prev->next : first) = delivery->next;
  *(delivery->next ? &delivery->next->prev : last) = delivery->prev;
  delivery->next = NULL;
  delivery->prev = NULL;
}

static void prepend(evsi_delivery **first, evsi_delivery **last, evsi_delivery *delivery) {
  delivery->prev = NULL;
  delivery->next = *first;
  *(*first ? &(*first)->prev : last) = delivery;
  *first = delivery;
}

/* What is handled alone does not wait behind what must wait for it. */
void evsi_delivery_queue(evsi_delivery *delivery) {
  evsi_subscription *subscription = delivery->subscription;
  evsi_consume *consume = subscription->group->consume;
  if (!subscription->queue_first)
    DL_APPEND2(consume->waiting, subscription, waiting_prev, waiting_next);
  if (consume->suspects && evsi_suspect_lets(consume, delivery->entry))
    prepend(&subscription->queue_first, &subscription->queue_last, delivery);
  else
    append(&subscription->queue_first, &subscription->queue_last, delivery);
  subscription->queued++;
}

void evsi_delivery_unlink(evsi_delivery *delivery) {
  evsi_subscription *subscription = delivery->subscription;
  if (delivery->state == EVSI_DELIVERY_QUEUED) {
    unlink_from(&subscription->queue_first, &subscription->queue_last, delivery);
    subscription->queued--;
    if (!subscription->queue_first)
      DL_DELETE2(subscription->group->consume->waiting, subscription, waiting_prev, waiting_next);
  } else {
    unlink_from(&subscription->handed_first, &subscription->handed_last, delivery);
    subscription->handed--;
  }
}

bool evsi_subscription_can_take(const evsi_subscription *subscription) {
  const evsi_delivery *next = subscription->queue_first;
  uint64_t most = (uint64_t)subscription->options.concurrency * subscription->options.batch;
  return next && subscription->handed < most && (!next->entry->order || evsi_order_may_hand(next->entry)) &&
         evsi_suspect_lets(subscription->group->consume, next->entry);
}

/* The host let go of a delivery: its place in the subscription is free again. */
void evsi_delivery_forget(evsi_delivery *delivery) {
  evsi_slots_remove(&delivery->subscription->group->consume->deliveries, delivery->id);
  if (!delivery->is_late)
    delivery->subscription->group->consume->running--;
  evsi_delivery_unlink(delivery);
  delivery->id = 0;
  if (evsi_subscription_can_take(delivery->subscription))
    delivery->subscription->group->consume->wake_host = true;
  evsi_subscription_close_if_done(delivery->subscription);
}

static evs_bytes body_of(const evsi_delivery *delivery) {
  bool is_filled_in = delivery->view && delivery->view->body;
  return is_filled_in ? evsi_text(delivery->view->body) : evsi_body_of(delivery->entry);
}

static void fill(evs_message *message, const evsi_delivery *delivery) {
  const evsi_entry *entry = delivery->entry;
  const evsi_envelope *envelope = &entry->envelope;
  *message = delivery->subscription->told;
  message->partition = entry->stored.partition;
  message->delivery = delivery->id;
  message->attempt = entry->state.attempts + 1;
  message->deliveries = entry->stored.deliveries;
  message->id = envelope->id;
  message->type = envelope->type;
  message->origin = envelope->origin;
  message->origin_prefix = envelope->origin_prefix;
  message->timestamp = envelope->timestamp;
  message->version = envelope->version;
  message->hash = envelope->hash;
  message->content_type = envelope->content_type;
  message->headers = envelope->headers;
  message->body = body_of(delivery);
  message->topic = entry->stored.topic;
  message->offset = entry->stored.offset;
  message->requeue = entry->stored.requeue;
  message->validation = evsi_text(delivery->view ? delivery->view->validation : NULL);
}

/* When a host takes. */
typedef struct moment {
  uint64_t now_us, wall_ms;
} moment;

static void count_taken(evsi_consume *consume, const evsi_delivery *delivery, uint64_t now) {
  const evsi_entry *entry = delivery->entry;
  evsi_stats *stats = consume->setup.stats;
  uint64_t bytes = evsi_stored_bytes(entry->parcel, entry->stored.data, entry->stored.raw);
  uint64_t made = entry->parcel ? entry->parcel->made_ms : evsi_timestamp_ms(entry->envelope.timestamp);
  if (made > 0 && now >= made)
    evsi_histogram_record_alone(&stats->end_to_end_latency, (now - made) * 1000);
  evsi_count_alone(&stats->counters[EVSI_COUNT_RECEIVED], 1);
  evsi_count_alone(&stats->counters[EVSI_COUNT_RECEIVED_BYTES], bytes);
  evsi_count_labels_alone(&entry->labels, EVSI_LABELED_RECEIVED, 1);
  evsi_count_labels_alone(&entry->labels, EVSI_LABELED_RECEIVED_BYTES, bytes);
  evsi_count_label_alone(delivery->subscription->label, EVSI_LABELED_RECEIVED, 1);
}

/* Moves one delivery to the host; false when ids or memory ran out. */
static bool hand(evsi_consume *consume, evsi_subscription *subscription, evs_batch *batch,
                 const moment *now) {
  evsi_delivery *delivery = subscription->queue_first;
  delivery->id = evsi_slots_add(&consume->deliveries, delivery);
  if (delivery->id == 0)
    return false;
  evsi_delivery_unlink(delivery);
  delivery->state = EVSI_DELIVERY_HANDED;
  delivery->handed_us = now->now_us;
  append(&subscription->handed_first, &subscription->handed_last, delivery);
  subscription->handed++;
  consume->running++;
  if (subscription->options.handler_timeout_ms > 0)
    evsi_timer_arm(consume, delivery->handed_us + subscription->options.handler_timeout_ms * UINT64_C(1000));
  evsi_entry_hold(delivery->entry);
  count_taken(consume, delivery, now->wall_ms);
  fill(&batch->messages[batch->message_count], delivery);
  batch->holds[batch->message_count++] = delivery->entry;
  return true;
}

/* One message of each subscription for which some wait; who has had its turn is the last. */
static size_t take_round(evsi_consume *consume, evs_batch *batch, size_t max, const moment *now,
                         bool *out_short) {
  const evsi_subscription *last = consume->waiting ? consume->waiting->waiting_prev : NULL, *at = NULL;
  size_t taken = 0;
  while (at != last && taken < max) {
    evsi_subscription *subscription = consume->waiting;
    at = subscription;
    DL_DELETE2(consume->waiting, subscription, waiting_prev, waiting_next);
    DL_APPEND2(consume->waiting, subscription, waiting_prev, waiting_next);
    if (!evsi_subscription_can_take(subscription))
      continue;
    bool is_handed =
        evsi_batch_reserve(batch, batch->message_count + 1) && hand(consume, subscription, batch, now);
    taken += is_handed;
    *out_short = *out_short || !is_handed;
  }
  return taken;
}

bool evsi_consume_take(evsi_consume *consume, evs_batch *batch, size_t max, bool *out_left) {
  size_t total = 0, taken = 1;
  bool is_short = false;
  batch->release = evsi_entries_drop;
  pthread_mutex_lock(&consume->lock);
  const moment now = {evsi_now_us(consume->setup.env), evsi_wall_ms(consume->setup.env)};
  while (total < max && taken > 0) {
    taken = take_round(consume, batch, max - total, &now, &is_short);
    total += taken;
  }
  *out_left = is_short || (total == max && taken > 0);
  pthread_mutex_unlock(&consume->lock);
  return total > 0 || !is_short;
}

bool evsi_consume_any(evsi_consume *consume) {
  bool any = false;
  pthread_mutex_lock(&consume->lock);
  for (const evsi_subscription *each = consume->waiting; each && !any; each = each->waiting_next)
    any = evsi_subscription_can_take(each);
  pthread_mutex_unlock(&consume->lock);
  return any;
}

/* @locks consume. Finds a delivery that the host holds; one that came too late is only counted. */
static evsi_delivery *answered(evsi_consume *consume, uint64_t id, size_t *stale, evsi_entry **out_late) {
  evsi_delivery *delivery = evsi_slots_get(&consume->deliveries, id);
  if (!delivery) {
    ++*stale;
    return NULL;
  }
  if (delivery->is_late) {
    ++*stale;
    *out_late = delivery->entry;
    evsi_delivery_forget(delivery);
    return NULL;
  }
  return delivery;
}

/* @locks consume. The delivery ended with this state; settles the entry when it was the last. */
static void end_delivery(evsi_delivery *delivery, evsi_delivery_state state, evsi_outgoing *outgoing) {
  evsi_entry *entry = delivery->entry;
  evsi_delivery_forget(delivery);
  delivery->state = state;
  if (--entry->open == 0)
    evsi_settle_entry(entry, outgoing);
}

void evsi_deliveries_release(evsi_entry *entry, evsi_outgoing *outgoing) {
  for (uint32_t i = 0; i < entry->delivery_count; i++) {
    evsi_delivery *delivery = &entry->deliveries[i];
    if (delivery->state != EVSI_DELIVERY_QUEUED)
      continue;
    evsi_delivery_unlink(delivery);
    delivery->state = EVSI_DELIVERY_RELEASED;
    if (--entry->open == 0) {
      evsi_settle_entry(entry, outgoing);
      return; /* it may be gone */
    }
  }
}

static void finish(evsi_consume *consume, evsi_outgoing *outgoing, size_t stale) {
  evsi_suspects_begin(consume, outgoing);
  if (stale)
    evsi_count(consume->setup.stats, EVSI_COUNT_STALE, stale);
  bool wake_host = consume->wake_host;
  consume->wake_host = false;
  pthread_mutex_unlock(&consume->lock);
  evsi_settle_send(consume, outgoing);
  if (wake_host)
    evsi_wake_signal(consume->setup.wake, EVSI_WAKE_MESSAGES);
}

size_t evsi_consume_ack(evsi_consume *consume, const uint64_t *deliveries, size_t count) {
  evsi_outgoing outgoing = {NULL, NULL};
  size_t stale = 0;
  pthread_mutex_lock(&consume->lock);
  uint64_t now = evsi_now_us(consume->setup.env);
  for (size_t i = 0; i < count; i++) {
    evsi_entry *late = NULL;
    evsi_delivery *delivery = answered(consume, deliveries[i], &stale, &late);
    if (late)
      evsi_entry_drop(late);
    if (!delivery)
      continue;
    evsi_histogram_record_alone(&consume->setup.stats->handler_latency, now - delivery->handed_us);
    evsi_count_alone(&consume->setup.stats->counters[EVSI_COUNT_HANDLED], 1);
    evsi_count_label_alone(delivery->subscription->label, EVSI_LABELED_HANDLED, 1);
    evsi_count_labels_alone(&delivery->entry->labels, EVSI_LABELED_HANDLED, 1);
    end_delivery(delivery, EVSI_DELIVERY_DONE, &outgoing);
  }
  finish(consume, &outgoing, stale);
  return stale;
}

static void note_error(evsi_consume *consume, const evsi_delivery *delivery, evs_bytes why) {
  char text[256];
  evsi_bytes_copy(text, sizeof text, why);
  evsi_stats_error(consume->setup.stats, EVSI_SIDE_CONSUMER, &delivery->entry->labels, text);
  evsi_stats_label_error(consume->setup.stats, EVSI_SIDE_CONSUMER, delivery->subscription->label, text);
}

/* @locks consume */
static void note_failure(evsi_consume *consume, evsi_delivery *delivery, const evs_failure *failure) {
  uint64_t duration = evsi_now_us(consume->setup.env) - delivery->handed_us;
  evsi_histogram_record_alone(&consume->setup.stats->handler_latency, duration);
  evsi_count(consume->setup.stats, EVSI_COUNT_FAILED, 1);
  evsi_count_label(delivery->subscription->label, EVSI_LABELED_FAILED, 1);
  evsi_count_labels(&delivery->entry->labels, EVSI_LABELED_FAILED, 1);
  note_error(consume, delivery, failure->message.size ? failure->message : failure->error_class);
  evsi_entry_state_failed(delivery->entry, failure, duration);
}

static const evs_failure time_limit_passed = {
    .error_class = {"HandlerTimeout", 14},
    .message = {"the handler did not finish within handlerTimeout", 48}};

/* @locks consume. Past the time limit the host may answer just before our timer does: it is the same failure.
 */
static const evs_failure *failure_of(evsi_consume *consume, const evsi_delivery *delivery,
                                     const evs_failure *given) {
  uint64_t limit = delivery->subscription->options.handler_timeout_ms * UINT64_C(1000);
  bool is_in_time = limit == 0 || evsi_now_us(consume->setup.env) < delivery->handed_us + limit;
  if (given->kind != EVS_FAIL_RETRY || is_in_time)
    return given;
  evsi_count(consume->setup.stats, EVSI_COUNT_TIMED_OUT, 1);
  return &time_limit_passed;
}

/* @locks consume */
static evsi_delivery_state judge(evsi_consume *consume, evsi_delivery *delivery, const evs_failure *failure) {
  evsi_entry *entry = delivery->entry;
  if (failure->kind == EVS_FAIL_RELEASE)
    return EVSI_DELIVERY_RELEASED;
  if (failure->kind == EVS_FAIL_LATER &&
      entry->state.deferrals < consume->setup.config->consumer.max_deferrals) {
    entry->settlement.delay_ms = failure->delay_ms;
    return EVSI_DELIVERY_LATER;
  }
  note_failure(consume, delivery, failure);
  bool is_last = entry->state.attempts >= delivery->subscription->options.retry.max_retries;
  return failure->kind == EVS_FAIL_REJECT || is_last ? EVSI_DELIVERY_EXHAUSTED : EVSI_DELIVERY_FAILED;
}

size_t evsi_consume_fail(evsi_consume *consume, const evs_failure *failures, size_t count) {
  evsi_outgoing outgoing = {NULL, NULL};
  size_t stale = 0;
  pthread_mutex_lock(&consume->lock);
  for (size_t i = 0; i < count; i++) {
    evsi_entry *late = NULL;
    evsi_delivery *delivery = answered(consume, failures[i].delivery, &stale, &late);
    if (late)
      evsi_entry_drop(late);
    if (!delivery)
      continue;
    const evs_failure *failure = failure_of(consume, delivery, &failures[i]);
    end_delivery(delivery, judge(consume, delivery, failure), &outgoing);
  }
  finish(consume, &outgoing, stale);
  return stale;
}

void evsi_timer_arm(evsi_consume *consume, uint64_t at_us) {
  if (consume->timer_at_us != 0 && consume->timer_at_us <= at_us)
    return;
  consume->timer_at_us = at_us;
  evsi_tasks_post(consume->setup.tasks, &consume->timer_task);
}

/* @locks consume. Ends what is past its time limit; the slot stays taken until the host answers. */
static uint64_t expire(evsi_consume *consume, evsi_subscription *subscription, uint64_t now,
                       evsi_outgoing *outgoing) {
  uint64_t limit = subscription->options.handler_timeout_ms * UINT64_C(1000);
  for (evsi_delivery *each = subscription->handed_first; each && limit > 0; each = each->next) {
    if (each->is_late)
      continue;
    if (each->handed_us + limit > now)
      return each->handed_us + limit;
    evsi_entry *entry = each->entry;
    evsi_count(consume->setup.stats, EVSI_COUNT_TIMED_OUT, 1);
    evsi_delivery_state state = judge(consume, each, &time_limit_passed);
    each->is_late = true;
    each->late_state = state;
    consume->running--;
    evsi_entry_hold(entry); /* until the host answers */
    if (--entry->open == 0)
      evsi_settle_entry(entry, outgoing);
  }
  return 0;
}

void evsi_consume_look(evsi_consume *consume) {
  evsi_outgoing outgoing = {NULL, NULL};
  pthread_mutex_lock(&consume->lock);
  uint64_t now = evsi_now_us(consume->setup.env), next = evsi_groups_try_again(consume, now, &outgoing);
  for (uint32_t i = 0; i < consume->number_count; i++) {
    uint64_t at = consume->by_number[i] ? expire(consume, consume->by_number[i], now, &outgoing) : 0;
    if (at != 0 && (next == 0 || at < next))
      next = at;
  }
  evsi_suspects_begin(consume, &outgoing);
  consume->timer_at_us = next;
  if (next != 0)
    consume->setup.env->io->timer_start(consume->timer, next > now ? (next - now) / 1000 + 1 : 1);
  else
    consume->setup.env->io->timer_stop(consume->timer);
  pthread_mutex_unlock(&consume->lock);
  evsi_settle_send(consume, &outgoing);
}
