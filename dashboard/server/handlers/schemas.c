/* SPDX-License-Identifier: MIT
 * schemas.c - GET /schemas and below: the registered schemas of event types, their versions, and what changed
 * between two; POST /schemas/{type}:validate: is a text a body of that type? Nothing here changes a schema.
 */
#include <string.h>

#include "handlers.h"

enum { BODY_MAX = 64 << 20, VERSION_MAX = 64, ERRORS_MAX = 100 };

static json_t *version_of(const json_t *item, bool with_text) {
  static const char *const members[] = {"version",   "latest",       "title",        "description",
                                        "hash",      "registeredAt", "registeredBy", "removedAt",
                                        "validated", "invalid"};
  json_t *version = json_object();
  for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
    json_object_set_new(version, members[i], evsd_member(item, members[i]));
  if (with_text)
    json_object_set_new(version, "schemaText", evsd_member(item, "schemaText"));
  return version;
}

/* The types, each with what its latest version says and how many there are. */
static json_t *types_of(const json_t *items) {
  json_t *types = json_array(), *type = NULL, *item;
  size_t i;
  json_array_foreach(items, i, item) {
    const char *name = evsd_text(item, "type", "");
    if (!type || strcmp(name, evsd_text(type, "type", "")) != 0) {
      type = json_pack("{s:s, s:o, s:o, s:n, s:n, s:n, s:i, s:i, s:i}", "type", name, "compatibility",
                       evsd_member(item, "compatibility"), "policy", evsd_member(item, "policy"), "latest",
                       "title", "registeredAt", "versions", 0, "validated", 0, "invalid", 0);
      json_array_append_new(types, type);
    }
    static const char *const sums[] = {"validated", "invalid"};
    for (size_t j = 0; j < 2; j++)
      json_object_set_new(type, sums[j],
                          json_integer(json_integer_value(json_object_get(type, sums[j])) +
                                       json_integer_value(json_object_get(item, sums[j]))));
    json_object_set_new(type, "versions",
                        json_integer(json_integer_value(json_object_get(type, "versions")) + 1));
    if (!json_is_true(json_object_get(item, "latest")))
      continue;
    json_object_set_new(type, "latest", evsd_member(item, "version"));
    json_object_set_new(type, "title", evsd_member(item, "title"));
    json_object_set_new(type, "registeredAt", evsd_member(item, "registeredAt"));
  }
  return types;
}

void evsd_get_schemas(evsd_request *request) {
  json_t *answer = evsd_store_ask(request, "schemas.list", json_object());
  if (!answer)
    return;
  json_t *list = evsd_list_of(types_of(json_object_get(answer, "items")));
  json_object_set_new(list, "registry", evsd_member(answer, "registry"));
  json_decref(answer);
  evsd_reply_json(request, 200, list);
}

void evsd_get_schema(evsd_request *request) {
  json_t *answer =
      evsd_store_ask(request, "schemas.list", json_pack("{s:s, s:b}", "type", request->param, "schemas", 1));
  if (!answer)
    return;
  json_t *items = json_object_get(answer, "items"), *versions = json_array(), *item;
  const json_t *first = json_array_get(items, 0);
  size_t i;
  json_array_foreach(items, i, item) {
    json_array_append_new(versions, version_of(item, true));
  }
  if (first)
    evsd_reply_json(request, 200,
                    json_pack("{s:o, s:o, s:o, s:o}", "type", evsd_member(first, "type"), "compatibility",
                              evsd_member(first, "compatibility"), "policy", evsd_member(first, "policy"),
                              "versions", json_incref(versions)));
  else
    evsd_problem(request, 404, "not_found", "No schema is registered for this type.");
  json_decref(versions);
  json_decref(answer);
}

void evsd_get_schema_diff(evsd_request *request) {
  static const char *const known[] = {"from", "to", NULL};
  if (!evsd_query_read(request, known))
    return;
  const char *from = evsd_query_text(request, "from"), *to = evsd_query_text(request, "to");
  if (!from || !to) {
    evsd_problem(request, 400, "bad_parameter", "Say which two versions: ?from=1.0.0&to=2.0.0.");
    return;
  }
  json_t *answer = evsd_store_ask(
      request, "schemas.diff", json_pack("{s:s, s:s, s:s}", "type", request->param, "from", from, "to", to));
  if (answer)
    evsd_reply_json(request, 200, answer);
}

void evsd_post_schema_validate(evsd_request *request) {
  static const char *const known[] = {"bodyText", "version", NULL};
  const char *text = NULL, *version = NULL;
  if (!evsd_body_members(request, known) || !evsd_body_text(request, "bodyText", BODY_MAX, &text) ||
      !evsd_body_text(request, "version", VERSION_MAX, &version))
    return;
  if (!text) {
    evsd_problem(request, 400, "bad_body", "\"bodyText\" must be JSON text.");
    return;
  }
  json_t *params = json_pack("{s:s, s:O, s:b, s:i}", "type", request->param, "bodyText",
                             json_object_get(request->body, "bodyText"), "fill", 1, "limit", ERRORS_MAX);
  if (version)
    json_object_set_new(params, "version", json_string(version));
  json_t *answer = evsd_store_ask(request, "schemas.validate", params);
  if (!answer)
    return;
  evsd_reply_json(request, 200,
                  json_pack("{s:o, s:o, s:o, s:o, s:o}", "type", evsd_member(answer, "type"), "version",
                            evsd_member(answer, "version"), "valid", evsd_member(answer, "valid"), "errors",
                            evsd_member(answer, "errors"), "more", evsd_member(answer, "more")));
  json_decref(answer);
}
