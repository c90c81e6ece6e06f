/* SPDX-License-Identifier: MIT
 * matcher.c - patterns and origins of many subscriptions. The texts are matched by tries; here is only which
 * text a pattern is tried on, and whether the event's origin is one of those that the subscription takes.
 *
 * An anchored pattern is tried on the type without its origin prefix, so that one entry serves all origins.
 * Where it begins with one of its origins (`eu.de.user.*` at `eu.de`) it may also be meant as written: then
 * what follows that origin is one more entry, good at that origin only.
 *
 * Regular expressions are tried one after the other behind the tries. */
#include "consume/matcher.h"

#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/map.h"
#include "consume/expression.h"
#include "event/pattern_trie.h"
#include "event/segment.h"

enum { SLOT_NONE = UINT32_MAX };

struct subscriber;

/* What an id in a trie stands for. */
typedef struct slot {
  struct subscriber *owner;
  const char *origin; /* the only one that this entry is good at; NULL: all of the owner's */
  uint32_t cut;       /* bytes of the pattern that this entry leaves out */
  uint32_t next_free;
} slot;

typedef struct subscriber {
  UT_hash_handle hh;
  uint32_t id;
  char *pattern;
  bool is_floating;
  bool takes_all; /* every origin */
  char **origins; /* otherwise these; "" stands for events without a prefix */
  uint32_t origin_count;
  uint32_t *slots;
  uint32_t slot_count;
  evsi_regex *regex; /* of a regular expression, which has no slots */
  struct subscriber *next_regex;
  _Atomic bool gave_up; /* it was too much work at least once */
} subscriber;

struct evsi_matcher {
  subscriber *by_id;
  slot *slots;
  uint32_t slot_count;
  uint32_t slot_capacity;
  uint32_t first_free;
  evsi_pattern_trie *on_type; /* anchored patterns */
  evsi_pattern_trie *on_full; /* floating ones */
  evsi_pattern_trie *any;     /* all of them, as if with a leading `*.` */
  subscriber *regexes;
  uint64_t version;
};

evsi_matcher *evsi_matcher_new(void) {
  evsi_matcher *matcher = evsi_calloc(1, sizeof *matcher);
  if (!matcher)
    return NULL;
  matcher->first_free = SLOT_NONE;
  matcher->version = 1;
  matcher->on_type = evsi_pattern_trie_new();
  matcher->on_full = evsi_pattern_trie_new();
  matcher->any = evsi_pattern_trie_new();
  if (matcher->on_type && matcher->on_full && matcher->any)
    return matcher;
  evsi_matcher_free(matcher);
  return NULL;
}

static void subscriber_free(subscriber *s) {
  for (uint32_t i = 0; i < s->origin_count; i++)
    evsi_free(s->origins[i]);
  evsi_free(s->origins);
  evsi_free(s->slots);
  evsi_regex_free(s->regex);
  evsi_free(s->pattern);
  evsi_free(s);
}

void evsi_matcher_free(evsi_matcher *matcher) {
  if (!matcher)
    return;
  subscriber *s, *next;
  HASH_ITER(hh, matcher->by_id, s, next) {
    HASH_DEL(matcher->by_id, s);
    subscriber_free(s);
  }
  evsi_pattern_trie_free(matcher->on_type);
  evsi_pattern_trie_free(matcher->on_full);
  evsi_pattern_trie_free(matcher->any);
  evsi_free(matcher->slots);
  evsi_free(matcher);
}

static uint32_t slot_take(evsi_matcher *matcher) {
  uint32_t number = matcher->first_free;
  if (number != SLOT_NONE) {
    matcher->first_free = matcher->slots[number].next_free;
    return number;
  }
  if (matcher->slot_count == matcher->slot_capacity) {
    uint32_t capacity = matcher->slot_capacity ? matcher->slot_capacity * 2 : 16;
    slot *slots = evsi_realloc(matcher->slots, capacity * sizeof *slots);
    if (!slots)
      return SLOT_NONE;
    matcher->slots = slots;
    matcher->slot_capacity = capacity;
  }
  return matcher->slot_count++;
}

static void slot_give_back(evsi_matcher *matcher, uint32_t number) {
  matcher->slots[number] = (slot){.next_free = matcher->first_free};
  matcher->first_free = number;
}

