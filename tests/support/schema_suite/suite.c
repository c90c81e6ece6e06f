/* SPDX-License-Identifier: MIT
 * suite.c - runs files of the official JSON Schema test suite, and prints a line per failed test and one with
 * the counts of each file: "passed failed path". Called by tests/conformance/json_schema_test.py.
 *
 *   evs_schema_suite FOLDER 2020-12|07 FILE...      FILE is relative to FOLDER/tests/draft… */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event/json_scan.h"
#include "schema/schema.h"

#define REMOTES "http://localhost:1234/"

typedef struct suite {
  const char *folder;
  evsi_draft draft;
  const char *file;
  char *remote; /* the text that was looked up last */
  unsigned passed;
  unsigned failed;
} suite;

static char *read_file(const char *path, size_t *out_size) {
  FILE *file = fopen(path, "rb");
  if (!file)
    return NULL;
  char *text = NULL;
  size_t size = 0, capacity = 0, got;
  do {
    capacity += 65536;
    text = realloc(text, capacity);
    if (!text)
      abort();
    got = fread(text + size, 1, capacity - size, file);
    size += got;
  } while (got);
  fclose(file);
  *out_size = size;
  return text;
}

static bool look_up(void *user, const char *uri, evs_bytes *out_text) {
  suite *s = user;
  char path[1024];
  size_t size;
  if (strncmp(uri, REMOTES, strlen(REMOTES)) != 0 || strstr(uri, ".."))
    return false;
  snprintf(path, sizeof path, "%s/remotes/%s", s->folder, uri + strlen(REMOTES));
  free(s->remote);
  s->remote = read_file(path, &size);
  if (!s->remote)
    return false;
  *out_text = evsi_bytes(s->remote, size);
  return true;
}

static evs_bytes member(evs_bytes object, const char *name) {
  size_t cursor = 0;
  evs_bytes key, value;
  const char *error;
  while (evsi_json_member(object, &cursor, &key, &value, &error))
    if (key.size == strlen(name) && memcmp(key.data, name, key.size) == 0)
      return value;
  return evsi_bytes(NULL, 0);
}

static void failed(suite *s, evs_bytes group, evs_bytes test, const char *why) {
  evs_bytes about = member(group, "description"), what = member(test, "description");
  s->failed++;
  printf("FAILED %s: %.*s: %.*s: %s\n", s->file, (int)about.size, about.data, (int)what.size, what.data, why);
}

static void run_test(suite *s, const evsi_schema *schema, evs_bytes group, evs_bytes test) {
  evsi_validation *validation = evsi_validation_create();
  evs_bytes expected = member(test, "valid");
  evs_error *error = NULL;
  char *report = NULL;
  bool valid = false;
  if (!validation)
    abort();
  evs_status status = evsi_schema_validate(schema, validation, member(test, "data"), &valid, &error);
  if (status == EVS_OK)
    status = evsi_schema_report(schema, validation, EVSI_REPORT_BASIC, 100, &report, &error);
  bool reported = report && strncmp(report, "{\"valid\":true", 13) == 0;
  if (status != EVS_OK)
    failed(s, group, test, evs_error_message(error));
  else if (valid != (expected.data[0] == 't'))
    failed(s, group, test, valid ? "is valid here" : "is invalid here");
  else if (reported != valid)
    failed(s, group, test, "the report says something else");
  else
    s->passed++;
  free(report);
  evs_error_free(error);
  evsi_validation_free(validation);
}

static void run_group(suite *s, evs_bytes group) {
  /* Formats are held to what they say only in the tests that are about that. */
  evsi_schema_options options = {.draft = s->draft,
                                 .asserts_format = strncmp(s->file, "optional/format/", 16) == 0,
                                 .lookup = look_up,
                                 .user = s};
  evsi_schema *schema = NULL;
  evs_error *error = NULL;
  evs_bytes tests = member(group, "tests"), test;
  const char *why;
  size_t cursor = 0;
  evs_status status = evsi_schema_compile(member(group, "schema"), &options, &schema, &error);
  while (evsi_json_item(tests, &cursor, &test, &why)) {
    if (status == EVS_OK)
      run_test(s, schema, group, test);
    else
      failed(s, group, test, evs_error_json(error));
  }
  evs_error_free(error);
  evsi_schema_free(schema);
}

static int run_file(suite *s) {
  char path[1024];
  size_t size, cursor = 0;
  evs_bytes group;
  const char *error;
  snprintf(path, sizeof path, "%s/tests/draft%s/%s", s->folder, s->draft == EVSI_DRAFT_07 ? "7" : "2020-12",
           s->file);
  char *text = read_file(path, &size);
  if (!text) {
    fprintf(stderr, "cannot read %s\n", path);
    return 2;
  }
  s->passed = s->failed = 0;
  while (evsi_json_item(evsi_bytes(text, size), &cursor, &group, &error))
    run_group(s, group);
  free(text);
  printf("%u %u %s\n", s->passed, s->failed, s->file);
  return 0;
}

int main(int argc, char **argv) {
  if (argc < 4)
    return 2;
  suite s = {.folder = argv[1], .draft = strcmp(argv[2], "07") == 0 ? EVSI_DRAFT_07 : EVSI_DRAFT_2020_12};
  int status = 0;
  for (int i = 3; i < argc && status == 0; i++) {
    s.file = argv[i];
    status = run_file(&s);
  }
  free(s.remote);
  return status;
}
