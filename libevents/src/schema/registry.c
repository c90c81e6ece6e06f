/* SPDX-License-Identifier: MIT
 * registry.c - types and their versions in memory: found, walked, added and counted. What may be added is
 * decided in registry_plan.c. */
#include "schema/registry_inner.h"

#include <string.h>

#include "base/error.h"
#include "schema/grow.h"

evsi_registry *evsi_registry_new(const evsi_registry_setup *setup) {
  evsi_registry *registry = evsi_calloc(1, sizeof *registry);
  if (!registry)
    return NULL;
  registry->setup = *setup;
  pthread_rwlock_init(&registry->lock, NULL);
  return registry;
}

void evsi_version_free(evsi_schema_version *version) {
  if (!version)
    return;
  evsi_validator_free(version->schema);
  evsi_free(version->text);
  evsi_free(version->registered_by);
  evsi_free(version);
}

void evsi_registry_free(evsi_registry *registry) {
  evsi_schema_type *type, *next;
  if (!registry)
    return;
  HASH_ITER(hh, registry->types, type, next) {
    HASH_DEL(registry->types, type);
    for (uint32_t i = 0; i < type->count; i++)
      evsi_version_free(type->versions[i]);
    evsi_free(type->versions);
    evsi_free(type);
  }
  pthread_rwlock_destroy(&registry->lock);
  evsi_free(registry);
}

/* ---- finding ----------------------------------------------------------------------------------- */

bool evsi_registry_is_empty(const evsi_registry *registry) {
  return atomic_load_explicit(&registry->type_count, memory_order_acquire) == 0;
}

evsi_schema_type *evsi_registry_type(const evsi_registry *registry, evs_bytes type) {
  evsi_schema_type *found = NULL;
  if (type.size > 0)
    HASH_FIND(hh, registry->types, type.data, (unsigned)type.size, found);
  return found;
}

evsi_schema_version *evsi_type_version(const evsi_schema_type *type, const evsi_number *number) {
  for (uint32_t i = type->count; i > 0; i--)
    if (evsi_number_compare(&type->versions[i - 1]->number, number) == 0)
      return type->versions[i - 1];
  return NULL;
}

evsi_schema_version *evsi_type_latest(const evsi_schema_type *type) {
  for (uint32_t i = type->count; i > 0; i--)
    if (!atomic_load(&type->versions[i - 1]->removed_ms))
      return type->versions[i - 1];
  return NULL;
}

static evsi_schema_version *find_version(const evsi_schema_type *type, evs_bytes version) {
  evsi_number number;
  if (version.size == 0 || evsi_bytes_equal(version, evsi_text("latest")))
    return evsi_type_latest(type);
  return evsi_number_parse(version, &number) ? evsi_type_version(type, &number) : NULL;
}

evsi_schema_found evsi_registry_find(evsi_registry *registry, evs_bytes type, evs_bytes version,
                                     evsi_schema_version **out_version) {
  *out_version = NULL;
  if (evsi_registry_is_empty(registry))
    return EVSI_SCHEMA_NO_TYPE;
  pthread_rwlock_rdlock(&registry->lock);
  const evsi_schema_type *found = evsi_registry_type(registry, type);
  if (found)
    *out_version = find_version(found, version);
  pthread_rwlock_unlock(&registry->lock);
  return *out_version ? EVSI_SCHEMA_FOUND : found ? EVSI_SCHEMA_NO_VERSION : EVSI_SCHEMA_NO_TYPE;
}

static evsi_schema_version *own_latest(const evsi_schema_type *type) {
  for (uint32_t i = type->count; i > 0; i--)
    if (atomic_load(&type->versions[i - 1]->is_own) && !atomic_load(&type->versions[i - 1]->removed_ms))
      return type->versions[i - 1];
  return NULL;
}

evsi_schema_version *evsi_registry_current(evsi_registry *registry, evs_bytes type) {
  evsi_schema_version *version = NULL;
  if (evsi_registry_is_empty(registry))
    return NULL;
  pthread_rwlock_rdlock(&registry->lock);
  const evsi_schema_type *found = evsi_registry_type(registry, type);
  if (found)
    version = own_latest(found);
  if (found && !version)
    version = evsi_type_latest(found);
  pthread_rwlock_unlock(&registry->lock);
  return version;
}

evs_status evsi_version_judge(evsi_schema_version *version, evsi_reading how, evs_bytes body,
                              evsi_verdict *out, evs_error **out_error) {
  evs_status status = evsi_validator_judge(version->schema, how, body, out, out_error);
  atomic_fetch_add_explicit(&version->validated, 1, memory_order_relaxed);
  if (status != EVS_OK || !out->is_valid)
    atomic_fetch_add_explicit(&version->invalid, 1, memory_order_relaxed);
  return status;
}

const char *evsi_schema_type_name(const evsi_schema_type *type) {
  return type->name;
}

evsi_compat_policy evsi_schema_type_policy(const evsi_schema_type *type) {
  return atomic_load_explicit(&type->policy, memory_order_relaxed);
}

bool evsi_registry_is_latest(const evsi_schema_version *version) {
  return evsi_type_latest(version->type) == version;
}