/* `text` with a leading `*.`; out has room for two bytes more than the longest pattern. */
static void float_text(const char *text, char *out) {
  memcpy(out, "*.", 2);
  memcpy(out + 2, text, strlen(text) + 1);
}

static void slot_unlink(evsi_matcher *matcher, uint32_t number) {
  char floated[EVSI_PATTERN_MAX + 3];
  const slot *entry = &matcher->slots[number];
  const subscriber *s = entry->owner;
  const char *text = s->pattern + entry->cut;
  if (s->is_floating) {
    evsi_pattern_trie_remove(matcher->on_full, text, number);
    evsi_pattern_trie_remove(matcher->any, text, number);
    return;
  }
  float_text(text, floated);
  evsi_pattern_trie_remove_tail(matcher->on_type, text, number);
  evsi_pattern_trie_remove(matcher->any, floated, number);
}

static bool slot_link(evsi_matcher *matcher, uint32_t number) {
  char floated[EVSI_PATTERN_MAX + 3];
  const slot *entry = &matcher->slots[number];
  const subscriber *s = entry->owner;
  const char *text = s->pattern + entry->cut;
  if (s->is_floating)
    return evsi_pattern_trie_add(matcher->on_full, text, number) &&
           evsi_pattern_trie_add(matcher->any, text, number);
  float_text(text, floated);
  return evsi_pattern_trie_add_tail(matcher->on_type, text, number) &&
         evsi_pattern_trie_add(matcher->any, floated, number);
}

static void regex_unlink(evsi_matcher *matcher, const subscriber *s) {
  for (subscriber **link = &matcher->regexes; *link; link = &(*link)->next_regex) {
    if (*link == s) {
      *link = s->next_regex;
      return;
    }
  }
}

uint64_t evsi_matcher_version(const evsi_matcher *matcher) {
  return matcher->version;
}

static void subscriber_unlink(evsi_matcher *matcher, subscriber *s) {
  matcher->version++;
  if (s->regex)
    regex_unlink(matcher, s);
  for (uint32_t i = 0; i < s->slot_count; i++) {
    slot_unlink(matcher, s->slots[i]);
    slot_give_back(matcher, s->slots[i]);
  }
  s->slot_count = 0;
}

static bool add_slot(evsi_matcher *matcher, subscriber *s, const char *origin, size_t cut) {
  uint32_t number = slot_take(matcher);
  if (number == SLOT_NONE)
    return false;
  matcher->slots[number] = (slot){.owner = s, .origin = origin, .cut = (uint32_t)cut};
  s->slots[s->slot_count++] = number;
  return slot_link(matcher, number);
}

static bool subscriber_link(evsi_matcher *matcher, subscriber *s) {
  matcher->version++;
  if (s->regex) {
    s->next_regex = matcher->regexes;
    matcher->regexes = s;
    return true;
  }
  s->slots = evsi_calloc(1 + s->origin_count, sizeof *s->slots);
  bool ok = s->slots && add_slot(matcher, s, NULL, 0);
  for (uint32_t i = 0; ok && !s->is_floating && i < s->origin_count; i++) {
    size_t cut = evsi_prefix_length(evsi_text(s->pattern), s->origins[i]);
    if (cut > 0)
      ok = add_slot(matcher, s, s->origins[i], cut);
  }
  if (!ok)
    subscriber_unlink(matcher, s);
  return ok;
}

static bool has_origin(const subscriber *s, evs_bytes origin) {
  for (uint32_t i = 0; i < s->origin_count; i++)
    if (evsi_bytes_equal(evsi_text(s->origins[i]), origin))
      return true;
  return false;
}

static bool add_origin(subscriber *s, const char *origin) {
  if (has_origin(s, evsi_text(origin)))
    return true;
  char *copy = evsi_strdup(origin);
  if (copy)
    s->origins[s->origin_count++] = copy;
  return copy != NULL;
}

/* NULL when memory is short. */
static subscriber *subscriber_new(const char *pattern, const evsi_origin_rule *rule, uint32_t id) {
  subscriber *s = evsi_calloc(1, sizeof *s);
  if (!s)
    return NULL;
  s->id = id;
  s->pattern = evsi_strdup(pattern);
  s->origins = evsi_calloc((size_t)rule->origin_count + 1, sizeof *s->origins);
  s->is_floating = evsi_pattern_is_floating(pattern);
  s->takes_all = s->is_floating && !rule->origins_set;
  bool ok = s->pattern && s->origins && add_origin(s, rule->origin_prefix ? rule->origin_prefix : "");
  for (uint32_t i = 0; ok && rule->origins_set && i < rule->origin_count; i++)
    ok = add_origin(s, rule->origins[i]);
  if (ok)
    return s;
  subscriber_free(s);
  return NULL;
}

