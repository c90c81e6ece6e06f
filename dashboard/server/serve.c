/* SPDX-License-Identifier: MIT
 * serve.c - see serve.h. Each check answers and ends the way; a handler runs only when all have passed. */
#include "serve.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "handlers/handlers.h"
#include "origin.h"
#include "routes.h"

/* An edited body may be as large as an event, written as JSON text or base64. */
enum { BODY_MAX = 1 << 20, EDIT_MAX = 96 << 20 };

/* The address that failures are counted for: behind a proxy the one that it saw, which it put last. */
static void set_address(evsd_request *request) {
  const char *address = request->info->remote_addr, *last = NULL;
  if (request->dashboard->options.behind_proxy)
    last = evsd_header(request, "X-Forwarded-For");
  if (last) {
    const char *comma = strrchr(last, ',');
    last = comma ? comma + 1 : last;
    last += strspn(last, " ");
    address = *last && strspn(last, "0123456789abcdefABCDEF.:[]") == strlen(last) ? last : address;
  }
  size_t size = strnlen(address, sizeof request->address - 1);
  memcpy(request->address, address, size);
  request->address[size] = '\0';
}

/* What is below the base path, or NULL where it is not ours. */
static const char *below_base(const char *base, const char *path) {
  size_t size = strlen(base);
  if (!path || strncmp(path, base, size) != 0 || (path[size] != '/' && path[size] != '\0'))
    return NULL;
  return path + size;
}

static bool is_page_load(const evsd_request *request) {
  const char *accept = evsd_header(request, "Accept");
  return accept && strstr(accept, "text/html") && strcmp(request->method, "GET") == 0;
}

static void answer_no_route(evsd_request *request, const char *allow) {
  if (*allow) {
    evsd_problem(request, 405, "method_not_allowed", "This address has the methods %s.", allow);
    evsd_reply_header(request, "Allow: %s", allow);
  } else if (request->path && *request->path == '\0') {
    evsd_problem(request, 308, "moved", "The page is at %s/.", request->dashboard->options.base_path);
    evsd_reply_header(request, "Location: %s/", request->dashboard->options.base_path);
  } else if (request->path && strncmp(request->path, "/api/", 5) != 0 && is_page_load(request)) {
    evsd_get_page(request); /* it says so itself */
    request->reply.status = 404;
  } else {
    evsd_problem(request, 404, "not_found", "There is nothing at this address.");
  }
}

/* The body of an unsafe call, from a page of ours, and the handler, once for each key. */
static void change(evsd_request *request) {
  bool is_edit = strstr(request->path, ":requeue") != NULL;
  if (!evsd_origin_check_site(request) || !evsd_body_read(request, is_edit ? EDIT_MAX : BODY_MAX) ||
      !evsd_answers_begin(request))
    return;
  request->route->handle(request);
  evsd_answers_end(request);
}

static bool may_be_served(evsd_request *request) {
  const evsd_route *route = request->route;
  if (route->permission && !evsd_require(request, route->permission))
    return false;
  if (route->is_change && request->dashboard->options.read_only) {
    evsd_problem(request, 403, "read_only", "This dashboard is read-only.");
    return false;
  }
  return true;
}

static bool is_upgrade(const evsd_request *request) {
  return evsd_header(request, "Upgrade") || evsd_header(request, "Sec-WebSocket-Key") ||
         evsd_header(request, "HTTP2-Settings");
}

static void answer(evsd_request *request) {
  const char *param = NULL;
  size_t param_size = 0;
  char allow[64] = "";
  if (is_upgrade(request)) {
    request->reply.is_last = true;
    evsd_problem(request, 400, "no_upgrade", "This server speaks HTTP/1.1 and upgrades to nothing else.");
    return;
  }
  if (!evsd_origin_check_peer(request) || !evsd_origin_check_host(request))
    return;
  request->path = below_base(request->dashboard->options.base_path, request->info->local_uri_raw);
  if (request->path)
    request->route = evsd_route_find(request->method, request->path, &param, &param_size, allow);
  bool is_open = request->route && request->route->is_open;
  if (!is_open && !evsd_authenticate(request))
    return;
  if (!request->route) {
    answer_no_route(request, allow);
    return;
  }
  if (param && !(request->param = evsd_decode(param, param_size, false))) {
    evsd_problem(request, 400, "bad_address", "A part of the address is not UTF-8 text.");
    return;
  }
  if (!may_be_served(request))
    return;
  if (strcmp(request->route->method, "GET") == 0)
    request->route->handle(request);
  else
    change(request);
}

int evsd_serve(struct mg_connection *connection) {
  const struct mg_request_info *info = mg_get_request_info(connection);
  evsd_request request = {
      .dashboard = info->user_data, .connection = connection, .info = info, .method = info->request_method};
  evsd_costs *costs = &request.dashboard->costs;
  atomic_fetch_add_explicit(&costs->requests, 1, memory_order_relaxed);
  set_address(&request);
  answer(&request);
  if (request.reply.status == 0)
    evsd_problem(&request, 500, "internal", "There is no answer: please report it.");
  int status = request.reply.status;
  if (status >= 400 && info->content_length != 0 && !request.body)
    request.reply.is_last = true; /* what is not read would be taken for the next request */
  if (status == 401 || status == 403 || status == 429)
    atomic_fetch_add_explicit(&costs->refused, 1, memory_order_relaxed);
  evsd_reply_send(&request);
  evsd_request_end(&request);
  return status;
}

/* What civetweb refuses before it calls us: malformed, too large. */
int evsd_serve_error(struct mg_connection *connection, int status, const char *message) {
  evsd_request request = {.connection = connection, .method = "GET"};
  (void)message;
  request.reply.is_last = true;
  evsd_problem(&request, status, "bad_request", "The request is malformed or too large.");
  evsd_reply_send(&request);
  evsd_request_end(&request);
  return 0;
}
