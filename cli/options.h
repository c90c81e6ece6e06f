/* SPDX-License-Identifier: MIT
 * options.h - from argv to a verb and its options. Knows the table of verbs, not what they do. */
#ifndef EVENTS_CLI_OPTIONS_H
#define EVENTS_CLI_OPTIONS_H

#include "cli.h"

/* Reads argv; options may stand before or after the verb. *out_verb is NULL when help was printed and
 * nothing is left to do. Returns an exit code; the reason of a wrong usage is printed. */
int options_parse(cli_call *cli, int argc, char **argv, const cli_verb *verbs, const cli_verb **out_verb);
void options_free(cli_call *cli);

#endif