evs_status evsi_matcher_normalize(evs_bytes pattern, const evsi_origin_rule *rule, char *out,
                                  evs_error **out_error) {
  return evsi_pattern_is_expression(pattern) ? evsi_expression_normalize(pattern, out, out_error)
                                             : evsi_pattern_normalize(pattern, rule, out, out_error);
}

/* Takes `s`. */
static evs_status subscriber_add(evsi_matcher *matcher, subscriber *s, evs_error **out_error) {
  if (!subscriber_link(matcher, s)) {
    subscriber_free(s);
    return evsi_error_nomem(out_error);
  }
  HASH_ADD(hh, matcher->by_id, id, sizeof s->id, s);
  if (s->hh.tbl)
    return EVS_OK;
  subscriber_unlink(matcher, s);
  subscriber_free(s);
  return evsi_error_nomem(out_error);
}

evs_status evsi_matcher_add(evsi_matcher *matcher, const char *pattern, const evsi_origin_rule *rule,
                            uint32_t id, evs_error **out_error) {
  char normal[EVSI_PATTERN_MAX + 1];
  evs_status status = evsi_matcher_normalize(evsi_text(pattern), rule, normal, out_error);
  if (status != EVS_OK)
    return status;
  subscriber *s = NULL;
  HASH_FIND(hh, matcher->by_id, &id, sizeof id, s);
  if (s)
    return evsi_error(out_error, EVS_ARGUMENT, NULL, "number %u already has the pattern %s; remove it first",
                      id, s->pattern);
  s = subscriber_new(normal, rule, id);
  if (!s)
    return evsi_error_nomem(out_error);
  if (evsi_pattern_is_expression(evsi_text(normal)))
    status = evsi_expression_compile(normal, &s->regex, out_error);
  if (status == EVS_OK)
    return subscriber_add(matcher, s, out_error);
  subscriber_free(s);
  return status;
}

void evsi_matcher_remove(evsi_matcher *matcher, uint32_t id) {
  subscriber *s = NULL;
  HASH_FIND(hh, matcher->by_id, &id, sizeof id, s);
  if (!s)
    return;
  HASH_DEL(matcher->by_id, s);
  subscriber_unlink(matcher, s);
  subscriber_free(s);
}

/* One event under way through the tries. */
typedef struct match {
  const evsi_matcher *matcher;
  evs_bytes origin; /* compared with its size: what comes from a store may hold NUL bytes */
  uint32_t *ids;
  uint32_t max;
  uint32_t count;
  bool is_elsewhere; /* somebody would take it at another origin */
} match;

/* Keeps ids sorted and single. They mostly come in rising order, so that nothing moves. */
static void match_add(match *m, uint32_t id) {
  uint32_t held = m->count < m->max ? m->count : m->max;
  uint32_t low = 0, high = held;
  if (held > 0 && m->ids[held - 1] < id)
    low = held;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (m->ids[middle] < id)
      low = middle + 1;
    else
      high = middle;
  }
  if (low < held && m->ids[low] == id)
    return;
  m->count++;
  if (low == m->max)
    return;
  uint32_t moved = (held < m->max ? held : m->max - 1) - low;
  memmove(m->ids + low + 1, m->ids + low, moved * sizeof *m->ids);
  m->ids[low] = id;
}

static bool note_slot(void *data, uint32_t number) {
  match *m = data;
  const slot *entry = &m->matcher->slots[number];
  const subscriber *s = entry->owner;
  bool is_taken = entry->origin ? evsi_bytes_equal(evsi_text(entry->origin), m->origin)
                                : s->takes_all || has_origin(s, m->origin);
  if (is_taken)
    match_add(m, s->id);
  else
    m->is_elsewhere = true;
  return true;
}

