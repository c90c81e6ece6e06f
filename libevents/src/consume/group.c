/* SPDX-License-Identifier: MIT
 * group.c - consumer groups and their subscriptions: register, tell the transport, give credits, close. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json_text.h"
#include "consume/engine.h"

enum { TOPICS_MAX = 4096, AGAIN_MS = 100 };

/* Service, host, process and a random part: unique among the members of a group. */
static char *default_consumer(const evsi_consume *consume) {
  char host[65] = "host";
  uint32_t random = 0;
  char text[256];
  gethostname(host, sizeof host - 1);
  consume->setup.env->random(&random, sizeof random);
  snprintf(text, sizeof text, "%.100s-%.64s-%d-%08x", consume->setup.config->service, host, (int)getpid(),
           random);
  return evsi_strdup(text);
}

static void on_group_task(evsi_task *task);

static bool is_same(const char *a, const char *b) {
  return a && b ? strcmp(a, b) == 0 : a == b;
}

evsi_group *evsi_group_find(evsi_consume *consume, const evsi_subscription_options *options,
                            evs_error **out_error) {
  evsi_link *link = &consume->setup.links[options->transport];
  for (evsi_group *group = consume->groups; group; group = group->next) {
    if (group->link == link && !group->is_leaving && strcmp(group->name, options->group) == 0 &&
        is_same(group->replay, options->replay))
      return group;
  }
  evsi_group *group = evsi_calloc(1, sizeof *group);
  if (group) {
    group->task.run = on_group_task;
    atomic_init(&group->holders, 1);
    group->consume = consume;
    group->link = link;
    group->labels.transport =
        evsi_stats_label(consume->setup.stats, EVSI_LABEL_TRANSPORT, evsi_text(link->config->name));
    group->name = evsi_strdup(options->group);
    group->replay = options->replay ? evsi_strdup(options->replay) : NULL;
    const char *consumer = options->consumer ? options->consumer : link->config->consumer_id;
    group->consumer = consumer ? evsi_strdup(consumer) : default_consumer(consume);
    group->matcher = evsi_matcher_new();
    group->kind = evsi_kind_new();
    group->token = evsi_slots_add(&consume->groups_by_token, group);
    bool has_texts = group->name && group->consumer && (group->replay || !options->replay);
    if (has_texts && group->matcher && group->kind && group->token) {
      group->next = consume->groups;
      consume->groups = group;
      return group;
    }
    evsi_slots_remove(&consume->groups_by_token, group->token);
    evsi_group_drop(group, 1);
  }
  evsi_error_nomem(out_error);
  return NULL;
}

void evsi_group_hold(evsi_group *group, uint32_t times) {
  atomic_fetch_add(&group->holders, times);
}

void evsi_group_drop(evsi_group *group, uint32_t times) {
  if (times == 0 || atomic_fetch_sub(&group->holders, times) > times)
    return;
  while (group->subscriptions) {
    evsi_subscription *subscription = group->subscriptions;
    group->subscriptions = subscription->next;
    evsi_subscription_drop(subscription);
  }
  evsi_memberships_free(group);
  evsi_orders_free(group);
  evsi_matcher_free(group->matcher);
  evsi_matcher_free(group->searching);
  evsi_free(group->kind);
  evsi_free(group->name);
  evsi_free(group->replay);
  evsi_free(group->consumer);
  evsi_free(group);
}

void evsi_group_changed(evsi_group *group) {
  bool any = false;
  for (evsi_subscription *each = group->subscriptions; each; each = each->next)
    any = any || !each->is_closing;
  group->must_join = any && !group->is_leaving;
  group->must_leave = !any && group->consume->started;
  evsi_tasks_post(group->consume->setup.tasks, &group->task);
}

/* Writes a type whose route says where to read. In the plain layout that holds for patterns too: services
 * that register nothing share its streams, and groups that read others than they handle would take from them.
 */
static bool type_of(const evsi_group *group, const char *pattern, char out[2 * EVSI_PATTERN_MAX]) {
  if (strchr(pattern, '*') && !group->link->config->is_plain)
    return false;
  return evsi_pattern_sample(pattern, out);
}

static void add_topic(evs_bytes *topics, uint64_t *count, const char *topic) {
  evs_bytes text = evsi_text(topic);
  for (uint64_t i = 0; i < *count; i++) {
    if (evsi_bytes_equal(topics[i], text))
      return;
  }
  if (*count < TOPICS_MAX)
    topics[(*count)++] = text;
}

/* What a transport needs to know of a group, with the memory that it points into. */
typedef struct group_spec {
  evs_tp_group spec;
  evs_bytes *topics;
  char (*exact)[201]; /* topics by route */
  int32_t *partitions;
  char *subscriptions;
} group_spec;

