/* SPDX-License-Identifier: MIT
 * file_dlq.h - walking through dead letters or the archive by a filter. Private to transport/file. @thread
 * worker. */
#ifndef EVSI_FILE_DLQ_H
#define EVSI_FILE_DLQ_H

#include "transport/file/file_request.h"

typedef struct evsi_file_rows_query {
  bool is_archive, is_newest_first;
  int64_t longest; /* bytes of large values */
  int64_t behind;  /* place in the order */
  int64_t most;    /* rows to look at */
  int64_t stream;  /* the only one; 0: that of the filter's topic, or all */
  const evsi_dead_filter *filter;
} evsi_file_rows_query;

typedef struct evsi_file_rows {
  evsi_file_request *request;
  const evsi_dead_filter *filter;
  sqlite3_stmt *statement;
  evsi_buf scratch;
  evsi_dead_letter letter; /* the one found */
  int64_t place;           /* of the last one that was looked at */
  uint64_t scanned;
  bool is_ended;
} evsi_file_rows;

/* Loads a filter, or answers why not; false then. Freed with evsi_dead_filter_free(). */
bool evsi_file_filter(evsi_file_request *request, const json_t *filter, bool is_strict,
                      evsi_dead_filter *out);

void evsi_file_rows_begin(evsi_file_request *request, const evsi_file_rows_query *query, evsi_file_rows *out);
bool evsi_file_rows_next(evsi_file_rows *rows); /* to the next one that the filter takes */
void evsi_file_rows_end(evsi_file_rows *rows);

#endif
