/* SPDX-License-Identifier: MIT
 * schemas.c - the life of a system's schemas: what the configuration declares and a folder keeps is known
 * from the beginning, what a store keeps when it is connected; later changes of others are found by looking.
 */
#include "system/schemas.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/error.h"
#include "schema/registry_folder.h"

static evsi_schemas_where where(const evs_system *system) {
  return system->opened_with->schemas.where;
}

void evsi_schemas_alarm(evsi_schemas *schemas, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(schemas->alarm, sizeof schemas->alarm, format, args);
  va_end(args);
  evsi_count(&schemas->system->stats, EVSI_COUNT_SCHEMA_ALARMS, 1);
  evsi_system_log(schemas->system, 3, "schemas", schemas->alarm);
}

static void look(void *data) {
  evsi_schemas *schemas = data;
  evs_system *system = schemas->system;
  if (atomic_load(&system->state) >= EVSI_CLOSING)
    return;
  system->env->io->timer_start(schemas->timer, system->opened_with->schemas.refresh_ms);
  evsi_schema_store_read(schemas);
}

static void run_look(evsi_task *task) {
  look((char *)task - offsetof(evsi_schemas, task));
}

void evsi_schemas_look(evs_system *system) {
  if (where(system) != EVSI_SCHEMAS_IN_MEMORY)
    evsi_tasks_post(&system->tasks, &system->schemas->task);
}

uint64_t evsi_schemas_known_at(const evs_system *system) {
  return where(system) == EVSI_SCHEMAS_IN_MEMORY ? UINT64_MAX : atomic_load(&system->schemas->known_at_ms);
}

evsi_registry *evsi_schemas_registry(const evs_system *system) {
  return system->schemas->registry;
}

bool evsi_schemas_ready(const evs_system *system) {
  return system->schemas->is_whole;
}

/* ---- opening -------------------------------------------------------------------------------------- */

/* The configuration was checked: only memory can be short. */
static void note_refusal(void *data, const evsi_stored *item, const evs_error *error) {
  (void)item;
  (void)error;
  *(bool *)data = true;
}

static evs_status declare_in_memory(evsi_schemas *schemas, evs_error **out_error) {
  bool is_refused = false;
  evsi_load how = {.is_own = true, .is_trusted = true, .refused = note_refusal, .data = &is_refused};
  evsi_registry_load(schemas->registry, &schemas->system->opened_with->schemas.types, &how);
  schemas->is_whole = true;
  return is_refused ? evsi_error_nomem(out_error) : EVS_OK;
}

/* What is declared goes into the folder, unless it is there. */
static evs_status declare_in_folder(evsi_schemas *schemas, const evsi_stored *item, evs_error **out_error) {
  const char *folder = schemas->system->opened_with->schemas.folder;
  evsi_registration in = {.type = evsi_text(item->type),
                          .version = evsi_text(item->version),
                          .text = evsi_text(item->text),
                          .registered_ms = evsi_wall_ms(schemas->system->env),
                          .is_own = true};
  evsi_plan plan;
  evs_status status = evsi_registry_plan(schemas->registry, &in, &plan, out_error);
  if (status != EVS_OK)
    return status;
  if (plan.version)
    status = evsi_schema_folder_add(folder, plan.version, plan.type, out_error);
  if (status == EVS_OK && plan.version)
    status = evsi_registry_commit(schemas->registry, &plan, out_error);
  else if (status == EVS_OK)
    atomic_store(&plan.same->is_own, true);
  evsi_plan_free(&plan);
  return status;
}

static evs_status open_folder(evsi_schemas *schemas, evs_error **out_error) {
  evsi_schema_store_read(schemas);
  const evsi_stored_set *types = &schemas->system->opened_with->schemas.types;
  evs_status status = EVS_OK;
  if (atomic_load(&schemas->known_at_ms) == 0)
    return evsi_error(out_error, EVS_CONFIG, "/schemas/folder", "%s", schemas->alarm);
  for (uint32_t i = 0; i < types->count && status == EVS_OK; i++) {
    evs_error *error = NULL;
    status = declare_in_folder(schemas, &types->items[i], &error);
    if (status != EVS_OK)
      status = evsi_error(out_error, status == EVS_NOMEM ? status : EVS_CONFIG, "/schemas/types", "%s",
                          evs_error_message(error));
    evs_error_free(error);
  }
  schemas->is_whole = true;
  return status;
}

evs_status evsi_schemas_open(evs_system *system, evs_error **out_error) {
  evsi_schemas *schemas = evsi_calloc(1, sizeof *schemas);
  evsi_registry_setup setup = {.env = system->env,
                               .rule = system->opened_with->schemas.rule,
                               .asserts_format = system->opened_with->schemas.asserts_format};
  if (!schemas)
    return evsi_error_nomem(out_error);
  system->schemas = schemas;
  schemas->system = system;
  schemas->task.run = run_look;
  schemas->registry = evsi_registry_new(&setup);
  schemas->timer = system->env->io->timer_new(system->loop, look, schemas);
  if (!schemas->registry || !schemas->timer)
    return evsi_error_nomem(out_error);
  if (where(system) == EVSI_SCHEMAS_IN_FOLDER)
    return open_folder(schemas, out_error);
  if (where(system) == EVSI_SCHEMAS_IN_TRANSPORT)
    return EVS_OK;
  return declare_in_memory(schemas, out_error);
}

void evsi_schemas_free(evs_system *system) {
  evsi_schemas *schemas = system->schemas;
  if (!schemas)
    return;
  while (schemas->first) {
    evsi_schema_change *change = schemas->first;
    schemas->first = change->next;
    evsi_schema_change_free(change);
  }
  system->env->io->timer_free(schemas->timer);
  evsi_registry_free(schemas->registry);
  evsi_free(schemas);
}

/* ---- the beginning of work ------------------------------------------------------------------------ */

void evsi_schemas_whole(evsi_schemas *schemas) {
  evs_system *system = schemas->system;
  if (schemas->is_whole)
    return;
  schemas->is_whole = true;
  for (uint32_t i = 0; i < system->link_count && atomic_load(&system->state) == EVSI_OPEN; i++)
    evsi_consume_start(system->consume, i);
}
