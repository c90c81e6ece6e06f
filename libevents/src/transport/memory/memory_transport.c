/* SPDX-License-Identifier: MIT
 * memory_transport.c - the memory transport behind the transport interface: publishing queues and delivers
 * on the publisher's thread; parked entries come back by a timer. */
#include "transport/memory/memory_transport.h"

#include <jansson.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json_text.h"
#include "transport/memory/memory_bus.h"

enum { DEFAULT_MAX_QUEUE = 100000 };

static void on_timer(void *data);
static bool forget_if_done(memory_group *group, const evs_transport *transport, uint64_t token);

static void on_timer_task(evsi_task *task) {
  on_timer((char *)task - offsetof(evs_transport, timer_task));
}

static void destroy(evs_transport *transport) {
  if (!transport)
    return;
  transport->world.env->io->timer_free(transport->timer);
  evsi_memory_bus_drop(transport->bus);
  evsi_memory_rehearsal_free(&transport->rehearsal);
  evsi_free(transport->name);
  evsi_free(transport);
}

static evs_status create(const evs_host_ops *ops, evs_host *host, const void *env, const char *name,
                         const char *config_json, size_t config_size, evs_transport **out_transport,
                         evs_error **out_error) {
  json_t *config = evsi_json_load(evsi_bytes(config_json, config_size), 0, NULL);
  const char *bus_name = json_string_value(json_object_get(config, "name"));
  json_int_t max_queue = json_integer_value(json_object_get(config, "maxQueue"));
  evs_transport *transport = config ? evsi_calloc(1, sizeof *transport) : NULL;
  if (transport) {
    transport->ops = ops;
    transport->host = host;
    transport->world = *(const evsi_world *)env;
    transport->timer_task.run = on_timer_task;
    transport->max_queue = max_queue > 0 ? (size_t)max_queue : DEFAULT_MAX_QUEUE;
    transport->name = evsi_strdup(name);
    transport->bus = evsi_memory_bus_hold(bus_name);
    transport->is_rehearsal = transport->world.env->held != NULL;
    pthread_mutex_init(&transport->rehearsal.lock, NULL);
    transport->timer = transport->world.env->io->timer_new(transport->world.loop, on_timer, transport);
  }
  json_decref(config);
  if (!transport || !transport->name || !transport->bus || !transport->timer) {
    destroy(transport);
    return evsi_error_nomem(out_error);
  }
  *out_transport = transport;
  return EVS_OK;
}

static void connect_bus(evs_transport *transport) {
  transport->is_connected = true;
  transport->ops->state(transport->host, 1, 0, evsi_text("connected"), 0);
}

/* @locks bus. The member that takes an entry: one with credits whose subscriptions match; when none
 * matches any member, which then decides that it is unmatched. NULL: wait for credits. */
static memory_member *choose_any(memory_group *group, const memory_event *event, memory_member **rotation) {
  memory_member *fallback = NULL;
  bool someone_wants = false;
  memory_member *start = *rotation ? *rotation : group->members;
  memory_member *each = start;
  for (; each; each = each->next ? each->next : group->members) {
    bool wants =
        !each->is_leaving && evsi_scope_partitions_have(&each->partitions, event->partition) &&
        each->transport->ops->wants(each->transport->host, each->token, event->topic, event->full_type);
    bool has_credit =
        !each->is_leaving && each->transport->ops->credits(each->transport->host, each->token) > 0;
    someone_wants = someone_wants || wants;
    if (wants && has_credit) {
      *rotation = each->next;
      return each;
    }
    if (has_credit && !fallback)
      fallback = each;
    if ((each->next ? each->next : group->members) == start)
      break;
  }
  return someone_wants ? NULL : fallback;
}

/* @locks bus */
static memory_member *choose(memory_group *group, const memory_event *event, memory_member **rotation) {
  memory_member *chosen = choose_any(group, event, rotation);
  return event->ordering == EVS_ORDER_NONE ? chosen : evsi_memory_order_choose(group, event, chosen);
}

