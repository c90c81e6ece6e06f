/* SPDX-License-Identifier: MIT
 * bridge_group.c - groups, each as one subscription of the program's transport for every topic that it reads.
 */
#include <stdio.h>
#include <string.h>

#include "transport/bridge/bridge_internal.h"

static bridge_group *find(const evs_transport *transport, uint64_t token) {
  bridge_group *group = transport->groups;
  while (group && group->token != token)
    group = group->next;
  return group;
}

bridge_subscription *evsi_bridge_subscription(const evs_transport *transport, uint64_t number) {
  for (const bridge_group *group = transport->groups; group; group = group->next) {
    for (bridge_subscription *each = group->subscriptions; each; each = each->next) {
      if (each->number == number)
        return each;
    }
  }
  return NULL;
}

static void free_entries(bridge_entry *entry) {
  while (entry) {
    bridge_entry *next = entry->next;
    evsi_free(entry->state);
    evsi_free(entry);
    entry = next;
  }
}

void evsi_bridge_group_free(bridge_group *group) {
  bridge_entry *entry, *next;
  free_entries(group->first);
  free_entries(group->parked);
  HASH_ITER(hh, group->held, entry, next) {
    HASH_DEL(group->held, entry);
    entry->next = NULL;
    free_entries(entry);
  }
  while (group->subscriptions) {
    bridge_subscription *each = group->subscriptions;
    group->subscriptions = each->next;
    evsi_free(each);
  }
  evsi_free(group->name);
  evsi_free(group);
}

/* ---- joining ----------------------------------------------------------------------------------- */

static bool ask_to_subscribe(evs_transport *transport, const bridge_subscription *subscription,
                             bool from_new) {
  evsi_buf call = {0};
  evsi_bridge_call(&call, "subscribe");
  evsi_buf_addf(&call, ",\"subscription\":%llu", (unsigned long long)subscription->number);
  evsi_bridge_member(&call, "topic", evsi_text(subscription->topic));
  evsi_bridge_member(&call, "group", evsi_text(subscription->group->name));
  evsi_buf_addf(&call, ",\"from\":\"%s\"", from_new ? "new" : "earliest");
  return evsi_bridge_tell(transport, &call);
}

static void ask_to_unsubscribe(evs_transport *transport, const bridge_subscription *subscription) {
  evsi_buf call = {0};
  evsi_bridge_call(&call, "unsubscribe");
  evsi_buf_addf(&call, ",\"subscription\":%llu", (unsigned long long)subscription->number);
  evsi_bridge_member(&call, "topic", evsi_text(subscription->topic));
  evsi_bridge_tell(transport, &call);
}

/* Who subscribes to all topics needs none of them apart. */
static void subscribe_no_more_apart(evs_transport *transport, const bridge_group *group) {
  for (const bridge_subscription *each = group->subscriptions; each; each = each->next) {
    if (strcmp(each->topic, "*") != 0)
      ask_to_unsubscribe(transport, each);
  }
}

/* False when memory is short. */
static bool subscribe(evs_transport *transport, bridge_group *group, evs_bytes topic, bool from_new) {
  for (const bridge_subscription *each = group->subscriptions; each; each = each->next) {
    if (evsi_bytes_equal(evsi_text(each->topic), topic) || strcmp(each->topic, "*") == 0)
      return true;
  }
  bridge_subscription *made = evsi_calloc(1, sizeof *made + topic.size + 1);
  if (!made)
    return false;
  memcpy(made->topic, topic.data, topic.size);
  made->group = group;
  made->number = ++transport->next_number;
  if (!ask_to_subscribe(transport, made, from_new)) {
    evsi_free(made);
    return false;
  }
  made->next = group->subscriptions;
  group->subscriptions = made;
  if (strcmp(made->topic, "*") == 0)
    subscribe_no_more_apart(transport, group);
  return true;
}

static bridge_group *find_or_add(evs_transport *transport, const evs_tp_group *spec) {
  bridge_group *group = find(transport, spec->group);
  if (group || !(group = evsi_calloc(1, sizeof *group)))
    return group;
  group->token = spec->group;
  group->name = evsi_strndup(spec->name.data, spec->name.size);
  if (!group->name) {
    evsi_free(group);
    return NULL;
  }
  group->next = transport->groups;
  transport->groups = group;
  return group;
}

