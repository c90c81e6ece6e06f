/* SPDX-License-Identifier: MIT
 * bundle.c - entries that hold several events. Each event is dispatched, decided and counted like an entry of
 * its own; when the last one is decided, one settlement of the entry carries all of it out: dead letters of
 * single events, and what is kept of those that go on. Where the events lie is a decoder's business. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json_text.h"
#include "consume/engine.h"
#include "event/stored_batch.h"

enum { TOGETHER_MS = 100, INDEX_TEXT = 12, STATE_MAX = 1024 * 1024 };

static const char *index_text(uint32_t index, char out[INDEX_TEXT]) {
  snprintf(out, INDEX_TEXT, "%" PRIu32, index);
  return out;
}

static json_t *kept_of(const evsi_entry *carrier, uint32_t index) {
  char text[INDEX_TEXT];
  return json_object_get(carrier->kept, index_text(index, text));
}

void evsi_bundle_free(evsi_bundle *bundle) {
  if (bundle)
    evsi_free(bundle->letters);
  evsi_free(bundle);
}

/* ---- beginning -------------------------------------------------------------------------------- */

/* Now the group holds as many events, and the memory that they will take. */
static void count_events(evsi_entry *carrier, uint32_t events) {
  evsi_group *group = carrier->group;
  uint64_t cost = carrier->bundle->count * (sizeof(evsi_part) + sizeof(evsi_entry));
  carrier->events = events > 0 ? events : 1;
  carrier->cost += cost;
  group->held += carrier->events - 1;
  group->held_bytes += cost;
  if (carrier->events > group->events_each)
    group->events_each = carrier->events;
}

static bool make_parts(evsi_entry *carrier, const evsi_stored_batch *batch) {
  evsi_bundle *bundle = evsi_calloc(1, sizeof *bundle + batch->count * sizeof(evsi_part));
  uint32_t left = 0;
  if (!bundle)
    return false;
  carrier->bundle = bundle;
  bundle->count = batch->count;
  for (uint32_t i = 0; i < batch->count; i++) {
    bundle->parts[i].data = batch->events[i];
    bundle->parts[i].is_through = carrier->kept && !kept_of(carrier, i);
    left += !bundle->parts[i].is_through;
  }
  count_events(carrier, left);
  return true;
}

void evsi_bundle_open(evsi_entry *carrier, evsi_outgoing *outgoing) {
  evsi_group *group = carrier->group;
  evsi_stored_batch batch;
  const char *why = evsi_stored_batch_decode(carrier->stored.data, &batch);
  if (why && why != evsi_stored_batch_no_memory) {
    evsi_count(group->consume->setup.stats, EVSI_COUNT_MALFORMED, 1);
    evsi_settle_dead(carrier, "MalformedEntry", why, outgoing);
    return;
  }
  bool is_ready = !why && make_parts(carrier, &batch);
  evsi_stored_batch_free(&batch);
  if (!is_ready) { /* handed back: memory may be there when it comes again */
    evsi_settle_as(carrier, EVS_SETTLE_RELEASE, 0, outgoing);
    return;
  }
  *(group->bundles_last ? &group->bundles_last->next : &group->bundles_first) = carrier;
  group->bundles_last = carrier;
  evsi_bundles_begin(group, outgoing);
}

static void end_if_decided(evsi_entry *carrier, evsi_outgoing *outgoing) {
  if (carrier->bundle->open == 0 && carrier->bundle->begun == carrier->bundle->count)
    evsi_bundle_settle(carrier, outgoing);
}

/* The first of the group's bundles has begun as a whole. */
static void take_first(evsi_group *group) {
  evsi_entry *first = group->bundles_first;
  group->bundles_first = first->next;
  if (!group->bundles_first)
    group->bundles_last = NULL;
  first->next = NULL;
}

