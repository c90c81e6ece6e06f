/* SPDX-License-Identifier: MIT
 * redis_dlq.c - the request `dlq.get`: one dead letter, or what the archive kept of it. Lists:
 * redis_dlq_list.c; changing: redis_dlq_change.c. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "transport/redis/redis_letters.h"

enum { ENVELOPE_BYTES = 65536 }; /* more than stands before a body */

bool evsi_redis_request_filter(evsi_redis_request *request, const json_t *filter, bool is_strict) {
  evs_error *error = NULL;
  evs_status status = evsi_dead_filter_load(&request->filter, filter, is_strict, &error);
  if (status != EVS_OK)
    evsi_redis_request_answer(request, status, evsi_text(error ? evs_error_message(error) : "out of memory"));
  evs_error_free(error);
  return status == EVS_OK;
}

static void not_found(evsi_redis_request *request, const char *id) {
  char text[512];
  snprintf(text, sizeof text, "no dead letter %.300s: it was requeued or discarded, or never there", id);
  evsi_redis_request_answer(request, EVS_NOT_FOUND, evsi_text(text));
}

static void on_letter(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  const char *id = evsi_redis_request_text(request, "id");
  const evsi_redis_reply *rows = evsi_redis_letters_rows(reply);
  evsi_dead_view view = {.max_body = evsi_redis_request_number(request, "maxBody", UINT64_MAX, UINT64_MAX)};
  evsi_dead_letter letter;
  evsi_buf scratch = {0};
  evs_bytes name, entry;
  (void)tag;
  if (evsi_redis_request_refused(request, reply, "reading a dead letter"))
    return;
  if (rows->count == 0 || !evsi_redis_letter_split(request->transport, id, &name, &entry)) {
    not_found(request, id);
    return;
  }
  evsi_redis_letter_read(request->transport, name, evsi_redis_item(rows, 0), &letter, &scratch);
  evsi_dead_letter_json(&letter, &view, &request->out);
  if (request->out.failed || scratch.failed)
    evsi_redis_request_answer(request, EVS_NOMEM, evsi_text("out of memory"));
  else
    evsi_redis_request_answer(request, EVS_OK, evsi_bytes(request->out.data, request->out.size));
  evsi_buf_free(&scratch);
}

/* Takes the key of the letters. */
static void read_one(evsi_redis_request *request, char *key, evs_bytes name, evs_bytes entry) {
  char *notes = evsi_redis_key(&request->transport->config.layout, EVSI_REDIS_NOTES, name, "");
  char id[EVSI_REDIS_ID_TEXT];
  snprintf(id, sizeof id, "%.*s", (int)entry.size, entry.data);
  uint64_t most = evsi_redis_request_number(request, "maxBody", 0, UINT32_MAX);
  bool is_limited = json_is_integer(json_object_get(request->params, "maxBody"));
  const evsi_redis_page page = {.key = key ? key : "",
                                .notes = notes,
                                .from = id,
                                .to = id,
                                .most = 1,
                                .longest = is_limited ? most + ENVELOPE_BYTES : 0};
  evsi_redis_letters_read(request, &page, on_letter, 0);
  evsi_free(notes);
  evsi_free(key);
}

static void on_archived(evsi_redis_request *request, uint64_t tag, const evsi_redis_reply *reply) {
  const char *id = evsi_redis_request_text(request, "id");
  evs_bytes name, entry, place = evsi_redis_text(reply);
  evsi_redis_id parsed;
  (void)tag;
  if (evsi_redis_request_refused(request, reply, "looking into the archive"))
    return;
  if (!evsi_redis_letter_split(request->transport, id, &name, &entry) ||
      !evsi_redis_id_parse(place, &parsed)) {
    char text[512];
    snprintf(text, sizeof text, "the archive has no dead letter %.300s", id);
    evsi_redis_request_answer(request, EVS_NOT_FOUND, evsi_text(text));
    return;
  }
  read_one(request, evsi_redis_key(&request->transport->config.layout, EVSI_REDIS_ARCHIVE, name, ""), name,
           place);
}

static void find_archived(evsi_redis_request *request, evs_bytes name, evs_bytes entry) {
  char *key = evsi_redis_key(&request->transport->config.layout, EVSI_REDIS_ARCHIVED, name, "");
  evsi_redis_args args = {0};
  evsi_redis_arg_text(&args, "HGET");
  evsi_redis_arg_text(&args, key ? key : "");
  evsi_redis_arg_bytes(&args, entry);
  evsi_redis_request_send(request, &args, on_archived, 0);
  evsi_free(key);
}

void evsi_redis_request_dlq_get(evsi_redis_request *request) {
  const char *id = evsi_redis_request_text(request, "id");
  evs_bytes name, entry;
  if (!id)
    evsi_redis_request_answer(request, EVS_VALIDATION, evsi_text("dlq.get needs the id of a dead letter"));
  else if (!evsi_redis_letter_split(request->transport, id, &name, &entry))
    not_found(request, id);
  else if (json_is_true(json_object_get(request->params, "archived")))
    find_archived(request, name, entry);
  else
    read_one(request, evsi_redis_dlq_key(&request->transport->config.layout, name), name, entry);
}
