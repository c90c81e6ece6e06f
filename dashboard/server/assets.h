/* SPDX-License-Identifier: MIT
 * assets.h - the built page, compiled in by scripts/lib/embed_assets.py: each file with its hash and a gzip
 * twin. */
#ifndef EVSD_ASSETS_H
#define EVSD_ASSETS_H

#include <stddef.h>

typedef struct evsd_asset {
  const char *path; /* "index.html", "assets/main.0123abcd.js", "openapi.json" */
  const char *type;
  const char *sha256; /* hex */
  const unsigned char *data, *gzip;
  size_t size, gzip_size;
} evsd_asset;

extern const evsd_asset evsd_assets[];
extern const size_t evsd_asset_count;

/* NULL: there is none of this path. */
const evsd_asset *evsd_asset_find(const char *path);

#endif
