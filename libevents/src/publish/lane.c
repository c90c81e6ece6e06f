/* SPDX-License-Identifier: MIT
 * lane.c - one transport's way out: a queue in the order of acceptance, vectors to the transport, and
 * another attempt after what can pass. Runs on the I/O thread; callers only reach the inbox. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/backoff.h"
#include "publish/batcher.h"

enum { VECTOR_MAX = 512, MOMENT_MS = 10 };

/* How long a store that takes nothing is left alone. */
static const evsi_retry_policy hold_policy = {0, EVS_BACKOFF_EXPONENTIAL, 50, 1000, 0.2};

void evsi_send_list_append(evsi_send_list *list, evsi_send *send) {
  send->next = NULL;
  send->prev = list->last;
  *(list->last ? &list->last->next : &list->first) = send;
  list->last = send;
}

void evsi_send_list_remove(evsi_send_list *list, evsi_send *send) {
  *(send->prev ? &send->prev->next : &list->first) = send->next;
  *(send->next ? &send->next->prev : &list->last) = send->prev;
}

void evsi_send_list_restore(evsi_send_list *list, evsi_send *send, evsi_send **hint) {
  evsi_send *after = *hint && (*hint)->sequence < send->sequence ? *hint : NULL;
  evsi_send *before = after ? after->next : list->first;
  while (before && before->sequence < send->sequence) {
    after = before;
    before = before->next;
  }
  send->prev = after;
  send->next = before;
  *(after ? &after->next : &list->first) = send;
  *(before ? &before->prev : &list->last) = send;
  *hint = send;
}

static void on_task(evsi_task *task) {
  evsi_lane_run((evsi_lane *)task);
}

static void on_timer(void *data);

bool evsi_lane_init(evsi_lane *lane, evsi_publisher *publisher, evsi_link *link) {
  const evsi_batching *batching = &publisher->setup.config->publisher.batching;
  lane->task.run = on_task;
  lane->publisher = publisher;
  lane->link = link;
  lane->limit_ms = UINT64_MAX;
  lane->vector_size = batching->enabled ? batching->max_size : VECTOR_MAX;
  pthread_mutex_init(&lane->lock, NULL);
  lane->vector = evsi_calloc(lane->vector_size, sizeof *lane->vector);
  lane->picked = evsi_calloc(lane->vector_size, sizeof *lane->picked);
  lane->batcher = batching->enabled ? evsi_batcher_new(batching) : NULL;
  lane->timer = publisher->setup.env->io->timer_new(publisher->setup.loop, on_timer, lane);
  return lane->timer && lane->vector && lane->picked && (lane->batcher || !batching->enabled);
}

void evsi_lane_destroy(evsi_lane *lane) {
  if (!lane->publisher)
    return;
  lane->publisher->setup.env->io->timer_free(lane->timer);
  evsi_batcher_free(lane->batcher);
  evsi_free(lane->picked);
  evsi_free(lane->vector);
  pthread_mutex_destroy(&lane->lock);
}

void evsi_lane_offer(evsi_lane *lane, evsi_send_list sends) {
  pthread_mutex_lock(&lane->lock);
  while (sends.first) {
    evsi_send *send = sends.first;
    sends.first = send->next;
    evsi_send_list_append(&lane->inbox, send);
  }
  pthread_mutex_unlock(&lane->lock);
  evsi_tasks_post(lane->publisher->setup.tasks, &lane->task);
}

static void note_limit(evsi_lane *lane, const evsi_send *send) {
  if (send->job->deadline_ms < lane->limit_ms)
    lane->limit_ms = send->job->deadline_ms;
}

/* What waits, behind what came earlier. */
static void put(evsi_lane *lane, evsi_send *send, evsi_send **hint) {
  if (!lane->batcher) {
    evsi_send_list_restore(&lane->queue, send, hint);
  } else if (!evsi_batcher_add(lane->batcher, send)) {
    evsi_job_settle(lane->publisher, send,
                    &(evsi_ending){.status = EVS_NOMEM,
                                   .outcome = EVS_OUTCOME_REFUSED,
                                   .message = "out of memory: the event is not stored"});
    evsi_job_release(lane->publisher, send, NULL);
  }
}

static void take_inbox(evsi_lane *lane) {
  pthread_mutex_lock(&lane->lock);
  evsi_send_list inbox = lane->inbox;
  lane->inbox = (evsi_send_list){NULL, NULL};
  pthread_mutex_unlock(&lane->lock);
  evsi_send *hint = lane->queue.last;
  while (inbox.first) {
    evsi_send *send = inbox.first;
    inbox.first = send->next;
    note_limit(lane, send);
    put(lane, send, &hint);
  }
}

