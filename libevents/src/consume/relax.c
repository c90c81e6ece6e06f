/* SPDX-License-Identifier: MIT
 * relax.c - what subscriptions may make of the order of a topic: do without it, all of a group together,
 * since what one handler may begin out of order another cannot get in order. */
#include "base/error.h"
#include "consume/engine.h"

static bool does_without(const evsi_subscription *subscription) {
  return subscription->options.has_ordering && subscription->options.ordering == EVSI_ORDER_NONE;
}

/* That of the topic where a route of this process leads to it; false: only its publishers know. */
static bool known_order(const evsi_consume *consume, const evsi_subscription *subscription,
                        evsi_ordering *out) {
  char type[2 * EVSI_PATTERN_MAX];
  if (subscription->options.topic_count > 0 || !evsi_pattern_sample(subscription->pattern, type))
    return false;
  return consume->setup.ordering_of &&
         consume->setup.ordering_of(consume->setup.data, type, subscription->options.transport, out);
}

evs_status evsi_relax_check(const evsi_group *group, const evsi_subscription *subscription,
                            evs_error **out_error) {
  const evsi_subscription_options *options = &subscription->options;
  evsi_ordering ordering;
  if (options->has_ordering && options->ordering != EVSI_ORDER_NONE &&
      known_order(group->consume, subscription, &ordering) && ordering != options->ordering)
    return evsi_error(out_error, EVS_CONFIG, "/ordering",
                      "a subscription may only do without an order: its topic has %s, it asks for %s; leave "
                      "ordering out, or set it where the route is",
                      evsi_ordering_word(ordering), evsi_ordering_word(options->ordering));
  for (const evsi_subscription *each = group->subscriptions; each; each = each->next) {
    if (each->is_closing || does_without(each) == does_without(subscription))
      continue;
    return evsi_error(out_error, EVS_CONFIG, "/ordering",
                      "all subscriptions of group %s must keep the order or do without it (none); %s %s",
                      group->name, each->name, does_without(each) ? "does without" : "keeps it");
  }
  return EVS_OK;
}

void evsi_relax_update(evsi_group *group) {
  for (const evsi_subscription *each = group->subscriptions; each; each = each->next) {
    if (!each->is_closing)
      group->is_relaxed = does_without(each);
  }
}