/* @locks bus. False: memory is short. */
static bool take(memory_group *group, memory_member *member, uint64_t now_ms, memory_handful *out) {
  memory_entry *entry = group->first;
  memory_event *event = entry->event;
  group->first = entry->next;
  if (!group->first)
    group->last = NULL;
  group->waiting--;
  entry->sequence = event->sequence;
  bool is_held = evsi_memory_hold(group, entry);
  char *state = entry->state ? evsi_strdup(entry->state) : NULL;
  if (!is_held || (entry->state && !state)) {
    evsi_free(state);
    if (is_held)
      HASH_DEL(group->held, entry);
    evsi_memory_put_off(group, entry, member->transport);
    return false;
  }
  if (event->ordering != EVS_ORDER_NONE)
    evsi_memory_order_choose(group, event, member); /* whoever joins next finds it taken */
  entry->deliveries++;
  entry->member = member->transport;
  entry->token = member->token;
  event->holders++; /* until it was delivered */
  out->events[out->count] = event;
  out->states[out->count] = state; /* a copy: the entry's own may change as soon as the lock is released */
  out->entries[out->count] = (evs_tp_entry){.struct_size = sizeof(evs_tp_entry),
                                            .partition = event->partition,
                                            .deliveries = entry->deliveries,
                                            .topic = event->topic,
                                            .offset = evsi_text(event->offset),
                                            .data = event->data,
                                            .parcel = event->parcel,
                                            .raw = event->raw,
                                            .state = evsi_text(out->states[out->count]),
                                            .ordering = event->ordering};
  entry->is_early = entry->due_ms > now_ms;
  if (entry->is_early)
    out->entries[out->count].wait_ms = entry->due_ms - now_ms;
  out->count++;
  return true;
}

/* @locks bus. Fills a handful for one member; false when nothing can be delivered now. */
static bool next_handful(memory_bus *bus, memory_handful *out) {
  out->count = 0;
  memory_member *untold = evsi_memory_untold(bus, &out->is_paused);
  out->is_news = untold != NULL;
  if (untold) {
    out->transport = untold->transport;
    out->token = untold->token;
    return true;
  }
  for (memory_group *group = bus->groups; group; group = group->next) {
    memory_member *rotation = NULL;
    memory_member *member = group->first && !group->paused && group->short_ms == 0
                                ? choose(group, group->first->event, &rotation)
                                : NULL;
    if (!member)
      continue;
    out->transport = member->transport;
    out->token = member->token;
    uint32_t credits = member->transport->ops->credits(member->transport->host, member->token);
    uint64_t now = evsi_now_ms(member->transport->world.env);
    while (group->first && out->count < EVSI_MEMORY_DELIVER_MAX && out->count < credits &&
           (out->count == 0 || !group->members->next) && take(group, member, now, out)) {
    }
    if (out->count == 0)
      continue;
    /* The next round of this group starts with another member. */
    if (group->members->next && group->members == member) {
      group->members = member->next;
      memory_member *last = group->members;
      while (last->next)
        last = last->next;
      last->next = member;
      member->next = NULL;
    }
    return true;
  }
  return false;
}

/* The host had no memory for these, from the first on. */
static void take_back(memory_bus *bus, const memory_handful *from, size_t first) {
  bool left = false;
  pthread_mutex_lock(&bus->lock);
  for (memory_group *group = bus->groups; group; group = group->next) {
    if (!evsi_memory_member(group, from->transport, from->token))
      continue;
    for (size_t i = first; i < from->count; i++) {
      memory_entry *entry = evsi_memory_held(group, from->events[i]->sequence);
      if (!entry || !evsi_memory_has(from->transport, from->token, entry))
        continue;
      HASH_DEL(group->held, entry);
      entry->deliveries--;
      evsi_memory_put_off(group, entry, from->transport);
    }
    left = forget_if_done(group, from->transport, from->token);
  }
  pthread_mutex_unlock(&bus->lock);
  if (left)
    from->transport->ops->left(from->transport->host, from->token);
}

static void hand_out(memory_bus *bus, const memory_handful *one) {
  evs_transport *transport = one->transport;
  if (one->is_news) {
    transport->ops->paused(transport->host, one->token, one->is_paused);
    return;
  }
  size_t taken = transport->ops->deliver(transport->host, one->token, one->entries, one->count);
  if (taken < one->count)
    take_back(bus, one, taken);
}

/* Delivers all that can be; any thread, without a lock. One thread at a time does it, so that the order of
 * a queue is kept; the others leave a note. */
void evsi_memory_pump(memory_bus *bus) {
  memory_handful *one = bus->handful;
  bool mine = false;
  for (;;) {
    pthread_mutex_lock(&bus->lock);
    if (bus->pumping && !mine) {
      bus->pump_again = true;
      pthread_mutex_unlock(&bus->lock);
      break;
    }
    bus->pumping = mine = true;
    bool any = next_handful(bus, one);
    if (!any && !bus->pump_again)
      bus->pumping = false;
    bool is_done = !bus->pumping;
    bus->pump_again = false;
    bus->delivering = any ? one->transport : NULL;
    pthread_mutex_unlock(&bus->lock);
    if (is_done)
      break;
    if (!any)
      continue;
    hand_out(bus, one);
    pthread_mutex_lock(&bus->lock);
    for (size_t i = 0; i < one->count; i++) {
      evsi_memory_event_drop(one->events[i]);
      evsi_free(one->states[i]);
    }
    bus->delivering = NULL;
    pthread_cond_broadcast(&bus->delivered);
    pthread_mutex_unlock(&bus->lock);
  }
}

