/* SPDX-License-Identifier: MIT
 * config_capability.h - words for what a transport can do, as documents have them. */
#ifndef EVSI_CONFIG_CAPABILITY_H
#define EVSI_CONFIG_CAPABILITY_H

#include <jansson.h>
#include <stdint.h>

#include "config/config_problem.h"

/* All that a transport which is not built in may have. */
uint64_t evsi_capabilities_all(void);
/* The word of one of them. */
const char *evsi_capability_word(uint64_t capabilities);
/* Reads a list of words, at the reader's place; only `allowed` ones. NULL: publish and subscribe. */
uint64_t evsi_capabilities_read(evsi_check *check, const json_t *list, uint64_t allowed);

#endif
