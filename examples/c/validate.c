/* SPDX-License-Identifier: MIT
 * validate.c - holds bodies against a JSON Schema, and a second version of it against the first.
 *
 *   cc validate.c -levents -o validate && ./validate */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libevents.h>

static const char first[] = "{\"type\": \"object\", \"required\": [\"id\"],"
                            " \"properties\": {\"id\": {\"type\": \"integer\", \"minimum\": 1}}}";
static const char second[] =
    "{\"type\": \"object\", \"required\": [\"id\", \"note\"],"
    " \"properties\": {\"id\": {\"type\": \"integer\"}, \"note\": {\"type\": \"string\"}}}";

static const evs_bytes no_options = {NULL, 0};

static evs_bytes bytes(const char *text) {
  evs_bytes b = {text, strlen(text)};
  return b;
}

static void check(evs_status status, evs_error *error) {
  if (status == EVS_OK)
    return;
  fprintf(stderr, "%s: %s\n", evs_status_name(status), evs_error_message(error));
  exit(1);
}

static void validate(const evs_schema *schema, const char *body) {
  int32_t valid = 0;
  char *report = NULL;
  evs_error *error = NULL;
  check(evs_schema_validate(schema, bytes(body), &valid, &error), error);
  printf("%s: %s\n", body, valid ? "valid" : "not valid");
  if (valid)
    return;
  check(evs_schema_report(schema, bytes(body), no_options, &report, &error), error);
  printf("  %s\n", report); /* each error with its place in the body and in the schema */
  evs_string_free(report);
}

int main(void) {
  evs_schema *older = NULL, *newer = NULL;
  char *answer = NULL;
  evs_error *error = NULL;
  check(evs_schema_compile(bytes(first), no_options, &older, &error), error);
  check(evs_schema_compile(bytes(second), no_options, &newer, &error), error);
  validate(older, "{\"id\": 7}");
  validate(older, "{\"id\": 0}");
  check(evs_schema_compat(older, newer, no_options, &answer, &error), error);
  printf("%s\n", answer); /* the verdict, and for each place the reason with an example */
  evs_string_free(answer);
  evs_schema_free(older);
  evs_schema_free(newer);
  return 0;
}
