/* SPDX-License-Identifier: MIT
 * schema.h - what the commands about schemas share: parameters from options and files, and how findings look.
 */
#ifndef EVENTS_CLI_SCHEMA_H
#define EVENTS_CLI_SCHEMA_H

#include "cli.h"

/* An object with --type, --version, --mode and --policy, where they are given. */
json_t *schema_params(const cli_call *cli);
/* Adds the text of a file, or of stdin for "-". An exit code; a failure is printed. */
int schema_add_file(json_t *params, const char *name, const char *path, size_t max);

/* The errors of a report, one line each, or that there are none. `what` is whose. */
void schema_print_errors(const char *what, const json_t *report);
/* The verdict of a comparison, and a line for each reason. */
void schema_print_verdict(const json_t *answer);

#endif
