/* SPDX-License-Identifier: MIT
 * topics.c - subscriptions that name the topics that they read: they get nothing from others, and their group
 * does not go looking for others because of their patterns. */
#include "base/alloc.h"
#include "consume/engine.h"

bool evsi_subscription_reads(const evsi_subscription *subscription, evs_bytes topic) {
  const evsi_subscription_options *options = &subscription->options;
  bool reads = options->topic_count == 0;
  for (uint32_t i = 0; i < options->topic_count && !reads; i++)
    reads = evsi_bytes_equal(evsi_text(options->topics[i]), topic);
  return reads;
}

static evs_status add(evsi_matcher *matcher, const evsi_subscription *subscription, evs_error **out_error) {
  evsi_origin_rule rule = evsi_subscription_rule(subscription->group->consume, &subscription->options);
  return evsi_matcher_add(matcher, subscription->pattern, &rule, subscription->number, out_error);
}

/* The first one that names topics: from now on the others' patterns stand apart as well. */
static evs_status begin(evsi_group *group, evs_error **out_error) {
  evsi_matcher *searching = evsi_matcher_new();
  evs_status status = searching ? EVS_OK : evsi_error_nomem(out_error);
  for (const evsi_subscription *each = group->subscriptions; each && status == EVS_OK; each = each->next) {
    if (!each->is_closing)
      status = add(searching, each, out_error);
  }
  if (status == EVS_OK)
    group->searching = searching;
  else
    evsi_matcher_free(searching);
  return status;
}

evs_status evsi_topics_add(evsi_subscription *subscription, evs_error **out_error) {
  evsi_group *group = subscription->group;
  if (subscription->options.topic_count > 0)
    return group->searching ? EVS_OK : begin(group, out_error);
  return group->searching ? add(group->searching, subscription, out_error) : EVS_OK;
}

void evsi_topics_remove(const evsi_subscription *subscription) {
  if (subscription->group->searching)
    evsi_matcher_remove(subscription->group->searching, subscription->number);
}

/* Does one of those that name topics name this one, or, where only_open, is there one that names none? */
static bool any_reads(const evsi_group *group, evs_bytes topic, bool only_open) {
  bool any = false;
  for (const evsi_subscription *each = group->subscriptions; each && !any; each = each->next) {
    bool is_open = each->options.topic_count == 0;
    any = !each->is_closing && is_open == only_open && (is_open || evsi_subscription_reads(each, topic));
  }
  return any;
}

bool evsi_topics_want(const evsi_group *group, evs_bytes topic, evs_bytes full_type) {
  bool is_any = full_type.size == 1 && full_type.data[0] == '*';
  if (!group->searching)
    return is_any || evsi_matcher_can_match(group->matcher, full_type);
  return any_reads(group, topic, false) ||
         (is_any ? any_reads(group, topic, true) : evsi_matcher_can_match(group->searching, full_type));
}