static uint64_t elapsed_ms(const evsi_entry *carrier, uint64_t since_us) {
  return (evsi_now_us(carrier->group->consume->setup.env) - since_us) / 1000;
}

/* How long an event still waits that was not due yet when its entry was. */
static uint64_t wait_of(const evsi_entry *carrier, const json_t *kept) {
  json_int_t wait = json_integer_value(json_object_get(kept, "w"));
  uint64_t passed = elapsed_ms(carrier, carrier->received_us);
  return wait > 0 && (uint64_t)wait > passed ? (uint64_t)wait - passed : 0;
}

static void begin_next(evsi_entry *carrier, evsi_outgoing *outgoing) {
  evsi_bundle *bundle = carrier->bundle;
  uint32_t index = bundle->begun++;
  evsi_part *part = &bundle->parts[index];
  json_t *kept = kept_of(carrier, index);
  if (bundle->begun == bundle->count)
    take_first(carrier->group);
  if (!part->is_through)
    part->event = evsi_entry_of(carrier, index, kept);
  if (!part->event) { /* through; or memory is short: it goes back with its entry */
    end_if_decided(carrier, outgoing);
    return;
  }
  bundle->open++;
  carrier->group->open++;
  uint64_t wait_ms = wait_of(carrier, kept);
  if (wait_ms > 0)
    evsi_settle_as(part->event, EVS_SETTLE_PARK, wait_ms, outgoing);
  else
    evsi_dispatch(part->event, outgoing);
}

/* The events of an ordered entry come one after the other. */
static bool has_room(const evsi_group *group) {
  const evsi_entry *first = group->bundles_first;
  return first->order ? first->bundle->open == 0 : group->open < evsi_group_prefetch(group);
}

void evsi_bundles_begin(evsi_group *group, evsi_outgoing *outgoing) {
  if (group->is_beginning)
    return; /* an event was decided as it began: the loop below goes on with the next one */
  group->is_beginning = true;
  bool begins = evsi_group_may_begin(group);
  while (group->bundles_first && (!begins || has_room(group))) {
    evsi_entry *carrier = group->bundles_first;
    if (begins) {
      begin_next(carrier, outgoing);
      continue;
    }
    carrier->bundle->begun = carrier->bundle->count;
    take_first(group);
    end_if_decided(carrier, outgoing);
  }
  group->is_beginning = false;
}

void evsi_bundle_hold_up(evsi_entry *carrier, evsi_outgoing *outgoing) {
  evsi_group *group = carrier->group;
  evsi_entry *before = NULL;
  carrier->bundle->is_held_up = true;
  if (carrier->bundle->begun == carrier->bundle->count)
    return;
  for (evsi_entry *at = group->bundles_first; at != carrier; at = at->next)
    before = at;
  *(before ? &before->next : &group->bundles_first) = carrier->next;
  if (group->bundles_last == carrier)
    group->bundles_last = before;
  carrier->next = NULL;
  carrier->bundle->begun = carrier->bundle->count;
  end_if_decided(carrier, outgoing);
}

/* ---- ending ----------------------------------------------------------------------------------- */

void evsi_bundle_decided(evsi_entry *event, evsi_outgoing *outgoing) {
  evsi_entry *carrier = event->carrier;
  evsi_group *group = event->group;
  carrier->bundle->parts[event->index].decided_us = evsi_now_us(group->consume->setup.env);
  if (carrier->bundle->is_decided)
    return; /* decided anew, for the carrier that is being settled */
  carrier->bundle->open--;
  group->open--;
  uint32_t kind = event->settlement.kind;
  if (carrier->order && kind != EVS_SETTLE_ACK && kind != EVS_SETTLE_DEAD_LETTER &&
      carrier->bundle->begun < carrier->bundle->count)
    evsi_bundle_hold_up(carrier, outgoing); /* settles it, too */
  else
    end_if_decided(carrier, outgoing);
  evsi_bundles_begin(group, outgoing);
}

