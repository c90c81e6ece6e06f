/* SPDX-License-Identifier: MIT
 * groups.c - consumer groups: what the store says of them (lag, pending, members), and what the processes say
 * (subscriptions, rates). GET /groups, GET /groups/{group}, :pause and :resume. */
#include <string.h>

#include "handlers.h"

enum { LETTERS_SHOWN = 10 };

static void add_number(json_t *object, const char *name, const json_t *more) {
  json_t *value = json_object_get(object, name);
  json_object_set_new(object, name, json_integer(json_integer_value(value) + json_integer_value(more)));
}

/* The smaller of two times; null is none. */
static void take_oldest(json_t *group, json_t *at) {
  json_t *known = json_object_get(group, "oldestPendingAt");
  if (json_is_integer(at) && (!json_is_integer(known) || json_integer_value(at) < json_integer_value(known)))
    json_object_set_new(group, "oldestPendingAt", json_integer(json_integer_value(at)));
}

/* A member reads several topics: it is there once, with what it holds of all of them. */
static void take_members(json_t *group, json_t *given_members) {
  json_t *members = json_object_get(group, "members"), *given, *known, *found;
  size_t i, j;
  json_array_foreach(given_members, i, given) {
    found = NULL;
    json_array_foreach(members, j, known) {
      if (strcmp(evsd_text(known, "name", ""), evsd_text(given, "name", "?")) == 0)
        found = known;
    }
    if (!found) {
      found =
          json_pack("{s:s, s:o, s:o, s:i, s:b}", "name", evsd_text(given, "name", "?"), "host",
                    evsd_member(given, "host"), "pid", evsd_member(given, "pid"), "pending", 0, "alive", 0);
      json_array_append_new(members, found);
    }
    add_number(found, "pending", json_object_get(given, "pending"));
    if (json_is_true(json_object_get(given, "alive")))
      json_object_set(found, "alive", json_true());
  }
}

/* What dead letters of ordered topics hold up; a few of them are named. */
static void take_order(json_t *group, const json_t *order) {
  json_t *blocked_by = json_object_get(group, "blockedBy"), *letter;
  size_t i;
  add_number(group, "blocked", json_object_get(order, "blocked"));
  json_array_foreach(json_object_get(order, "letters"), i, letter) {
    if (json_array_size(blocked_by) < LETTERS_SHOWN)
      json_array_append(blocked_by, letter);
  }
}

static void take_topic(json_t *group, json_t *row) {
  json_t *lag = json_object_get(row, "lag"), *known = json_object_get(group, "lag");
  bool is_exact = !json_is_false(json_object_get(row, "lagExact"));
  json_array_append_new(
      json_object_get(group, "topics"),
      json_pack("{s:s, s:o, s:o, s:b, s:I, s:I, s:o}", "topic", evsd_text(row, "topic", "?"), "partition",
                evsd_member(row, "partition"), "lag", evsd_member(row, "lag"), "lagExact", is_exact,
                "pending", json_integer_value(json_object_get(row, "pending")), "parked",
                json_integer_value(json_object_get(row, "parked")), "entries", evsd_member(row, "entries")));
  if (!json_is_integer(lag)) {
    json_object_set_new(group, "lag", json_null());
    json_object_set_new(
        group, "lagReason",
        json_sprintf("The store cannot tell it for %s: entries were removed, or the group was set "
                     "to a position.",
                     evsd_text(row, "topic", "?")));
  } else if (json_is_integer(known)) {
    add_number(group, "lag", lag);
  }
  if (!is_exact)
    json_object_set(group, "lagExact", json_false());
  add_number(group, "pending", json_object_get(row, "pending"));
  add_number(group, "parked", json_object_get(row, "parked"));
  take_oldest(group, json_object_get(row, "oldestPendingAt"));
  take_members(group, json_object_get(row, "members"));
  take_order(group, json_object_get(row, "order"));
  if (json_is_object(json_object_get(row, "paused")))
    json_object_set_new(group, "paused", evsd_member(row, "paused"));
}

static json_t *group_named(json_t *groups, const char *name) {
  json_t *group;
  size_t i;
  json_array_foreach(groups, i, group) {
    if (strcmp(evsd_text(group, "group", ""), name) == 0)
      return group;
  }
  group = json_pack("{s:s, s:i, s:n, s:b, s:i, s:i, s:n, s:f, s:i, s:i, s:n, s:i, s:[], s:[], s:[], s:[]}",
                    "group", name, "lag", 0, "lagReason", "lagExact", 1, "pending", 0, "parked", 0,
                    "oldestPendingAt", "rate", 0.0, "retries", 0, "inFlight", 0, "paused", "blocked", 0,
                    "blockedBy", "topics", "members", "subscriptions");
  json_array_append_new(groups, group);
  return group;
}

