/* SPDX-License-Identifier: MIT
 * options.h - reads the options of a transport that keeps events. config/ has checked them; what is missing
 * gets its default here and what is impossible is bounded, so that a plain options object works too. */
#ifndef EVSI_OPTIONS_H
#define EVSI_OPTIONS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

uint32_t evsi_option_number(const json_t *options, const char *key, uint32_t fallback, uint32_t low,
                            uint32_t high);
/* One that is not bounded; 0 and less count as not given. */
uint64_t evsi_option_large(const json_t *options, const char *key, uint64_t fallback);
bool evsi_option_is(const json_t *options, const char *key, const char *word);
/* Of `acknowledgement`: EVS_ACKNOWLEDGE_… */
uint32_t evsi_option_acknowledgement(const json_t *options);
/* Of `retention`: JSON text with at least one limit, freed with evsi_free(); NULL: no memory. */
char *evsi_option_retention(const json_t *options);

#endif