/* 0: it is through or dead now, or was before. */
static uint32_t goes_on_by(const evsi_part *part) {
  if (part->is_through)
    return 0;
  uint32_t kind = part->event ? part->event->settlement.kind : EVS_SETTLE_RELEASE;
  return kind == EVS_SETTLE_ACK || kind == EVS_SETTLE_DEAD_LETTER ? 0 : kind;
}

/* How long until its next attempt, from now. */
static uint64_t delay_of(const evsi_entry *carrier, const evsi_part *part) {
  if (goes_on_by(part) != EVS_SETTLE_PARK)
    return 0;
  uint64_t passed = elapsed_ms(carrier, part->decided_us), delay = part->event->settlement.delay_ms;
  return delay > passed ? delay - passed : 0;
}

/* What the events of one delivery came to. */
typedef struct bundle_sum {
  uint32_t letters, going_on, released;
  const evsi_entry *handed; /* the first one that another member takes */
  uint64_t soonest_ms;      /* until one of those that are parked is due */
} bundle_sum;

static bundle_sum sum_up(const evsi_entry *carrier) {
  bundle_sum sum = {.soonest_ms = UINT64_MAX};
  for (uint32_t i = 0; i < carrier->bundle->count; i++) {
    const evsi_part *part = &carrier->bundle->parts[i];
    uint32_t kind = goes_on_by(part);
    sum.letters += part->event && part->event->settlement.kind == EVS_SETTLE_DEAD_LETTER;
    sum.going_on += kind != 0;
    sum.released += kind == EVS_SETTLE_RELEASE && !(carrier->bundle->is_held_up && !part->event);
    if (kind == EVS_SETTLE_HAND_OVER && !sum.handed)
      sum.handed = part->event;
    uint64_t delay = delay_of(carrier, part);
    if (kind == EVS_SETTLE_PARK && delay < sum.soonest_ms)
      sum.soonest_ms = delay;
  }
  return sum;
}

/* Until when the entry is parked: what is due about as soon as the first waits for one another, so that a
 * hundred failures do not bring it back a hundred times. */
static uint64_t common_delay(const evsi_entry *carrier, uint64_t soonest_ms) {
  uint64_t common = soonest_ms;
  uint64_t most = soonest_ms < TOGETHER_MS / 2 ? TOGETHER_MS : soonest_ms * 2;
  for (uint32_t i = 0; i < carrier->bundle->count; i++) {
    uint64_t delay = delay_of(carrier, &carrier->bundle->parts[i]);
    if (delay > common && delay <= most)
      common = delay;
  }
  return common;
}

/* is_short: without what only tells about earlier failures. */
static json_t *state_of(const evsi_entry *carrier, uint32_t index, uint64_t delay_ms, bool is_short) {
  const evsi_part *part = &carrier->bundle->parts[index];
  json_t *kept = kept_of(carrier, index);
  if (!part->event)
    return kept ? json_incref(kept) : json_object();
  json_t *state = evsi_entry_state_json(&part->event->state);
  if (is_short) {
    json_object_del(state, "h");
    json_object_del(state, "e");
  }
  uint64_t delay = delay_of(carrier, part);
  if (delay > delay_ms &&
      json_object_set_new(state, "w", json_integer((json_int_t)(delay - delay_ms))) != 0) {
    json_decref(state);
    return NULL;
  }
  return state;
}

/* The carrier's own state, and in it {"b":{index: state}} of the events that go on; NULL when memory is
 * short. */
static char *keep_state(const evsi_entry *carrier, uint64_t delay_ms, bool is_short) {
  json_t *states = json_object(), *root = evsi_entry_state_json(&carrier->state);
  bool is_whole = json_object_set_new(root, "b", states) == 0;
  for (uint32_t i = 0; is_whole && i < carrier->bundle->count; i++) {
    char text[INDEX_TEXT];
    if (goes_on_by(&carrier->bundle->parts[i]) != 0)
      is_whole =
          json_object_set_new(states, index_text(i, text), state_of(carrier, i, delay_ms, is_short)) == 0;
  }
  char *text = is_whole ? evsi_json_text(root) : NULL;
  json_decref(root);
  return text;
}

