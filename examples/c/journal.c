/* SPDX-License-Identifier: MIT
 * journal.c - a transport of one's own, as a shared object: a list of events in this process, and how far
 * each consumer group has come in it. Systems that name the same journal share it. docs/plugins.md walks
 * through it. */
#include <jansson.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libevents_transport.h"

enum { EVENTS_MAX = 1000000, TAKE_MAX = 64, TRY_AGAIN_MS = 1000, OFFSET_SIZE = 24 };

typedef struct event {
  int32_t partition;
  evs_bytes topic, type, data, raw;
  char bytes[];
} event;

/* What a group was given and has not finished with. */
typedef struct pending {
  struct pending *next;
  size_t number; /* of the event: its offset */
  uint32_t deliveries;
  evs_transport *member; /* who has it; NULL: it waits until due_ms */
  uint64_t due_ms;
  char *state;
} pending;

typedef struct group {
  struct group *next;
  char *name;
  size_t position; /* of the next event */
  pending *pendings;
} group;

typedef struct journal {
  struct journal *next;
  char *name;
  pthread_mutex_t lock;
  event **events;
  size_t count, room;
  group *groups;
  evs_transport *members;
} journal;

/* A group as one member reads it. */
typedef struct reader {
  struct reader *next;
  uint64_t token;
  group *of;
  bool discovers;
  char **topics;
  size_t topic_count;
} reader;

struct evs_transport {
  evs_transport *next; /* among the members of the journal */
  const evs_host_ops *ops;
  evs_host *host;
  journal *journal;
  reader *readers;
  bool is_connected;
};

static pthread_mutex_t all_lock = PTHREAD_MUTEX_INITIALIZER;
static journal *all;

static evs_bytes text(const char *from) {
  return (evs_bytes){from, from ? strlen(from) : 0};
}

static char *copy_text(evs_bytes from) {
  char *copy = calloc(1, from.size + 1);
  if (copy && from.size)
    memcpy(copy, from.data, from.size);
  return copy;
}

static bool same(evs_bytes a, const char *b) {
  return a.size == strlen(b) && memcmp(a.data, b, a.size) == 0;
}

/* ---- journals ---------------------------------------------------------------------------------- */

static journal *find_journal(const char *name) {
  pthread_mutex_lock(&all_lock);
  journal *found = all;
  while (found && strcmp(found->name, name) != 0)
    found = found->next;
  if (!found && (found = calloc(1, sizeof *found))) {
    pthread_mutex_init(&found->lock, NULL);
    found->name = copy_text(text(name));
    found->next = all;
    all = found;
  }
  pthread_mutex_unlock(&all_lock);
  return found;
}

/* The journal is locked. */
static void wake_members(const journal *of) {
  for (evs_transport *each = of->members; each; each = each->next)
    each->ops->wake(each->host, 0);
}

/* ---- life -------------------------------------------------------------------------------------- */

static evs_status create(const evs_host_ops *ops, evs_host *host, const void *env, const char *name,
                         const char *options, size_t size, evs_transport **out_transport,
                         evs_error **out_error) {
  (void)env, (void)out_error;
  json_t *root = json_loadb(options, size, 0, NULL);
  const char *given = json_string_value(json_object_get(root, "journal"));
  evs_transport *transport = calloc(1, sizeof *transport);
  journal *of = find_journal(given ? given : name);
  json_decref(root);
  if (!transport || !of) {
    free(transport);
    return EVS_NOMEM;
  }
  transport->ops = ops;
  transport->host = host;
  transport->journal = of;
  *out_transport = transport;
  return EVS_OK;
}

static void connect_journal(evs_transport *transport) {
  journal *of = transport->journal;
  pthread_mutex_lock(&of->lock);
  transport->is_connected = true;
  transport->next = of->members;
  of->members = transport;
  pthread_mutex_unlock(&of->lock);
  transport->ops->state(transport->host, 1, 0, text("connected"), 0);
}

/* What this member has goes to whoever comes next; the journal is locked. */
static void hand_back(group *from, const evs_transport *member) {
  for (pending *each = from->pendings; each; each = each->next) {
    if (each->member != member)
      continue;
    each->member = NULL;
    each->due_ms = 0;
    each->deliveries--;
  }
}

static void free_reader(reader *each) {
  for (size_t i = 0; i < each->topic_count; i++)
    free(each->topics[i]);
  free(each->topics);
  free(each);
}

