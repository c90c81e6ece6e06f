/* SPDX-License-Identifier: MIT
 * preview.c - POST /dlq:preview: how many entries a bulk call would take, where they would go, and what
 * speaks against it. Changes nothing. */
#include <stdlib.h>
#include <string.h>

#include "entry.h"
#include "handlers.h"
#include "scope.h"

enum { PAGE = 500, PAGES_MAX = 20 };

static void count_up(json_t *counts, const char *name) {
  json_object_set_new(counts, name, json_integer(json_integer_value(json_object_get(counts, name)) + 1));
}

static void widen(json_t *count, const json_t *at) {
  json_int_t time = json_integer_value(at);
  json_t *oldest = json_object_get(count, "oldestAt"), *newest = json_object_get(count, "newestAt");
  if (time <= 0)
    return;
  if (!json_is_integer(oldest) || time < json_integer_value(oldest))
    json_object_set_new(count, "oldestAt", json_integer(time));
  if (!json_is_integer(newest) || time > json_integer_value(newest))
    json_object_set_new(count, "newestAt", json_integer(time));
}

static json_t *empty_count(void) {
  return json_pack("{s:i, s:b, s:i, s:{}, s:{}, s:i}", "count", 0, "exact", 1, "scanned", 0, "byType",
                   "byGroup", "requeuedBefore", 0);
}

/* Counts one more; `item` is one of dlq.get or dlq.archive. */
static void take(json_t *count, const json_t *item) {
  json_t *summary = evsd_entry_summary(item);
  count_up(count, "count");
  if (json_integer_value(json_object_get(summary, "requeueCount")) > 0)
    count_up(count, "requeuedBefore");
  count_up(json_object_get(count, "byType"), evsd_text(summary, "type", "?"));
  count_up(json_object_get(count, "byGroup"), evsd_text(summary, "group", "?"));
  widen(count, json_object_get(summary, "lastFailureAt"));
  json_decref(summary);
}

/* What dlq.count gives, of single dead letters; those that are gone are not counted. */
static json_t *count_ids(evsd_request *request, const json_t *ids, bool is_archived) {
  json_t *count = empty_count(), *id;
  size_t i;
  json_array_foreach(ids, i, id) {
    evsd_item item;
    evsd_failure failure;
    json_t *params = json_pack("{s:O, s:i}", "id", id, "maxBody", 0);
    if (is_archived)
      json_object_set_new(params, "archived", json_true());
    count_up(count, "scanned");
    if (evsd_item_get(request->dashboard, params, &item, &failure)) {
      take(count, item.frame);
      evsd_item_free(&item);
    } else if (failure.status != EVS_NOT_FOUND) {
      evsd_store_problem(request, &failure);
      json_decref(count);
      return NULL;
    }
  }
  return count;
}

/* The same of what can be restored, page by page as far as the budget goes. */
static json_t *count_archive(evsd_request *request, const json_t *filter) {
  json_t *count = empty_count(), *params = json_deep_copy(filter), *item;
  size_t i;
  bool is_over = false;
  json_object_update_new(params, json_pack("{s:b, s:i}", "body", 0, "limit", PAGE));
  for (int page = 0; page < PAGES_MAX && !is_over; page++) {
    json_t *answer = evsd_store_ask(request, "dlq.archive", json_incref(params));
    if (!answer) {
      json_decref(params);
      json_decref(count);
      return NULL;
    }
    json_array_foreach(json_object_get(answer, "items"), i, item) {
      count_up(count, "scanned");
      if (strcmp(evsd_text(item, "action", ""), "discarded") == 0)
        take(count, item);
    }
    json_t *next = json_object_get(answer, "next");
    is_over = !json_is_string(next);
    json_object_set(params, "cursor", next);
    json_decref(answer);
  }
  json_object_set_new(count, "exact", json_boolean(is_over));
  json_decref(params);
  return count;
}

static json_t *target_of(json_t *groups, const char *name) {
  json_t *group, *member;
  size_t i, j, alive = 0;
  json_array_foreach(groups, i, group) {
    if (strcmp(evsd_text(group, "group", ""), name) != 0)
      continue;
    json_array_foreach(json_object_get(group, "members"), j, member) alive +=
        json_is_true(json_object_get(member, "alive"));
    return json_pack("{s:s, s:o, s:o, s:o, s:I}", "group", name, "lag", evsd_member(group, "lag"), "pending",
                     evsd_member(group, "pending"), "paused", evsd_member(group, "paused"), "members",
                     (json_int_t)alive);
  }
  return json_pack("{s:s, s:n, s:i, s:n, s:i}", "group", name, "lag", "pending", 0, "paused", "members", 0);
}

static void warn(json_t *warnings, const json_t *target) {
  const char *group = evsd_text(target, "group", "?");
  if (json_is_object(json_object_get(target, "paused")))
    json_array_append_new(
        warnings, json_sprintf("The group %s is paused: nothing is handled until it is resumed.", group));
  if (json_integer_value(json_object_get(target, "members")) == 0)
    json_array_append_new(warnings, json_sprintf("The group %s has no member that is alive.", group));
}