static bool write_letters(evsi_entry *carrier, uint32_t count) {
  evsi_bundle *bundle = carrier->bundle;
  evs_tp_letter *letters = count > 0 ? evsi_calloc(count, sizeof *letters) : NULL;
  if (count > 0 && !letters)
    return false;
  evsi_free(bundle->letters);
  bundle->letters = letters;
  carrier->settlement.letters = letters;
  carrier->settlement.letter_count = count;
  for (uint32_t i = 0, at = 0; i < bundle->count && at < count; i++) {
    const evsi_entry *event = bundle->parts[i].event;
    if (event && event->settlement.kind == EVS_SETTLE_DEAD_LETTER)
      letters[at++] = (evs_tp_letter){
          .struct_size = sizeof *letters, .data = event->stored.data, .record = event->settlement.record};
  }
  return true;
}

static bool write_state(evsi_entry *carrier, uint32_t kind, uint64_t delay_ms) {
  evsi_settle_account(carrier, kind);
  char *state = keep_state(carrier, delay_ms, false);
  if (state && strlen(state) > STATE_MAX) { /* thousands of stacks: attempts count, stories do not */
    evsi_free(state);
    state = keep_state(carrier, delay_ms, true);
  }
  if (!state)
    return false;
  evsi_free(carrier->settlement_state);
  carrier->settlement_state = state;
  carrier->settlement.state = evsi_text(state);
  return true;
}

/* Events that nobody here takes are decided by who is in the group now. */
static void decide_unmatched(evsi_entry *carrier, evsi_outgoing *outgoing) {
  for (uint32_t i = 0; i < carrier->bundle->count; i++) {
    evsi_entry *event = carrier->bundle->parts[i].event;
    if (!event || !event->is_unmatched)
      continue;
    evsi_settle_unmatched(event, outgoing);
    carrier->settlement.flags |= event->settlement.flags & EVS_SETTLE_CHECK_MEMBERS;
    carrier->settlement.members_version = event->settlement.members_version;
  }
}

void evsi_bundle_settle(evsi_entry *carrier, evsi_outgoing *outgoing) {
  carrier->bundle->is_decided = true;
  carrier->settlement = (evs_tp_settlement){0};
  decide_unmatched(carrier, outgoing);
  bundle_sum sum = sum_up(carrier);
  if (sum.released == carrier->events &&
      carrier->state.alone == 0) { /* nothing happened: what was kept stays as it is */
    evsi_settle_as(carrier, EVS_SETTLE_RELEASE, 0, outgoing);
    return;
  }
  uint32_t kind = sum.going_on == 0  ? EVS_SETTLE_ACK
                  : sum.released > 0 ? EVS_SETTLE_RELEASE
                  : sum.handed       ? EVS_SETTLE_HAND_OVER
                                     : EVS_SETTLE_PARK;
  if (kind == EVS_SETTLE_PARK && sum.soonest_ms == UINT64_MAX)
    kind = EVS_SETTLE_RELEASE; /* held up before any of them failed */
  uint64_t delay = kind == EVS_SETTLE_PARK ? common_delay(carrier, sum.soonest_ms) : 0;
  if (!write_letters(carrier, sum.letters) ||
      (kind != EVS_SETTLE_ACK && !write_state(carrier, kind, delay))) {
    carrier->settlement = (evs_tp_settlement){0}; /* memory is short: all of it comes again */
    kind = EVS_SETTLE_RELEASE;
  }
  if (kind == EVS_SETTLE_HAND_OVER)
    carrier->settlement.member = sum.handed->settlement.member;
  evsi_settle_as(carrier, kind, delay, outgoing);
}