static bool has_waiting(const evsi_lane *lane) {
  return lane->batcher ? evsi_batcher_has_waiting(lane->batcher) : lane->queue.first != NULL;
}

static void forget_waiting(evsi_lane *lane, evsi_send *send) {
  if (lane->batcher)
    evsi_batcher_remove(lane->batcher, send);
  else
    evsi_send_list_remove(&lane->queue, send);
}

typedef void (*look_fn)(evsi_lane *lane, evsi_send_list *list, void *data);

/* At every list of sends without an outcome; what waits may be taken out meanwhile. */
static void look_at_all(evsi_lane *lane, look_fn look, void *data) {
  evsi_send_list *list;
  void *cursor = NULL;
  look(lane, &lane->queue, data);
  look(lane, &lane->sent, data);
  while (lane->batcher && (list = evsi_batcher_next_list(lane->batcher, &cursor)))
    look(lane, list, data);
}

/* ---- holding back ------------------------------------------------------------------------------ */

/* The store takes nothing for now. What it refused together counts once. */
static void hold(evsi_lane *lane, const evs_tp_outcome *outcome) {
  const evsi_env *env = lane->publisher->setup.env;
  uint64_t now = evsi_now_ms(env);
  if (lane->is_held && lane->retry_at_ms != UINT64_MAX && lane->retry_at_ms > now)
    return;
  pthread_mutex_lock(&lane->lock);
  if (!lane->is_held) {
    lane->held_since_ms = evsi_wall_ms(env);
    evsi_count(lane->publisher->setup.stats, EVSI_COUNT_HELD_BACK, 1);
  }
  snprintf(lane->held_why, sizeof lane->held_why, "%.*s", (int)outcome->message.size,
           outcome->message.size ? outcome->message.data : "");
  pthread_mutex_unlock(&lane->lock);
  lane->is_held = true;
  lane->retry_at_ms = now + evsi_backoff_delay(env, &hold_policy, ++lane->holds);
}

static void let_go(evsi_lane *lane) {
  if (!lane->is_held)
    return;
  lane->is_held = false;
  lane->holds = 0;
  lane->retry_at_ms = 0;
  pthread_mutex_lock(&lane->lock);
  lane->held_since_ms = 0;
  pthread_mutex_unlock(&lane->lock);
}

/* ---- sending ----------------------------------------------------------------------------------- */

/* Nothing stands in the way of its end. */
static void end(evsi_lane *lane, evsi_send *send, const evsi_ending *ending) {
  bool held = send->sent;
  if (!held)
    forget_waiting(lane, send);
  evsi_job_settle(lane->publisher, send, ending);
  if (!held)
    evsi_job_release(lane->publisher, send, NULL);
}

typedef struct clock_hand {
  uint64_t until; /* deadlines up to then are over */
  uint64_t next;  /* becomes the first of the others */
} clock_hand;

static void expire(evsi_lane *lane, evsi_send_list *list, void *data) {
  char text[384];
  clock_hand *hand = data;
  evsi_send *following;
  for (evsi_send *send = list->first; send; send = following) {
    uint64_t deadline = send->job->deadline_ms;
    following = send->next;
    if (send->settled)
      continue;
    if (deadline > hand->until) {
      hand->next = deadline < hand->next ? deadline : hand->next;
      continue;
    }
    bool unknown = send->sent || send->maybe_stored;
    const char *why = lane->is_held ? lane->held_why : lane->why_not;
    snprintf(text, sizeof text,
             unknown         ? "no answer from transport %s in time%s%s: the event may or may not be stored"
             : lane->is_held ? "transport %s took no events in time%s%s: the event is not stored"
             : lane->connected
                 ? "the turn to go to transport %s did not come in time%s%s: the event is not stored"
                 : "transport %s did not become reachable in time%s%s: the event is not stored",
             lane->link->config->name, why[0] ? "; " : "", why);
    end(lane, send,
        &(evsi_ending){.status = EVS_TIMEOUT,
                       .outcome = unknown ? EVS_OUTCOME_UNKNOWN : EVS_OUTCOME_REFUSED,
                       .message = text});
  }
}

