/* SPDX-License-Identifier: MIT
 * consume.c - the engine's life, its subscriptions, and what others may ask of it. */
#include "consume/consume.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json_text.h"
#include "consume/engine.h"

static void on_timer(void *data) {
  evsi_consume_look(data);
}

static void on_send_task(evsi_task *task) {
  evsi_settle_flush((evsi_consume *)((char *)task - offsetof(evsi_consume, send_task)));
}

static void on_lingered(void *data) {
  evsi_settle_flush(data);
}

static void on_timer_task(evsi_task *task) {
  on_timer((char *)task - offsetof(evsi_consume, timer_task));
}

evsi_consume *evsi_consume_new(const evsi_consume_setup *setup) {
  evsi_consume *consume = evsi_calloc(1, sizeof *consume);
  if (!consume)
    return NULL;
  consume->setup = *setup;
  consume->send_task.run = on_send_task;
  consume->timer_task.run = on_timer_task;
  pthread_mutex_init(&consume->lock, NULL);
  evsi_slots_init(&consume->groups_by_token);
  evsi_slots_init(&consume->subscriptions_by_token);
  evsi_slots_init(&consume->deliveries);
  evsi_slots_init(&consume->settlements);
  consume->timer = setup->env->io->timer_new(setup->loop, on_timer, consume);
  consume->linger_timer = setup->env->io->timer_new(setup->loop, on_lingered, consume);
  if (consume->timer && consume->linger_timer)
    return consume;
  evsi_consume_free(consume);
  return NULL;
}

static void free_entries(evsi_consume *consume) {
  uint32_t cursor = 0;
  for (evsi_delivery *each; (each = evsi_slots_next(&consume->deliveries, &cursor));) {
    if (each->is_late)
      evsi_entry_drop(each->entry);
  }
  while (consume->entries) {
    evsi_entry *entry = consume->entries;
    consume->entries = entry->all_next;
    evsi_entry_drop(entry);
  }
}

void evsi_consume_free(evsi_consume *consume) {
  if (!consume)
    return;
  consume->setup.env->io->timer_free(consume->timer);
  consume->setup.env->io->timer_free(consume->linger_timer);
  free_entries(consume);
  while (consume->groups) {
    evsi_group *group = consume->groups;
    consume->groups = group->next;
    evsi_group_drop(group, 1);
  }
  evsi_slots_free(&consume->groups_by_token);
  evsi_slots_free(&consume->subscriptions_by_token);
  evsi_slots_free(&consume->deliveries);
  evsi_slots_free(&consume->settlements);
  evsi_free(consume->by_number);
  pthread_mutex_destroy(&consume->lock);
  evsi_free(consume);
}

void evsi_subscription_drop(evsi_subscription *subscription) {
  if (atomic_fetch_sub(&subscription->holders, 1) > 1)
    return;
  evsi_subscription_options_free(&subscription->options);
  json_decref(subscription->filter);
  evsi_report_free(subscription->ending);
  evsi_free(subscription);
}

/* @locks consume. A number for the matcher: the first free one. */
static bool give_number(evsi_consume *consume, evsi_subscription *subscription) {
  uint32_t number = 0;
  while (number < consume->number_count && consume->by_number[number])
    number++;
  if (number == consume->number_count) {
    evsi_subscription **grown = evsi_realloc(consume->by_number, (number + 1) * sizeof(evsi_subscription *));
    if (!grown)
      return false;
    consume->by_number = grown;
    consume->number_count++;
  }
  consume->by_number[number] = subscription;
  subscription->number = number;
  return true;
}

evsi_origin_rule evsi_subscription_rule(const evsi_consume *consume,
                                        const evsi_subscription_options *options) {
  const evsi_config *config = consume->setup.config;
  return (evsi_origin_rule){.origin_prefix = config->origin_prefix,
                            .origins = (const char *const *)options->origins,
                            .origin_count = options->origin_count,
                            .origins_set = options->origins_set,
                            .extended_types = config->routing.extended_types};
}

