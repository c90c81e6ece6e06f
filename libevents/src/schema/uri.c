/* SPDX-License-Identifier: MIT
 * uri.c - RFC 3986, section 5. */
#include "schema/uri.h"

#include <string.h>

typedef struct parts {
  evs_bytes scheme;    /* with its colon; empty when there is none */
  evs_bytes authority; /* with its two slashes */
  evs_bytes path;
  evs_bytes query;    /* with its question mark */
  evs_bytes fragment; /* with its number sign */
} parts;

static bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static uint64_t scheme_size(evs_bytes uri) {
  if (!uri.size || !is_letter(uri.data[0]))
    return 0;
  for (uint64_t i = 1; i < uri.size; i++) {
    char c = uri.data[i];
    if (c == ':')
      return i + 1;
    if (!is_letter(c) && !(c >= '0' && c <= '9') && c != '+' && c != '-' && c != '.')
      return 0;
  }
  return 0;
}

static evs_bytes take(evs_bytes *rest, uint64_t size) {
  evs_bytes taken = evsi_bytes(rest->data, size);
  if (!size) /* perhaps there is not even a pointer to move */
    return taken;
  rest->data += size;
  rest->size -= size;
  return taken;
}

static uint64_t until(evs_bytes text, uint64_t from, const char *stops) {
  while (from < text.size && (!text.data[from] || !strchr(stops, text.data[from])))
    from++;
  return from;
}

static parts split(evs_bytes uri) {
  if (!uri.size)
    return (parts){.path = {NULL, 0}};
  parts p = {.scheme = take(&uri, scheme_size(uri))};
  if (uri.size >= 2 && uri.data[0] == '/' && uri.data[1] == '/')
    p.authority = take(&uri, until(uri, 2, "/?#"));
  p.path = take(&uri, until(uri, 0, "?#"));
  if (uri.size && uri.data[0] == '?')
    p.query = take(&uri, until(uri, 0, "#"));
  p.fragment = uri;
  return p;
}

/* Appends a path without its "." and ".." segments. */
static void add_normal_path(evs_bytes path, evsi_buf *out) {
  size_t start = out->size;
  for (uint64_t from = 0; from < path.size && !out->failed;) {
    uint64_t to = until(path, from + (path.data[from] == '/'), "/");
    evs_bytes segment = evsi_bytes(path.data + from, to - from);
    evs_bytes name = segment;
    if (name.data[0] == '/')
      take(&name, 1);
    bool is_up = name.size == 2 && memcmp(name.data, "..", 2) == 0;
    if (is_up) {
      while (out->size > start && out->data[out->size - 1] != '/')
        out->size--;
      out->size -= out->size > start;
    }
    if (!is_up && !(name.size == 1 && name.data[0] == '.'))
      evsi_buf_add_bytes(out, segment);
    else if (to == path.size)
      evsi_buf_add(out, "/", 1);
    from = to;
  }
}

/* The base's path up to its last slash, and the reference's behind it. */
static void add_merged_path(const parts *base, evs_bytes path, evsi_buf *out) {
  evsi_buf merged = {0};
  uint64_t size = base->path.size;
  while (size && base->path.data[size - 1] != '/')
    size--;
  if (base->authority.size && !base->path.size)
    evsi_buf_add(&merged, "/", 1);
  evsi_buf_add(&merged, base->path.data, size);
  evsi_buf_add_bytes(&merged, path);
  out->failed |= merged.failed;
  if (merged.size)
    add_normal_path(evsi_bytes(merged.data, merged.size), out);
  evsi_buf_free(&merged);
}

void evsi_uri_resolve(evs_bytes base, evs_bytes reference, evsi_buf *out) {
  parts b = split(base), r = split(reference);
  if (r.scheme.size) {
    evsi_buf_add_bytes(out, reference);
    return;
  }
  evsi_buf_add_bytes(out, b.scheme);
  evsi_buf_add_bytes(out, r.authority.size ? r.authority : b.authority);
  if (r.authority.size || (r.path.size && r.path.data[0] == '/'))
    add_normal_path(r.path, out);
  else if (r.path.size)
    add_merged_path(&b, r.path, out);
  else
    evsi_buf_add_bytes(out, b.path);
  bool keeps_query = !r.authority.size && !r.path.size && !r.query.size;
  evsi_buf_add_bytes(out, keeps_query ? b.query : r.query);
  evsi_buf_add_bytes(out, r.fragment);
}

void evsi_uri_split(evs_bytes uri, evs_bytes *out_without, evs_bytes *out_fragment) {
  *out_without = take(&uri, until(uri, 0, "#"));
  if (uri.size)
    take(&uri, 1);
  *out_fragment = uri;
}

static int hex(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void evsi_uri_unescape(evs_bytes text, evsi_buf *out) {
  for (uint64_t i = 0; i < text.size; i++) {
    char c = text.data[i];
    if (c == '%' && text.size - i > 2 && hex(text.data[i + 1]) >= 0 && hex(text.data[i + 2]) >= 0) {
      c = (char)(hex(text.data[i + 1]) << 4 | hex(text.data[i + 2]));
      i += 2;
    }
    evsi_buf_add(out, &c, 1);
  }
}
