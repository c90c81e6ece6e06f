/* SPDX-License-Identifier: MIT
 * origin.c - see origin.h. */
#include "origin.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { NAME_MAX_BYTES = 256 };

/* The name in "name:port", in lower case; false when it is none. */
static bool host_name(const char *host, char out[NAME_MAX_BYTES]) {
  size_t size = host && host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host ? host : "", ":");
  if (!host || size == 0 || size >= NAME_MAX_BYTES || strlen(host) < size)
    return false;
  for (size_t i = 0; i < size; i++)
    out[i] = (char)tolower((unsigned char)host[i]);
  out[size] = '\0';
  const char *port = host + size;
  return *port == '\0' || (*port == ':' && strspn(port + 1, "0123456789") == strlen(port + 1));
}

static bool is_own_name(const evsd_options *options, const char *name) {
  struct in_addr address;
  size_t i;
  json_t *allowed;
  json_array_foreach(options->allowed_hosts, i, allowed) {
    if (strcmp(json_string_value(allowed), name) == 0)
      return true;
  }
  if (strcmp(name, "localhost") == 0 || strcmp(name, "[::1]") == 0 || strcmp(name, options->host) == 0)
    return true;
  if (inet_pton(AF_INET, name, &address) != 1)
    return false;
  /* A name can be made to point here, an address cannot. */
  return evsd_is_loopback(name) || !evsd_is_loopback(options->host);
}

bool evsd_origin_check_host(evsd_request *request) {
  char name[NAME_MAX_BYTES];
  if (host_name(evsd_header(request, "Host"), name) && is_own_name(&request->dashboard->options, name))
    return true;
  evsd_problem(
      request, 403, "foreign_host",
      "The Host of this request is not one of this dashboard. If it is reached by this name on purpose, "
      "add the name to the option allowedHosts.");
  return false;
}

bool evsd_origin_check_peer(evsd_request *request) {
  const evsd_options *options = &request->dashboard->options;
  if (options->account_count > 0 || evsd_is_loopback(request->info->remote_addr))
    return true;
  evsd_problem(
      request, 403, "loopback_only",
      "This dashboard has no credentials configured and serves its own machine only. Configure auth.users "
      "or auth.tokens to reach it from elsewhere.");
  return false;
}

/* "http://host:port" against Host, which has no port where it is the scheme's own. */
static bool is_origin_ours(const char *origin, const char *host) {
  const char *rest = strstr(origin, "://");
  return rest && host && strcasecmp(rest + 3, host) == 0;
}

bool evsd_origin_check_site(evsd_request *request) {
  const char *site = evsd_header(request, "Sec-Fetch-Site"), *origin = evsd_header(request, "Origin");
  bool is_ours = true; /* neither header: no browser */
  if (site)
    is_ours = strcasecmp(site, "same-origin") == 0;
  if (is_ours && origin)
    is_ours = is_origin_ours(origin, evsd_header(request, "Host"));
  if (is_ours)
    return true;
  evsd_problem(
      request, 403, "foreign_origin",
      "A page of another origin asked for this. Behind a reverse proxy, let it pass the Host header on "
      "unchanged.");
  return false;
}
