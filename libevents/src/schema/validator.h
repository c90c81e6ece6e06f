/* SPDX-License-Identifier: MIT
 * validator.h - a compiled schema that any number of threads use at once, each with a validation of its own
 * that is kept for the next one. */
#ifndef EVSI_VALIDATOR_H
#define EVSI_VALIDATOR_H

#include "schema/schema.h"

enum {
  EVSI_ERRORS_LIMIT = 100,  /* that are told, unless a caller wants another number */
  EVSI_ERRORS_KEPT_MAX = 20 /* that go along with an event */
};

/* See evsi_schema_compile(). The type is that of the public interface. */
evs_status evsi_validator_new(evs_bytes text, const evsi_schema_options *options, evs_schema **out_schema,
                              evs_error **out_error);
void evsi_validator_free(evs_schema *schema);
const evsi_schema *evsi_validator_program(const evs_schema *schema);

/* NULL: no memory. Reads plainly, until said otherwise. */
evsi_validation *evsi_validator_lend(const evs_schema *schema);
void evsi_validator_give_back(const evs_schema *schema, evsi_validation *validation);

typedef struct evsi_verdict {
  bool is_valid;
  char *report; /* own form, where it is not valid; freed with evsi_free() */
  char *filled; /* the text with what it lacked, where that is so; freed with evsi_free() */
} evsi_verdict;

/* Validates, and tells why not. What is filled in has to be valid, too.
 * errors: as evsi_schema_validate(); then *out has nothing to free */
evs_status evsi_validator_judge(const evs_schema *schema, evsi_reading how, evs_bytes text, evsi_verdict *out,
                                evs_error **out_error);

#endif
