/* SPDX-License-Identifier: MIT
 * registry_load.c - see registry_load.h. Schemas may refer to each other, so what cannot be added yet is
 * tried again as long as others could. */
#include "schema/registry_load.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "schema/grow.h"
#include "schema/registry_inner.h"

evsi_stored *evsi_stored_add(evsi_stored_set *set) {
  if (!evsi_grow(set->items, set->capacity, (uint64_t)set->count + 1))
    return NULL;
  set->items[set->count] = (evsi_stored){.type = NULL};
  return &set->items[set->count++];
}

void evsi_stored_free(evsi_stored_set *set) {
  for (uint32_t i = 0; i < set->count; i++) {
    evsi_free(set->items[i].type);
    evsi_free(set->items[i].version);
    evsi_free(set->items[i].text);
    evsi_free(set->items[i].registered_by);
  }
  evsi_free(set->items);
  *set = (evsi_stored_set){.items = NULL};
}

/* By type; what is said of the type first, then its versions as they rise; what is no version last. */
static int compare_items(const void *left, const void *right) {
  const evsi_stored *a = left, *b = right;
  evsi_number x, y;
  int order = strcmp(a->type, b->type);
  if (order)
    return order;
  if (!a->text || !b->text)
    return (a->text != NULL) - (b->text != NULL);
  bool has_x = evsi_number_parse(evsi_text(a->version), &x),
       has_y = evsi_number_parse(evsi_text(b->version), &y);
  return has_x && has_y ? evsi_number_compare(&x, &y) : has_y - has_x;
}

/* The item that speaks of the type itself stands before its versions. */
static const evsi_compat_rule *rule_of(const evsi_stored_set *set, uint32_t index) {
  const char *type = set->items[index].type;
  while (index > 0 && strcmp(set->items[index - 1].type, type) == 0)
    index--;
  return set->items[index].has_rule ? &set->items[index].rule : NULL;
}

static evs_status add(evsi_registry *registry, const evsi_stored_set *set, uint32_t index,
                      const evsi_load *how, evs_error **out_error) {
  const evsi_stored *item = &set->items[index];
  evsi_registration in = {.type = evsi_text(item->type),
                          .version = evsi_text(item->version),
                          .text = evsi_text(item->text),
                          .rule = rule_of(set, index),
                          .registered_ms = item->registered_ms,
                          .removed_ms = item->removed_ms,
                          .registered_by = item->registered_by,
                          .is_own = how->is_own,
                          .is_trusted = how->is_trusted};
  evsi_plan plan;
  evs_status status = evsi_registry_plan(registry, &in, &plan, out_error);
  if (status != EVS_OK)
    return status;
  status = evsi_registry_commit(registry, &plan, out_error);
  evsi_plan_free(&plan);
  return status;
}

/* What is there already: true, and it is through, unless its text is another now. */
static bool is_known(evsi_registry *registry, const evsi_stored *item) {
  evsi_number number;
  const evsi_schema_type *type = evsi_registry_type(registry, evsi_text(item->type));
  evsi_schema_version *version =
      type && evsi_number_parse(evsi_text(item->version), &number) ? evsi_type_version(type, &number) : NULL;
  if (!version || strcmp(version->text, item->text) != 0)
    return false;
  if (item->removed_ms)
    evsi_registry_remove(version, item->removed_ms);
  return true;
}

/* One round; the errors of the last one are told. */
static bool add_some(evsi_registry *registry, evsi_stored_set *set, const evsi_load *how, bool is_last) {
  bool any = false;
  for (uint32_t i = 0; i < set->count; i++) {
    evsi_stored *item = &set->items[i];
    evs_error *error = NULL;
    if (item->is_through || !item->text)
      continue;
    item->is_through = is_known(registry, item) || add(registry, set, i, how, &error) == EVS_OK;
    any |= item->is_through;
    if (is_last && error)
      how->refused(how->data, item, error);
    evs_error_free(error);
  }
  return any;
}

void evsi_registry_load(evsi_registry *registry, evsi_stored_set *set, const evsi_load *how) {
  for (uint32_t i = 0; i < set->count; i++)
    set->items[i].is_through = false;
  if (set->count > 0)
    qsort(set->items, set->count, sizeof *set->items, compare_items);
  for (uint32_t i = 0; i < set->count; i++) /* what is there follows a new rule from now on */
    if (set->items[i].has_rule && evsi_registry_type(registry, evsi_text(set->items[i].type)))
      evsi_registry_set_rule(registry, evsi_text(set->items[i].type), &set->items[i].rule, NULL);
  while (add_some(registry, set, how, false))
    continue;
  add_some(registry, set, how, true);
}