/* The same subscription in another document of its instance. */
static const json_t *same_subscription(const json_t *stats, const json_t *wanted) {
  json_t *subscription;
  size_t i;
  json_array_foreach(json_object_get(stats, "subscriptions"), i, subscription) {
    if (strcmp(evsd_text(subscription, "name", ""), evsd_text(wanted, "name", "?")) == 0 &&
        strcmp(evsd_text(subscription, "group", ""), evsd_text(wanted, "group", "?")) == 0)
      return subscription;
  }
  return NULL;
}

static void take_subscription(json_t *groups, const evsd_instance *instance, json_t *subscription) {
  json_t *group = group_named(groups, evsd_text(subscription, "group", "?"));
  json_t *handled = json_object_get(subscription, "handled");
  const json_t *before = same_subscription(instance->before, subscription);
  double rate = json_real_value(json_object_get(group, "rate")) +
                evsd_rate_of(instance, json_integer_value(handled),
                             json_integer_value(json_object_get(before, "handled")));
  json_object_set_new(group, "rate", json_real(rate));
  add_number(group, "retries", json_object_get(subscription, "failed"));
  add_number(group, "inFlight", json_object_get(subscription, "inFlight"));
  json_array_append_new(
      json_object_get(group, "subscriptions"),
      json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I}", "name", evsd_text(subscription, "name", "?"),
                "pattern", evsd_text(subscription, "pattern", "?"), "service", instance->service, "instance",
                evsd_text(instance->stats, "instance", "own"), "handled", json_integer_value(handled),
                "failed", json_integer_value(json_object_get(subscription, "failed")), "inFlight",
                json_integer_value(json_object_get(subscription, "inFlight"))));
}

json_t *evsd_groups_build(evs_dashboard *dashboard, evsd_failure *failure) {
  evsd_document *answer = evsd_store_shared(dashboard, EVSD_SHARED_GROUPS, failure);
  json_t *groups, *row;
  size_t i;
  if (!answer)
    return NULL;
  groups = json_array();
  json_array_foreach(json_object_get(evsd_document_root(answer), "groups"), i, row)
      take_topic(group_named(groups, evsd_text(row, "group", "?")), row);
  evsd_document_drop(answer);
  evsd_instances view = evsd_fleet_view(dashboard);
  for (size_t j = 0; j < view.count; j++) {
    if (!view.items[j].is_live)
      continue;
    json_array_foreach(json_object_get(view.items[j].stats, "subscriptions"), i, row)
        take_subscription(groups, &view.items[j], row);
  }
  evsd_instances_free(&view);
  return groups;
}

void evsd_get_groups(evsd_request *request) {
  evsd_failure failure;
  json_t *groups = evsd_groups_build(request->dashboard, &failure);
  if (groups)
    evsd_reply_json(request, 200, evsd_list_of(groups));
  else
    evsd_store_problem(request, &failure);
}

void evsd_get_group(evsd_request *request) {
  evsd_failure failure;
  json_t *groups = evsd_groups_build(request->dashboard, &failure), *group, *found = NULL;
  size_t i;
  if (!groups) {
    evsd_store_problem(request, &failure);
    return;
  }
  json_array_foreach(groups, i, group) {
    if (strcmp(evsd_text(group, "group", ""), request->param) == 0)
      found = json_incref(group);
  }
  json_decref(groups);
  if (found)
    evsd_reply_json(request, 200, found);
  else
    evsd_problem(request, 404, "not_found", "There is no consumer group of this name.");
}

static void change(evsd_request *request, const char *method, const char *reason) {
  json_t *params = evsd_actor_params(request);
  json_object_set_new(params, "group", json_string(request->param));
  if (reason)
    json_object_set_new(params, "reason", json_string(reason));
  json_t *answer = evsd_store_ask(request, method, params);
  if (!answer)
    return;
  evsd_store_forget(request->dashboard);
  evsd_reply_json(request, 200,
                  json_pack("{s:s, s:o}", "group", request->param, "paused", evsd_member(answer, "paused")));
  json_decref(answer);
}

void evsd_post_group_pause(evsd_request *request) {
  static const char *const known[] = {"reason", NULL};
  const char *reason = NULL;
  if (evsd_body_members(request, known) && evsd_body_text(request, "reason", EVSD_REASON_MAX, &reason))
    change(request, "groups.pause", reason);
}

void evsd_post_group_resume(evsd_request *request) {
  static const char *const known[] = {NULL};
  if (evsd_body_members(request, known))
    change(request, "groups.resume", NULL);
}
