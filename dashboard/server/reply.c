/* SPDX-License-Identifier: MIT
 * reply.c - see reply.h. */
#include "reply.h"

#include <openssl/sha.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "request.h"

static const char security_headers[] =
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "X-Frame-Options: DENY\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cross-Origin-Opener-Policy: same-origin\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n";

void evsd_reply_free(evsd_reply *reply) {
  free(reply->owned);
  *reply = (evsd_reply){0};
}

static void begin(evsd_request *request, int status, const char *type) {
  evsd_reply *reply = &request->reply;
  free(reply->owned);
  reply->owned = NULL;
  reply->data = "";
  reply->size = 0;
  reply->etag[0] = '\0';
  reply->status = status;
  reply->type = type;
  reply->cache = "no-store";
}

static void set_etag(evsd_reply *reply, const char *data, size_t size) {
  unsigned char hash[SHA256_DIGEST_LENGTH];
  SHA256((const unsigned char *)data, size, hash);
  reply->etag[0] = '"';
  for (size_t i = 0; i < 16; i++)
    snprintf(reply->etag + 1 + 2 * i, 3, "%02x", hash[i]);
  memcpy(reply->etag + 33, "\"", 2);
}

static char *dump(const json_t *root) {
  return json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(12));
}

void evsd_reply_json(evsd_request *request, int status, json_t *root) {
  evsd_reply *reply = &request->reply;
  json_t *at = json_is_object(root) ? json_incref(json_object_get(root, "at")) : NULL;
  char *same = NULL;
  begin(request, status, "application/json");
  if (at) {
    json_object_del(root, "at");
    same = dump(root);
    json_object_set(root, "at", at);
  }
  reply->owned = dump(root);
  json_decref(at);
  json_decref(root);
  if (!reply->owned) {
    free(same);
    evsd_problem(request, 500, "out_of_memory", "The answer could not be built: out of memory.");
    return;
  }
  reply->data = reply->owned;
  reply->size = strlen(reply->owned);
  set_etag(reply, same ? same : reply->data, same ? strlen(same) : reply->size);
  free(same);
}

json_t *evsd_list_of(json_t *items) {
  json_int_t count = (json_int_t)json_array_size(items);
  return json_pack("{s:o, s:n, s:I, s:b, s:I, s:b}", "items", items, "next", "scanned", count, "exhausted", 1,
                   "total", count, "totalExact", 1);
}

static const char *title_of(int status) {
  static const struct {
    int status;
    const char *title;
  } titles[] = {{400, "Bad request"},      {401, "Login needed"},       {403, "Not allowed"},
                {404, "Not found"},        {405, "Method not allowed"}, {408, "Too slow"},
                {409, "Conflict"},         {411, "Length needed"},      {413, "Too large"},
                {414, "Address too long"}, {415, "Not JSON"},           {422, "Cannot be done"},
                {426, "No upgrade"},       {429, "Too many attempts"},  {431, "Headers too large"},
                {500, "Defect"},           {501, "Not supported"},      {503, "Not available"}};
  for (size_t i = 0; i < sizeof titles / sizeof titles[0]; i++) {
    if (titles[i].status == status)
      return titles[i].title;
  }
  return "Failed";
}

static void set_problem(evsd_request *request, json_t *problem) {
  evsd_reply *reply = &request->reply;
  free(reply->owned);
  reply->owned = dump(problem);
  reply->data = reply->owned ? reply->owned : "{}";
  reply->size = strlen(reply->data);
  json_decref(problem);
}

void evsd_problem(evsd_request *request, int status, const char *code, const char *format, ...) {
  char detail[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(detail, sizeof detail, format, arguments);
  va_end(arguments);
  begin(request, status, "application/problem+json");
  json_t *text = json_string(detail); /* NULL where a cut went through a character */
  set_problem(request, json_pack("{s:s, s:i, s:s, s:s, s:o}", "type", "about:blank", "status", status, "code",
                                 code, "title", title_of(status), "detail", text ? text : json_string(code)));
  if (status == 503)
    evsd_reply_header(request, "Retry-After: 2");
}

void evsd_problem_set(evsd_request *request, const char *name, json_t *value) {
  json_t *problem = json_loadb(request->reply.data, request->reply.size, 0, NULL);
  json_object_set_new(problem, name, value);
  set_problem(request, problem);
}

void evsd_reply_bytes(evsd_request *request, const char *type, const void *data, size_t size) {
  begin(request, 200, type);
  request->reply.data = data;
  request->reply.size = size;
  set_etag(&request->reply, data, size);
}

void evsd_reply_text(evsd_request *request, const char *type, char *text) {
  evsd_reply_bytes(request, type, text, strlen(text));
  request->reply.owned = text;
}

void evsd_reply_header(evsd_request *request, const char *format, ...) {
  char *headers = request->reply.headers;
  size_t used = strlen(headers), room = sizeof request->reply.headers - used;
  va_list arguments;
  va_start(arguments, format);
  int more = vsnprintf(headers + used, room, format, arguments);
  va_end(arguments);
  if (more < 0 || (size_t)more + 3 > room)
    headers[used] = '\0'; /* half a header would be worse than none */
  else
    memcpy(headers + used + more, "\r\n", 3);
}

/* Does If-None-Match name what would be answered? */
static bool is_known_to_client(const evsd_request *request) {
  const evsd_reply *reply = &request->reply;
  const char *known = evsd_header(request, "If-None-Match");
  bool is_get = strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;
  return is_get && known && reply->etag[0] && reply->status == 200 &&
         (strcmp(known, "*") == 0 || strstr(known, reply->etag));
}

static bool ends_connection(const evsd_request *request) {
  const char *asked = evsd_header(request, "Connection");
  return request->reply.is_last || (asked && strcasecmp(asked, "close") == 0);
}

void evsd_reply_send(evsd_request *request) {
  evsd_reply *reply = &request->reply;
  char head[2048], etag[64] = "", encoding[64] = "", length[64] = "";
  bool is_head = strcmp(request->method, "HEAD") == 0;
  int status = is_known_to_client(request) ? 304 : reply->status;
  if (reply->etag[0])
    snprintf(etag, sizeof etag, "ETag: %s\r\n", reply->etag);
  if (reply->encoding)
    snprintf(encoding, sizeof encoding, "Content-Encoding: %s\r\n", reply->encoding);
  bool is_last = ends_connection(request);
  if (is_last)
    mg_disable_keep_alive(request->connection);
  if (status != 304)
    snprintf(length, sizeof length, "Content-Length: %zu\r\n", reply->size);
  int size = snprintf(
      head, sizeof head, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nCache-Control: %s\r\n%s%s%s%s%s%s\r\n",
      status, mg_get_response_code_text(request->connection, status), reply->type, reply->cache, length, etag,
      encoding, is_last ? "Connection: close\r\n" : EVSD_KEEP_ALIVE_TOLD, security_headers, reply->headers);
  mg_write(request->connection, head, (size_t)size);
  if (!is_head && status != 304 && reply->size)
    mg_write(request->connection, reply->data, reply->size);
}
