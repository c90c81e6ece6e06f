/* SPDX-License-Identifier: MIT
 * redact.c - see redact.h. Depth of recursion follows the pointer, never the body. */
#include "redact.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jsontext.h"

typedef struct span {
  size_t from, to;
} span;

typedef struct spans {
  evs_bytes body;
  span *items;
  size_t count, room;
  bool failed;
} spans;

static void add_span(spans *found, evs_bytes value) {
  if (found->count == found->room) {
    size_t room = found->room ? found->room * 2 : 16;
    span *more = realloc(found->items, room * sizeof *more);
    if (!more) {
      found->failed = true;
      return;
    }
    found->items = more;
    found->room = room;
  }
  size_t from = (size_t)(value.data - found->body.data);
  found->items[found->count++] = (span){from, from + value.size};
}

/* One segment of a pointer, unescaped, into `out`; gives where the next begins, or NULL after the last. */
static const char *next_segment(const char *pointer, char out[257]) {
  size_t used = 0;
  for (pointer++; *pointer && *pointer != '/' && used < 256; pointer++) {
    bool is_escape = *pointer == '~' && (pointer[1] == '0' || pointer[1] == '1');
    out[used++] = (char)(is_escape ? (pointer[1] == '0' ? '~' : '/') : *pointer);
    pointer += is_escape;
  }
  out[used] = '\0';
  return *pointer == '/' ? pointer : NULL;
}

/* Is this the member or element that the segment means? A name may be written with escapes. */
static bool is_meant(const char *segment, evs_bytes name, size_t index) {
  char number[24];
  if (strcmp(segment, "*") == 0)
    return true;
  if (!name.data) {
    snprintf(number, sizeof number, "%zu", index);
    return strcmp(number, segment) == 0;
  }
  json_t *text = jsontext_parse(name);
  bool is_same = json_string_length(text) == strlen(segment) &&
                 memcmp(json_string_value(text), segment, strlen(segment)) == 0;
  json_decref(text);
  return is_same;
}

static void find(spans *found, evs_bytes value, const char *pointer) {
  char segment[257];
  const char *rest = next_segment(pointer, segment);
  evs_bytes name = {0}, member = {0};
  size_t cursor = 0;
  if (value.size == 0 || (value.data[0] != '{' && value.data[0] != '['))
    return;
  /* To the end, since a name may stand there twice. */
  for (size_t index = 0; jsontext_next(value, &cursor, &name, &member); index++) {
    if (!is_meant(segment, name, index))
      continue;
    if (rest)
      find(found, member, rest);
    else
      add_span(found, member);
  }
}

static int by_start(const void *a, const void *b) {
  const span *left = a, *right = b;
  if (left->from != right->from)
    return left->from < right->from ? -1 : 1;
  return left->to > right->to ? -1 : left->to < right->to;
}

static char *replace(const spans *found) {
  char *text = malloc((size_t)found->body.size + found->count * sizeof EVSD_REDACTED + 1);
  size_t used = 0, at = 0;
  for (size_t i = 0; text && i < found->count; i++) {
    const span *hidden = &found->items[i];
    if (hidden->from < at)
      continue; /* within one that is hidden as a whole */
    memcpy(text + used, found->body.data + at, hidden->from - at);
    used += hidden->from - at;
    memcpy(text + used, EVSD_REDACTED, sizeof EVSD_REDACTED - 1);
    used += sizeof EVSD_REDACTED - 1;
    at = hidden->to;
  }
  if (text) {
    memcpy(text + used, found->body.data + at, (size_t)found->body.size - at);
    text[used + (size_t)found->body.size - at] = '\0';
  }
  return text;
}

char *evsd_redact(evs_bytes body, const json_t *pointers, json_t *out_found) {
  spans found = {.body = body};
  json_t *pointer;
  size_t i;
  evs_bytes value = body;
  while (value.size && strchr(" \t\r\n", value.data[0])) {
    value.data++;
    value.size--;
  }
  json_array_foreach(pointers, i, pointer) {
    size_t before = found.count;
    find(&found, value, json_string_value(pointer));
    if (found.count > before)
      json_array_append_new(out_found, json_string(json_string_value(pointer))); /* the options are shared */
  }
  if (found.count)
    qsort(found.items, found.count, sizeof *found.items, by_start);
  char *text = found.failed ? NULL : replace(&found);
  free(found.items);
  return text;
}
