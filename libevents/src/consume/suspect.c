/* SPDX-License-Identifier: MIT
 * suspect.c - entries with which processes ended. A delivery without an outcome is a crash, of whatever the
 * process held; so an entry that was held at too many of them is handled alone: nothing else is with the
 * host, and the store knows it. When the process ends then, it was this entry. */
#include <stdio.h>

#include "consume/engine.h"

/* What may be held against the entries of a group; 0: nothing. */
static uint32_t most_crashes(const evsi_group *group) {
  uint32_t most = 0;
  if ((group->link->ops->capabilities & EVS_CAP_PERSISTENCE) == 0)
    return 0; /* nothing outlives this process */
  for (const evsi_subscription *each = group->subscriptions; each; each = each->next) {
    uint32_t given = each->is_closing ? 0 : each->options.max_crashes;
    most = given > 0 && (most == 0 || given < most) ? given : most;
  }
  return most;
}

void evsi_suspect_count(evsi_entry *entry) {
  uint32_t before = entry->stored.deliveries > 0 ? entry->stored.deliveries - 1 : 0;
  entry->crashes = entry->state.crashes;
  if (before > entry->state.counted)
    entry->crashes += before - entry->state.counted;
}

static void append(evsi_consume *consume, evsi_entry *entry) {
  *(consume->suspects ? &consume->suspects_last->suspect_next : &consume->suspects) = entry;
  consume->suspects_last = entry;
  entry->suspect_next = NULL;
  entry->suspicion = EVSI_SUSPECT_WAITS;
}

void evsi_suspect_forget(evsi_entry *entry) {
  evsi_consume *consume = entry->group->consume;
  evsi_entry *before = NULL;
  if (entry->suspicion == EVSI_SUSPECT_NOT)
    return;
  for (evsi_entry *each = consume->suspects; each != entry; each = each->suspect_next)
    before = each;
  *(before ? &before->suspect_next : &consume->suspects) = entry->suspect_next;
  if (consume->suspects_last == entry)
    consume->suspects_last = before;
  entry->suspicion = EVSI_SUSPECT_NOT;
  consume->wake_host = true; /* what waited behind it may be taken */
}

static void bury(evsi_entry *entry, uint32_t most, evsi_outgoing *outgoing) {
  evsi_consume *consume = entry->group->consume;
  char text[160];
  snprintf(text, sizeof text,
           "the process ended %u times while it held this event, at last with nothing else (maxCrashes %u)",
           entry->crashes, most);
  if (!(entry->stored.flags & (EVS_ENTRY_BATCH | EVS_ENTRY_MALFORMED)))
    evsi_entry_read(entry); /* its type, if it has one */
  evsi_count(consume->setup.stats, EVSI_COUNT_CRASHED, 1);
  evsi_settle_dead(entry, "CrashLoop", text, outgoing);
}

static void log_suspect(const evsi_entry *entry) {
  evsi_consume *consume = entry->group->consume;
  char crashes[16];
  snprintf(crashes, sizeof crashes, "%u", entry->crashes);
  evsi_consume_log(consume, EVSI_LOG_WARN, "processes ended while they had an entry: it is handled alone",
                   (evsi_log_field[]){{"topic", entry->stored.topic},
                                      {"offset", entry->stored.offset},
                                      {"group", evsi_text(entry->group->name)},
                                      {"crashes", evsi_text(crashes)},
                                      {NULL}});
}

bool evsi_suspect_take(evsi_entry *entry, evsi_outgoing *outgoing) {
  if (entry->crashes == 0)
    return false;
  uint32_t most = most_crashes(entry->group), alone_at = most > 1 ? most - 1 : 1;
  bool is_judged = entry->carrier || entry->suspicion != EVSI_SUSPECT_NOT;
  if (most == 0 || is_judged || (entry->stored.flags & EVS_ENTRY_TRIMMED) || entry->crashes < alone_at)
    return false;
  if (entry->state.alone > 0 && entry->stored.deliveries > entry->state.alone && entry->crashes >= most) {
    bury(entry, most, outgoing);
    return true;
  }
  if (!entry->group->consume->suspects)
    log_suspect(entry);
  append(entry->group->consume, entry);
  return true;
}

bool evsi_suspect_lets(const evsi_consume *consume, const evsi_entry *entry) {
  return !consume->suspects || consume->suspects == (entry->carrier ? entry->carrier : entry);
}

void evsi_suspects_begin(evsi_consume *consume, evsi_outgoing *outgoing) {
  evsi_entry *first = consume->suspects;
  if (!first || first->suspicion != EVSI_SUSPECT_WAITS || consume->running > 0)
    return;
  first->suspicion = EVSI_SUSPECT_ALONE;
  first->state.alone = first->stored.deliveries;
  evsi_settle_keep(first, outgoing);
}

void evsi_suspects_hand_back(evsi_consume *consume, evsi_outgoing *outgoing) {
  for (evsi_entry *entry = consume->suspects, *next; entry; entry = next) {
    next = entry->suspect_next;
    if (entry->suspicion != EVSI_SUSPECT_WAITS || evsi_group_may_begin(entry->group))
      continue;
    evsi_suspect_forget(entry);
    evsi_settle_as(entry, EVS_SETTLE_RELEASE, 0, outgoing);
  }
  evsi_suspects_begin(consume, outgoing);
}

void evsi_suspect_kept(evsi_entry *entry, evsi_outgoing *outgoing) {
  entry->settlement = (evs_tp_settlement){0};
  bool is_ours = !entry->order || evsi_order_may_hand(entry);
  if (evsi_group_may_begin(entry->group) && is_ours)
    evsi_begin(entry, outgoing);
  else
    evsi_settle_as(entry, EVS_SETTLE_RELEASE, 0, outgoing);
}
