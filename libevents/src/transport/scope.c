/* SPDX-License-Identifier: MIT
 * scope.c - see scope.h. */
#include "transport/scope.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"

/* ---- topics ----------------------------------------------------------------------------------- */

bool evsi_scope_topics_have(const evsi_scope_topics *topics, evs_bytes name) {
  for (size_t i = 0; i < topics->count; i++) {
    if (evsi_bytes_equal(evsi_text(topics->names[i]), name))
      return true;
  }
  return false;
}

bool evsi_scope_topics_add(evsi_scope_topics *topics, const evs_tp_group *spec) {
  for (uint64_t i = 0; i < spec->topic_count; i++) {
    evs_bytes name = spec->topics[i];
    if (evsi_scope_topics_have(topics, name))
      continue;
    char **grown = evsi_realloc(topics->names, (topics->count + 1) * sizeof *grown);
    if (!grown)
      return false;
    topics->names = grown;
    grown[topics->count] = evsi_strndup(name.data, name.size);
    if (!grown[topics->count])
      return false;
    topics->count++;
  }
  return true;
}

bool evsi_scope_topics_set(evsi_scope_topics *topics, const evs_tp_group *spec) {
  evsi_scope_topics given = {NULL, 0};
  if (!evsi_scope_topics_add(&given, spec)) {
    evsi_scope_topics_free(&given);
    return false;
  }
  evsi_scope_topics_free(topics);
  *topics = given;
  return true;
}

void evsi_scope_topics_free(evsi_scope_topics *topics) {
  for (size_t i = 0; i < topics->count; i++)
    evsi_free(topics->names[i]);
  evsi_free(topics->names);
  *topics = (evsi_scope_topics){NULL, 0};
}

/* ---- partitions ------------------------------------------------------------------------------- */

bool evsi_scope_partitions_set(evsi_scope_partitions *partitions, const evs_tp_group *spec) {
  evsi_scope_partitions given = {NULL, spec->partition_count};
  if (given.count > 0) {
    given.numbers = evsi_calloc(given.count, sizeof *given.numbers);
    if (!given.numbers)
      return false;
    memcpy(given.numbers, spec->partitions, given.count * sizeof *given.numbers);
  }
  evsi_scope_partitions_free(partitions);
  *partitions = given;
  return true;
}

bool evsi_scope_partitions_have(const evsi_scope_partitions *partitions, int32_t number) {
  bool have = partitions->count == 0 || number == EVS_PARTITION_NONE;
  for (size_t i = 0; i < partitions->count && !have; i++)
    have = partitions->numbers[i] == number;
  return have;
}

void evsi_scope_partitions_free(evsi_scope_partitions *partitions) {
  evsi_free(partitions->numbers);
  *partitions = (evsi_scope_partitions){NULL, 0};
}