evsi_schema_version *evsi_registry_next(const evsi_registry *registry, evsi_registry_walk *walk) {
  while (!walk->type || walk->index == walk->type->count) {
    walk->type = walk->type ? walk->type->hh.next : registry->types;
    walk->index = 0;
    if (!walk->type)
      return NULL;
  }
  return walk->type->versions[walk->index++];
}

/* ---- changing ---------------------------------------------------------------------------------- */

static void set_rule(evsi_schema_type *type, const evsi_compat_rule *rule) {
  type->rule = *rule;
  atomic_store(&type->policy, rule->policy);
}

static int compare_names(const void *left, const void *right) {
  return strcmp(((const evsi_schema_type *)left)->name, ((const evsi_schema_type *)right)->name);
}

static evsi_schema_type *make_type(evsi_registry *registry, const evsi_plan *plan) {
  size_t size = strlen(plan->type);
  evsi_schema_type *type = evsi_calloc(1, sizeof *type + size + 1), *found;
  if (!type)
    return NULL;
  memcpy(type->name, plan->type, size + 1);
  set_rule(type, &plan->rule);
  HASH_ADD_KEYPTR_INORDER(hh, registry->types, type->name, (unsigned)size, type, compare_names);
  HASH_FIND(hh, registry->types, type->name, (unsigned)size, found);
  if (found) {
    atomic_fetch_add(&registry->type_count, 1);
    return type;
  }
  evsi_free(type);
  return NULL;
}

/* A store's answers may overtake each other: what was written is then read before it is known to be written.
 */
static bool is_there(const evsi_registry *registry, evsi_plan *plan) {
  const evsi_schema_type *type = evsi_registry_type(registry, evsi_text(plan->type));
  evsi_schema_version *version = type ? evsi_type_version(type, &plan->version->number) : NULL;
  if (!version)
    return false;
  if (plan->version->is_own)
    atomic_store(&version->is_own, true);
  plan->same = version;
  return true;
}

evs_status evsi_registry_commit(evsi_registry *registry, evsi_plan *plan, evs_error **out_error) {
  if (!plan->version || is_there(registry, plan))
    return EVS_OK;
  pthread_rwlock_wrlock(&registry->lock);
  evsi_schema_type *type = evsi_registry_type(registry, evsi_text(plan->type));
  if (!type)
    type = make_type(registry, plan);
  bool fits = type && evsi_grow(type->versions, type->capacity, (uint64_t)type->count + 1);
  if (fits) {
    plan->version->type = type;
    type->versions[type->count++] = plan->version;
    plan->same = plan->version;
    plan->version = NULL;
  }
  pthread_rwlock_unlock(&registry->lock);
  return fits ? EVS_OK : evsi_error_nomem(out_error);
}

bool evsi_registry_rule(const evsi_registry *registry, evs_bytes type, evsi_compat_rule *out) {
  const evsi_schema_type *found = evsi_registry_type(registry, type);
  *out = found ? found->rule : registry->setup.rule;
  return found != NULL;
}

evs_status evsi_registry_set_rule(evsi_registry *registry, evs_bytes type, const evsi_compat_rule *rule,
                                  evs_error **out_error) {
  evsi_schema_type *found = evsi_registry_type(registry, type);
  if (!found)
    return evsi_error(out_error, EVS_NOT_FOUND, "/type", "there is no schema of type %.*s", (int)type.size,
                      type.data);
  set_rule(found, rule);
  return EVS_OK;
}

void evsi_registry_remove(evsi_schema_version *version, uint64_t now_ms) {
  uint64_t never = 0;
  atomic_compare_exchange_strong(&version->removed_ms, &never, now_ms);
}

/* ---- words ------------------------------------------------------------------------------------- */

static const char *const mode_words[] = {[EVSI_COMPAT_NONE] = "none",
                                         [EVSI_COMPAT_BACKWARD] = "backward",
                                         [EVSI_COMPAT_FORWARD] = "forward",
                                         [EVSI_COMPAT_FULL] = "full"};
static const char *const transitive_words[] = {[EVSI_COMPAT_NONE] = "none",
                                               [EVSI_COMPAT_BACKWARD] = "backward-transitive",
                                               [EVSI_COMPAT_FORWARD] = "forward-transitive",
                                               [EVSI_COMPAT_FULL] = "full-transitive"};

const char *evsi_compat_rule_word(const evsi_compat_rule *rule) {
  return rule->is_transitive ? transitive_words[rule->mode] : mode_words[rule->mode];
}

const char *evsi_compat_policy_word(evsi_compat_policy policy) {
  return policy == EVSI_COMPAT_STRICT ? "strict" : "pragmatic";
}

bool evsi_compat_rule_parse(const char *mode, evsi_compat_rule *out) {
  for (int i = EVSI_COMPAT_NONE; i <= EVSI_COMPAT_FULL; i++) {
    bool is_transitive = strcmp(mode, transitive_words[i]) == 0 && i != EVSI_COMPAT_NONE;
    if (!is_transitive && strcmp(mode, mode_words[i]) != 0)
      continue;
    out->mode = (evsi_compat_mode)i;
    out->is_transitive = is_transitive;
    return true;
  }
  return false;
}
