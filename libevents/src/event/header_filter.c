/* SPDX-License-Identifier: MIT
 * header_filter.c - compares headers with what a filter asks for. */
#include "event/header_filter.h"

#include <stddef.h>
#include <string.h>

#include "base/json_text.h"

typedef struct member {
  const char *name;
  size_t offset;
} member;

static const member members[] = {
    {"header.id", offsetof(evsi_envelope, id)},
    {"header.type", offsetof(evsi_envelope, type)},
    {"header.origin", offsetof(evsi_envelope, origin)},
    {"header.originPrefix", offsetof(evsi_envelope, origin_prefix)},
    {"header.timestamp", offsetof(evsi_envelope, timestamp)},
    {"header.version", offsetof(evsi_envelope, version)},
    {"header.contentType", offsetof(evsi_envelope, content_type)},
};
static const char lead[] = "header.";

const char evsi_header_filter_names[] = "id, type, origin, originPrefix, timestamp, version, contentType";

static const member *find(const char *name) {
  for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
    if (strcmp(members[i].name, name) == 0)
      return &members[i];
  }
  return NULL;
}

bool evsi_header_filter_knows(const char *name) {
  return strncmp(name, lead, sizeof lead - 1) != 0 || find(name);
}

/* What the event has; no data: it has none. */
static evs_bytes value_of(const evsi_envelope *envelope, const char *name, evsi_headers *headers) {
  const member *known = find(name);
  if (known) {
    evs_bytes value = *(const evs_bytes *)((const char *)envelope + known->offset);
    return value.size > 0 ? value : evsi_bytes(NULL, 0);
  }
  json_error_t why;
  if (!headers->tree && envelope->headers.size > 0)
    headers->tree = evsi_json_load(envelope->headers, JSON_ALLOW_NUL, &why);
  headers->no_memory |=
      !headers->tree && envelope->headers.size > 0 && json_error_code(&why) == json_error_out_of_memory;
  const json_t *found = json_object_get(headers->tree, name);
  return evsi_bytes(json_string_value(found), json_string_length(found));
}

static bool is_text(const json_t *wanted, evs_bytes value) {
  return json_is_string(wanted) && json_string_length(wanted) == value.size &&
         memcmp(json_string_value(wanted), value.data, value.size) == 0;
}

static bool fits(const json_t *wanted, evs_bytes value) {
  if (!value.data)
    return json_is_null(wanted);
  bool any = is_text(wanted, value);
  for (size_t i = 0; !any && i < json_array_size(wanted); i++)
    any = is_text(json_array_get(wanted, i), value);
  return any;
}

bool evsi_header_filter_takes(const json_t *filter, const evsi_envelope *envelope, evsi_headers *headers) {
  const char *name;
  json_t *wanted;
  json_object_foreach((json_t *)filter, name, wanted) {
    if (!fits(wanted, value_of(envelope, name, headers)))
      return false;
  }
  return true;
}