static void abort_list(evsi_lane *lane, evsi_send_list *list, void *data) {
  evsi_send *following;
  for (evsi_send *send = list->first; send; send = following) {
    following = send->next;
    if (send->settled)
      continue;
    bool unknown = send->sent || send->maybe_stored;
    end(lane, send,
        &(evsi_ending){.status = EVS_CLOSED,
                       .outcome = unknown ? EVS_OUTCOME_UNKNOWN : EVS_OUTCOME_REFUSED,
                       .message = data});
  }
}

void evsi_lane_abort(evsi_lane *lane, const char *why) {
  evsi_lane_run(lane);
  look_at_all(lane, abort_list, (void *)why);
}

/* The sends of the next vector. */
static size_t pick(evsi_lane *lane) {
  size_t count = 0, most = lane->is_held ? 1 : lane->vector_size;
  if (lane->batcher)
    return evsi_batcher_take(lane->batcher, lane->picked, most);
  while (count < most && lane->queue.first) {
    lane->picked[count++] = lane->queue.first;
    evsi_send_list_remove(&lane->queue, lane->queue.first);
  }
  return count;
}

static void put_back(evsi_lane *lane, evsi_send *send, evsi_send **hint) {
  note_limit(lane, send);
  if (lane->batcher)
    evsi_batcher_again(lane->batcher, send);
  else
    evsi_send_list_restore(&lane->queue, send, hint);
}

static size_t next_vector(evsi_lane *lane) {
  evsi_publisher *publisher = lane->publisher;
  bool direct = evsi_link_is_direct(lane->link);
  size_t picked = pick(lane), count = 0;
  pthread_mutex_lock(&publisher->lock);
  for (; count < picked; count++) {
    evsi_send *send = lane->picked[count];
    send->event.token = evsi_slots_add(&publisher->sends, send);
    if (send->event.token == 0)
      break;
    if (!direct)
      evsi_send_list_append(&lane->sent, send);
    send->sent = true;
    send->attempts++;
    lane->vector[count] = send->event;
  }
  pthread_mutex_unlock(&publisher->lock);
  evsi_send *hint = NULL;
  for (size_t i = count; i < picked; i++)
    put_back(lane, lane->picked[i], &hint);
  if (count < picked) /* there was no memory for an id: soon there may be */
    lane->retry_at_ms = evsi_now_ms(publisher->setup.env) + MOMENT_MS;
  return count;
}

static void send_queue(evsi_lane *lane) {
  size_t count;
  while (lane->connected && has_waiting(lane) &&
         lane->retry_at_ms <= evsi_now_ms(lane->publisher->setup.env) && (count = next_vector(lane)) > 0) {
    evsi_count_batch(lane->publisher->setup.stats, count);
    if (lane->is_held)
      lane->retry_at_ms = UINT64_MAX; /* its outcome says when to go on */
    lane->link->ops->publish(lane->link->transport, lane->vector, count);
  }
}

/* until: deadlines up to then are over. Sends are many and limits end seldom: only then all are looked at. */
static void run(evsi_lane *lane, uint64_t until) {
  const evsi_env *env = lane->publisher->setup.env;
  uint64_t next = UINT64_MAX;
  take_inbox(lane);
  if (lane->batcher)
    next = evsi_batcher_tick(lane->batcher, evsi_now_ms(env));
  send_queue(lane);
  if (lane->limit_ms <= until) {
    clock_hand hand = {until, UINT64_MAX};
    look_at_all(lane, expire, &hand);
    lane->limit_ms = hand.next;
  }
  uint64_t now = evsi_now_ms(env);
  if (!has_waiting(lane) && !lane->sent.first) {
    let_go(lane); /* nobody waits: the next event finds out */
    lane->limit_ms = UINT64_MAX;
  }
  if (lane->limit_ms < next)
    next = lane->limit_ms;
  if (has_waiting(lane) && lane->connected && lane->retry_at_ms > now && lane->retry_at_ms < next)
    next = lane->retry_at_ms;
  if (next != UINT64_MAX)
    env->io->timer_start(lane->timer, next > now ? next - now : 1);
  else
    env->io->timer_stop(lane->timer);
}

/* Only here deadlines pass: a timer fires when the answers that had arrived were read. */
static void on_timer(void *data) {
  evsi_lane *lane = data;
  run(lane, evsi_now_ms(lane->publisher->setup.env));
}

void evsi_lane_run(evsi_lane *lane) {
  run(lane, 0);
}

void evsi_lane_look(evsi_lane *lane) {
  lane->limit_ms = 0;
  run(lane, 0);
}

