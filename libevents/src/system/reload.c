/* SPDX-License-Identifier: MIT
 * reload.c - another configuration for a system that runs. All or nothing: the document is checked as a whole
 * on the caller's thread, and refused if anything differs that only a new system can have; then the I/O
 * thread replaces router and configuration at once. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "config/config_problem.h"
#include "system/system.h"

struct evsi_retired {
  evsi_config *config; /* NULL: the one that the system was opened with */
  evsi_router *router;
  evsi_retired *next;
};

/* What may differ: these and what is in them. */
static const char *const changeable[] = {"/routing/routes",
                                         "/routing/topicMapping",
                                         "/routing/defaultTopicStrategy",
                                         "/routing/topicSuffix",
                                         "/routing/customTopicWord",
                                         "/routing/defaultTransport",
                                         "/publisher/rateLimiting",
                                         "/publisher/compression",
                                         "/consumer/concurrency",
                                         "/logLevel",
                                         "/logOutput"};

void evsi_reload_hold(evs_system *system) {
  pthread_rwlock_rdlock(&system->reload_lock);
}

void evsi_reload_let(evs_system *system) {
  pthread_rwlock_unlock(&system->reload_lock);
}

/* ---- what differs ------------------------------------------------------------------------------ */

static bool may_change(const char *path) {
  for (size_t i = 0; i < sizeof changeable / sizeof changeable[0]; i++) {
    if (strcmp(changeable[i], path) == 0)
      return true;
  }
  return false;
}

typedef struct comparison {
  evsi_check check;
  json_t *changed; /* paths of what may */
} comparison;

static void note(comparison *c, const json_t *from, const json_t *to) {
  char was[EVSI_FOUND_SIZE], is[EVSI_FOUND_SIZE];
  if (may_change(c->check.path.data)) {
    json_array_append_new(c->changed, json_string(c->check.path.data));
    return;
  }
  if (from)
    evsi_found(was, from, false);
  if (to)
    evsi_found(is, to, false);
  evsi_check_problem(&c->check,
                     &(evsi_problem){.message = "cannot change while the system runs: open a new one",
                                     .found = to ? is : "nothing",
                                     .expected = from ? was : "nothing"});
}

static void compare(comparison *c, const json_t *from, const json_t *to);

static void compare_members(comparison *c, const json_t *from, const json_t *to, bool only_new) {
  const char *name;
  json_t *value;
  json_object_foreach((json_t *)from, name, value) {
    const json_t *other = json_object_get(to, name);
    if (only_new && other)
      continue;
    size_t mark = evsi_check_push(&c->check, name);
    compare(c, only_new ? NULL : value, only_new ? value : other);
    evsi_check_pop(&c->check, mark);
  }
}

/* Normalised documents go as deep as the table of keys does. Their lists are compared as wholes. */
static void compare(comparison *c, const json_t *from, const json_t *to) {
  c->check.nomem |= c->check.path.failed; /* without its path nothing can be said of a value */
  if (c->check.nomem || json_equal(from, to))
    return;
  bool goes_deeper = json_is_object(from) && json_is_object(to) &&
                     !(c->check.path.size > 0 && may_change(c->check.path.data));
  if (!goes_deeper) {
    note(c, from, to);
    return;
  }
  compare_members(c, from, to, false);
  compare_members(c, to, from, true);
}

/* Passwords are masked in the documents: they are compared where they are used. */
static void compare_transports(comparison *c, const evsi_config *from, const evsi_config *to) {
  if (from->transport_count != to->transport_count || evsi_check_failed(&c->check))
    return;
  size_t top = evsi_check_push(&c->check, "transports");
  for (uint32_t i = 0; i < from->transport_count; i++) {
    const evsi_transport_config *old = &from->transports[i], *new = &to->transports[i];
    if (strcmp(old->name, new->name) == 0 && strcmp(old->options_json, new->options_json) == 0)
      continue;
    size_t mark = evsi_check_push(&c->check, new->name);
    evsi_check_problem(&c->check,
                       &(evsi_problem){.message = "cannot change while the system runs, neither a secret nor "
                                                  "the order of transports: open a new one"});
    evsi_check_pop(&c->check, mark);
  }
  evsi_check_pop(&c->check, top);
}

static bool begin(comparison *c, const evsi_config *from, const evsi_config *to) {
  c->changed = json_array();
  if (!c->changed || !evsi_check_init(&c->check, false))
    return false;
  json_t *old = evsi_json_load(evsi_text(from->normalized_json), 0, NULL);
  json_t *new = evsi_json_load(evsi_text(to->normalized_json), 0, NULL);
  c->check.nomem |= !old || !new;
  if (old && new)
    compare(c, old, new);
  json_decref(old);
  json_decref(new);
  compare_transports(c, from, to);
  return true;
}

static void end(comparison *c) {
  json_decref(c->changed);
  evsi_check_free(&c->check);
}

evs_status evsi_reload_check(evs_system *system, const json_t *params, evsi_config **out_config,
                             evs_error **out_error) {
  const json_t *document = json_object_get(params, "config");
  if (!json_is_object(document))
    return evsi_error(out_error, EVS_VALIDATION, "/config",
                      "config must be the whole configuration, as for a new system");
  char *text = evsi_json_text(document);
  if (!text)
    return evsi_error_nomem(out_error);
  evsi_config *config = NULL;
  evs_status status = evsi_config_load(text, strlen(text), &config, out_error);
  evsi_free(text);
  if (status != EVS_OK)
    return status;
  comparison c = {.changed = NULL};
  if (!begin(&c, system->opened_with, config))
    status = evsi_error_nomem(out_error);
  else if (evsi_check_failed(&c.check))
    status = evsi_check_error(&c.check, "configuration", out_error);
  end(&c);
  if (status == EVS_OK)
    *out_config = config;
  else
    evsi_config_free(config);
  return status;
}

