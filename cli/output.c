/* SPDX-License-Identifier: MIT
 * output.c - columns, lines and errors. */
#include "output.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli.h"
#include "input.h"

enum { CELL_MAX = 300 };

struct output_table {
  size_t columns, cells, capacity;
  char **texts;
};

void output_problem(const char *format, ...) {
  char text[4096];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  fputs("events: ", stderr);
  output_safe(stderr, input_bytes(text), 0);
  fputc('\n', stderr);
}

int output_usage(const char *verb, const char *format, ...) {
  char text[2048];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  output_problem("%s%s%s", verb ? verb : "", verb ? ": " : "", text);
  if (verb)
    fprintf(stderr, "  `events %s --help` explains it and shows an example\n", verb);
  return CLI_USAGE;
}

static void print_detail(const char *before, const char *text) {
  fputs(before, stderr);
  output_safe(stderr, input_bytes(text), 0);
}

static void print_problem(const json_t *problem) {
  const char *path = json_string_value(json_object_get(problem, "path"));
  const char *suggestion = json_string_value(json_object_get(problem, "suggestion"));
  print_detail("  ", path && *path ? path : "(document)");
  print_detail(": ", output_string(problem, "message"));
  if (suggestion && *suggestion)
    print_detail("; did you mean: ", suggestion);
  fputc('\n', stderr);
}

void output_problems(const json_t *problems) {
  size_t i;
  json_t *problem;
  json_array_foreach(problems, i, problem) print_problem(problem);
}

void output_error(const char *what, const char *error_json) {
  json_t *error = json_loads(error_json ? error_json : "", 0, NULL);
  const char *message = json_string_value(json_object_get(error, "message"));
  const char *path = json_string_value(json_object_get(error, "path"));
  const char *hint = json_string_value(json_object_get(error, "hint"));
  const char *code = json_string_value(json_object_get(error, "code"));
  message = message ? message : "unknown failure";
  bool named =
      !what || strncmp(message, what, strlen(what)) == 0; /* many messages begin with what was asked */
  output_problem("%s%s%s", named ? "" : what, named ? "" : ": ", message);
  if (path && *path)
    print_detail("  at ", path), fputc('\n', stderr);
  if (hint && *hint)
    print_detail("  ", hint), fputc('\n', stderr);
  output_problems(json_object_get(error, "problems"));
  if (code)
    fprintf(stderr, "  (%s)\n", code);
  json_decref(error);
}

/* Bytes of a C1 control character in UTF-8: terminals obey them as they obey ESC. */
static bool is_c1(const char *at, size_t left) {
  return left >= 2 && (unsigned char)at[0] == 0xc2 && (unsigned char)at[1] >= 0x80 &&
         (unsigned char)at[1] < 0xa0;
}

void output_safe(FILE *to, evs_bytes bytes, size_t max) {
  size_t size = max && bytes.size > max ? max : bytes.size;
  while (size < bytes.size && size && ((unsigned char)bytes.data[size] & 0xc0) == 0x80)
    size--; /* never half a character */
  for (size_t i = 0; i < size; i++) {
    unsigned char c = (unsigned char)bytes.data[i];
    if (is_c1(bytes.data + i, size - i))
      fprintf(to, "\\x%02x", (unsigned char)bytes.data[++i]);
    else if (c < 0x20 || c == 0x7f)
      fprintf(to, "\\x%02x", c);
    else
      fputc(c, to);
  }
  if (size < bytes.size)
    fprintf(to, "… (%llu bytes)", (unsigned long long)bytes.size);
}

/* 15 digits show 0.1 as people wrote it; more only where a document needs them to survive. */
char *output_json_text(const json_t *value, bool indent) {
  size_t flags = JSON_ENCODE_ANY | (indent ? JSON_INDENT(2) : JSON_COMPACT);
  char *text = json_dumps(value, flags | JSON_REAL_PRECISION(15));
  json_t *again = text ? json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL) : NULL;
  if (!again || !json_equal(again, value)) {
    free(text);
    text = json_dumps(value, flags);
  }
  json_decref(again);
  if (!text)
    text = input_copy("null", 4);
  return text;
}

void output_json(const json_t *value, bool indent) {
  char *text = output_json_text(value, indent);
  output_text_line(input_bytes(text));
  free(text);
}

void output_text_line(evs_bytes text) {
  fwrite(text.data, 1, text.size, stdout);
  fputc('\n', stdout);
}

output_table *output_table_new(const char *const *titles, size_t columns) {
  output_table *table = input_alloc(sizeof *table);
  table->columns = columns;
  for (size_t i = 0; i < columns; i++)
    output_table_cell(table, "%s", titles[i]);
  return table;
}

void output_table_cell(output_table *table, const char *format, ...) {
  char *raw = NULL;
  va_list args;
  va_start(args, format);
  int size = vasprintf(&raw, format, args);
  va_end(args);
  char *text = NULL;
  size_t length = 0;
  FILE *memory = open_memstream(&text, &length);
  if (size < 0 || !memory) {
    fputs("events: out of memory\n", stderr);
    exit(1);
  }
  output_safe(memory, input_bytes(raw), CELL_MAX);
  fclose(memory);
  free(raw);
  if (table->cells == table->capacity) {
    size_t larger = table->capacity ? table->capacity * 2 : 64;
    char **moved = input_alloc(larger * sizeof *moved);
    if (table->cells)
      memcpy(moved, table->texts, table->cells * sizeof *moved);
    free(table->texts);
    table->texts = moved;
    table->capacity = larger;
  }
  table->texts[table->cells++] = text;
}

static size_t width(const char *text) {
  size_t characters = 0;
  for (; *text; text++)
    characters += ((unsigned char)*text & 0xc0) != 0x80;
  return characters;
}

void output_table_end(output_table *table, bool print) {
  size_t *widths = input_alloc(table->columns * sizeof *widths);
  for (size_t i = 0; i < table->cells; i++) {
    size_t wide = width(table->texts[i]);
    if (wide > widths[i % table->columns])
      widths[i % table->columns] = wide;
  }
  for (size_t i = 0; i < table->cells; i++) {
    bool last = (i + 1) % table->columns == 0;
    size_t pad = last ? 0 : widths[i % table->columns] - width(table->texts[i]) + 2;
    if (print)
      printf("%s%*s%s", table->texts[i], (int)pad, "", last ? "\n" : "");
    free(table->texts[i]);
  }
  free(widths);
  free(table->texts);
  free(table);
}

const char *output_string(const json_t *object, const char *name) {
  const char *text = json_string_value(json_object_get(object, name));
  return text && *text ? text : "-";
}

const char *output_time(const json_t *value, char *buffer) {
  if (json_is_string(value))
    return json_string_value(value);
  if (!json_is_number(value))
    return "-";
  double ms = json_number_value(value);
  time_t seconds = (time_t)(ms / 1000);
  struct tm parts;
  if (ms < 0 || ms > 2.5e14 || !gmtime_r(&seconds, &parts))
    return "-";
  strftime(buffer, 32, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return buffer;
}

static bool pipe_closed, write_failed;

bool output_flush(void) {
  errno = 0;
  if (fflush(stdout) == 0 && !ferror(stdout))
    return true;
  if (errno == EPIPE) {
    pipe_closed = true;
  } else if (!pipe_closed && !write_failed) {
    write_failed = true;
    output_problem("cannot write the output: %s", errno ? strerror(errno) : "a write failed");
  }
  return false;
}

int output_finish(int code) {
  output_flush();
  return write_failed && code == CLI_OK ? CLI_FAILED : code;
}