static json_t *topics_json(const evsi_subscription_options *options) {
  json_t *topics = json_array();
  for (uint32_t i = 0; i < options->topic_count; i++)
    json_array_append_new(topics, json_string(options->topics[i]));
  return topics;
}

static json_t *subscriptions_json(const evsi_group *group) {
  const evsi_config *config = group->consume->setup.config;
  json_t *list = json_array();
  for (evsi_subscription *each = group->subscriptions; each; each = each->next) {
    if (each->is_closing)
      continue;
    json_t *item = json_pack("{s:s,s:s}", "pattern", each->pattern, "originPrefix", config->origin_prefix);
    if (each->options.partition != EVS_PARTITION_NONE)
      json_object_set_new(item, "partition", json_integer(each->options.partition));
    if (each->filter)
      json_object_set(item, "filter", each->filter);
    if (each->options.topic_count > 0)
      json_object_set_new(item, "topics", topics_json(&each->options));
    if (each->options.origins_set) {
      json_t *origins = json_array();
      for (uint32_t i = 0; i < each->options.origin_count; i++)
        json_array_append_new(origins, json_string(each->options.origins[i]));
      json_object_set_new(item, "origins", origins);
    }
    json_array_append_new(list, item);
  }
  return list;
}

/* Of two places where subscriptions of a group want it to begin, the earlier one: all are digits, or digits
 * and a number behind a dash. */
static bool is_earlier(const char *a, evs_bytes b) {
  char *end_a, *end_b;
  unsigned long long ms_a = strtoull(a, &end_a, 10), ms_b = b.size ? strtoull(b.data, &end_b, 10) : 0;
  if (b.size == 0 || ms_a != ms_b)
    return b.size == 0 || ms_a < ms_b;
  return (*end_a ? strtoull(end_a + 1, NULL, 10) : 0) < (*end_b ? strtoull(end_b + 1, NULL, 10) : 0);
}

/* Partitions that are read: those that are named, unless a subscription takes all. */
static void fill_partitions(const evsi_group *group, group_spec *out) {
  out->spec.partitions = out->partitions;
  for (const evsi_subscription *each = group->subscriptions; each; each = each->next) {
    if (each->is_closing)
      continue;
    if (each->options.partition == EVS_PARTITION_NONE) {
      out->spec.partitions = NULL;
      out->spec.partition_count = 0;
      return;
    }
    out->partitions[out->spec.partition_count++] = each->options.partition;
  }
}

/* @locks consume */
static void fill_topics(evsi_group *group, group_spec *out) {
  evsi_consume *consume = group->consume;
  uint32_t exact = 0;
  char type[2 * EVSI_PATTERN_MAX];
  for (evsi_subscription *each = group->subscriptions; each; each = each->next) {
    if (each->is_closing)
      continue;
    const evsi_subscription_options *options = &each->options;
    out->spec.prefetch = options->prefetch > out->spec.prefetch ? options->prefetch : out->spec.prefetch;
    out->spec.from_new = out->spec.from_new || options->from_new;
    if (options->from && is_earlier(options->from, out->spec.from))
      out->spec.from = evsi_text(options->from);
    for (uint32_t i = 0; i < options->topic_count; i++)
      add_topic(out->topics, &out->spec.topic_count, options->topics[i]);
    if (options->topic_count > 0)
      continue;
    /* The route of this process says where a type goes; others may route it elsewhere, so the topics known
     * to hold it are read as well. */
    out->spec.discover = 1;
    if (!type_of(group, each->pattern, type))
      continue;
    consume->setup.topic_of(consume->setup.data, type, out->exact[exact]);
    if (out->exact[exact][0])
      add_topic(out->topics, &out->spec.topic_count, out->exact[exact++]);
  }
}

/* @locks consume */
static bool build_spec(evsi_group *group, group_spec *out) {
  size_t count = 0;
  memset(out, 0, sizeof *out);
  for (evsi_subscription *each = group->subscriptions; each; each = each->next)
    count += 1 + each->options.topic_count;
  json_t *list = subscriptions_json(group);
  out->topics = evsi_calloc(count + 1, sizeof *out->topics);
  out->exact = evsi_calloc(count + 1, sizeof *out->exact);
  out->partitions = evsi_calloc(count + 1, sizeof *out->partitions);
  out->subscriptions = list ? evsi_json_text(list) : NULL;
  json_decref(list);
  if (!out->topics || !out->exact || !out->partitions || !out->subscriptions)
    return false;
  out->spec.struct_size = sizeof out->spec;
  out->spec.group = group->token;
  out->spec.name = evsi_text(group->name);
  out->spec.consumer = evsi_text(group->consumer);
  out->spec.replay = evsi_text(group->replay);
  out->spec.topics = out->topics;
  out->spec.subscriptions = evsi_text(out->subscriptions);
  out->spec.is_relaxed = group->is_relaxed;
  fill_topics(group, out);
  fill_partitions(group, out);
  return true;
}