/* ---- what transports may keep ------------------------------------------------------------------ */

/* The retention of a route, which transports may read as long as the system is open: one copy of each. */
struct evsi_kept {
  char *text;
  evsi_kept *next;
};

static char *find_kept(const evs_system *system, const char *text) {
  const evsi_config *first = system->opened_with;
  for (uint32_t i = 0; i < first->routing.route_count; i++) {
    char *own = first->routing.routes[i].retention_json;
    if (own && strcmp(own, text) == 0)
      return own;
  }
  for (const evsi_kept *each = system->kept; each; each = each->next) {
    if (strcmp(each->text, text) == 0)
      return each->text;
  }
  return NULL;
}

/* The configuration itself keeps none of these texts: it can be freed before the system is closed. */
static void let_texts(evs_system *system, evsi_config *config) {
  for (uint32_t i = 0; i < config->routing.route_count; i++) {
    evsi_route *route = &config->routing.routes[i];
    if (route->retention_json && find_kept(system, route->retention_json) == route->retention_json)
      route->retention_json = NULL;
  }
}

static void free_config(evs_system *system, evsi_config *config) {
  if (config)
    let_texts(system, config);
  evsi_config_free(config);
}

/* False when memory is short. */
static bool keep_texts(evs_system *system, evsi_config *config) {
  for (uint32_t i = 0; i < config->routing.route_count; i++) {
    evsi_route *route = &config->routing.routes[i];
    char *kept = route->retention_json ? find_kept(system, route->retention_json) : NULL;
    if (kept) {
      evsi_free(route->retention_json);
      route->retention_json = kept;
      continue;
    }
    evsi_kept *made = route->retention_json ? evsi_calloc(1, sizeof *made) : NULL;
    if (route->retention_json && !made)
      return false;
    if (made) {
      *made = (evsi_kept){route->retention_json, system->kept};
      system->kept = made;
    }
  }
  return true;
}

/* ---- replacing ---------------------------------------------------------------------------------- */

/* The publisher got others before these were retired, so that only calls from then may read them. */
static void free_retired(evs_system *system) {
  while (system->retired) {
    evsi_retired *each = system->retired;
    system->retired = each->next;
    evsi_router_free(each->router);
    free_config(system, each->config);
    evsi_free(each);
  }
}

static void replace(evs_system *system, evsi_config *config, evsi_router *router, evsi_retired *retired) {
  retired->config = system->config == system->opened_with ? NULL : system->config;
  retired->router = system->router;
  evsi_router_inherit(router, system->router);
  pthread_rwlock_wrlock(&system->reload_lock);
  if (evsi_publisher_is_quiet(system->publisher))
    free_retired(system);
  retired->next = system->retired;
  system->retired = retired;
  system->config = config;
  system->router = router;
  evsi_generation_of(config, system->identity.generation);
  pthread_rwlock_unlock(&system->reload_lock);
  evsi_publisher_reload(system->publisher, config, router);
  evsi_consume_reload(system->consume, config);
  evsi_system_log_set(system, config);
  if (atomic_load(&system->state) == EVSI_OPEN)
    evsi_fleet_renew(system);
}

/* {changed, generation}, or NULL. */
static char *answer_of(const evs_system *system, const evsi_config *config) {
  comparison c = {.changed = NULL};
  char generation[17], *text = NULL;
  bool ok = begin(&c, system->config, config) && evsi_generation_of(config, generation);
  json_t *answer = ok ? json_pack("{s:O,s:s}", "changed", c.changed, "generation", generation) : NULL;
  text = answer ? evsi_json_text(answer) : NULL;
  json_decref(answer);
  end(&c);
  return text;
}

void evsi_reload_apply(evs_system *system, evsi_config *config, uint64_t request) {
  evsi_retired *retired = evsi_calloc(1, sizeof *retired);
  evsi_router *router = NULL;
  evs_error *error = NULL;
  char *answer = answer_of(system, config);
  bool has_memory = retired && answer && keep_texts(system, config);
  evs_status status = has_memory ? evsi_router_new(config, &router, &error) : EVS_NOMEM;
  if (status == EVS_OK) {
    replace(system, config, router, retired);
    evsi_system_log(system, 1, "system", "works by another configuration now");
    evsi_requests_answer(system, request, EVS_OK, evsi_text(answer));
  } else {
    evsi_requests_answer(system, request, status,
                         evsi_text(error ? evs_error_message(error) : "out of memory"));
    free_config(system, config);
    evsi_free(retired);
  }
  evs_error_free(error);
  evsi_free(answer);
}

void evsi_reload_free(evs_system *system) {
  free_retired(system);
  evsi_router_free(system->router);
  if (system->config != system->opened_with)
    free_config(system, system->config);
  while (system->kept) {
    evsi_kept *each = system->kept;
    system->kept = each->next;
    evsi_free(each->text);
    evsi_free(each);
  }
  pthread_rwlock_destroy(&system->reload_lock);
}
