/* SPDX-License-Identifier: MIT
 * redis_dlq_list.c - the requests `dlq.list`, `dlq.export` and `dlq.archive`: letters of all topics in one
 * order, by entry id. Each stream is a lane that is read as far as needed; a letter is given once every lane
 * is read past its place, so that a page ends at a place in the whole order, which is its cursor. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/redis/redis_line.h"

enum { LIMIT_DEFAULT = 50, LIMIT_MOST = 500, PAGE_LEAST = 10, PAGE_MOST = 200 };
enum { SCAN_MOST = 2000 /* letters that one page looks at, which takes about 25 ms */ };

/* A place in the order; lanes are in the order of their names. */
typedef struct place {
  evsi_redis_id id;
  size_t lane;
} place;

typedef struct row {
  place at;
  size_t from, size; /* its JSON in request->out */
} row;

typedef struct lane {
  evsi_redis_id last; /* looked at up to here */
  bool is_inclusive;  /* `last` itself was not looked at */
  bool is_begun, is_done;
} lane;

typedef struct listing {
  bool is_archive;
  bool is_newest_first, is_export;
  evsi_dead_view view;
  uint64_t longest, page;
  row *rows;
  size_t row_count, row_capacity;
  lane *lanes;
} listing;

static void listing_free(void *data) {
  listing *list = data;
  if (list) {
    evsi_free(list->rows);
    evsi_free(list->lanes);
  }
  evsi_free(list);
}

/* ---- the order -------------------------------------------------------------------------------- */

static int compare(const place *a, const place *b) {
  int order = evsi_redis_id_compare(a->id, b->id);
  return order != 0 ? order : (a->lane > b->lane) - (a->lane < b->lane);
}

static int by_place(const void *a, const void *b) {
  return compare(&((const row *)a)->at, &((const row *)b)->at);
}

static int by_place_down(const void *a, const void *b) {
  return -by_place(a, b);
}

static bool is_before(const listing *list, const place *a, const place *b) {
  int order = compare(a, b);
  return list->is_newest_first ? order > 0 : order < 0;
}

/* Up to where every lane has been read; false when all are read to their ends. */
static bool find_bound(const listing *list, size_t lanes, place *out) {
  bool is_bounded = false;
  for (size_t i = 0; i < lanes; i++) {
    place at = {list->lanes[i].last, i};
    if (list->lanes[i].is_done)
      continue;
    if (!is_bounded || is_before(list, &at, out))
      *out = at;
    is_bounded = true;
  }
  return is_bounded;
}

/* ---- answering -------------------------------------------------------------------------------- */

static void add_next(const evsi_redis_request *request, const place *at, evsi_buf *json) {
  const listing *list = request->extra;
  char id[EVSI_REDIS_ID_TEXT];
  evsi_buf cursor = {0};
  if (!at) {
    evsi_buf_add_text(json, "null");
    return;
  }
  evsi_redis_id_text(at->id, id);
  evsi_buf_addf(&cursor, "%c%s/%s", list->is_newest_first ? 'n' : 'o', id, request->streams[at->lane].name);
  evsi_buf_add_json(json, cursor.data, cursor.size);
  json->failed |= cursor.failed;
  evsi_buf_free(&cursor);
}

static void answer(evsi_redis_request *request) {
  const listing *list = request->extra;
  place bound = {{0, 0}, 0};
  bool is_bounded = find_bound(list, request->stream_count, &bound);
  evsi_buf json = {0};
  size_t given = 0;
  evsi_buf_add_text(&json, "{\"items\":[");
  for (; given < list->row_count && given < request->limit; given++) {
    const row *each = &list->rows[given];
    if (is_bounded && is_before(list, &bound, &each->at))
      break;
    evsi_buf_add_text(&json, given > 0 ? "," : "");
    evsi_buf_add(&json, request->out.data + each->from, each->size);
  }
  bool is_full = given == request->limit;
  bool is_end = !is_bounded && given == list->row_count;
  evsi_buf_add_text(&json, "],\"next\":");
  add_next(request, is_end ? NULL : is_full ? &list->rows[given - 1].at : &bound, &json);
  evsi_buf_addf(&json, ",\"scanned\":%llu,\"exhausted\":%s}", (unsigned long long)request->scanned,
                is_end ? "true" : "false");
  if (json.failed || request->out.failed)
    evsi_redis_request_answer(request, EVS_NOMEM, evsi_text("out of memory"));
  else
    evsi_redis_request_answer(request, EVS_OK, evsi_bytes(json.data, json.size));
  evsi_buf_free(&json);
}

