/* SPDX-License-Identifier: MIT
 * receipt.h - the outcome of one publish, for people and for programs. */
#ifndef EVENTS_CLI_RECEIPT_H
#define EVENTS_CLI_RECEIPT_H

#include <jansson.h>

#include "libevents.h"

/* {id, outcome, transport, topic, partition, offset, attempts}, and error {code, message, …} of a failure. */
json_t *receipt_json(const evs_report *report);
/* "stored ID TRANSPORT/TOPIC[:PARTITION]/OFFSET"; freed with free(). */
char *receipt_text(const evs_report *report);
/* The error document of a report that is not EVS_OK; freed with free(). */
char *receipt_error(const evs_report *report);

#endif