void evsi_lane_flush(evsi_lane *lane) {
  take_inbox(lane);
  if (lane->batcher)
    evsi_batcher_flush(lane->batcher);
  evsi_lane_run(lane);
}

void evsi_lane_connected(evsi_lane *lane, bool connected, const char *message) {
  let_go(lane);
  lane->connected = connected;
  lane->retry_at_ms = 0;
  snprintf(lane->why_not, sizeof lane->why_not, "%s", connected ? "" : message);
  evsi_lane_run(lane);
}

bool evsi_lane_is_sending(evsi_lane *lane) {
  take_inbox(lane);
  return lane->sent.first != NULL || (lane->connected && has_waiting(lane));
}

/* ---- outcomes --------------------------------------------------------------------------------- */

static void settle_from(evsi_lane *lane, evsi_send *send, const evs_tp_outcome *outcome,
                        evsi_harvest *harvest) {
  char text[512];
  evsi_ending ending = {.status = outcome->status, .offset = outcome->offset, .harvest = harvest};
  ending.acknowledgement = outcome->acknowledgement;
  if (outcome->status == EVS_OK) {
    if (ending.acknowledgement == 0)
      ending.acknowledgement = EVS_ACKNOWLEDGE_STORED;
    /* Nobody confirmed what was only sent. */
    ending.outcome =
        ending.acknowledgement == EVS_ACKNOWLEDGE_NONE ? EVS_OUTCOME_UNKNOWN : EVS_OUTCOME_STORED;
    /* A repeat of our own is the event itself. */
    ending.is_duplicate = (outcome->flags & EVS_TP_DUPLICATE) && !send->maybe_stored;
  } else {
    bool unknown = send->maybe_stored || !(outcome->flags & EVS_TP_NOT_SENT);
    ending.outcome = unknown ? EVS_OUTCOME_UNKNOWN : EVS_OUTCOME_REFUSED;
    snprintf(text, sizeof text, "%.*s", (int)outcome->message.size,
             outcome->message.size ? outcome->message.data : "");
    ending.message = text;
  }
  evsi_job_settle(lane->publisher, send, &ending);
}

uint64_t evsi_lane_held(evsi_lane *lane, char out_why[256]) {
  pthread_mutex_lock(&lane->lock);
  uint64_t since = lane->held_since_ms;
  memcpy(out_why, lane->held_why, sizeof lane->held_why);
  pthread_mutex_unlock(&lane->lock);
  return since;
}

/* Another attempt, after a delay. */
static void send_again(evsi_lane *lane, evsi_send *send, bool held, evsi_send **hint) {
  evsi_publisher *publisher = lane->publisher;
  evsi_labels labels = evsi_send_labels(send);
  evsi_count(publisher->setup.stats, EVSI_COUNT_SEND_RETRIED, 1);
  evsi_count_labels(&labels, EVSI_LABELED_SEND_RETRIED, 1);
  if (held)
    send->held++;
  else
    lane->retry_at_ms = evsi_now_ms(publisher->setup.env) +
                        evsi_backoff_delay(publisher->setup.env, &publisher->setup.config->publisher.retry,
                                           send->attempts - send->held);
  if (evsi_link_is_direct(lane->link) && !lane->batcher) {
    evsi_send_list one = {NULL, NULL};
    evsi_send_list_append(&one, send);
    evsi_lane_offer(lane, one);
  } else {
    put_back(lane, send, hint);
  }
}

void evsi_lane_outcome(evsi_lane *lane, evsi_send *send, const evs_tp_outcome *outcome,
                       evsi_harvest *harvest) {
  uint32_t max_retries = lane->publisher->setup.config->publisher.retry.max_retries;
  bool direct = evsi_link_is_direct(lane->link);
  bool failed = outcome->status != EVS_OK, held = failed && (outcome->flags & EVS_TP_HELD);
  bool transient = failed && (outcome->flags & EVS_TP_TRANSIENT);
  send->sent = false;
  if (!direct) {
    evsi_send_list_remove(&lane->sent, send);
    if (held)
      hold(lane, outcome);
    else
      let_go(lane);
  }
  if (transient && !(outcome->flags & EVS_TP_NOT_SENT))
    send->maybe_stored = true;
  if (transient && !send->settled && (held || send->attempts - send->held <= max_retries)) {
    send_again(lane, send, held, &harvest->hint);
    return;
  }
  if (lane->batcher)
    evsi_batcher_done(lane->batcher, send);
  if (!send->settled)
    settle_from(lane, send, outcome, harvest);
  evsi_job_release(lane->publisher, send, harvest);
}
