/* SPDX-License-Identifier: MIT
 * counts.c - see counts.h. */
#include "support/counts.h"

#include <jansson.h>
#include <stdlib.h>

#include "support/until.h"

int test_count(const char *name) {
  json_t *all = json_load_file(EVS_SOURCE_DIR "/tests/support/counts.json", 0, NULL);
  const json_t *count = json_object_get(json_object_get(all, name), getenv("EVS_LONG") ? "long" : "short");
  int value = (int)json_integer_value(count);
  json_decref(all);
  test_require(value > 0, name);
  return value;
}
