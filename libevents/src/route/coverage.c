/* SPDX-License-Identifier: MIT
 * coverage.c - compares patterns of routes with each other. Two patterns have a type in common if one can
 * walk through both at once; one takes all of the other's if it takes those types of it that are hardest to
 * take: every star a segment that no pattern names, as few of them as may be, and one more. */
#include "route/coverage.h"

#include <string.h>

#include "base/alloc.h"
#include "event/pattern.h"
#include "event/segment.h"
#include "route/router_parts.h"

enum { TOKENS_MAX = 400, PAIRS_MAX = 1000, WORDS = 4 };

/* One segment; no data: any one; stretch: any number of them, none included. */
typedef struct token {
  evs_bytes text;
  bool stretches;
} token;

typedef struct tokens {
  token list[TOKENS_MAX];
  uint32_t count;
} tokens;

static void add(tokens *to, evs_bytes text, bool stretches) {
  if (to->count < TOKENS_MAX)
    to->list[to->count++] = (token){text, stretches};
}

static void add_segments(tokens *to, const char *text) {
  while (*text) {
    size_t size = strcspn(text, ".");
    bool is_star = size == 1 && *text == '*';
    add(to, is_star ? evsi_bytes(NULL, 0) : evsi_bytes(text, size), false);
    text += size;
    if (is_star && !*text) /* a trailing star takes more than one */
      add(to, evsi_bytes(NULL, 0), true);
    text += *text == '.';
  }
}

/* Anchored patterns stand behind the own origin prefix, as the types of events do. */
static void read_pattern(tokens *to, const char *pattern, const char *prefix) {
  to->count = 0;
  if (evsi_pattern_is_floating(pattern)) {
    add(to, evsi_bytes(NULL, 0), true);
    pattern += pattern[1] == '.' ? 2 : 0;
  } else if (!evsi_prefix_length(evsi_text(pattern), prefix)) {
    add_segments(to, prefix);
  }
  add_segments(to, pattern);
}

/* Is there a type that both take? `reached` holds, for one token of `a`, which ones of `b` one can be at. */
static bool have_common(const tokens *a, const tokens *b) {
  bool reached[TOKENS_MAX + 1] = {true}, next[TOKENS_MAX + 1];
  for (uint32_t j = 0; j < b->count && b->list[j].stretches; j++)
    reached[j + 1] = true;
  for (uint32_t i = 0; i < a->count; i++) {
    const token *left = &a->list[i];
    for (uint32_t j = 0; j <= b->count; j++) {
      bool was_before = j > 0 && reached[j - 1], is_stretch = j > 0 && b->list[j - 1].stretches;
      const token *right = j > 0 ? &b->list[j - 1] : NULL;
      bool is_same =
          right && (!left->text.data || !right->text.data || evsi_bytes_equal(left->text, right->text));
      if (left->stretches) /* takes nothing, or what `b` takes */
        next[j] = reached[j] || (j > 0 && next[j - 1]);
      else
        next[j] = (was_before && is_same && !is_stretch) ||
                  (is_stretch && (reached[j] || was_before || next[j - 1]));
    }
    memcpy(reached, next, (b->count + 1) * sizeof *next);
  }
  return reached[b->count];
}

/* The hardest types of a pattern: `longer` & 1 adds a segment in front, & 2 one at the end, where it may. */
static void hardest(tokens *to, const tokens *of, uint32_t longer) {
  static const evs_bytes unnamed = {"~", 1};
  to->count = 0;
  for (uint32_t i = 0; i < of->count; i++) {
    const token *each = &of->list[i];
    bool is_front = i == 0;
    if (!each->stretches)
      add(to, each->text.data ? each->text : unnamed, false);
    else if (longer & (is_front ? 1u : 2u))
      add(to, unnamed, false);
  }
}

static bool takes_all(const tokens *wide, const tokens *narrow) {
  for (uint32_t longer = 0; longer < WORDS; longer++) {
    tokens word;
    hardest(&word, narrow, longer);
    if (!have_common(wide, &word))
      return false;
  }
  return true;
}