/* ---- reading ---------------------------------------------------------------------------------- */

static void add_row(evsi_redis_request *request, place at, const evsi_dead_letter *letter,
                    const evsi_redis_reply *item) {
  listing *list = request->extra;
  if (list->row_count == list->row_capacity) {
    size_t capacity = list->row_capacity ? 2 * list->row_capacity : 64;
    row *grown = evsi_realloc(list->rows, capacity * sizeof *grown);
    if (!grown) {
      request->out.failed = true;
      return;
    }
    list->rows = grown;
    list->row_capacity = capacity;
  }
  row *added = &list->rows[list->row_count++];
  *added = (row){.at = at, .from = request->out.size};
  if (list->is_export)
    evsi_redis_line_write(letter, evsi_redis_item(item, 1), &request->out);
  else
    evsi_dead_letter_json(letter, &list->view, &request->out);
  added->size = request->out.size - added->from;
}

static void on_page(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  listing *list = request->extra;
  lane *read = &list->lanes[tag];
  const evsi_redis_reply *rows = evsi_redis_letters_rows(reply);
  evs_bytes name = evsi_text(request->streams[tag].name);
  evsi_buf scratch = {0};
  if (evsi_redis_request_refused(request, reply, "reading dead letters"))
    return;
  for (size_t i = 0; i < rows->count; i++) {
    const evsi_redis_reply *item = evsi_redis_item(rows, i);
    place at = {.lane = (size_t)tag};
    evsi_dead_letter letter;
    if (!evsi_redis_id_parse(evsi_redis_text(evsi_redis_item(item, 0)), &at.id))
      continue;
    evsi_redis_letter_read(request->transport, name, item, &letter, &scratch);
    if (evsi_dead_filter_takes(&request->filter, &letter))
      add_row(request, at, &letter, item);
  }
  request->out.failed |= scratch.failed;
  evsi_buf_free(&scratch);
  request->scanned += evsi_redis_letters_seen(reply);
  bool has_last = evsi_redis_id_parse(evsi_redis_letters_last(reply), &read->last);
  read->is_inclusive &= !has_last;
  read->is_begun = true;
  read->is_done = !has_last || evsi_redis_letters_ended(reply);
}

static void read_lane(evsi_redis_request *request, size_t index) {
  const listing *list = request->extra;
  const lane *each = &list->lanes[index];
  char id[EVSI_REDIS_ID_TEXT], from[EVSI_REDIS_ID_TEXT + 1];
  bool is_at_start = !each->is_begun && each->last.ms == 0 && each->last.seq == 0;
  evsi_redis_id_text(each->last, id);
  snprintf(from, sizeof from, "%s%s", each->is_inclusive ? "" : "(", id);
  if (is_at_start)
    snprintf(from, sizeof from, "%s", list->is_newest_first ? "+" : "-");
  const evsi_redis_layout *layout = &request->transport->config.layout;
  evs_bytes name = evsi_text(request->streams[index].name);
  char *key = list->is_archive ? evsi_redis_key(layout, EVSI_REDIS_ARCHIVE, name, "")
                               : evsi_redis_dlq_key(layout, name);
  char *notes = evsi_redis_key(layout, EVSI_REDIS_NOTES, name, "");
  const evsi_redis_page page = {.key = key ? key : "",
                                .notes = notes,
                                .is_newest_first = list->is_newest_first,
                                .from = from,
                                .to = list->is_newest_first ? "-" : "+",
                                .most = each->is_begun ? PAGE_MOST : list->page,
                                .longest = list->longest};
  evsi_redis_letters_read(request, &page, on_page, index);
  evsi_free(notes);
  evsi_free(key);
}

