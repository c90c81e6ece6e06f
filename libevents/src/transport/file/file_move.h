/* SPDX-License-Identifier: MIT
 * file_move.h - moving dead letters: into the archive (requeue, edit, discard), away for good, and back from
 * the archive; each once. Private to transport/file. @thread worker. */
#ifndef EVSI_FILE_MOVE_H
#define EVSI_FILE_MOVE_H

#include "transport/file/file_dlq.h"

typedef enum { EVSI_FILE_REQUEUE, EVSI_FILE_DISCARD, EVSI_FILE_PURGE, EVSI_FILE_RESTORE } evsi_file_move_kind;

typedef struct evsi_file_move {
  evsi_file_move_kind kind;
  const char *operation; /* or NULL */
  const char *to;        /* another stream, or NULL */
  bool all_groups, is_dry, is_canary, is_edit;
  int64_t redrives_most; /* 0: any number */
  evsi_buf data, raw;    /* what is sent in place of the only one */
} evsi_file_move;

/* By the word of an operation; false: there is none. */
bool evsi_file_move_kind_of(const char *word, evsi_file_move_kind *out);
/* The outcome of success, and the name of the count: "requeued", "discarded", "restored". */
const char *evsi_file_move_done(evsi_file_move_kind kind);
/* Options of a request, checked; false: it was answered with what is wrong. */
bool evsi_file_move_load(evsi_file_request *request, evsi_file_move_kind kind, evsi_file_move *out);
void evsi_file_move_free(evsi_file_move *move);
/* Moves one by its whole id: {"id", "outcome", "offset" | "newId" | "message", "topic"?}. */
json_t *evsi_file_move_one(evsi_file_request *request, evsi_file_move *move, const char *id);
/* Is this result that of success, or in a dry run of what would have been one? */
bool evsi_file_move_is_done(const evsi_file_move *move, const json_t *result);
/* The archive is bounded: its oldest go. */
void evsi_file_archive_trim(evsi_file_store *store);

#endif
