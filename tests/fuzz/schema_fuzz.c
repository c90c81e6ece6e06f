/* SPDX-License-Identifier: MIT
 * schema_fuzz.c - libFuzzer target: a schema and a text, parted by a NUL. Beyond not crashing, a schema
 * compiles or has problems, both drafts take it, and a report says the same as the verdict. Where the text is
 * a schema, too, the two are compared. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "schema/compat.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition) {
  if (!condition)
    abort();
}

/* One other document, so that references may lead out and come back. */
static bool look_up(void *user, const char *uri, evs_bytes *out_text) {
  *out_text = *(evs_bytes *)user;
  return strcmp(uri, "other") == 0 || strcmp(uri, "http://x/other") == 0;
}

static void validate(const evsi_schema *schema, evs_bytes text) {
  evsi_validation *validation = evsi_validation_create();
  bool valid = false;
  evs_error *error = NULL;
  require(validation != NULL);
  evs_status status = evsi_schema_validate(schema, validation, text, &valid, &error);
  require(status == EVS_OK || status == EVS_VALIDATION);
  for (int form = EVSI_REPORT_OWN; status == EVS_OK && form <= EVSI_REPORT_BASIC; form++) {
    char *report = NULL;
    /* It goes on where the verdict was known, and so may reach a bound. */
    if (evsi_schema_report(schema, validation, (evsi_report_form)form, 5, &report, NULL) != EVS_OK)
      break;
    require((strncmp(report, "{\"valid\":true", 13) == 0) == valid);
    require(evsi_utf8_valid(report, strlen(report)));
    evsi_free(report);
  }
  evs_error_free(error);
  evsi_validation_free(validation);
}

/* As writers and readers have it: what is filled in makes the text longer, and leaves it UTF-8. */
static void read_otherwise(const evsi_schema *schema, evs_bytes text) {
  evsi_validation *validation = evsi_validation_create();
  bool valid = false;
  char *more = NULL;
  require(validation != NULL);
  evsi_validation_read(validation, EVSI_READ_CLOSED);
  evsi_schema_validate(schema, validation, text, &valid, NULL);
  evsi_validation_read(validation, EVSI_READ_FILLED);
  bool is_known = evsi_schema_validate(schema, validation, text, &valid, NULL) == EVS_OK;
  if (is_known && valid && evsi_schema_fill(validation, text, &more, NULL) == EVS_OK && more) {
    require(strlen(more) > text.size);
    require(evsi_utf8_valid(more, strlen(more)));
  }
  evsi_free(more);
  evsi_validation_free(validation);
}

/* Where both are schemas: a strict refusal has a reason, and only that. */
static void compare(evs_bytes left, evs_bytes right) {
  evsi_schema *schemas[2] = {NULL, NULL};
  char *report = NULL;
  bool allowed;
  if (evsi_schema_compile(left, NULL, &schemas[0], NULL) == EVS_OK &&
      evsi_schema_compile(right, NULL, &schemas[1], NULL) == EVS_OK) {
    evsi_compat_question question = {.earlier = (const evsi_schema *const *)schemas,
                                     .earlier_count = 1,
                                     .candidate = schemas[1],
                                     .mode = EVSI_COMPAT_FULL,
                                     .policy = EVSI_COMPAT_STRICT};
    require(evsi_compat_check(&question, &allowed, &report, NULL) == EVS_OK);
    require(allowed == (strstr(report, "\"reasons\":[]") != NULL));
    require(evsi_utf8_valid(report, strlen(report)));
  }
  evsi_free(report);
  evsi_schema_free(schemas[0]);
  evsi_schema_free(schemas[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *text = (const char *)data;
  size_t schema_size = strnlen(text, size);
  evs_bytes schema_text = evsi_bytes(text, schema_size), body = evsi_bytes(text, 0);
  if (schema_size < size)
    body = evsi_bytes(text + schema_size + 1, size - schema_size - 1);
  for (int draft = EVSI_DRAFT_2020_12; draft <= EVSI_DRAFT_07; draft++) {
    evsi_schema_options options = {
        .draft = (evsi_draft)draft, .asserts_format = true, .lookup = look_up, .user = &body};
    evsi_schema *schema = NULL;
    evs_error *error = NULL;
    evs_status status = evsi_schema_compile(schema_text, &options, &schema, &error);
    require(status == EVS_OK || status == EVS_VALIDATION);
    require((status == EVS_OK) == (schema != NULL) && (status == EVS_OK) == (error == NULL));
    if (schema) {
      validate(schema, body);
      read_otherwise(schema, body);
    }
    evs_error_free(error);
    evsi_schema_free(schema);
  }
  compare(schema_text, body);
  return 0;
}