/* Tries all of them also at origins that they do not take: the event is filtered then, and not unmatched. */
static void match_regexes(match *m, evs_bytes type) {
  evsi_regex_memory *memory = NULL;
  for (subscriber *s = m->matcher->regexes; s; s = s->next_regex) {
    evsi_regex_verdict verdict = evsi_expression_try(s->regex, &memory, type);
    bool is_taken = s->takes_all || has_origin(s, m->origin);
    if (verdict == EVSI_REGEX_YES && is_taken)
      match_add(m, s->id);
    else if (verdict != EVSI_REGEX_NO && !is_taken)
      m->is_elsewhere = true;
    else if (verdict != EVSI_REGEX_NO)
      atomic_store_explicit(&s->gave_up, true, memory_order_relaxed);
  }
  evsi_regex_memory_free(memory);
}

static void fold_to(char *out, evs_bytes text) {
  for (uint64_t i = 0; i < text.size; i++)
    out[i] = evsi_fold(text.data[i]);
  out[text.size] = '\0';
}

uint32_t evsi_matcher_match(const evsi_matcher *matcher, evs_bytes origin_prefix, evs_bytes type,
                            uint32_t *out_ids, uint32_t max, bool *out_filtered) {
  char origin[EVSI_MATCH_TEXT_MAX + 1], full[EVSI_MATCH_TEXT_MAX + 1];
  *out_filtered = false;
  if (type.size == 0 || type.size > EVSI_MATCH_TEXT_MAX ||
      origin_prefix.size >= EVSI_MATCH_TEXT_MAX - type.size)
    return 0;
  fold_to(origin, origin_prefix);
  size_t cut = origin_prefix.size;
  if (cut > 0) {
    memcpy(full, origin, cut);
    full[cut++] = '.';
  }
  fold_to(full + cut, type);
  match m = {
      .matcher = matcher, .origin = evsi_bytes(origin, origin_prefix.size), .ids = out_ids, .max = max};
  evsi_pattern_trie_match(matcher->on_type, evsi_bytes(full + cut, type.size), note_slot, &m);
  evsi_pattern_trie_match(matcher->on_full, evsi_bytes(full, cut + type.size), note_slot, &m);
  match_regexes(&m, evsi_bytes(full + cut, type.size));
  *out_filtered = m.count == 0 && m.is_elsewhere;
  return m.count;
}

uint32_t evsi_matcher_undecided(const evsi_matcher *matcher, evs_bytes origin_prefix, evs_bytes type,
                                uint32_t *out_ids, uint32_t max) {
  char origin[EVSI_MATCH_TEXT_MAX + 1], folded[EVSI_MATCH_TEXT_MAX + 1];
  evsi_regex_memory *memory = NULL;
  if (!matcher->regexes || type.size > EVSI_MATCH_TEXT_MAX || origin_prefix.size > EVSI_MATCH_TEXT_MAX)
    return 0;
  fold_to(origin, origin_prefix);
  fold_to(folded, type);
  match m = {.origin = evsi_bytes(origin, origin_prefix.size), .ids = out_ids, .max = max};
  for (subscriber *s = matcher->regexes; s; s = s->next_regex) {
    if (!atomic_load_explicit(&s->gave_up, memory_order_relaxed) ||
        !(s->takes_all || has_origin(s, m.origin)))
      continue;
    evsi_regex_verdict verdict = evsi_expression_try(s->regex, &memory, evsi_bytes(folded, type.size));
    if (verdict != EVSI_REGEX_YES && verdict != EVSI_REGEX_NO)
      match_add(&m, s->id);
  }
  evsi_regex_memory_free(memory);
  return m.count;
}

static bool note_any(void *data, uint32_t number) {
  (void)number;
  *(bool *)data = true;
  return false;
}

bool evsi_matcher_can_match(const evsi_matcher *matcher, evs_bytes full_type) {
  char folded[EVSI_MATCH_TEXT_MAX + 1];
  bool can = false;
  if (full_type.size == 0 || full_type.size > EVSI_MATCH_TEXT_MAX)
    return false;
  fold_to(folded, full_type);
  evsi_pattern_trie_match(matcher->any, evsi_bytes(folded, full_type.size), note_any, &can);
  evsi_regex_memory *memory = NULL;
  for (const subscriber *s = matcher->regexes; s && !can; s = s->next_regex)
    can = evsi_expression_can_match(s->regex, &memory, evsi_bytes(folded, full_type.size));
  evsi_regex_memory_free(memory);
  return can;
}