static void on_timer(void *data) {
  evs_transport *transport = data;
  uint64_t now = evsi_now_ms(transport->world.env);
  pthread_mutex_lock(&transport->bus->lock);
  uint64_t next = evsi_memory_wake_due(transport->bus, now);
  pthread_mutex_unlock(&transport->bus->lock);
  if (next)
    transport->world.env->io->timer_start(transport->timer, next > now ? next - now : 1);
  evsi_memory_pump(transport->bus);
}

static void join(evs_transport *transport, const evs_tp_group *spec) {
  pthread_mutex_lock(&transport->bus->lock);
  memory_group *group = evsi_memory_group(transport->bus, spec->name, true);
  bool ok = group && evsi_scope_topics_add(&group->topics, spec);
  if (ok && !evsi_memory_member(group, transport, spec->group)) {
    memory_member *member = evsi_calloc(1, sizeof *member);
    ok = member != NULL;
    if (ok) {
      *member = (memory_member){.next = group->members, .transport = transport, .token = spec->group};
      group->members = member;
    }
  }
  ok = ok && evsi_scope_partitions_set(&evsi_memory_member(group, transport, spec->group)->partitions, spec);
  pthread_mutex_unlock(&transport->bus->lock);
  if (!ok) {
    transport->ops->again(transport->host, spec->group);
    return;
  }
  transport->ops->joined(transport->host, spec->group);
  /* What is parked may have nobody else's timer. Timers are the I/O thread's, and this may be the host's. */
  evsi_tasks_post(transport->world.tasks, &transport->timer_task);
  evsi_memory_pump(transport->bus);
}

/* @locks bus. token 0: what any member of the transport holds. */
static void hand_back(memory_group *group, const evs_transport *transport, uint64_t token) {
  memory_entry *entry, *next;
  HASH_ITER(hh, group->held, entry, next) {
    if (!evsi_memory_has(transport, token, entry))
      continue;
    HASH_DEL(group->held, entry);
    entry->member = NULL;
    group->waiting -= entry->is_aside;
    entry->is_aside = entry->is_recalled = false;
    evsi_memory_queue(group, entry, true);
  }
  /* Our timer ends with us: another member's wakes what is parked. */
  if (group->parked && group->members)
    evsi_tasks_post(group->members->transport->world.tasks, &group->members->transport->timer_task);
}

/* @locks bus. Forgets the member once it holds nothing; true when it left just now. */
static bool forget_if_done(memory_group *group, const evs_transport *transport, uint64_t token) {
  memory_member **link = &group->members;
  while (*link && ((*link)->transport != transport || (*link)->token != token))
    link = &(*link)->next;
  memory_member *member = *link;
  if (!member || !member->is_leaving)
    return false;
  for (memory_entry *entry = group->held; entry; entry = entry->hh.next) {
    if (evsi_memory_has(transport, token, entry) && !entry->is_aside)
      return false;
  }
  hand_back(group, transport, token);
  *link = member->next;
  evsi_scope_partitions_free(&member->partitions);
  evsi_free(member);
  evsi_memory_order_disown(group, transport);
  return true;
}

static memory_group *group_of(memory_bus *bus, const evs_transport *transport, uint64_t token) {
  for (memory_group *group = bus->groups; group; group = group->next) {
    if (evsi_memory_member(group, transport, token))
      return group;
  }
  return NULL;
}

static void leave(evs_transport *transport, uint64_t token) {
  bool left = true;
  pthread_mutex_lock(&transport->bus->lock);
  memory_group *group = group_of(transport->bus, transport, token);
  if (group) {
    evsi_memory_member(group, transport, token)->is_leaving = true;
    left = forget_if_done(group, transport, token);
  }
  pthread_mutex_unlock(&transport->bus->lock);
  if (left)
    transport->ops->left(transport->host, token);
  evsi_memory_pump(transport->bus);
}

static void resume(evs_transport *transport, uint64_t token) {
  (void)token;
  evsi_memory_pump(transport->bus);
}

/* @locks bus. Carries out one settlement; gives EVS_CONFLICT when the entry is not held. */
static evs_status settle_one(evs_transport *transport, const evs_tp_settlement *settlement, bool *out_left) {
  uint64_t sequence = evsi_memory_sequence(settlement->offset);
  memory_group *group = group_of(transport->bus, transport, settlement->group);
  memory_entry *entry = group ? evsi_memory_held(group, sequence) : NULL;
  if (!entry || !evsi_memory_has(transport, settlement->group, entry) || entry->is_aside)
    return EVS_CONFLICT;
  if (settlement->kind == EVS_SETTLE_ASIDE) {
    evsi_memory_order_aside(group, entry);
    evsi_tasks_post(transport->world.tasks, &transport->timer_task);
    return EVS_OK;
  }
  HASH_DEL(group->held, entry);
  entry->member = NULL;
  if (settlement->state.size > 0) {
    char *state = evsi_strndup(settlement->state.data, settlement->state.size);
    if (state) { /* else what was known before is known again */
      evsi_free(entry->state);
      entry->state = state;
    }
  }
  switch (settlement->kind) {
  case EVS_SETTLE_PARK:
  case EVS_SETTLE_HAND_OVER:
    entry->due_ms = evsi_now_ms(transport->world.env) + settlement->delay_ms;
    evsi_memory_park(group, entry);
    evsi_tasks_post(transport->world.tasks, &transport->timer_task);
    break;
  case EVS_SETTLE_RELEASE:
    entry->deliveries--;
    evsi_memory_queue(group, entry, true);
    break;
  default:
    evsi_memory_entry_free(entry);
  }
  *out_left = forget_if_done(group, transport, settlement->group);
  return EVS_OK;
}

