/* SPDX-License-Identifier: MIT
 * validator.c - see validator.h. Idle validations stand in a few places that are exchanged without a lock. */
#include "schema/validator.h"

#include <stdatomic.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"

enum { IDLE_MAX = 4 };

typedef _Atomic(evsi_validation *) idle_place;

struct evs_schema {
  evsi_schema *program;
  idle_place *idle;
};

evs_status evsi_validator_new(evs_bytes text, const evsi_schema_options *options, evs_schema **out_schema,
                              evs_error **out_error) {
  evs_schema *schema = evsi_calloc(1, sizeof *schema + IDLE_MAX * sizeof *schema->idle);
  if (!schema)
    return evsi_error_nomem(out_error);
  schema->idle = (idle_place *)(schema + 1);
  for (int i = 0; i < IDLE_MAX; i++)
    atomic_init(&schema->idle[i], NULL);
  evs_status status = evsi_schema_compile(text, options, &schema->program, out_error);
  if (status == EVS_OK)
    *out_schema = schema;
  else
    evsi_free(schema);
  return status;
}

void evsi_validator_free(evs_schema *schema) {
  if (!schema)
    return;
  for (int i = 0; i < IDLE_MAX; i++)
    evsi_validation_free(atomic_load(&schema->idle[i]));
  evsi_schema_free(schema->program);
  evsi_free(schema);
}

const evsi_schema *evsi_validator_program(const evs_schema *schema) {
  return schema->program;
}

evsi_validation *evsi_validator_lend(const evs_schema *schema) {
  evsi_validation *validation = NULL;
  for (int i = 0; i < IDLE_MAX && !validation; i++)
    validation = atomic_exchange(&schema->idle[i], NULL);
  if (!validation)
    return evsi_validation_create();
  evsi_validation_read(validation, EVSI_READ_PLAIN);
  return validation;
}

void evsi_validator_give_back(const evs_schema *schema, evsi_validation *validation) {
  for (int i = 0; i < IDLE_MAX; i++) {
    evsi_validation *nothing = NULL;
    if (atomic_compare_exchange_strong(&schema->idle[i], &nothing, validation))
      return;
  }
  evsi_validation_free(validation);
}

static evs_status judge(const evs_schema *schema, evsi_validation *v, evs_bytes text, evsi_verdict *out,
                        evs_error **out_error) {
  evs_status status = evsi_schema_validate(schema->program, v, text, &out->is_valid, out_error);
  if (status == EVS_OK && out->is_valid)
    status = evsi_schema_fill(v, text, &out->filled, out_error);
  if (status == EVS_OK && out->filled) {
    evsi_validation_read(v, EVSI_READ_PLAIN);
    status = evsi_schema_validate(schema->program, v, evsi_text(out->filled), &out->is_valid, out_error);
  }
  if (status == EVS_OK && !out->is_valid)
    status = evsi_schema_report(schema->program, v, EVSI_REPORT_OWN, EVSI_ERRORS_KEPT_MAX, &out->report,
                                out_error);
  return status;
}

evs_status evsi_validator_judge(const evs_schema *schema, evsi_reading how, evs_bytes text, evsi_verdict *out,
                                evs_error **out_error) {
  evsi_validation *v = evsi_validator_lend(schema);
  *out = (evsi_verdict){.is_valid = false};
  if (!v)
    return evsi_error_nomem(out_error);
  evsi_validation_read(v, how);
  evs_status status = judge(schema, v, text, out, out_error);
  evsi_validator_give_back(schema, v);
  if (status == EVS_OK)
    return status;
  evsi_free(out->filled);
  *out = (evsi_verdict){.is_valid = false};
  return status;
}
