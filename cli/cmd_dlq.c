/* SPDX-License-Identifier: MIT
 * cmd_dlq.c - `events dlq list` and `dlq show`: reading dead letters. Changing them: cmd_dlq_change.c. */
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"
#include "dlq.h"
#include "input.h"
#include "jsontext.h"
#include "output.h"
#include "session.h"

enum { PAGE_DEFAULT = 50, PAGE_ALL = 200 };

typedef struct dlq_listing {
  cli_call *cli;
  output_table *table; /* NULL with --json */
  FILE *items;         /* texts of the items, with commas; NULL without --json */
  uint64_t count;
} dlq_listing;

static void list_row(dlq_listing *listing, evs_bytes text) {
  json_t *item = jsontext_frame(text);
  json_t *error = json_object_get(item, "error");
  char time[32];
  output_table_cell(listing->table, "%s", output_string(item, "id"));
  output_table_cell(listing->table, "%s", output_string(json_object_get(item, "header"), "type"));
  output_table_cell(listing->table, "%s", output_string(item, "group"));
  output_table_cell(listing->table, "%lld", (long long)json_integer_value(json_object_get(item, "attempts")));
  output_table_cell(listing->table, "%s", output_time(json_object_get(item, "lastFailureAt"), time));
  output_table_cell(listing->table, "%s: %s", output_string(error, "class"), output_string(error, "message"));
  json_decref(item);
}

static void list_page(dlq_listing *listing, const char *answer) {
  evs_bytes items = jsontext_member(input_bytes(answer), "items"), item;
  for (size_t cursor = 0; jsontext_next(items, &cursor, NULL, &item); listing->count++) {
    if (listing->table) {
      list_row(listing, item);
      continue;
    }
    fputs(listing->count ? "," : "", listing->items);
    fwrite(item.data, 1, item.size, listing->items);
  }
}

static int list_pages(dlq_listing *listing, char **cursor) {
  cli_call *cli = listing->cli;
  bool all = CLI_HAS(cli, ALL);
  uint64_t wanted = cli->limit ? cli->limit : (all ? UINT64_MAX : PAGE_DEFAULT);
  do {
    uint64_t left = wanted - listing->count;
    char *answer = NULL;
    int code = dlq_page(cli, left < PAGE_ALL ? (uint32_t)left : PAGE_ALL, cursor, &answer);
    if (code != CLI_OK)
      return code;
    list_page(listing, answer);
    free(answer);
  } while (*cursor && listing->count < wanted);
  return CLI_OK;
}

static void print_document(char *items, const char *cursor) {
  json_t *next = cursor ? json_string(cursor) : json_null();
  char *text = output_json_text(next, false);
  printf("{\"items\":[%s],\"next\":%s}\n", items, text);
  free(text);
  json_decref(next);
}

int cmd_dlq_list(cli_call *cli) {
  static const char *const titles[] = {"ID", "TYPE", "GROUP", "ATTEMPTS", "LAST FAILURE", "ERROR"};
  int code = session_connect(cli);
  if (code != CLI_OK)
    return code;
  char *items = NULL, *cursor = NULL;
  size_t size = 0;
  dlq_listing listing = {.cli = cli};
  if (CLI_HAS(cli, JSON))
    listing.items = open_memstream(&items, &size);
  else
    listing.table = output_table_new(titles, 6);
  if (cli->text[CLI_OPT_CURSOR])
    cursor = input_copy(cli->text[CLI_OPT_CURSOR], input_bytes(cli->text[CLI_OPT_CURSOR]).size);
  code = list_pages(&listing, &cursor);
  if (listing.items)
    fclose(listing.items);
  if (code == CLI_OK && listing.items)
    print_document(items, cursor);
  if (listing.table)
    output_table_end(listing.table, code == CLI_OK && listing.count);
  if (code == CLI_OK && !listing.items && !listing.count)
    puts("no dead letters");
  if (code == CLI_OK && !listing.items && cursor)
    printf("more: --cursor %s\n", cursor);
  free(items);
  free(cursor);
  return code;
}

static void print_field(const char *name, const json_t *value, bool indent) {
  char *text = json_is_string(value) ? input_copy(json_string_value(value), json_string_length(value))
                                     : output_json_text(value, indent);
  printf("%-14s ", name);
  /* Line feeds of a stack or of indented JSON are kept; everything else is made harmless. */
  for (char *line = text, *end; line; line = end) {
    end = NULL;
    size_t size = 0;
    while (line[size] && line[size] != '\n')
      size++;
    if (line[size])
      end = line + size + 1;
    output_safe(stdout, (evs_bytes){line, size}, 0);
    printf(end ? "\n%15s" : "\n", "");
  }
  free(text);
}

/* As it stands in the document: digits and key order are the publisher's. */
static void print_part(const char *text, const char *name) {
  evs_bytes part = jsontext_member(input_bytes(text), name);
  if (!part.size)
    return;
  printf("%-14s ", name);
  output_safe(stdout, part, 0);
  putchar('\n');
}

static void print_item(const char *text) {
  static const char *const fields[] = {"id",
                                       "originalId",
                                       "topic",
                                       "partition",
                                       "group",
                                       "subscription",
                                       "attempts",
                                       "firstFailureAt",
                                       "lastFailureAt",
                                       "consumer",
                                       "requeueCount",
                                       "header",
                                       "headers",
                                       NULL};
  json_t *item = jsontext_frame(input_bytes(text));
  const json_t *error = json_object_get(item, "error"), *value;
  for (size_t i = 0; fields[i]; i++)
    if ((value = json_object_get(item, fields[i])) && !json_is_null(value))
      print_field(fields[i], value, true);
  print_part(text, "body");
  print_part(text, "raw");
  print_part(text, "entry");
  printf("%-14s ", "error");
  output_safe(stdout, input_bytes(output_string(error, "class")), 0);
  fputs(": ", stdout);
  output_safe(stdout, input_bytes(output_string(error, "message")), 0);
  fputc('\n', stdout);
  if ((value = json_object_get(error, "stack")) && json_string_length(value))
    print_field("stack", value, false);
  if ((value = json_object_get(item, "history")) && json_array_size(value))
    print_field("history", value, true);
  json_decref(item);
}

int cmd_dlq_show(cli_call *cli) {
  int code = session_connect(cli);
  if (code != CLI_OK)
    return code;
  char *text = NULL;
  json_t *id = json_string(cli->args[0]);
  if (!id)
    return output_usage("dlq show", "the id is not valid UTF-8");
  code = session_call(cli, "dlq.get", json_pack("{s:o}", "id", id), &text);
  if (code != CLI_OK)
    return code;
  if (CLI_HAS(cli, JSON))
    output_text_line(input_bytes(text));
  else
    print_item(text);
  free(text);
  return CLI_OK;
}