/* Gives whether somebody else may now get something. */
static bool settle_some(evs_transport *transport, const evs_tp_settlement *settlements, size_t count) {
  evs_tp_outcome outcomes[EVSI_MEMORY_TOGETHER];
  bool left[EVSI_MEMORY_TOGETHER] = {false}, must_pump = false;
  pthread_mutex_lock(&transport->bus->lock);
  for (size_t i = 0; i < count; i++) {
    outcomes[i] = (evs_tp_outcome){.struct_size = sizeof *outcomes, .token = settlements[i].token};
    outcomes[i].status = settle_one(transport, &settlements[i], &left[i]);
    must_pump = must_pump || left[i] || settlements[i].kind == EVS_SETTLE_RELEASE;
  }
  pthread_mutex_unlock(&transport->bus->lock);
  transport->ops->settled(transport->host, outcomes, count);
  for (size_t i = 0; i < count; i++) {
    if (left[i])
      transport->ops->left(transport->host, settlements[i].group);
  }
  return must_pump;
}

static void settle(evs_transport *transport, const evs_tp_settlement *settlements, size_t count) {
  bool must_pump = false;
  while (count > 0) {
    size_t part = count < EVSI_MEMORY_TOGETHER ? count : EVSI_MEMORY_TOGETHER;
    must_pump = settle_some(transport, settlements, part) || must_pump;
    settlements += part;
    count -= part;
  }
  if (must_pump)
    evsi_memory_pump(transport->bus);
}

/* @locks bus */
static void remove_members(memory_group *group, const evs_transport *transport) {
  for (memory_member **link = &group->members; *link;) {
    memory_member *member = *link;
    if (member->transport != transport) {
      link = &member->next;
      continue;
    }
    *link = member->next;
    evsi_scope_partitions_free(&member->partitions);
    evsi_free(member);
  }
}

static void close_bus(evs_transport *transport, uint32_t deadline_ms) {
  memory_bus *bus = transport->bus;
  (void)
      deadline_ms; /* nothing here waits for anybody, but for a delivery that another thread makes just now */
  pthread_mutex_lock(&bus->lock);
  for (memory_group *group = bus->groups; group; group = group->next)
    remove_members(group, transport);
  while (bus->delivering == transport)
    pthread_cond_wait(&bus->delivered, &bus->lock);
  for (memory_group *group = bus->groups; group; group = group->next)
    hand_back(group, transport, 0);
  for (memory_group *group = bus->groups; group; group = group->next)
    evsi_memory_order_disown(group, transport);
  pthread_mutex_unlock(&bus->lock);
  evsi_memory_pump(transport->bus);
  transport->ops->closed(transport->host);
}

static void recall(evs_transport *transport, const evs_tp_place *places, size_t count) {
  pthread_mutex_lock(&transport->bus->lock);
  for (size_t i = 0; i < count; i++) {
    memory_group *group = group_of(transport->bus, transport, places[i].group);
    if (group)
      evsi_memory_order_recall(group, evsi_memory_sequence(places[i].offset));
  }
  pthread_mutex_unlock(&transport->bus->lock);
  evsi_memory_pump(transport->bus);
}

const evs_transport_ops evsi_memory_transport = {
    .struct_size = sizeof(evs_transport_ops),
    .abi = EVS_TRANSPORT_ABI,
    .type = "memory",
    .capabilities = EVS_CAP_PUBLISH | EVS_CAP_SUBSCRIBE | EVS_CAP_PATTERN_ROUTING | EVS_CAP_BATCHING |
                    EVS_CAP_PARTITIONING | EVS_CAP_CONSUMER_GROUPS | EVS_CAP_DIRECT | EVS_CAP_ORDERING,
    .create = create,
    .connect = connect_bus,
    .close = close_bus,
    .destroy = destroy,
    .publish = evsi_memory_publish,
    .join = join,
    .leave = leave,
    .resume = resume,
    .settle = settle,
    .request = evsi_memory_request,
    .recall = recall,
};
