/* SPDX-License-Identifier: MIT
 * schema_fixture.h - one schema against one text, for the tests of schemas. */
#ifndef EVS_SCHEMA_FIXTURE_H
#define EVS_SCHEMA_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "schema/schema.h"

static inline evsi_schema *compile_with(const char *text, const evsi_schema_options *options) {
  evsi_schema *schema = NULL;
  evs_error *error = NULL;
  if (evsi_schema_compile(evsi_text(text), options, &schema, &error) != EVS_OK)
    fail_msg("%.300s: %s", text, evs_error_json(error));
  return schema;
}

static inline evsi_schema *compile(const char *text) {
  return compile_with(text, NULL);
}

/* "valid", "invalid", or the reason why there is no verdict. */
static inline const char *verdict_of(const evsi_schema *schema, const char *text) {
  static char reason[512];
  evsi_validation *validation = evsi_validation_create();
  evs_error *error = NULL;
  bool valid = false;
  assert_non_null(validation);
  evs_status status = evsi_schema_validate(schema, validation, evsi_text(text), &valid, &error);
  snprintf(reason, sizeof reason, "%s",
           status == EVS_OK ? (valid ? "valid" : "invalid") : evs_error_message(error));
  evs_error_free(error);
  evsi_validation_free(validation);
  return reason;
}

static inline void expect(const char *schema_text, const char *text, const char *verdict) {
  evsi_schema *schema = compile(schema_text);
  const char *found = verdict_of(schema, text);
  if (strcmp(found, verdict) != 0)
    fail_msg("%.300s on %.300s is %s, not %s", schema_text, text, found, verdict);
  evsi_schema_free(schema);
}

/* A report; freed with evsi_free(). */
static inline char *report_of(const char *schema_text, const char *text, evsi_report_form form,
                              uint32_t limit) {
  evsi_schema *schema = compile(schema_text);
  evsi_validation *validation = evsi_validation_create();
  bool valid;
  char *report = NULL;
  assert_non_null(validation);
  assert_int_equal(evsi_schema_validate(schema, validation, evsi_text(text), &valid, NULL), EVS_OK);
  assert_int_equal(evsi_schema_report(schema, validation, form, limit, &report, NULL), EVS_OK);
  evsi_validation_free(validation);
  evsi_schema_free(schema);
  return report;
}

/* The error of a schema that must not compile, as JSON; freed with free(). */
static inline char *refusal_of(const char *text, const evsi_schema_options *options) {
  evsi_schema *schema = NULL;
  evs_error *error = NULL;
  if (evsi_schema_compile(evsi_text(text), options, &schema, &error) != EVS_VALIDATION)
    fail_msg("%.300s is not refused", text);
  char *json = strdup(evs_error_json(error));
  evs_error_free(error);
  return json;
}

#endif
