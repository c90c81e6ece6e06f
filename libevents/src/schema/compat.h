/* SPDX-License-Identifier: MIT
 * compat.h - may a schema take the place of earlier ones? Backward: who reads by the new one accepts what was
 * written by the old ones; forward: who still reads by an old one accepts what is written by the new one. */
#ifndef EVSI_COMPAT_H
#define EVSI_COMPAT_H

#include "schema/schema.h"

typedef enum evsi_compat_mode {
  EVSI_COMPAT_NONE,
  EVSI_COMPAT_BACKWARD,
  EVSI_COMPAT_FORWARD,
  EVSI_COMPAT_FULL, /* both */
} evsi_compat_mode;

typedef enum evsi_compat_policy {
  EVSI_COMPAT_PRAGMATIC, /* writers send only members that their schema names; readers fill in defaults */
  EVSI_COMPAT_STRICT,    /* nothing is taken for granted; what cannot be shown is refused */
} evsi_compat_policy;

typedef enum evsi_compat_verdict {
  EVSI_COMPAT_YES,
  EVSI_COMPAT_UNKNOWN, /* it could not be shown, neither that nor the opposite */
  EVSI_COMPAT_NO,
} evsi_compat_verdict;

typedef struct evsi_compat_question {
  const evsi_schema *const *earlier; /* the oldest first */
  const char *const *labels;         /* what each is called in the reasons, or NULL */
  uint32_t earlier_count;
  const evsi_schema *candidate;
  evsi_compat_mode mode;
  bool is_transitive; /* against all earlier ones, not only the last */
  evsi_compat_policy policy;
} evsi_compat_question;

/* May the candidate be registered? Under the strict policy only what is shown may, under the pragmatic one
 * also what is unknown. *out_json: {"verdict", "allowed", "reasons": [{"version"?, "direction", "path",
 * "keyword", "verdict", "message", "example"?}]}, freed with evsi_free(); `version` is the label, `path` a
 * place in the texts, * for any item or member, `example` a text that only one of the two accepts. errors:
 * EVS_NOMEM */
evs_status evsi_compat_check(const evsi_compat_question *question, bool *out_allowed, char **out_json,
                             evs_error **out_error);

#endif