static void close_journal(evs_transport *transport, uint32_t deadline_ms) {
  journal *of = transport->journal;
  (void)deadline_ms;
  pthread_mutex_lock(&of->lock);
  for (evs_transport **link = &of->members; *link; link = &(*link)->next) {
    if (*link != transport)
      continue;
    *link = transport->next;
    break;
  }
  while (transport->readers) {
    reader *each = transport->readers;
    transport->readers = each->next;
    hand_back(each->of, transport);
    free_reader(each);
  }
  wake_members(of);
  transport->is_connected = false;
  pthread_mutex_unlock(&of->lock);
  transport->ops->closed(transport->host);
}

static void destroy(evs_transport *transport) {
  free(transport);
}

/* ---- publishing -------------------------------------------------------------------------------- */

static evs_bytes place(char **at, evs_bytes from) {
  char *start = *at;
  if (from.size)
    memcpy(start, from.data, from.size);
  *at += from.size;
  return (evs_bytes){start, from.size};
}

static event *copy_event(const evs_tp_event *from) {
  event *copy =
      calloc(1, sizeof *copy + from->topic.size + from->full_type.size + from->data.size + from->raw.size);
  if (!copy)
    return NULL;
  char *at = copy->bytes;
  copy->partition = from->partition;
  copy->topic = place(&at, from->topic);
  copy->type = place(&at, from->full_type);
  copy->data = place(&at, from->data);
  copy->raw = place(&at, from->raw);
  return copy;
}

/* The journal is locked. */
static bool append(journal *to, const evs_tp_event *from) {
  if (to->count == to->room) {
    size_t room = to->room ? 2 * to->room : 64;
    event **grown = to->count < EVENTS_MAX ? realloc(to->events, room * sizeof(event *)) : NULL;
    if (!grown)
      return false;
    to->events = grown;
    to->room = room;
  }
  event *copy = copy_event(from);
  if (copy)
    to->events[to->count++] = copy;
  return copy != NULL;
}

static void publish(evs_transport *transport, const evs_tp_event *events, size_t count) {
  journal *to = transport->journal;
  for (size_t i = 0; i < count; i++) {
    char offset[OFFSET_SIZE];
    pthread_mutex_lock(&to->lock);
    bool is_stored = append(to, &events[i]);
    snprintf(offset, sizeof offset, "%zu", to->count);
    if (is_stored)
      wake_members(to);
    pthread_mutex_unlock(&to->lock);
    const evs_tp_outcome outcome = {.struct_size = sizeof outcome,
                                    .token = events[i].token,
                                    .flags = is_stored ? 0 : EVS_TP_TRANSIENT | EVS_TP_NOT_SENT,
                                    .status = is_stored ? EVS_OK : EVS_NOMEM,
                                    .offset = text(is_stored ? offset : NULL),
                                    .message = text(is_stored ? NULL : "the journal is full")};
    transport->ops->published(transport->host, &outcome, 1);
  }
}

/* ---- groups ------------------------------------------------------------------------------------ */

static reader *find_reader(const evs_transport *transport, uint64_t token) {
  reader *found = transport->readers;
  while (found && found->token != token)
    found = found->next;
  return found;
}

/* The journal is locked. */
static group *find_group(journal *of, const evs_tp_group *spec) {
  group *found = of->groups;
  while (found && !same(spec->name, found->name))
    found = found->next;
  if (found || !(found = calloc(1, sizeof *found)))
    return found;
  found->name = copy_text(spec->name);
  found->position = spec->from_new ? of->count : 0;
  found->next = of->groups;
  of->groups = found;
  return found;
}

static bool take_topics(reader *to, const evs_tp_group *spec) {
  for (size_t i = 0; i < to->topic_count; i++)
    free(to->topics[i]);
  free(to->topics);
  to->topic_count = 0;
  to->topics = calloc(spec->topic_count + 1, sizeof(char *));
  for (uint64_t i = 0; to->topics && i < spec->topic_count; i++) {
    if ((to->topics[to->topic_count] = copy_text(spec->topics[i])))
      to->topic_count++;
  }
  return to->topics && to->topic_count == spec->topic_count;
}

