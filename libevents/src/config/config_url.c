/* SPDX-License-Identifier: MIT
 * config_url.c - takes the URL of a Redis server apart into the keys that it stands for, so that the
 * transport never parses one. No message here shows a piece of the URL: a password may be anywhere in a
 * malformed one. */
#include "config/config_build.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

typedef struct url {
  evsi_check *check;
  const evsi_section *section;
  json_t *given;
} url;

static const char shape[] = "redis:// or rediss://[user[:password]@]host[:port][/db], or unix:///path";

static bool refuse(url *at, const char *message, const char *expected) {
  evsi_check_problem(at->check, &(evsi_problem){.message = message, .expected = expected ? expected : shape});
  return false;
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  c = (char)(c | 0x20);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decodes into evsi_alloc memory; NULL and a problem when that is not possible. */
static char *decode(url *at, const char *text, size_t size) {
  char *out = evsi_alloc(size + 1);
  size_t used = 0;
  if (!out) {
    at->check->nomem = true;
    return NULL;
  }
  for (size_t i = 0; i < size; i++) {
    char c = text[i];
    if (c == '%') {
      int high = size - i > 2 ? hex_digit(text[i + 1]) : -1;
      int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
      c = high >= 0 && low >= 0 ? (char)(high << 4 | low) : '\0';
      i += 2;
    }
    if (c == '\0') {
      evsi_free(out);
      refuse(at, "has a % that is not followed by two hexadecimal digits, or stands for a zero byte", NULL);
      return NULL;
    }
    out[used++] = c;
  }
  out[used] = '\0';
  if (evsi_utf8_valid(out, used))
    return out;
  evsi_free(out);
  refuse(at, "has a part that is not UTF-8", NULL);
  return NULL;
}

static bool put_text(url *at, const char *name, const char *text, size_t size) {
  if (size == 0)
    return true;
  const evsi_key *key = evsi_section_find(at->section, name);
  char *plain = decode(at, text, size);
  json_t *raw = plain ? json_string(plain) : NULL;
  at->check->nomem |= plain && !raw;
  evsi_free(plain);
  if (!raw)
    return false;
  /* What comes out of a URL was expanded with it: a ${ that was percent-encoded is meant as it is. */
  bool expand = at->check->expand;
  at->check->expand = false;
  json_t *value = evsi_value_check(at->check, key, raw);
  at->check->expand = expand;
  json_decref(raw);
  evsi_walk_put(at->check, at->given, key, value);
  return value != NULL;
}

static bool put_number(url *at, const char *name, const char *text, size_t size) {
  const evsi_key *key = evsi_section_find(at->section, name);
  if (size == 0)
    return true;
  long number = 0;
  for (size_t i = 0; i < size; i++) {
    if (text[i] < '0' || text[i] > '9' || size > 5)
      return refuse(at,
                    key->min ? "has a port that is no number from 1 to 65535"
                             : "has a database that is no number from 0 to 65535",
                    NULL);
    number = number * 10 + (text[i] - '0');
  }
  if (number < key->min || number > key->max)
    return refuse(
        at, key->min ? "has a port out of range: 1 to 65535" : "has a database out of range: 0 to 65535",
        NULL);
  json_t *value = json_integer(number);
  at->check->nomem |= !value;
  evsi_walk_put(at->check, at->given, key, value);
  return true;
}

static bool put_user(url *at, const char *text, size_t size) {
  const char *colon = memchr(text, ':', size);
  size_t name_size = colon ? (size_t)(colon - text) : size;
  if (!put_text(at, "username", text, name_size))
    return false;
  return !colon || put_text(at, "password", colon + 1, size - name_size - 1);
}

static bool put_server(url *at, const char *text, size_t size) {
  const char *host = text, *end = text + size;
  const char *host_end = memchr(text, ':', size);
  if (size > 0 && text[0] == '[') {
    host++;
    host_end = memchr(text, ']', size);
    if (!host_end)
      return refuse(at, "has a [ without a ]", NULL);
    if (!put_text(at, "host", host, (size_t)(host_end - host)))
      return false;
    host_end++;
    if (host_end == end)
      return true;
    if (*host_end != ':')
      return refuse(at, "has something between ] and the port", NULL);
    return put_number(at, "port", host_end + 1, (size_t)(end - host_end) - 1);
  }
  if (!put_text(at, "host", host, host_end ? (size_t)(host_end - host) : size))
    return false;
  return !host_end || put_number(at, "port", host_end + 1, (size_t)(end - host_end) - 1);
}

static bool is_secure(const char *text) {
  return strncmp(text, "rediss://", 9) == 0;
}

/* rediss:// stands for `tls: true`, unless the key says more. */
static bool put_tls(url *at) {
  const json_t *tls = json_object_get(at->given, "tls");
  if (json_is_object(tls))
    return true;
  if (tls)
    return refuse(at, "asks for TLS (rediss://), which `tls: false` forbids", "redis://, or tls left out");
  if (json_object_set_new(at->given, "tls", json_object()) != 0)
    at->check->nomem = true;
  return !at->check->nomem;
}

static bool scheme_known(url *at, const char *text) {
  static const char *const later[] = {"redis-cluster://", "redis-sentinel://"};
  for (size_t i = 0; i < sizeof later / sizeof later[0]; i++)
    if (strncmp(text, later[i], strlen(later[i])) == 0)
      return refuse(
          at,
          "unsupported: Cluster and Sentinel URLs are known but not built in this version; use redis:// or "
          "rediss:// to a standalone server",
          NULL);
  if (strncmp(text, "redis://", 8) == 0 || is_secure(text) || strncmp(text, "unix://", 7) == 0)
    return true;
  return refuse(at, "is not the URL of a Redis server", NULL);
}

static void parse(url *at, const char *text) {
  if (!scheme_known(at, text) || (is_secure(text) && !put_tls(at)))
    return;
  bool socket = text[0] == 'u';
  const char *authority = strstr(text, "://") + 3;
  const char *path = authority + strcspn(authority, "/?#");
  if (strchr(path, '@')) {
    refuse(at, "has a /, ? or # in its user or password, or an @ in its path: percent-encode it", NULL);
    return;
  }
  if (strpbrk(path, "?#")) {
    refuse(at,
           "unsupported: query options of a URL are not built in this version; use the keys of the transport",
           NULL);
    return;
  }
  const char *server = authority;
  for (const char *c = authority; c < path; c++)
    if (*c == '@')
      server = c + 1;
  if (server > authority && !put_user(at, authority, (size_t)(server - authority) - 1))
    return;
  if (!socket) {
    if (put_server(at, server, (size_t)(path - server)) && *path)
      put_number(at, "db", path + 1, strlen(path + 1));
    return;
  }
  if (server != path || !path[0] || !path[1])
    refuse(at, "must have an absolute path", "unix:///path");
  else
    put_text(at, "path", path, strlen(path));
}

/* What the URL and the keys say together. */
static void check_tls(evsi_check *check, const json_t *given) {
  const json_t *tls = json_object_get(given, "tls");
  if (!json_is_object(tls))
    return;
  size_t mark = evsi_check_push(check, "tls");
  if (json_object_get(given, "path"))
    evsi_check_problem(check,
                       &(evsi_problem){.message = "asks for TLS on a unix socket, where no server has it",
                                       .expected = "host and port, or tls left out"});
  if (!json_object_get(tls, "cert") != !json_object_get(tls, "key"))
    evsi_check_problem(check, &(evsi_problem){.message = "has only one of cert and key",
                                              .expected = "both, for a client certificate, or none"});
  if (json_object_get(tls, "keyPassword") && !json_object_get(tls, "key"))
    evsi_check_problem(check, &(evsi_problem){.message = "has a keyPassword without a key",
                                              .expected = "cert, key and keyPassword, or none"});
  evsi_check_pop(check, mark);
}

void evsi_url_apply(evsi_check *check, const evsi_section *section, json_t *given) {
  const char *text = evsi_get_text(given, "url");
  if (text) {
    size_t mark = evsi_check_push(check, "url");
    parse(&(url){check, section, given}, text);
    evsi_check_pop(check, mark);
  }
  check_tls(check, given);
  if (!json_object_get(given, "path") || !(json_object_get(given, "host") || json_object_get(given, "port")))
    return;
  evsi_check_problem(check, &(evsi_problem){.message = "names both a unix socket (path) and a host or port",
                                            .expected = "one of the two"});
}
