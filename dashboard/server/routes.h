/* SPDX-License-Identifier: MIT
 * routes.h - the table of everything that is served: method, path, who may, and by which function. */
#ifndef EVSD_ROUTES_H
#define EVSD_ROUTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "request.h"

typedef struct evsd_route {
  const char *method;
  const char *path;    /* `{}` is one segment, or the part of it before what follows */
  uint32_t permission; /* 0: none; what depends on the body, the handler checks */
  bool is_open;        /* answered without login */
  bool is_change;      /* refused by a read-only dashboard */
  void (*handle)(evsd_request *request);
} evsd_route;

/* The route of a path below the base path, not decoded. NULL: *out_allow has the methods that the path has,
 * or is empty. out_param: the part that stands for `{}`. */
const evsd_route *evsd_route_find(const char *method, const char *path, const char **out_param,
                                  size_t *out_param_size, char out_allow[64]);

#endif
