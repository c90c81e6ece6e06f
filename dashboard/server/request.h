/* SPDX-License-Identifier: MIT
 * request.h - one HTTP request as handlers see it: who asks, parameters, a parsed body, and the answer that
 * is being made. What is read from it is checked; a false return means that the answer already says why. */
#ifndef EVSD_REQUEST_H
#define EVSD_REQUEST_H

#include <civetweb.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "dashboard.h"
#include "reply.h"

struct evsd_route;

typedef struct evsd_caller {
  char name[65];
  uint32_t permissions;
  bool is_local; /* no credentials are configured */
} evsd_caller;

typedef struct evsd_request {
  evs_dashboard *dashboard;
  struct mg_connection *connection;
  const struct mg_request_info *info;
  const struct evsd_route *route;
  const char *method;
  const char *path; /* below the base path, not decoded */
  char address[48]; /* of the client, as the proxy says where there is one */
  evsd_caller caller;
  char *param;   /* the variable part of the path, decoded, or NULL */
  json_t *query; /* object of texts */
  json_t *body;  /* object, of unsafe calls */
  evsd_reply reply;
} evsd_request;

void evsd_request_end(evsd_request *request);

const char *evsd_header(const evsd_request *request, const char *name);
bool evsd_may(const evsd_request *request, uint32_t permission);
/* Answers 403 where the permission is missing. */
bool evsd_require(evsd_request *request, uint32_t permission);

/* Decodes the query; only names of `known` (ends with NULL) are allowed, each once. */
bool evsd_query_read(evsd_request *request, const char *const *known);
const char *evsd_query_text(const evsd_request *request, const char *name);
/* *out keeps its value where the parameter is absent. */
bool evsd_query_number(evsd_request *request, const char *name, uint64_t min, uint64_t max, uint64_t *out);

/* Reads at most `max` bytes of JSON into request->body. */
bool evsd_body_read(evsd_request *request, size_t max);
/* Only members of `known` are allowed. */
bool evsd_body_members(evsd_request *request, const char *const *known);
/* *out_text is NULL where the member is absent. */
bool evsd_body_text(evsd_request *request, const char *name, size_t max, const char **out_text);

/* A decoded copy of a part of the path; NULL when it is not UTF-8 or has a NUL. */
char *evsd_decode(const char *text, size_t size, bool is_form);

#endif
