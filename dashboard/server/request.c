/* SPDX-License-Identifier: MIT
 * request.c - see request.h. */
#include "request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "json.h"
#include "problems.h"

enum { PARAMETERS_MAX = 32 };

void evsd_request_end(evsd_request *request) {
  free(request->param);
  json_decref(request->query);
  json_decref(request->body);
  evsd_reply_free(&request->reply);
}

const char *evsd_header(const evsd_request *request, const char *name) {
  return mg_get_header(request->connection, name);
}

bool evsd_may(const evsd_request *request, uint32_t permission) {
  return (request->caller.permissions & permission) == permission;
}

bool evsd_require(evsd_request *request, uint32_t permission) {
  if (evsd_may(request, permission))
    return true;
  const char *name = "view";
  for (int i = 0; i < EVSD_PERMISSIONS; i++) {
    if ((permission & ~request->caller.permissions) >> i & 1)
      name = evsd_permission_names[i];
  }
  evsd_problem(request, 403, "forbidden", "This needs the permission %s, which %s does not have.", name,
               request->caller.name);
  evsd_problem_set(request, "permission", json_string(name));
  return false;
}

char *evsd_decode(const char *text, size_t size, bool is_form) {
  char *decoded = malloc(size + 1);
  int used = decoded ? mg_url_decode(text, (int)size, decoded, (int)size + 1, is_form) : -1;
  json_t *checked = used >= 0 ? json_stringn(decoded, (size_t)used) : NULL; /* UTF-8 */
  bool is_text = checked && !memchr(decoded, '\0', (size_t)used);
  json_decref(checked);
  if (is_text)
    return decoded;
  free(decoded);
  return NULL;
}

static bool is_listed(const char *name, const char *const *known) {
  while (*known && strcmp(*known, name) != 0)
    known++;
  return *known != NULL;
}

/* One name=value of the query. */
static bool read_parameter(evsd_request *request, const char *text, size_t size, const char *const *known) {
  const char *equals = memchr(text, '=', size);
  size_t name_size = equals ? (size_t)(equals - text) : size;
  char *name = evsd_decode(text, name_size, true);
  char *value = equals ? evsd_decode(equals + 1, size - name_size - 1, true) : strdup("");
  bool is_good = name && value && is_listed(name, known) && !json_object_get(request->query, name);
  if (is_good)
    json_object_set_new(request->query, name, json_string(value));
  else if (!name || !value)
    evsd_problem(request, 400, "bad_parameter", "A parameter is not UTF-8 text.");
  else
    evsd_problem(request, 400, "bad_parameter",
                 is_listed(name, known) ? "The parameter %.64s is given twice."
                                        : "There is no parameter %.64s here.",
                 name);
  free(name);
  free(value);
  return is_good;
}

bool evsd_query_read(evsd_request *request, const char *const *known) {
  const char *at = request->info->query_string;
  request->query = json_object();
  for (int count = 0; at && *at; count++) {
    size_t size = strcspn(at, "&");
    if (count >= PARAMETERS_MAX) {
      evsd_problem(request, 400, "bad_parameter", "There are more than %d parameters.", PARAMETERS_MAX);
      return false;
    }
    if (size && !read_parameter(request, at, size, known))
      return false;
    at += size + (at[size] == '&');
  }
  return true;
}

const char *evsd_query_text(const evsd_request *request, const char *name) {
  return json_string_value(json_object_get(request->query, name));
}

bool evsd_query_number(evsd_request *request, const char *name, uint64_t min, uint64_t max, uint64_t *out) {
  const char *text = evsd_query_text(request, name);
  if (!text)
    return true;
  char *end = NULL;
  errno = 0;
  unsigned long long number = strtoull(text, &end, 10);
  bool is_number = *text >= '0' && *text <= '9' && *end == '\0' && errno == 0;
  if (is_number && number >= min && number <= max) {
    *out = number;
    return true;
  }
  evsd_problem(request, 400, "bad_parameter", "The parameter %s must be a whole number from %llu to %llu.",
               name, (unsigned long long)min, (unsigned long long)max);
  evsd_problem_set(request, "path", json_string(name));
  return false;
}

/* The body's bytes; chunked ones have no length and are counted while they come. */
static char *read_bytes(evsd_request *request, size_t max, size_t *out_size) {
  long long length = request->info->content_length;
  size_t room = length > 0 && (size_t)length <= max ? (size_t)length : 16384, used = 0;
  char *bytes = length > (long long)max ? NULL : malloc(room + 1);
  while (bytes) {
    int got = mg_read(request->connection, bytes + used, room - used);
    if (got <= 0)
      break;
    used += (size_t)got;
    if (used < room)
      continue;
    if (length >= 0 || used > max)
      break;
    room = room * 2 > max ? max + 1 : room * 2;
    char *more = realloc(bytes, room + 1);
    if (!more)
      free(bytes);
    bytes = more;
  }
  *out_size = used;
  if (bytes && used <= max && (length < 0 || used == (size_t)length))
    return bytes;
  bool is_large = length > (long long)max || used > max;
  free(bytes);
  if (is_large)
    evsd_problem(request, 413, "too_large", "The body is larger than %zu bytes.", max);
  else
    evsd_problem(request, 400, "bad_body", "The body ended before it was complete.");
  return NULL;
}

bool evsd_body_read(evsd_request *request, size_t max) {
  const char *type = evsd_header(request, "Content-Type");
  size_t size = 0;
  json_error_t why;
  if (!type || strncasecmp(type, "application/json", 16) != 0 || (type[16] && !strchr("; \t", type[16]))) {
    evsd_problem(request, 415, "not_json", "Send the body with Content-Type: application/json.");
    return false;
  }
  char *bytes = read_bytes(request, max, &size);
  if (!bytes)
    return false;
  bool is_flat = evsd_json_is_flat((evs_bytes){bytes, size});
  snprintf(why.text, sizeof why.text, "nested deeper than %d", EVSD_DEPTH_MAX);
  request->body = is_flat ? json_loadb(bytes, size, JSON_REJECT_DUPLICATES, &why) : NULL;
  free(bytes);
  if (json_is_object(request->body))
    return true;
  evsd_problem(request, 400, "bad_body", "The body must be a JSON object%s%s.", request->body ? "" : ": ",
               request->body ? "" : why.text);
  return false;
}

bool evsd_body_members(evsd_request *request, const char *const *known) {
  const char *name;
  json_t *value;
  json_object_foreach(request->body, name, value) {
    if (is_listed(name, known))
      continue;
    const char *near = evsd_suggest(name, known);
    evsd_problem(request, 400, "bad_body",
                 near ? "There is no member \"%.64s\"; did you mean \"%s\"?"
                      : "There is no member \"%.64s\" here.",
                 name, near);
    return false;
  }
  return true;
}

bool evsd_body_text(evsd_request *request, const char *name, size_t max, const char **out_text) {
  json_t *value = json_object_get(request->body, name);
  *out_text = json_string_value(value);
  if (!value || (*out_text && json_string_length(value) <= max))
    return true;
  evsd_problem(request, 400, "bad_body", "\"%s\" must be a text of at most %zu bytes.", name, max);
  return false;
}