static void tell_if_joined(evs_transport *transport, bridge_group *group) {
  bool is_whole = true;
  for (const bridge_subscription *each = group->subscriptions; each; each = each->next)
    is_whole = is_whole && each->is_confirmed;
  if (!is_whole || group->is_told || group->is_leaving)
    return;
  group->is_told = true;
  transport->ops->joined(transport->host, group->token);
}

void evsi_bridge_join(evs_transport *transport, const evs_tp_group *spec) {
  bridge_group *group = find_or_add(transport, spec);
  bool is_whole = group != NULL;
  if (is_whole) {
    group->is_told = false;
    if (spec->discover && transport->has_patterns)
      is_whole = subscribe(transport, group, evsi_text("*"), spec->from_new);
    for (uint64_t i = 0; i < spec->topic_count && is_whole; i++)
      is_whole = subscribe(transport, group, spec->topics[i], spec->from_new);
  }
  if (is_whole)
    tell_if_joined(transport, group);
  else
    transport->ops->again(transport->host, spec->group);
}

void evsi_bridge_subscribed(evs_transport *transport, const json_t *list) {
  char text[400];
  size_t i;
  json_t *each;
  json_array_foreach(list, i, each) {
    uint64_t number = (uint64_t)json_integer_value(json_object_get(each, "subscription"));
    const char *error = json_string_value(json_object_get(each, "error"));
    bridge_subscription *subscription = evsi_bridge_subscription(transport, number);
    if (!subscription)
      continue;
    if (error) {
      snprintf(text, sizeof text, "group %.64s could not subscribe to %.64s: %.200s",
               subscription->group->name, subscription->topic, error);
      transport->ops->log(transport->host, 3, text);
      continue;
    }
    subscription->is_confirmed = true;
    tell_if_joined(transport, subscription->group);
  }
}

void evsi_bridge_resume(evs_transport *transport, uint64_t token) {
  bridge_group *group = find(transport, token);
  if (group)
    evsi_bridge_deliver(transport, group);
}

/* ---- leaving ----------------------------------------------------------------------------------- */

void evsi_bridge_forget_if_done(evs_transport *transport, bridge_group *group) {
  bridge_group **link = &transport->groups;
  uint64_t token = group->token;
  if (group->subscriptions || group->held)
    return;
  while (*link != group)
    link = &(*link)->next;
  *link = group->next;
  evsi_bridge_group_free(group);
  transport->ops->left(transport->host, token);
}

static void unsubscribe_all(evs_transport *transport, const bridge_group *group) {
  for (const bridge_subscription *each = group->subscriptions; each; each = each->next)
    ask_to_unsubscribe(transport, each);
}

void evsi_bridge_leave(evs_transport *transport, uint64_t token) {
  bridge_group *group = find(transport, token);
  if (!group) {
    transport->ops->left(transport->host, token);
    return;
  }
  group->is_leaving = true;
  unsubscribe_all(transport, group);
  evsi_bridge_return_all(transport, group);
  evsi_bridge_forget_if_done(transport, group);
}

void evsi_bridge_leave_all(evs_transport *transport) {
  for (bridge_group *group = transport->groups; group; group = group->next) {
    if (!group->is_leaving)
      unsubscribe_all(transport, group);
    group->is_leaving = true;
    evsi_bridge_return_all(transport, group);
  }
}

/* The last one of a group takes the group with it. */
static void unsubscribed(evs_transport *transport, bridge_subscription *subscription) {
  bridge_group *group = subscription->group;
  bridge_subscription **link = &group->subscriptions;
  while (*link != subscription)
    link = &(*link)->next;
  *link = subscription->next;
  evsi_free(subscription);
  if (group->is_leaving)
    evsi_bridge_forget_if_done(transport, group);
}

void evsi_bridge_unsubscribed(evs_transport *transport, const json_t *list) {
  for (size_t i = 0; i < json_array_size(list); i++) {
    uint64_t number = (uint64_t)json_integer_value(json_array_get(list, i));
    bridge_subscription *subscription = evsi_bridge_subscription(transport, number);
    if (subscription)
      unsubscribed(transport, subscription);
  }
}