static void join(evsi_group *group) {
  group_spec spec;
  pthread_mutex_lock(&group->consume->lock);
  bool ok = build_spec(group, &spec);
  pthread_mutex_unlock(&group->consume->lock);
  if (ok)
    group->link->ops->join(group->link->transport, &spec.spec);
  else
    evsi_consume_again(group->consume, group->token);
  evsi_free(spec.topics);
  evsi_free(spec.exact);
  evsi_free(spec.partitions);
  evsi_free(spec.subscriptions);
}

/* @locks consume. Has its transport let go of it, and is nothing of it left here? */
static bool is_over(const evsi_group *group) {
  return group->has_left && group->held == 0 && !group->subscriptions;
}

void evsi_group_end_if_over(evsi_group *group) {
  if (is_over(group))
    evsi_tasks_post(group->consume->setup.tasks, &group->task);
}

/* @locks consume */
static void unlink_group(evsi_group *group) {
  evsi_group **link = &group->consume->groups;
  while (*link != group)
    link = &(*link)->next;
  *link = group->next;
  evsi_slots_remove(&group->consume->groups_by_token, group->token);
}

/* Who posts finds the group under the lock: once it is unlinked, its task is not posted again. */
static void on_group_task(evsi_task *task) {
  evsi_group *group = (evsi_group *)task;
  pthread_mutex_lock(&group->consume->lock);
  bool ends = is_over(group) && !task->posted;
  if (ends)
    unlink_group(group);
  pthread_mutex_unlock(&group->consume->lock);
  if (ends)
    evsi_group_drop(group, 1);
  else
    evsi_group_apply(group);
}

void evsi_group_apply(evsi_group *group) {
  evsi_consume *consume = group->consume;
  pthread_mutex_lock(&consume->lock);
  bool is_open = evsi_link_is_open(group->link);
  bool must_join = consume->started && group->must_join && is_open;
  bool must_leave = group->must_leave && !group->is_leaving;
  bool must_resume = group->must_resume && !group->is_leaving && is_open;
  if (must_join)
    group->must_join = false;
  group->must_resume = false;
  if (must_leave) {
    group->must_leave = false;
    group->is_leaving = true;
  }
  pthread_mutex_unlock(&consume->lock);
  if (!is_open)
    return; /* who closed has left, and joins anew */
  evsi_recalls_send(group);
  if (must_leave)
    group->link->ops->leave(group->link->transport, group->token);
  else if (must_join)
    join(group);
  else if (must_resume)
    group->link->ops->resume(group->link->transport, group->token);
}

void evsi_consume_start(evsi_consume *consume, uint32_t link) {
  pthread_mutex_lock(&consume->lock);
  consume->started = true;
  for (evsi_group *group = consume->groups; group; group = group->next) {
    if (group->link->index == link)
      evsi_group_changed(group);
  }
  pthread_mutex_unlock(&consume->lock);
}

static void forget_deliveries(const evsi_entry *entry) {
  for (uint32_t i = 0; i < entry->delivery_count; i++) {
    evsi_subscription *subscription = entry->deliveries[i].subscription;
    subscription->references--;
    evsi_subscription_close_if_done(subscription);
  }
}

/* Half of the prefetch free again, so that a transport reads in batches and not entry by entry. */
void evsi_entry_finished(evsi_entry *entry) {
  evsi_group *group = entry->group;
  evsi_consume *consume = group->consume;
  *(entry->all_prev ? &entry->all_prev->all_next : &consume->entries) = entry->all_next;
  if (entry->all_next)
    entry->all_next->all_prev = entry->all_prev;
  evsi_slots_remove(&consume->settlements, entry->token);
  evsi_suspect_forget(entry);
  group->held -= entry->events;
  group->held_bytes -= entry->cost;
  if (group->starved && group->held * 2 <= evsi_group_prefetch(group)) {
    group->starved = false;
    group->must_resume = true;
    evsi_tasks_post(consume->setup.tasks, &group->task);
  }
  if (entry->lane)
    evsi_order_forget(entry);
  forget_deliveries(entry);
  for (uint32_t i = 0; entry->bundle && i < entry->bundle->count; i++) {
    if (entry->bundle->parts[i].event)
      forget_deliveries(entry->bundle->parts[i].event);
  }
  evsi_group_end_if_over(group);
  evsi_entry_drop(entry);
}