/* @locks consume. Is there room for one more pattern? */
static evs_status check_count(const evsi_consume *consume, evs_error **out_error) {
  const evsi_config *config = consume->setup.config;
  uint64_t count = (uint64_t)config->routing.route_count + config->routing.mapping_count + 1;
  for (uint32_t i = 0; i < consume->number_count; i++)
    count += consume->by_number[i] != NULL;
  if (count <= config->limits.patterns)
    return EVS_OK;
  return evsi_error(out_error, EVS_CONFIG, "/pattern",
                    "there are %u patterns already, those of routes and mappings among them, as many as "
                    "limits.patterns allows: raise it, or end other subscriptions first",
                    config->limits.patterns);
}

/* @locks consume */
static evs_status attach(evsi_consume *consume, evsi_subscription *subscription, evs_error **out_error) {
  evsi_origin_rule rule = evsi_subscription_rule(consume, &subscription->options);
  evsi_group *group = evsi_group_find(consume, &subscription->options, out_error);
  if (!group)
    return EVS_NOMEM;
  subscription->group = group;
  evs_status allowed = check_count(consume, out_error);
  if (allowed == EVS_OK)
    allowed = evsi_relax_check(group, subscription, out_error);
  if (allowed != EVS_OK)
    return allowed;
  if (!give_number(consume, subscription))
    return evsi_error_nomem(out_error);
  evs_status status =
      evsi_matcher_add(group->matcher, subscription->pattern, &rule, subscription->number, out_error);
  if (status == EVS_OK && (status = evsi_topics_add(subscription, out_error)) != EVS_OK)
    evsi_matcher_remove(group->matcher, subscription->number);
  subscription->token = status == EVS_OK ? evsi_slots_add(&consume->subscriptions_by_token, subscription) : 0;
  if (subscription->token == 0) {
    if (status == EVS_OK)
      evsi_matcher_remove(group->matcher, subscription->number);
    consume->by_number[subscription->number] = NULL;
    return status == EVS_OK ? evsi_error_nomem(out_error) : status;
  }
  uint32_t ordinal = ++group->next_ordinal;
  if (subscription->options.name)
    snprintf(subscription->name, sizeof subscription->name, "%.191s", subscription->options.name);
  else
    snprintf(subscription->name, sizeof subscription->name, "%.170s#%u", subscription->pattern, ordinal);
  subscription->label =
      evsi_stats_label(consume->setup.stats, EVSI_LABEL_SUBSCRIPTION, evsi_text(subscription->name));
  subscription->told = (evs_message){.struct_size = sizeof subscription->told,
                                     .subscription = subscription->token,
                                     .handler_timeout_ms = subscription->options.handler_timeout_ms,
                                     .transport = evsi_text(group->link->config->name),
                                     .group = evsi_text(group->name),
                                     .consumer = evsi_text(group->consumer),
                                     .pattern = evsi_text(subscription->pattern)};
  subscription->next = group->subscriptions;
  group->subscriptions = subscription;
  evsi_relax_update(group);
  evsi_group_changed(group);
  return EVS_OK;
}

/* @locks consume: a reload replaces the configuration. */
static evs_status read_options(evsi_consume *consume, evsi_subscription *subscription,
                               evs_error **out_error) {
  evsi_origin_rule rule = evsi_subscription_rule(consume, &subscription->options);
  evs_status status = evsi_matcher_normalize(evsi_text(subscription->options.pattern), &rule,
                                             subscription->pattern, out_error);
  const char *filter = subscription->options.filter_json;
  if (status == EVS_OK && filter && !(subscription->filter = evsi_json_load(evsi_text(filter), 0, NULL)))
    status = evsi_error_nomem(out_error);
  const evs_report ending = {.kind = EVS_REPORT_UNSUBSCRIBED};
  if (status == EVS_OK && !(subscription->ending = evsi_report_new(&ending)))
    status = evsi_error_nomem(out_error);
  return status;
}

evs_status evsi_consume_subscribe(evsi_consume *consume, const char *json, size_t size, uint64_t *out_token,
                                  evs_error **out_error) {
  evsi_subscription *subscription = evsi_calloc(1, sizeof *subscription);
  if (!subscription)
    return evsi_error_nomem(out_error);
  atomic_init(&subscription->holders, 1);
  pthread_mutex_lock(&consume->lock);
  evs_status status =
      evsi_subscription_options_load(consume->setup.config, json, size, &subscription->options, out_error);
  if (status != EVS_OK) {
    pthread_mutex_unlock(&consume->lock);
    evsi_free(subscription);
    return status;
  }
  status = read_options(consume, subscription, out_error);
  if (status == EVS_OK)
    status = attach(consume, subscription, out_error);
  evsi_group *group = subscription->group;
  if (status == EVS_OK) {
    *out_token = subscription->token;
    evsi_group_hold(group, 1);
  }
  pthread_mutex_unlock(&consume->lock);
  if (status != EVS_OK) {
    evsi_subscription_drop(subscription);
    return status;
  }
  /* A transport without a store has nothing for latecomers: what is published next must find the group. */
  if (evsi_link_is_direct(group->link))
    evsi_group_apply(group);
  evsi_group_drop(group, 1);
  return EVS_OK;
}

