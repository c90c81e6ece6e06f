/* SPDX-License-Identifier: MIT
 * config_capability.c - see config_capability.h. */
#include "config/config_capability.h"

#include <stdio.h>
#include <string.h>

#include "libevents_transport.h"

static const struct {
  const char *word;
  uint64_t capability;
} words[] = {
    {"publish", EVS_CAP_PUBLISH},
    {"subscribe", EVS_CAP_SUBSCRIBE},
    {"patternRouting", EVS_CAP_PATTERN_ROUTING},
    {"batching", EVS_CAP_BATCHING},
    {"partitioning", EVS_CAP_PARTITIONING},
    {"consumerGroups", EVS_CAP_CONSUMER_GROUPS},
    {"ordering", EVS_CAP_ORDERING},
    {"persistence", EVS_CAP_PERSISTENCE},
    {"replay", EVS_CAP_REPLAY},
    {"dlq", EVS_CAP_DLQ},
    {"retention", EVS_CAP_RETENTION},
    {"delay", EVS_CAP_DELAY},
    {"durability", EVS_CAP_DURABILITY},
};
enum { WORDS = sizeof words / sizeof words[0] };

uint64_t evsi_capabilities_all(void) {
  uint64_t all = 0;
  for (size_t i = 0; i < WORDS; i++)
    all |= words[i].capability;
  return all;
}

const char *evsi_capability_word(uint64_t capabilities) {
  for (size_t i = 0; i < WORDS; i++) {
    if (words[i].capability & capabilities)
      return words[i].word;
  }
  return "";
}

static void refuse(evsi_check *check, const char *word, uint64_t allowed) {
  char found[EVSI_FOUND_SIZE], expected[EVSI_FOUND_SIZE] = "some of:";
  size_t used = strlen(expected);
  for (size_t i = 0; i < WORDS; i++) {
    if (words[i].capability & allowed)
      used += (size_t)snprintf(expected + used, sizeof expected - used, " %s", words[i].word);
  }
  evsi_text_cut(word, found, sizeof found);
  evsi_check_problem(check, &(evsi_problem){.message = "is no capability that such a transport can have",
                                            .found = found,
                                            .expected = expected});
}

uint64_t evsi_capabilities_read(evsi_check *check, const json_t *list, uint64_t allowed) {
  uint64_t capabilities = 0;
  size_t index;
  json_t *entry;
  if (!json_is_array(list))
    return EVS_CAP_PUBLISH | EVS_CAP_SUBSCRIBE;
  json_array_foreach(list, index, entry) {
    const char *text = json_string_value(entry);
    size_t i = 0;
    while (text && i < WORDS && !(strcmp(words[i].word, text) == 0 && (words[i].capability & allowed)))
      i++;
    size_t mark = evsi_check_push_index(check, index);
    if (text && i == WORDS)
      refuse(check, text, allowed);
    else if (text)
      capabilities |= words[i].capability;
    evsi_check_pop(check, mark);
  }
  return capabilities;
}