/* Reads on where a letter of this page could still be found. */
static void read_on(evsi_redis_request *request) {
  listing *list = request->extra;
  uint64_t sent = 0;
  if (list->row_count > 1)
    qsort(list->rows, list->row_count, sizeof *list->rows, list->is_newest_first ? by_place_down : by_place);
  const row *last = list->row_count >= request->limit ? &list->rows[request->limit - 1] : NULL;
  bool may_read = request->scanned < SCAN_MOST;
  for (size_t i = 0; i < request->stream_count && may_read && !request->is_answered; i++) {
    place at = {list->lanes[i].last, i};
    if (list->lanes[i].is_done || (list->lanes[i].is_begun && last && !is_before(list, &at, &last->at)))
      continue;
    read_lane(request, i);
    sent++;
  }
  if (sent == 0 && !request->is_answered)
    answer(request);
}

/* ---- starting --------------------------------------------------------------------------------- */

/* Every lane goes on behind the place of the cursor. */
static bool seek(evsi_redis_request *request, const char *cursor) {
  listing *list = request->extra;
  const char *slash = strchr(cursor, '/');
  evsi_redis_id id;
  if (*cursor != (list->is_newest_first ? 'n' : 'o') || !slash ||
      !evsi_redis_id_parse(evsi_bytes(cursor + 1, (size_t)(slash - cursor) - 1), &id))
    return false;
  for (size_t i = 0; i < request->stream_count; i++) {
    int order = strcmp(request->streams[i].name, slash + 1);
    list->lanes[i].last = id;
    list->lanes[i].is_inclusive = list->is_newest_first ? order < 0 : order > 0;
  }
  return true;
}

static void begin(evsi_redis_request *request) {
  listing *list = request->extra;
  const char *cursor = evsi_redis_request_text(request, "cursor");
  size_t count = request->stream_count;
  list->lanes = evsi_calloc(count > 0 ? count : 1, sizeof *list->lanes);
  list->page = count > 0 ? 2 * request->limit / count : PAGE_MOST;
  list->page = list->page < PAGE_LEAST ? PAGE_LEAST : list->page > PAGE_MOST ? PAGE_MOST : list->page;
  request->step = read_on;
  if (!list->lanes)
    evsi_redis_request_answer(request, EVS_NOMEM, evsi_text("out of memory"));
  else if (cursor && !seek(request, cursor))
    evsi_redis_request_answer(request, EVS_VALIDATION,
                              evsi_text("cursor is not one that a former page of this order gave as next"));
}

static void start(evsi_redis_request *request, bool is_archive, bool is_newest_first) {
  listing *list = evsi_calloc(1, sizeof *list);
  request->extra = list;
  request->extra_free = listing_free;
  if (!list) {
    evsi_redis_request_answer(request, EVS_NOMEM, evsi_text("out of memory"));
    return;
  }
  list->is_archive = is_archive;
  list->is_newest_first = is_newest_first;
  list->view = (evsi_dead_view){.is_row = json_is_false(json_object_get(request->params, "body")),
                                .max_body = UINT64_MAX};
  list->longest = list->view.is_row ? EVSI_LETTERS_ROW_BYTES : 0;
  request->limit = evsi_redis_request_number(request, "limit", LIMIT_DEFAULT, LIMIT_MOST);
  request->limit += request->limit == 0;
  if (evsi_redis_request_filter(request, request->params, false))
    evsi_redis_request_streams(request, begin);
}

void evsi_redis_request_dlq_list(evsi_redis_request *request) {
  const char *order = evsi_redis_request_text(request, "order");
  if (order && strcmp(order, "newest") != 0 && strcmp(order, "oldest") != 0)
    evsi_redis_request_answer(request, EVS_VALIDATION, evsi_text("order must be \"newest\" or \"oldest\""));
  else
    start(request, false, order && *order == 'n');
}

/* Whole and as it is stored, so that dlq.import makes the same of it. */
void evsi_redis_request_dlq_export(evsi_redis_request *request) {
  json_object_del(request->params, "body");
  start(request, false, false);
  if (request->extra)
    ((listing *)request->extra)->is_export = true;
}

void evsi_redis_request_dlq_archive(evsi_redis_request *request) {
  start(request, true, true);
}