/* Where requeued entries go. */
static void add_targets(evsd_request *request, json_t *preview) {
  evsd_failure failure;
  json_t *targets = json_object_get(preview, "targets"), *warnings = json_object_get(preview, "warnings"),
         *count;
  json_t *groups = evsd_groups_build(request->dashboard, &failure);
  const char *name;
  json_object_foreach(json_object_get(preview, "byGroup"), name, count) {
    json_t *target = target_of(groups, name);
    json_array_append_new(targets, target);
    warn(warnings, target);
  }
  json_decref(groups);
  json_int_t before = json_integer_value(json_object_get(preview, "requeuedBefore"));
  if (before > 0)
    json_array_append_new(
        warnings, json_sprintf("%lld of them were requeued before and failed again.", (long long)before));
}

static json_t *copy_object(const json_t *count, const char *name) {
  json_t *value = json_object_get(count, name);
  return json_is_object(value) ? json_incref(value) : json_object();
}

static json_t *preview_of(const json_t *count, uint32_t rate) {
  json_t *total = json_object_get(count, "count");
  bool is_exact = json_is_true(json_object_get(count, "exact"));
  json_t *eta = rate > 0 && json_is_integer(total) ? json_real(json_number_value(total) / rate) : json_null();
  json_t *warnings = is_exact
                         ? json_array()
                         : json_pack("[s]", "There are too many to count them all: the numbers are of those "
                                            "that were looked at.");
  return json_pack("{s:o, s:b, s:I, s:o, s:o, s:I, s:o, s:o, s:[], s:o, s:o, s:n}", "count",
                   evsd_member(count, "count"), "exact", is_exact, "scanned",
                   json_integer_value(json_object_get(count, "scanned")), "byType",
                   copy_object(count, "byType"), "byGroup", copy_object(count, "byGroup"), "requeuedBefore",
                   json_integer_value(json_object_get(count, "requeuedBefore")), "oldestAt",
                   evsd_member(count, "oldestAt"), "newestAt", evsd_member(count, "newestAt"), "targets",
                   "etaSeconds", eta, "warnings", warnings, "dryRun");
}

/* ---- a dry run ---------------------------------------------------------------------------------- */

/* Of keys the core looks at each; of a filter it checks the arguments, and counts as far as that is cheap. */
static json_t *ask_dry_run(evsd_request *request, const evsd_scope *scope) {
  json_t *params = json_pack("{s:b}", "dryRun", 1);
  evsd_redrive_add(request, params);
  if (scope->ids) {
    json_object_set(params, "ids", scope->ids);
    return evsd_store_ask(request, "dlq.requeue", params);
  }
  json_object_set_new(params, "kind", json_string("requeue"));
  json_object_set(params, "filter", scope->filter);
  return evsd_store_ask(request, "operations.start", params);
}

static json_t *dry_run_of(const json_t *answer) {
  json_t *results = json_object_get(answer, "results"), *result;
  json_int_t refused = 0;
  size_t i;
  if (!results)
    return json_pack("{s:o, s:n}", "count", evsd_member(json_object_get(answer, "snapshot"), "count"),
                     "refused");
  json_array_foreach(results, i, result) refused +=
      strcmp(evsd_text(result, "outcome", ""), "too_often") == 0;
  return json_pack("{s:o, s:I}", "count", evsd_member(answer, "wouldBe"), "refused", refused);
}

/* False after a problem: such an operation cannot be. */
static bool add_dry_run(evsd_request *request, const evsd_scope *scope, json_t *preview) {
  json_t *answer = ask_dry_run(request, scope);
  if (answer)
    json_object_set_new(preview, "dryRun", dry_run_of(answer));
  json_decref(answer);
  return answer != NULL;
}

/* ---- the call ----------------------------------------------------------------------------------- */

static json_t *count_of(evsd_request *request, const evsd_scope *scope, const char *kind) {
  bool is_restore = strcmp(kind, "restore") == 0;
  if (scope->ids)
    return count_ids(request, scope->ids, is_restore);
  if (is_restore)
    return count_archive(request, scope->filter);
  return evsd_store_ask(request, "dlq.count", json_pack("{s:O}", "filter", scope->filter));
}

static void preview(evsd_request *request, const evsd_scope *scope, const char *kind, uint32_t rate) {
  bool is_requeue = strcmp(kind, "requeue") == 0;
  json_t *count = count_of(request, scope, kind);
  json_t *answer = count ? preview_of(count, rate) : NULL;
  json_decref(count);
  if (!answer || (is_requeue && !add_dry_run(request, scope, answer))) {
    json_decref(answer);
    return;
  }
  if (is_requeue)
    add_targets(request, answer);
  evsd_reply_json(request, 200, answer);
}

void evsd_post_preview(evsd_request *request) {
  static const char *const known[] = {"kind", "scope", "rate", "to", "force", "canary", "stop", NULL};
  const char *kind = evsd_body_members(request, known) ? evsd_kind_read(request) : NULL;
  evsd_scope scope = {0};
  uint32_t rate = 0;
  if (kind && evsd_rate_read(request, &rate) && evsd_scope_read(request, &scope) &&
      evsd_redrive_fits(request, &scope))
    preview(request, &scope, kind, rate);
  evsd_scope_free(&scope);
}