void evsi_consume_reload(evsi_consume *consume, const evsi_config *config) {
  pthread_mutex_lock(&consume->lock);
  consume->setup.config = config;
  for (uint32_t i = 0; i < consume->number_count; i++) {
    evsi_subscription *each = consume->by_number[i];
    if (each && !each->options.has_concurrency)
      each->options.concurrency = config->consumer.concurrency;
  }
  for (evsi_group *group = consume->groups; group; group = group->next) {
    if (!group->is_leaving)
      evsi_group_changed(group);
  }
  pthread_mutex_unlock(&consume->lock);
  evsi_wake_signal(consume->setup.wake, EVSI_WAKE_MESSAGES);
}

/* @locks consume. Hands back what waits in the subscription. */
static void release_queued(evsi_subscription *subscription, evsi_outgoing *outgoing) {
  subscription->references++; /* settling may end the last of the others */
  while (subscription->queue_first) {
    evsi_delivery *delivery = subscription->queue_first;
    evsi_entry *entry = delivery->entry;
    evsi_delivery_unlink(delivery);
    delivery->state = EVSI_DELIVERY_RELEASED;
    if (--entry->open == 0)
      evsi_settle_entry(entry, outgoing);
  }
  subscription->references--;
}

static void forget_subscription(evsi_subscription *subscription) {
  evsi_subscription **link = &subscription->group->subscriptions;
  while (*link != subscription)
    link = &(*link)->next;
  *link = subscription->next;
  subscription->group->consume->by_number[subscription->number] = NULL;
  evsi_group_end_if_over(subscription->group);
  evsi_subscription_drop(subscription);
}

void evsi_subscription_close_if_done(evsi_subscription *subscription) {
  if (!subscription->is_closing || subscription->handed > 0 || subscription->queue_first)
    return;
  if (!subscription->is_closed) {
    subscription->is_closed = true;
    subscription->ending->public.token = subscription->token;
    evsi_records_add(subscription->group->consume->setup.records, subscription->ending);
    subscription->ending = NULL;
  }
  if (subscription->references == 0)
    forget_subscription(subscription);
}

evs_status evsi_consume_unsubscribe(evsi_consume *consume, uint64_t token, evs_error **out_error) {
  evsi_outgoing outgoing = {NULL, NULL};
  pthread_mutex_lock(&consume->lock);
  evsi_subscription *subscription = evsi_slots_remove(&consume->subscriptions_by_token, token);
  if (subscription) {
    subscription->is_closing = true;
    evsi_matcher_remove(subscription->group->matcher, subscription->number);
    evsi_topics_remove(subscription);
    release_queued(subscription, &outgoing);
    evsi_group *group = subscription->group;
    evsi_bundles_begin(group, &outgoing);
    evsi_orders_begin(group, &outgoing);
    evsi_suspects_hand_back(consume, &outgoing);
    evsi_subscription_close_if_done(subscription);
    evsi_group_changed(group);
  }
  pthread_mutex_unlock(&consume->lock);
  evsi_settle_send(consume, &outgoing);
  if (!subscription)
    return evsi_error(out_error, EVS_NOT_FOUND, NULL, "there is no subscription %llu, or it was ended before",
                      (unsigned long long)token);
  return EVS_OK;
}

static bool is_of(const evsi_group *group, const evsi_link *link) {
  return !link || group->link == link;
}

bool evsi_consume_ready(evsi_consume *consume, const evsi_link *link) {
  bool ready = true;
  pthread_mutex_lock(&consume->lock);
  for (evsi_group *group = consume->groups; group; group = group->next)
    ready = ready &&
            (!is_of(group, link) || evsi_link_is_off(group->link) || group->is_leaving || group->is_joined);
  pthread_mutex_unlock(&consume->lock);
  return ready;
}

