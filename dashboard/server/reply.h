/* SPDX-License-Identifier: MIT
 * reply.h - the answer to one request: made by a handler, kept where it must be repeatable, sent once. */
#ifndef EVSD_REPLY_H
#define EVSD_REPLY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct evsd_request;

typedef struct evsd_reply {
  int status; /* 0: none yet */
  const char *type;
  const char *cache;    /* Cache-Control */
  const char *encoding; /* Content-Encoding, or NULL */
  bool is_last;         /* the connection ends with it: something of the request is not read */
  char headers[512];    /* more of them, each ended by CR LF */
  char etag[40];        /* quoted, or empty */
  const char *data;     /* lent, or the same as owned */
  char *owned;          /* freed with free() */
  size_t size;
} evsd_reply;

void evsd_reply_free(evsd_reply *reply);

/* Takes `root` over. The ETag leaves the top-level member "at" out: it says when, not what. */
void evsd_reply_json(struct evsd_request *request, int status, json_t *root);
/* A list {items, next, …} of all there is. Takes `items` over. */
json_t *evsd_list_of(json_t *items);
/* application/problem+json. */
void evsd_problem(struct evsd_request *request, int status, const char *code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Adds a member to the problem that was answered last. Takes `value` over. */
void evsd_problem_set(struct evsd_request *request, const char *name, json_t *value);
/* Lends `data` until the request has ended. */
void evsd_reply_bytes(struct evsd_request *request, const char *type, const void *data, size_t size);
/* Takes `text` over (free). */
void evsd_reply_text(struct evsd_request *request, const char *type, char *text);
void evsd_reply_header(struct evsd_request *request, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void evsd_reply_send(struct evsd_request *request);

#endif
