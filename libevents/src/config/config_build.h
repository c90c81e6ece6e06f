/* SPDX-License-Identifier: MIT
 * config_build.h - what the stages behind the table share: from the filled document to struct evsi_config,
 * with the rules that look at more than one key. */
#ifndef EVSI_CONFIG_BUILD_H
#define EVSI_CONFIG_BUILD_H

#include "config/config.h"
#include "config/config_walk.h"

enum { EVSI_TOPIC_WORD_MAX = 200 };

typedef struct evsi_build {
  evsi_check *check;
  json_t *given; /* what was given, synonyms resolved */
  json_t *full;  /* with defaults; the stages put normal forms back into it */
  evsi_config *config;
} evsi_build;

/* Before the defaults: redis URLs into host, port, path, db, username, password. */
void evsi_build_urls(evsi_check *check, json_t *given);
/* Before the defaults: those that `compat` sets in their place. */
void evsi_build_compat(evsi_check *check, json_t *given);
/* Before the defaults: what `publisher` says for transports that do not say it themselves. */
void evsi_build_publisher(evsi_check *check, json_t *given);
/* One transport's `url` into the keys that it stands for. */
void evsi_url_apply(evsi_check *check, const evsi_section *section, json_t *given);

void evsi_build_transports(evsi_build *build);
void evsi_build_routing(evsi_build *build);
/* Features that were asked for against what the transports can do. */
void evsi_build_features(evsi_build *build);
/* ---- config_schemas.c ---- */
/* Behind the transports. */
void evsi_build_schemas(evsi_build *build);
/* ---- config_testing.c ---- */
void evsi_build_testing(evsi_build *build);

uint64_t evsi_transport_capabilities(const evsi_transport_config *transport);

/* What `publisher` says of rate limiting, batching and compression. */
void evsi_build_sending(evsi_build *build);

/* ---- config_ordering.c ---- */
void evsi_build_ordering(evsi_build *build, evsi_route *out, const json_t *route);
evsi_ordering evsi_transport_ordering(const json_t *transport);
/* At the route's place, when the transports are known. */
void evsi_check_route_ordering(evsi_build *build, const evsi_route *route);
void evsi_subscription_ordering(evsi_check *check, const evsi_config *config, const json_t *given,
                                evsi_subscription_options *out);

/* Index of a transport, or -1 and a problem at the reader's place. */
int32_t evsi_transport_index(evsi_check *check, const evsi_config *config, const char *name);

/* Folds a list of origin prefixes. False: a problem was added. */
bool evsi_build_origins(evsi_check *check, json_t *list, char ***out_origins, uint32_t *out_count);

/* Members of an object that was checked; absent and null give NULL, 0 or false. */
const char *evsi_get_text(const json_t *object, const char *key);
int64_t evsi_get_int(const json_t *object, const char *key);
bool evsi_get_bool(const json_t *object, const char *key);
evsi_validation_mode evsi_get_mode(const json_t *object, evsi_validation_mode otherwise);

/* Values of a `retry` object that are there replace those of the policy. */
void evsi_retry_override(evsi_retry_policy *policy, const json_t *retry);

/* Copies; NULL stays NULL. Out of memory is remembered in check. */
char *evsi_build_text(evsi_check *check, const char *text);
void *evsi_build_array(evsi_check *check, size_t count, size_t size);

#endif
