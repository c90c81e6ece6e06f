/* SPDX-License-Identifier: MIT
 * config_ordering.c - order of events: what a route and a transport ask for, and what a subscription may make
 * of it. What the words mean is consume/order.c's business. */
#include "config/config_build.h"

#include <string.h>

#include "base/alloc.h"
#include "libevents_transport.h"

static const char *const order_words[] = {[EVSI_ORDER_NONE] = "none",
                                          [EVSI_ORDER_PER_KEY] = "per-key",
                                          [EVSI_ORDER_PER_PARTITION] = "per-partition",
                                          [EVSI_ORDER_STRICT] = "strict"};
static const char *const dead_words[] = {[EVSI_DEAD_LETTER_SKIP] = "skip",
                                         [EVSI_DEAD_LETTER_BLOCK] = "block",
                                         [EVSI_DEAD_LETTER_PARK_KEY] = "park-key"};

/* The number of a word that the table has checked; 0, the first, where it is not given. */
static uint32_t number_of(const char *word, const char *const *words, size_t count) {
  for (uint32_t i = 0; word && i < count; i++) {
    if (strcmp(word, words[i]) == 0)
      return i;
  }
  return 0;
}

const char *evsi_ordering_word(evsi_ordering ordering) {
  return order_words[ordering];
}

const char *evsi_on_dead_letter_word(evsi_on_dead_letter policy) {
  return dead_words[policy];
}

evsi_ordering evsi_ordering_of(const char *word) {
  return (evsi_ordering)number_of(word, order_words, sizeof order_words / sizeof order_words[0]);
}

evsi_on_dead_letter evsi_on_dead_letter_of(const char *word) {
  return (evsi_on_dead_letter)number_of(word, dead_words, sizeof dead_words / sizeof dead_words[0]);
}

static void refuse(evsi_check *check, const char *key, const evsi_problem *problem) {
  size_t mark = evsi_check_push(check, key);
  evsi_check_problem(check, problem);
  evsi_check_pop(check, mark);
}

void evsi_build_ordering(evsi_build *build, evsi_route *out, const json_t *route) {
  out->ordering = evsi_ordering_of(evsi_get_text(route, "ordering"));
  out->on_dead_letter = evsi_on_dead_letter_of(evsi_get_text(route, "onDeadLetter"));
  if (out->ordering == EVSI_ORDER_STRICT && out->partitions > 1)
    refuse(build->check, "ordering",
           &(evsi_problem){.message = "is one order of all events of the topic, which has several partitions",
                           .found = "strict",
                           .expected = "per-partition, or at most one partition"});
}

/* An order among things that are stored apart cannot be kept; what a group without dead letters would wait
 * for never comes. */
static void check_dead_letters(evsi_build *build, const evsi_route *route) {
  if (route->on_dead_letter == EVSI_DEAD_LETTER_SKIP)
    return;
  for (uint32_t i = 0; i < route->transport_count; i++) {
    const evsi_transport_config *transport = &build->config->transports[route->transports[i]];
    if (evsi_transport_capabilities(transport) & EVS_CAP_DLQ)
      continue;
    refuse(build->check, "onDeadLetter",
           &(evsi_problem){.message = "waits for dead letters, which a transport does not have",
                           .found = transport->name,
                           .expected = "skip, or another transport"});
  }
}

void evsi_check_route_ordering(evsi_build *build, const evsi_route *route) {
  if (route->ordering == EVSI_ORDER_NONE && route->on_dead_letter != EVSI_DEAD_LETTER_SKIP)
    refuse(build->check, "onDeadLetter",
           &(evsi_problem){.message = "is about events that come in order, which the route does not ask for",
                           .found = evsi_on_dead_letter_word(route->on_dead_letter),
                           .expected = "skip, or an ordering"});
  else
    check_dead_letters(build, route);
}

evsi_ordering evsi_transport_ordering(const json_t *transport) {
  const json_t *block = json_object_get(transport, "ordering");
  if (!json_is_object(block))
    return evsi_ordering_of(json_string_value(block));
  return evsi_get_bool(block, "enabled") ? evsi_ordering_of(evsi_get_text(block, "strategy"))
                                         : EVSI_ORDER_NONE;
}

void evsi_subscription_ordering(evsi_check *check, const evsi_config *config, const json_t *given,
                                evsi_subscription_options *out) {
  const evsi_transport_config *transport = &config->transports[out->transport];
  const char *ordering = evsi_get_text(given, "ordering");
  const char *policy = evsi_get_text(given, "onDeadLetter");
  out->has_ordering = ordering || config->consumer.has_ordering;
  out->ordering = ordering ? evsi_ordering_of(ordering) : config->consumer.ordering;
  out->has_on_dead_letter = policy != NULL;
  out->on_dead_letter = evsi_on_dead_letter_of(policy);
  if (out->on_dead_letter != EVSI_DEAD_LETTER_SKIP && !(evsi_transport_capabilities(transport) & EVS_CAP_DLQ))
    refuse(check, "onDeadLetter",
           &(evsi_problem){.message = "waits for dead letters, which the transport does not have",
                           .found = policy,
                           .expected = "skip, or another transport"});
}
