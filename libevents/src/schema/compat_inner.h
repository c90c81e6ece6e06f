/* SPDX-License-Identifier: MIT
 * compat_inner.h - the parts of the compatibility check, for each other. It shows that one schema accepts
 * only what another one accepts: every operation of the wider one has to follow from those of the narrower
 * one. */
#ifndef EVSI_COMPAT_INNER_H
#define EVSI_COMPAT_INNER_H

#include "schema/compat.h"
#include "schema/evaluate.h"

enum {
  EVSI_SET_RECORDS_MAX = 24,
  EVSI_COMPAT_DEPTH_MAX = 40, /* of schemas within schemas: bounds the recursion */
  EVSI_COMPAT_WORK_MAX = 1000000,
  EVSI_TYPES_ALL = 63,
};

/* Values that all these schemas accept, and of the types. */
typedef struct evsi_set {
  uint32_t records[EVSI_SET_RECORDS_MAX]; /* of the narrower schema */
  uint32_t count;
  uint32_t splits; /* how many of its alternatives were taken apart */
  uint8_t types;   /* bits as in evsi_op; integers only as EVSI_TYPE_INTEGER */
  bool is_plain;   /* it is what the first record accepts, no more and no less */
  bool is_cut;     /* there were more records than fit: it may be narrower than it looks */
  bool is_empty;   /* accepts nothing */
} evsi_set;

typedef struct evsi_comparison {
  const evsi_schema *narrow;
  const evsi_schema *wide;
  evsi_compat_policy policy;
  evsi_validation *validation; /* for values that are listed one by one */
  evsi_buf reasons;            /* items of a JSON array */
  evsi_buf path;
  const char *direction;
  const char *label; /* of the earlier one, or NULL */
  uint32_t reason_count;
  uint32_t examples; /* that were looked for */
  uint32_t quiet;    /* above 0: reasons are not told */
  uint32_t depth;
  uint64_t work;
  evsi_pair *assumed; /* pairs that are being compared further out, or were found fine */
  uint32_t assumed_count, assumed_capacity;
  bool is_uncertain; /* an expression could not be tried on a name */
  bool no_memory;
} evsi_comparison;

typedef evsi_compat_verdict verdict;

/* ---- compat_set.c ---- */
void evsi_set_clear(evsi_set *set);
/* Takes in a schema of the narrower side, with all that it refers to and combines. */
void evsi_set_add(const evsi_comparison *c, evsi_set *set, uint32_t record);
/* The next operation of the set with that keyword, and whose it is: begin with *cursor = 0. */
const evsi_op *evsi_set_next(const evsi_comparison *c, const evsi_set *set, int keyword, uint64_t *cursor,
                             uint32_t *out_record);
/* The values of a member of that name, or of the members that no keyword names. */
void evsi_set_of_member(evsi_comparison *c, const evsi_set *set, evs_bytes name, evsi_set *out);
void evsi_set_of_other_members(evsi_comparison *c, const evsi_set *set, evsi_set *out);
/* The values of the item at that index. */
void evsi_set_of_item(const evsi_comparison *c, const evsi_set *set, uint64_t index, evsi_set *out);
uint64_t evsi_set_prefix(const evsi_comparison *c,
                         const evsi_set *set); /* items with a schema of their own */
/* Do only these records decide which members and items were looked at? */
bool evsi_set_decides_alone(const evsi_comparison *c, const evsi_set *set);
bool evsi_set_requires(evsi_comparison *c, const evsi_set *set, evs_bytes name);
/* Is the member one of properties or patternProperties of that record? Adds their schemas to `out`, if given
 * (then `schema` is the narrower side). */
bool evsi_compat_names(evsi_comparison *c, const evsi_schema *schema, uint32_t record, evs_bytes name,
                       evsi_set *out);
bool evsi_compat_matches(evsi_comparison *c, const evsi_schema *schema, uint32_t regex, evs_bytes name);

/* ---- compat.c ---- */
verdict evsi_worse(verdict a, verdict b);
/* Tells a reason, unless quiet; returns the verdict. `op` is of the wider side, and may be NULL. */
verdict evsi_reason(evsi_comparison *c, verdict v, const evsi_op *op, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* ---- compat_example.c ---- */
/* A text that the narrower schema accepts and the wider one does not; NULL: none was found. From evsi_alloc.
 */
char *evsi_compat_example(evsi_comparison *c);

/* ---- compat_subset.c ---- */
/* Does the schema of the wider side accept the whole set? */
verdict evsi_subset(evsi_comparison *c, const evsi_set *set, uint32_t wide);
verdict evsi_subset_quietly(evsi_comparison *c, const evsi_set *set, uint32_t wide);
/* The same one step down, for the place that `token` names. */
verdict evsi_subset_below(evsi_comparison *c, const evsi_set *set, uint32_t wide, evs_bytes token);

/* ---- compat_value.c, compat_object.c, compat_array.c: does the operation follow? ---- */
verdict evsi_follows_value(evsi_comparison *c, const evsi_set *set, const evsi_op *op, uint32_t wide);
verdict evsi_follows_object(evsi_comparison *c, const evsi_set *set, const evsi_op *op, uint32_t wide);
verdict evsi_follows_array(evsi_comparison *c, const evsi_set *set, const evsi_op *op, uint32_t wide);
/* Has the set an operation of that keyword with a count within these? */
bool evsi_has_count(const evsi_comparison *c, const evsi_set *set, int keyword, uint64_t least,
                    uint64_t most);
/* Are the values listed one by one? Then each is tried. */
bool evsi_set_is_listed(const evsi_comparison *c, const evsi_set *set);
verdict evsi_listed_follow(evsi_comparison *c, const evsi_set *set, uint32_t wide);

#endif