uint32_t evsi_group_prefetch(const evsi_group *group) {
  uint32_t prefetch = 1;
  for (const evsi_subscription *each = group->subscriptions; each; each = each->next) {
    if (!each->is_closing && each->options.prefetch > prefetch)
      prefetch = each->options.prefetch;
  }
  return prefetch;
}

bool evsi_group_is_ending(const evsi_group *group) {
  return group->consume->stopping || group->is_leaving || evsi_link_is_off(group->link);
}

bool evsi_group_may_begin(const evsi_group *group) {
  bool any = false;
  for (const evsi_subscription *each = group->subscriptions; each && !any; each = each->next)
    any = !each->is_closing;
  return any && !evsi_group_is_ending(group) && !group->is_paused;
}

uint32_t evsi_consume_credits(evsi_consume *consume, uint64_t token) {
  uint32_t credits = 0;
  pthread_mutex_lock(&consume->lock);
  evsi_group *group = evsi_slots_get(&consume->groups_by_token, token);
  if (group && !evsi_group_is_ending(group)) {
    uint32_t prefetch = evsi_group_prefetch(group);
    uint32_t each = group->events_each > 0 ? group->events_each : 1;
    bool has_bytes = group->held_bytes < consume->setup.config->consumer.prefetch_bytes;
    /* Entries are asked for and events are held: what comes next is taken to be as full as what came last. */
    if (has_bytes && group->held < prefetch)
      credits = (prefetch - (uint32_t)group->held + each - 1) / each;
    group->starved = credits == 0;
  }
  pthread_mutex_unlock(&consume->lock);
  return credits;
}

/* @locks consume. Has it a subscription that no route leads to a topic? */
static bool is_open(const evsi_group *group) {
  char type[2 * EVSI_PATTERN_MAX];
  for (const evsi_subscription *each = group->subscriptions; each; each = each->next) {
    if (!each->is_closing && each->options.topic_count == 0 && !evsi_pattern_sample(each->pattern, type))
      return true;
  }
  return false;
}

bool evsi_consume_wants(evsi_consume *consume, uint64_t token, evs_bytes topic, evs_bytes full_type) {
  pthread_mutex_lock(&consume->lock);
  const evsi_group *group = evsi_slots_get(&consume->groups_by_token, token);
  bool wants = group && (full_type.size == 0 ? is_open(group) : evsi_topics_want(group, topic, full_type));
  pthread_mutex_unlock(&consume->lock);
  return wants;
}

void evsi_consume_joined(evsi_consume *consume, uint64_t token) {
  pthread_mutex_lock(&consume->lock);
  evsi_group *group = evsi_slots_get(&consume->groups_by_token, token);
  if (group)
    group->is_joined = true;
  pthread_mutex_unlock(&consume->lock);
}

void evsi_consume_again(evsi_consume *consume, uint64_t token) {
  pthread_mutex_lock(&consume->lock);
  evsi_group *group = evsi_slots_get(&consume->groups_by_token, token);
  if (group) {
    group->is_unheard = true;
    group->refusals++;
    evsi_group_try_again(group);
  }
  pthread_mutex_unlock(&consume->lock);
}

void evsi_group_try_again(evsi_group *group) {
  group->again_us = evsi_now_us(group->consume->setup.env) + AGAIN_MS * UINT64_C(1000);
  evsi_timer_arm(group->consume, group->again_us);
  evsi_consume_log(group->consume, EVSI_LOG_ERROR, "out of memory: a group goes on a little later",
                   (evsi_log_field[]){{"group", evsi_text(group->name)}, {NULL}});
}

static void try_again(evsi_group *group, evsi_outgoing *outgoing) {
  group->again_us = 0;
  if (group->is_unheard) {
    group->is_unheard = group->is_leaving = false;
    group->must_resume = true;
    evsi_group_changed(group);
  }
  evsi_unsettled_send(group, outgoing);
  evsi_orders_begin(group, outgoing);
}

uint64_t evsi_groups_try_again(evsi_consume *consume, uint64_t now_us, evsi_outgoing *outgoing) {
  uint64_t next = 0;
  for (evsi_group *group = consume->groups; group; group = group->next) {
    if (group->again_us != 0 && group->again_us <= now_us)
      try_again(group, outgoing);
    if (group->again_us != 0 && (next == 0 || group->again_us < next))
      next = group->again_us;
  }
  return next;
}

void evsi_consume_left(evsi_consume *consume, uint64_t token) {
  pthread_mutex_lock(&consume->lock);
  evsi_group *group = evsi_slots_get(&consume->groups_by_token, token);
  if (group) {
    group->has_left = true;
    evsi_group_end_if_over(group);
  }
  pthread_mutex_unlock(&consume->lock);
}
