/* SPDX-License-Identifier: MIT
 * page.c - the page itself, its assets, and the description of the interface. */
#include <stdlib.h>
#include <string.h>

#include "../assets.h"
#include "handlers.h"

#define BASE_MARK "__BASE__"

const evsd_asset *evsd_asset_find(const char *path) {
  for (size_t i = 0; i < evsd_asset_count; i++) {
    if (strcmp(evsd_assets[i].path, path) == 0)
      return &evsd_assets[i];
  }
  return NULL;
}

/* The page finds its assets, and itself, by the base path that stands where the build left a mark. */
static char *with_base(const evsd_asset *page, const char *base) {
  size_t base_size = strlen(base) + 1, marks = 0, used = 0;
  const char *data = (const char *)page->data, *end = data + page->size, *mark;
  for (const char *at = data; (mark = memmem(at, (size_t)(end - at), BASE_MARK, 8)); at = mark + 8)
    marks++;
  char *text = malloc(page->size + marks * base_size + 1);
  for (const char *at = data; text; at = mark + 8) {
    mark = memmem(at, (size_t)(end - at), BASE_MARK, 8);
    size_t size = (size_t)((mark ? mark : end) - at);
    memcpy(text + used, at, size);
    used += size;
    if (!mark)
      break;
    memcpy(text + used, base, base_size - 1);
    text[used + base_size - 1] = '/';
    used += base_size;
  }
  if (text)
    text[used] = '\0';
  return text;
}

void evsd_get_page(evsd_request *request) {
  const evsd_asset *page = evsd_asset_find("index.html");
  char *text = page ? with_base(page, request->dashboard->options.base_path) : NULL;
  if (text)
    evsd_reply_text(request, page->type, text);
}

static void reply_asset(evsd_request *request, const evsd_asset *asset) {
  const char *accepted = evsd_header(request, "Accept-Encoding");
  bool is_gzip = accepted && strstr(accepted, "gzip") && asset->gzip_size > 0;
  evsd_reply_bytes(request, asset->type, is_gzip ? asset->gzip : asset->data,
                   is_gzip ? asset->gzip_size : asset->size);
  request->reply.encoding = is_gzip ? "gzip" : NULL;
  evsd_reply_header(request, "Vary: Accept-Encoding");
}

/* Their names have the hash of what they hold. */
void evsd_get_asset(evsd_request *request) {
  char path[256] = "assets/";
  strncat(path, request->param, sizeof path - sizeof "assets/");
  const evsd_asset *asset = evsd_asset_find(path);
  if (!asset) {
    evsd_problem(request, 404, "not_found", "There is no such asset; was the page updated? Load it again.");
    return;
  }
  reply_asset(request, asset);
  request->reply.cache = "private, max-age=31536000, immutable";
}

void evsd_get_openapi(evsd_request *request) {
  reply_asset(request, evsd_asset_find("openapi.json"));
}
