/* SPDX-License-Identifier: MIT
 * members.c - who else is in a group on one stream, and what they handle: so that an entry that nobody here
 * takes goes to a member that does, for instance during a rolling deployment. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json_text.h"
#include "consume/engine.h"
#include "event/header_filter.h"

enum { STREAM_NAME_MAX = 256, ORIGINS_MAX = 64, MATCHES_MAX = 256 };

static int stream_name(evs_bytes topic, int32_t partition, char out[STREAM_NAME_MAX]) {
  return partition == EVS_PARTITION_NONE
             ? snprintf(out, STREAM_NAME_MAX, "%.*s", (int)topic.size, topic.data)
             : snprintf(out, STREAM_NAME_MAX, "%.*s:%d", (int)topic.size, topic.data, partition);
}

evsi_membership *evsi_membership_find(evsi_group *group, evs_bytes topic, int32_t partition) {
  char name[STREAM_NAME_MAX];
  evsi_membership *membership = NULL;
  stream_name(topic, partition, name);
  HASH_FIND_STR(group->memberships, name, membership);
  return membership;
}

/* A topic without partitions is read whole. */
bool evsi_partition_fits(int32_t only, int32_t stored) {
  return only == EVS_PARTITION_NONE || stored == EVS_PARTITION_NONE || only == stored;
}

/* One that names no topics reads all. */
static bool reads(const json_t *subscription, evs_bytes topic) {
  const json_t *topics = json_object_get(subscription, "topics");
  bool found = !json_is_array(topics);
  for (size_t i = 0; i < json_array_size(topics) && !found; i++)
    found = evsi_bytes_equal(evsi_text(json_string_value(json_array_get(topics, i))), topic);
  return found;
}

static bool takes(const evsi_member *member, uint32_t number, const evsi_entry *entry,
                  evsi_headers *headers) {
  const json_t *subscription = json_array_get(member->subscriptions, number);
  const json_t *filter = json_object_get(subscription, "filter");
  return evsi_partition_fits(member->partitions[number], entry->stored.partition) &&
         reads(subscription, entry->stored.topic) &&
         evsi_header_filter_takes(filter, &entry->envelope, headers);
}

static bool any_takes(const evsi_member *member, const evsi_entry *entry) {
  uint32_t numbers[MATCHES_MAX];
  bool filtered, any = false;
  evsi_headers headers = {NULL, false};
  uint32_t count = evsi_matcher_match(member->matcher, entry->envelope.origin_prefix, entry->envelope.type,
                                      numbers, MATCHES_MAX, &filtered);
  for (uint32_t i = 0; i < count && i < MATCHES_MAX && !any; i++)
    any = takes(member, numbers[i], entry, &headers);
  json_decref(headers.tree);
  return any && !headers.no_memory;
}

const evsi_member *evsi_membership_match(const evsi_membership *membership, const evsi_entry *entry) {
  for (size_t i = 0; i < membership->member_count; i++) {
    if (any_takes(&membership->members[i], entry))
      return &membership->members[i];
  }
  return NULL;
}

static void forget_members(evsi_membership *membership) {
  for (size_t i = 0; i < membership->member_count; i++) {
    evsi_free(membership->members[i].consumer);
    evsi_matcher_free(membership->members[i].matcher);
    evsi_free(membership->members[i].partitions);
    json_decref(membership->members[i].subscriptions);
  }
  evsi_free(membership->members);
  membership->members = NULL;
  membership->member_count = 0;
}

void evsi_memberships_free(evsi_group *group) {
  evsi_membership *membership, *next;
  HASH_ITER(hh, group->memberships, membership, next) {
    HASH_DEL(group->memberships, membership);
    forget_members(membership);
    evsi_free(membership->stream);
    evsi_free(membership);
  }
}

static evsi_membership *find_or_add(evsi_group *group, evs_bytes topic, int32_t partition) {
  char name[STREAM_NAME_MAX];
  evsi_membership *membership = evsi_membership_find(group, topic, partition);
  if (membership)
    return membership;
  stream_name(topic, partition, name);
  membership = evsi_calloc(1, sizeof *membership);
  if (!membership || !(membership->stream = evsi_strdup(name))) {
    evsi_free(membership);
    return NULL;
  }
  HASH_ADD_KEYPTR(hh, group->memberships, membership->stream, strlen(membership->stream), membership);
  if (membership->hh.tbl)
    return membership;
  evsi_free(membership->stream);
  evsi_free(membership);
  return NULL;
}