bool evsi_consume_idle(evsi_consume *consume, const evsi_link *link) {
  bool idle = true;
  pthread_mutex_lock(&consume->lock);
  for (const evsi_entry *each = consume->entries; each && idle; each = each->all_next)
    idle = !is_of(each->group, link);
  pthread_mutex_unlock(&consume->lock);
  return idle;
}

bool evsi_consume_drained(evsi_consume *consume) {
  pthread_mutex_lock(&consume->lock);
  bool drained = !consume->entries;
  for (const evsi_group *group = consume->groups; group && drained; group = group->next)
    drained = !group->must_resume;
  pthread_mutex_unlock(&consume->lock);
  return drained;
}

uint64_t evsi_consume_released(evsi_consume *consume) {
  pthread_mutex_lock(&consume->lock);
  uint64_t released = consume->released;
  pthread_mutex_unlock(&consume->lock);
  return released;
}

void evsi_consume_stop(evsi_consume *consume) {
  evsi_outgoing outgoing = {NULL, NULL};
  evsi_settle_flush(consume); /* what was acknowledged before the end */
  pthread_mutex_lock(&consume->lock);
  consume->stopping = true;
  for (uint32_t i = 0; i < consume->number_count; i++) {
    if (consume->by_number[i])
      release_queued(consume->by_number[i], &outgoing);
  }
  for (evsi_group *group = consume->groups; group; group = group->next) {
    evsi_bundles_begin(group, &outgoing);
    evsi_orders_begin(group, &outgoing);
  }
  evsi_suspects_hand_back(consume, &outgoing);
  pthread_mutex_unlock(&consume->lock);
  evsi_settle_send(consume, &outgoing);
}

/* @locks consume. What the host has may end; what waits goes back, since the group begins nothing now. */
static void release_waiting(evsi_group *group, evsi_outgoing *outgoing) {
  for (evsi_subscription *each = group->subscriptions; each; each = each->next)
    release_queued(each, outgoing);
  evsi_bundles_begin(group, outgoing);
  evsi_orders_begin(group, outgoing);
}

void evsi_consume_end(evsi_consume *consume, const evsi_link *link) {
  evsi_outgoing outgoing = {NULL, NULL};
  evsi_settle_flush(consume);
  pthread_mutex_lock(&consume->lock);
  for (evsi_group *group = consume->groups; group; group = group->next) {
    if (group->link != link)
      continue;
    group->is_joined = false;
    release_waiting(group, &outgoing);
  }
  evsi_suspects_hand_back(consume, &outgoing);
  pthread_mutex_unlock(&consume->lock);
  evsi_settle_send(consume, &outgoing);
}

void evsi_consume_paused(evsi_consume *consume, uint64_t token, bool is_paused) {
  evsi_outgoing outgoing = {NULL, NULL};
  pthread_mutex_lock(&consume->lock);
  evsi_group *group = evsi_slots_get(&consume->groups_by_token, token);
  if (group)
    group->is_paused = is_paused;
  if (group && is_paused) {
    release_waiting(group, &outgoing);
  } else if (group) {
    evsi_bundles_begin(group, &outgoing);
    evsi_orders_begin(group, &outgoing);
  }
  evsi_suspects_hand_back(consume, &outgoing);
  pthread_mutex_unlock(&consume->lock);
  evsi_settle_send(consume, &outgoing);
}

uint64_t evsi_consume_abandon(evsi_consume *consume, const evsi_link *link) {
  evsi_outgoing outgoing = {NULL, NULL};
  uint64_t abandoned = 0;
  uint32_t cursor = 0;
  pthread_mutex_lock(&consume->lock);
  for (evsi_delivery *each; (each = evsi_slots_next(&consume->deliveries, &cursor));) {
    if (each->is_late || !is_of(each->entry->group, link))
      continue;
    each->is_late = true;
    each->late_state = EVSI_DELIVERY_RELEASED;
    consume->running--;
    evsi_entry_hold(each->entry);
    abandoned++;
    if (--each->entry->open == 0)
      evsi_settle_entry(each->entry, &outgoing);
  }
  pthread_mutex_unlock(&consume->lock);
  evsi_settle_send(consume, &outgoing);
  return abandoned;
}

