/* SPDX-License-Identifier: MIT
 * options.h - what a host may configure of its dashboard: JSON to checked values, all faults at once. */
#ifndef EVSD_OPTIONS_H
#define EVSD_OPTIONS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "libevents.h"
#include "password.h"

/* Permissions are bits; evsd_permission_names has their names in this order. */
enum {
  EVSD_VIEW = 1 << 0,
  EVSD_PAYLOAD = 1 << 1,
  EVSD_REQUEUE = 1 << 2,
  EVSD_EDIT = 1 << 3,
  EVSD_ARCHIVE = 1 << 4,
  EVSD_PAUSE = 1 << 5,
  EVSD_AUDIT = 1 << 6,
  EVSD_OPERATOR = (1 << 7) - 1,
  EVSD_UNREDACTED = 1 << 7, /* has no name: comes with the role admin only */
  EVSD_ADMIN = EVSD_OPERATOR | EVSD_UNREDACTED
};
enum { EVSD_PERMISSIONS = 7 };
extern const char *const evsd_permission_names[EVSD_PERMISSIONS];

/* A user or a token. */
typedef struct evsd_account {
  char name[65];
  bool is_token;
  uint32_t permissions;
  evsd_secret secret;
} evsd_account;

typedef struct evsd_options {
  char host[16]; /* dotted IPv4 */
  uint32_t port, threads;
  char *base_path; /* "", or "/a/b" */
  json_t *title;   /* text or null */
  json_t *environment;
  bool read_only, behind_proxy, allow_insecure, hide_self;
  json_t *allowed_hosts; /* array of lower-case names */
  json_t *redact;        /* array of JSON pointers */
  evsd_account *accounts;
  size_t account_count;
  json_t *shown; /* as given, without secrets */
} evsd_options;

/* errors: EVS_CONFIG, EVS_NOMEM; *out is to be freed in either case */
evs_status evsd_options_read(const char *text, size_t size, evsd_options *out, evs_error **out_error);
void evsd_options_free(evsd_options *options);
bool evsd_is_loopback(const char *address);

#endif
