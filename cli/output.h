/* SPDX-License-Identifier: MIT
 * output.h - what people and programs read: columns, lines, errors. Texts that came from a store are made
 * harmless for a terminal; JSON goes out as it is. */
#ifndef EVENTS_CLI_OUTPUT_H
#define EVENTS_CLI_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <jansson.h>

#include "libevents.h"

/* "events: …" on stderr. */
void output_problem(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same for a wrong use of a verb (NULL: of the command); gives CLI_USAGE. */
int output_usage(const char *verb, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* An error document (see evs_error_json) on stderr, with what was tried and all its problems. */
void output_error(const char *what, const char *error_json);
/* An array of {path, message, suggestion} on stderr, one line each. */
void output_problems(const json_t *problems);

/* Prints bytes on one line, at most max of them (0: all); control characters become \xNN. */
void output_safe(FILE *to, evs_bytes bytes, size_t max);
/* One JSON value, indented for people, or on one line. Numbers keep every digit that is needed. */
void output_json(const json_t *value, bool indent);
char *output_json_text(const json_t *value, bool indent);
/* JSON text as it is, and a line feed. */
void output_text_line(evs_bytes text);

/* Columns. The last one is as wide as it likes. */
typedef struct output_table output_table;
output_table *output_table_new(const char *const *titles, size_t columns);
/* A cell; the row ends by itself. */
void output_table_cell(output_table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Prints when asked to, and frees. */
void output_table_end(output_table *table, bool print);

/* Texts of JSON members, or "-" where there is none; lent by `object`. */
const char *output_string(const json_t *object, const char *name);
/* A time in a document: text as it is, a number as milliseconds since 1970. `buffer`: 32 bytes. */
const char *output_time(const json_t *value, char *buffer);

/* Flushes stdout. False: nobody reads it any more, or it cannot be written (said on stderr). */
bool output_flush(void);
/* The last flush: `code`, unless output was lost. A reader that left is no failure. */
int output_finish(int code);

#endif