static void join(evs_transport *transport, const evs_tp_group *spec) {
  pthread_mutex_lock(&transport->journal->lock);
  reader *one = find_reader(transport, spec->group);
  group *of = find_group(transport->journal, spec);
  bool is_new = !one;
  if (is_new)
    one = calloc(1, sizeof *one);
  bool is_whole = one && of && take_topics(one, spec);
  if (is_whole) {
    one->token = spec->group;
    one->of = of;
    one->discovers = spec->discover != 0;
  }
  if (is_whole && is_new) {
    one->next = transport->readers;
    transport->readers = one;
  } else if (is_new && one) {
    free_reader(one);
  }
  pthread_mutex_unlock(&transport->journal->lock);
  if (!is_whole) {
    transport->ops->log(transport->host, 3, "out of memory: a group could not be joined");
    return;
  }
  transport->ops->joined(transport->host, spec->group);
  transport->ops->wake(transport->host, 0);
}

static void leave(evs_transport *transport, uint64_t token) {
  pthread_mutex_lock(&transport->journal->lock);
  for (reader **link = &transport->readers; *link; link = &(*link)->next) {
    reader *one = *link;
    if (one->token != token)
      continue;
    hand_back(one->of, transport);
    *link = one->next;
    free_reader(one);
    break;
  }
  wake_members(transport->journal);
  pthread_mutex_unlock(&transport->journal->lock);
  transport->ops->left(transport->host, token);
}

static void resume(evs_transport *transport, uint64_t token) {
  (void)token;
  transport->ops->wake(transport->host, 0);
}

/* ---- delivering -------------------------------------------------------------------------------- */

static bool reads(const evs_transport *transport, const reader *one, const event *each) {
  bool is_named = false;
  for (size_t i = 0; i < one->topic_count && !is_named; i++)
    is_named = same(each->topic, one->topics[i]);
  return is_named ||
         (one->discovers && transport->ops->wants(transport->host, one->token, each->topic, each->type));
}

/* The journal is locked. The next one that waits and is due, or a new one; NULL: nothing to do now. */
static pending *next_pending(evs_transport *transport, reader *one, uint64_t now) {
  group *of = one->of;
  for (pending *each = of->pendings; each; each = each->next) {
    if (!each->member && each->due_ms <= now)
      return each;
  }
  while (of->position < transport->journal->count) {
    size_t number = of->position++;
    if (!reads(transport, one, transport->journal->events[number]))
      continue;
    pending *made = calloc(1, sizeof *made);
    if (!made) {
      of->position--;
      transport->ops->wake(transport->host, TRY_AGAIN_MS);
      return NULL;
    }
    made->number = number;
    pending **end = &of->pendings;
    while (*end)
      end = &(*end)->next;
    return *end = made;
  }
  return NULL;
}

/* Gives one entry to the group; false: nothing more now. Without the lock libevents may settle at once. */
static bool deliver_one(evs_transport *transport, reader *one) {
  char offset[OFFSET_SIZE];
  journal *of = transport->journal;
  pthread_mutex_lock(&of->lock);
  pending *next = next_pending(transport, one, transport->ops->now_ms(transport->host));
  if (!next) {
    pthread_mutex_unlock(&of->lock);
    return false;
  }
  const event *stored = of->events[next->number];
  next->member = transport;
  next->deliveries++;
  snprintf(offset, sizeof offset, "%zu", next->number + 1);
  char *state = next->state ? strdup(next->state) : NULL;
  const evs_tp_entry entry = {.struct_size = sizeof entry,
                              .partition = stored->partition,
                              .deliveries = next->deliveries,
                              .topic = stored->topic,
                              .offset = text(offset),
                              .data = stored->data,
                              .raw = stored->raw,
                              .state = text(state)};
  pthread_mutex_unlock(&of->lock);
  bool is_taken = transport->ops->deliver(transport->host, one->token, &entry, 1) == 1;
  free(state);
  if (is_taken)
    return true;
  pthread_mutex_lock(&of->lock);
  next->member = NULL;
  next->deliveries--;
  pthread_mutex_unlock(&of->lock);
  transport->ops->wake(transport->host, TRY_AGAIN_MS);
  return false;
}

/* When the first entry of the group that waits is due. */
static void wake_when_due(evs_transport *transport, const reader *one) {
  uint64_t now = transport->ops->now_ms(transport->host);
  pthread_mutex_lock(&transport->journal->lock);
  for (const pending *each = one->of->pendings; each; each = each->next) {
    if (!each->member && each->due_ms > now)
      transport->ops->wake(transport->host, each->due_ms - now);
  }
  pthread_mutex_unlock(&transport->journal->lock);
}