/* Another process wrote these: what cannot be read matches nothing. False: no memory. */
static bool add_subscription(evsi_matcher *matcher, const json_t *subscription, uint32_t number) {
  const char *origins[ORIGINS_MAX];
  const char *pattern = json_string_value(json_object_get(subscription, "pattern"));
  const char *prefix = json_string_value(json_object_get(subscription, "originPrefix"));
  const json_t *list = json_object_get(subscription, "origins");
  evsi_origin_rule rule = {.origin_prefix = prefix ? prefix : "",
                           .origins = origins,
                           .origins_set = json_is_array(list),
                           .extended_types = true};
  for (size_t i = 0; i < json_array_size(list) && rule.origin_count < ORIGINS_MAX; i++) {
    const char *origin = json_string_value(json_array_get(list, i));
    if (origin)
      origins[rule.origin_count++] = origin;
  }
  evs_error *error = NULL;
  evs_status status = pattern ? evsi_matcher_add(matcher, pattern, &rule, number, &error) : EVS_OK;
  evs_error_free(error);
  return status != EVS_NOMEM;
}

/* False: no memory; what is not whole is never asked. */
static bool add_member(evsi_membership *membership, const json_t *json) {
  const char *consumer = json_string_value(json_object_get(json, "consumer"));
  json_t *subscriptions = json_object_get(json, "subscriptions");
  if (!consumer)
    return true; /* cannot be handed anything */
  evsi_member *grown = evsi_realloc(membership->members, (membership->member_count + 1) * sizeof *grown);
  if (!grown)
    return false;
  membership->members = grown;
  evsi_member *member = &grown[membership->member_count];
  member->consumer = evsi_strdup(consumer);
  member->matcher = evsi_matcher_new();
  member->partitions = evsi_calloc(json_array_size(subscriptions) + 1, sizeof *member->partitions);
  bool is_whole = member->consumer && member->matcher && member->partitions;
  for (size_t i = 0; is_whole && i < json_array_size(subscriptions); i++) {
    const json_t *each = json_array_get(subscriptions, i), *only = json_object_get(each, "partition");
    member->partitions[i] = json_is_integer(only) ? (int32_t)json_integer_value(only) : EVS_PARTITION_NONE;
    is_whole = add_subscription(member->matcher, each, (uint32_t)i);
  }
  if (!is_whole) {
    evsi_free(member->consumer);
    evsi_matcher_free(member->matcher);
    evsi_free(member->partitions);
    return false;
  }
  member->subscriptions = json_incref(subscriptions);
  membership->member_count++;
  return true;
}

void evsi_consume_members(evsi_consume *consume, uint64_t group_token, evs_bytes topic, int32_t partition,
                          uint64_t version, evs_bytes text) {
  json_t *list = evsi_json_load(text, 0, NULL);
  const json_t *own = NULL;
  size_t i;
  json_t *each;
  json_array_foreach(list, i, each) {
    if (json_is_true(json_object_get(each, "self")))
      own = json_object_get(each, "subscriptions");
  }
  pthread_mutex_lock(&consume->lock);
  evsi_group *group = evsi_slots_get(&consume->groups_by_token, group_token);
  evsi_membership *membership = group ? find_or_add(group, topic, partition) : NULL;
  if (membership) {
    forget_members(membership);
    bool is_whole = list != NULL;
    membership->all_same = true;
    json_array_foreach(list, i, each) {
      if (json_is_true(json_object_get(each, "self")))
        continue;
      membership->all_same = membership->all_same && json_equal(json_object_get(each, "subscriptions"), own);
      is_whole = add_member(membership, each) && is_whole;
    }
    /* What is decided on less than that is refused by the store, which tells all of it once more. */
    membership->version = is_whole ? version : 0;
  } else if (group) {
    group->lacks_members = true;
  }
  pthread_mutex_unlock(&consume->lock);
  json_decref(list);
}