static void add_origins(const evsi_subscription_options *options, evsi_buf *out) {
  evsi_buf_add_text(out, options->origins_set ? ",\"origins\":[" : ",\"origins\":null");
  for (uint32_t i = 0; i < options->origin_count; i++) {
    evsi_buf_add_text(out, i ? "," : "");
    evsi_buf_add_json(out, options->origins[i], strlen(options->origins[i]));
  }
  evsi_buf_add_text(out, options->origins_set ? "]" : "");
}

void evsi_consume_json(evsi_consume *consume, evsi_buf *out) {
  const char *comma = "";
  pthread_mutex_lock(&consume->lock);
  evsi_buf_add_text(out, "\"subscriptions\":[");
  for (uint32_t i = 0; i < consume->number_count; i++) {
    const evsi_subscription *each = consume->by_number[i];
    if (!each || each->is_closing)
      continue;
    evsi_buf_addf(out, "%s{\"name\":", comma);
    evsi_buf_add_json(out, each->name, strlen(each->name));
    evsi_buf_add_text(out, ",\"pattern\":");
    evsi_buf_add_json(out, each->pattern, strlen(each->pattern));
    evsi_buf_add_text(out, ",\"group\":");
    evsi_buf_add_json(out, each->group->name, strlen(each->group->name));
    evsi_buf_add_text(out, ",\"transport\":");
    evsi_buf_add_json(out, each->group->link->config->name, strlen(each->group->link->config->name));
    add_origins(&each->options, out);
    evsi_buf_addf(out, ",\"filter\":%s", each->options.filter_json ? each->options.filter_json : "null");
    evsi_buf_addf(out, ",\"paused\":%s", each->group->is_paused ? "true" : "false");
    evsi_buf_addf(out, ",\"queued\":%u,\"inFlight\":%u,\"handled\":%llu,\"failed\":%llu,\"groupHeld\":%llu}",
                  each->queued, each->handed,
                  (unsigned long long)(each->label ? each->label->counts[EVSI_LABELED_HANDLED] : 0),
                  (unsigned long long)(each->label ? each->label->counts[EVSI_LABELED_FAILED] : 0),
                  (unsigned long long)each->group->held);
    comma = ",";
  }
  evsi_buf_add_text(out, "]");
  pthread_mutex_unlock(&consume->lock);
}

typedef struct question {
  const evsi_envelope *event;
  evsi_headers *headers;
  evsi_buf *out;
  const char *comma;
} question;

static void explain_one(question *q, const evsi_subscription *subscription, bool is_undecided) {
  if (q->headers && !evsi_header_filter_takes(subscription->filter, q->event, q->headers))
    return;
  evsi_buf_addf(q->out, "%s{\"name\":", q->comma);
  evsi_buf_add_json(q->out, subscription->name, strlen(subscription->name));
  evsi_buf_add_text(q->out, ",\"group\":");
  evsi_buf_add_json(q->out, subscription->group->name, strlen(subscription->group->name));
  if (subscription->options.filter_json && !q->headers)
    evsi_buf_addf(q->out, ",\"filter\":%s", subscription->options.filter_json);
  evsi_buf_add_text(q->out, is_undecided ? ",\"undecided\":true}" : "}");
  q->comma = ",";
}

void evsi_consume_explain(evsi_consume *consume, const evsi_envelope *event, evsi_headers *headers,
                          evsi_buf *out) {
  enum { TOLD_MAX = 64 };
  question q = {event, headers, out, ""};
  pthread_mutex_lock(&consume->lock);
  for (evsi_group *group = consume->groups; group; group = group->next) {
    uint32_t numbers[TOLD_MAX];
    bool filtered;
    uint32_t count =
        evsi_matcher_match(group->matcher, event->origin_prefix, event->type, numbers, TOLD_MAX, &filtered);
    for (uint32_t i = 0; i < count && i < TOLD_MAX; i++)
      explain_one(&q, consume->by_number[numbers[i]], false);
    count = evsi_matcher_undecided(group->matcher, event->origin_prefix, event->type, numbers, TOLD_MAX);
    for (uint32_t i = 0; i < count && i < TOLD_MAX; i++)
      explain_one(&q, consume->by_number[numbers[i]], true);
  }
  pthread_mutex_unlock(&consume->lock);
}
