/* SPDX-License-Identifier: MIT
 * dlq_list.c - lists that come in pages: as columns with the cursor of the next page, or as one document. */
#include <stdio.h>
#include <stdlib.h>

#include "dlq.h"
#include "input.h"
#include "jsontext.h"
#include "session.h"

enum { PAGE_DEFAULT = 50, PAGE_ALL = 200 };

typedef struct listed {
  cli_call *cli;
  const dlq_listing *listing;
  output_table *table; /* NULL with --json */
  FILE *items;         /* texts of the items, with commas; NULL without --json */
  uint64_t count;
} listed;

static void add_page(listed *list, const char *answer) {
  evs_bytes items = jsontext_member(input_bytes(answer), "items"), item;
  for (size_t cursor = 0; jsontext_next(items, &cursor, NULL, &item); list->count++) {
    if (list->table) {
      list->listing->row(list->table, item);
      continue;
    }
    fputs(list->count ? "," : "", list->items);
    fwrite(item.data, 1, item.size, list->items);
  }
}

static int add_pages(listed *list, char **cursor) {
  cli_call *cli = list->cli;
  bool all = CLI_HAS(cli, ALL);
  uint64_t wanted = cli->limit ? cli->limit : (all ? UINT64_MAX : PAGE_DEFAULT);
  do {
    uint64_t left = wanted - list->count;
    char *answer = NULL;
    int code =
        dlq_page(cli, list->listing->method, left < PAGE_ALL ? (uint32_t)left : PAGE_ALL, cursor, &answer);
    if (code != CLI_OK)
      return code;
    add_page(list, answer);
    free(answer);
  } while (*cursor && list->count < wanted);
  return CLI_OK;
}

static void print_document(char *items, const char *cursor) {
  json_t *next = cursor ? json_string(cursor) : json_null();
  char *text = output_json_text(next, false);
  printf("{\"items\":[%s],\"next\":%s}\n", items, text);
  free(text);
  json_decref(next);
}

int dlq_list(cli_call *cli, const dlq_listing *listing) {
  int code = session_connect(cli);
  if (code != CLI_OK)
    return code;
  char *items = NULL, *cursor = NULL;
  size_t size = 0;
  listed list = {.cli = cli, .listing = listing};
  if (CLI_HAS(cli, JSON))
    list.items = open_memstream(&items, &size);
  else
    list.table = output_table_new(listing->titles, listing->columns);
  if (cli->text[CLI_OPT_CURSOR])
    cursor = input_copy(cli->text[CLI_OPT_CURSOR], input_bytes(cli->text[CLI_OPT_CURSOR]).size);
  code = add_pages(&list, &cursor);
  if (list.items)
    fclose(list.items);
  if (code == CLI_OK && list.items)
    print_document(items, cursor);
  if (list.table)
    output_table_end(list.table, code == CLI_OK && list.count);
  if (code == CLI_OK && !list.items && !list.count)
    puts(listing->nothing);
  if (code == CLI_OK && !list.items && cursor)
    printf("more: --cursor %s\n", cursor);
  free(items);
  free(cursor);
  return code;
}