typedef struct examination {
  const evsi_router *router;
  tokens *patterns; /* by rank */
  bool *is_shadowed;
  uint32_t count;
} examination;

static const evsi_route *route_at(const examination *e, uint32_t rank) {
  return &e->router->config->routing.routes[e->router->by_rank[rank]];
}

/* What lets the first of two routes win. */
static const char *decided_by(const evsi_route *winner, const evsi_route *loser) {
  if (winner->priority != loser->priority)
    return "priority";
  bool is_equal = evsi_pattern_literals(winner->pattern) == evsi_pattern_literals(loser->pattern) &&
                  evsi_pattern_is_floating(winner->pattern) == evsi_pattern_is_floating(loser->pattern);
  return is_equal ? "declaration" : "pattern";
}

static void tell_shadowed(examination *e, evsi_buf *out) {
  const char *comma = "";
  evsi_buf_add_text(out, "\"shadowed\":[");
  for (uint32_t rank = 1; rank < e->count; rank++) {
    for (uint32_t by = 0; by < rank && !e->is_shadowed[rank]; by++) {
      if (!takes_all(&e->patterns[by], &e->patterns[rank]))
        continue;
      e->is_shadowed[rank] = true;
      evsi_buf_addf(out, "%s{\"route\":%u,\"by\":%u,\"because\":\"%s\"}", comma, e->router->by_rank[rank],
                    e->router->by_rank[by], decided_by(route_at(e, by), route_at(e, rank)));
      comma = ",";
    }
  }
  evsi_buf_add_text(out, "]");
}

static void tell_overlapping(const examination *e, evsi_buf *out) {
  const char *comma = "";
  uint32_t told = 0;
  evsi_buf_add_text(out, ",\"overlapping\":[");
  for (uint32_t rank = 1; rank < e->count && told < PAIRS_MAX; rank++) {
    for (uint32_t by = 0; by < rank && told < PAIRS_MAX && !e->is_shadowed[rank]; by++) {
      const tokens *winner = &e->patterns[by], *loser = &e->patterns[rank];
      if (e->is_shadowed[by] || !have_common(winner, loser) || takes_all(loser, winner))
        continue;
      evsi_buf_addf(out, "%s{\"route\":%u,\"with\":%u,\"decidedBy\":\"%s\"}", comma, e->router->by_rank[by],
                    e->router->by_rank[rank], decided_by(route_at(e, by), route_at(e, rank)));
      comma = ",";
      told++;
    }
  }
  evsi_buf_add_text(out, "]");
}

void evsi_router_unused(const evsi_router *router, evsi_buf *out) {
  const char *comma = "";
  evsi_buf_add_text(out, "\"neverHit\":[");
  for (uint32_t i = 0; i < router->config->routing.route_count; i++) {
    bool is_hit = atomic_load_explicit(&router->uses[i].hits, memory_order_relaxed) > 0;
    if (is_hit || !router->config->routing.routes[i].enabled)
      continue;
    evsi_buf_addf(out, "%s%u", comma, i);
    comma = ",";
  }
  evsi_buf_add_text(out, "]");
}

void evsi_router_compare(const evsi_router *router, uint32_t examined_max, evsi_buf *out) {
  examination e = {.router = router,
                   .count = router->enabled < examined_max ? router->enabled : examined_max};
  e.patterns = evsi_calloc((size_t)e.count + 1, sizeof *e.patterns);
  e.is_shadowed = evsi_calloc((size_t)e.count + 1, sizeof *e.is_shadowed);
  out->failed |= !e.patterns || !e.is_shadowed;
  for (uint32_t rank = 0; e.patterns && rank < e.count; rank++)
    read_pattern(&e.patterns[rank], route_at(&e, rank)->pattern, router->config->origin_prefix);
  if (!out->failed) {
    tell_shadowed(&e, out);
    tell_overlapping(&e, out);
  }
  evsi_buf_addf(out, ",\"examined\":%u", e.count);
  evsi_free(e.patterns);
  evsi_free(e.is_shadowed);
}
