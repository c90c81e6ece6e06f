/* SPDX-License-Identifier: MIT
 * json_text.c - see json_text.h. */
#include "base/json_text.h"

#include "base/alloc.h"

char *evsi_json_text(const json_t *value) {
  size_t size = json_dumpb(value, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
  char *text = size > 0 ? evsi_alloc(size + 1) : NULL;
  if (!text)
    return NULL;
  size_t written = json_dumpb(value, text, size, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
  if (written != size) {
    evsi_free(text);
    return NULL;
  }
  text[size] = '\0';
  return text;
}