static void on_wake(evs_transport *transport) {
  for (reader *one = transport->readers; one && transport->is_connected; one = one->next) {
    while (transport->ops->credits(transport->host, one->token) > 0 && deliver_one(transport, one)) {
    }
    wake_when_due(transport, one);
  }
}

/* ---- settling ---------------------------------------------------------------------------------- */

/* The journal is locked. */
static evs_status settle_one(evs_transport *transport, const evs_tp_settlement *how) {
  reader *one = find_reader(transport, how->group);
  size_t number = strtoull(how->offset.data, NULL, 10) - 1;
  pending **link = one ? &one->of->pendings : NULL;
  while (link && *link && (*link)->number != number)
    link = &(*link)->next;
  pending *found = link ? *link : NULL;
  if (!found || found->member != transport)
    return EVS_CONFLICT;
  if (how->kind == EVS_SETTLE_ACK) {
    *link = found->next;
    free(found->state);
    free(found);
    return EVS_OK;
  }
  found->member = NULL;
  found->due_ms =
      how->kind == EVS_SETTLE_RELEASE ? 0 : transport->ops->now_ms(transport->host) + how->delay_ms;
  found->deliveries -= how->kind == EVS_SETTLE_RELEASE;
  if (how->state.size) {
    free(found->state);
    found->state = copy_text(how->state);
  }
  return EVS_OK;
}

static void settle(evs_transport *transport, const evs_tp_settlement *settlements, size_t count) {
  for (size_t i = 0; i < count; i++) {
    pthread_mutex_lock(&transport->journal->lock);
    evs_tp_outcome outcome = {.struct_size = sizeof outcome,
                              .token = settlements[i].token,
                              .status = settle_one(transport, &settlements[i])};
    if (settlements[i].kind != EVS_SETTLE_ACK)
      wake_members(transport->journal);
    pthread_mutex_unlock(&transport->journal->lock);
    transport->ops->settled(transport->host, &outcome, 1);
  }
}

/* ---- requests ---------------------------------------------------------------------------------- */

static char *groups_json(journal *of) {
  json_t *list = json_array();
  pthread_mutex_lock(&of->lock);
  for (const group *each = of->groups; each; each = each->next) {
    json_int_t held = 0;
    for (const pending *one = each->pendings; one; one = one->next)
      held++;
    json_array_append_new(list, json_pack("{s:s,s:I,s:I,s:n,s:n}", "group", each->name, "lag",
                                          (json_int_t)(of->count - each->position), "pending", held,
                                          "oldestPendingAt", "paused"));
  }
  pthread_mutex_unlock(&of->lock);
  json_t *answer = json_pack("{s:o}", "groups", list);
  char *dumped = json_dumps(answer, JSON_COMPACT);
  json_decref(answer);
  return dumped;
}

static void request(evs_transport *transport, const char *method, const char *params, size_t size,
                    uint64_t token) {
  char refusal[120];
  (void)params, (void)size;
  if (strcmp(method, "groups") == 0) {
    char *answer = groups_json(transport->journal);
    transport->ops->replied(transport->host, token, answer ? EVS_OK : EVS_NOMEM, text(answer));
    free(answer);
    return;
  }
  snprintf(refusal, sizeof refusal, "a journal does not offer %.40s", method);
  transport->ops->replied(transport->host, token, EVS_UNSUPPORTED, text(refusal));
}

static const evs_transport_ops journal_ops = {
    .struct_size = sizeof(evs_transport_ops),
    .abi = EVS_TRANSPORT_ABI,
    .type = "journal",
    .capabilities = EVS_CAP_PUBLISH | EVS_CAP_SUBSCRIBE | EVS_CAP_PATTERN_ROUTING | EVS_CAP_BATCHING |
                    EVS_CAP_PARTITIONING,
    .create = create,
    .connect = connect_journal,
    .close = close_journal,
    .destroy = destroy,
    .publish = publish,
    .join = join,
    .leave = leave,
    .resume = resume,
    .settle = settle,
    .request = request,
    .wake = on_wake,
};

/* What libevents looks for in a shared object. */
__attribute__((visibility("default"))) const evs_transport_ops *evs_transport_entry(void);
const evs_transport_ops *evs_transport_entry(void) {
  return &journal_ops;
}
