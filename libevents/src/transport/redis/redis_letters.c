/* SPDX-License-Identifier: MIT
 * redis_letters.c - see redis_letters.h. */
#include "transport/redis/redis_letters.h"

#include <inttypes.h>
#include <string.h>

#include "base/json_text.h"
#include "transport/redis/redis_entry.h"

void evsi_redis_letters_read(evsi_redis_request *request, const evsi_redis_page *page,
                             evsi_redis_request_fn fn, uint64_t tag) {
  const evsi_dead_filter *filter = &request->filter;
  evsi_redis_request_script call = {.script = EVSI_REDIS_LETTERS, .keys = page->notes ? 2 : 1};
  evsi_redis_arg_text(&call.args, page->key);
  if (page->notes)
    evsi_redis_arg_text(&call.args, page->notes);
  evsi_redis_arg_text(&call.args, page->is_newest_first ? "1" : "0");
  evsi_redis_arg_text(&call.args, page->from);
  evsi_redis_arg_text(&call.args, page->to);
  evsi_redis_arg_u64(&call.args, page->most);
  evsi_redis_arg_u64(&call.args, EVSI_LETTERS_PAGE_BYTES);
  if (page->longest > 0)
    evsi_redis_arg_u64(&call.args, page->longest);
  else
    evsi_redis_arg_text(&call.args, "-1");
  evsi_redis_arg_text(&call.args, filter->text ? filter->text : "");
  evsi_redis_arg_text(&call.args, filter->fingerprint ? filter->fingerprint : "");
  evsi_redis_request_call(request, &call, fn, tag);
}

void evsi_redis_letters_bound(evsi_redis_request *request, const char *key, evsi_redis_request_fn fn,
                              uint64_t tag) {
  const evsi_redis_page page = {
      .key = key, .is_newest_first = true, .from = "+", .to = "-", .most = 1, .longest = 1};
  evsi_redis_letters_read(request, &page, fn, tag);
}

evs_bytes evsi_redis_letters_last(const evsi_redis_reply *reply) {
  return evsi_redis_text(evsi_redis_item(reply, 0));
}

uint64_t evsi_redis_letters_seen(const evsi_redis_reply *reply) {
  int64_t seen = evsi_redis_integer(evsi_redis_item(reply, 1));
  return seen > 0 ? (uint64_t)seen : 0;
}

bool evsi_redis_letters_ended(const evsi_redis_reply *reply) {
  /* Without progress there is no point in going on, whatever the server says. */
  return evsi_redis_integer(evsi_redis_item(reply, 2)) != 0 || evsi_redis_letters_seen(reply) == 0;
}

const evsi_redis_reply *evsi_redis_letters_rows(const evsi_redis_reply *reply) {
  return evsi_redis_item(reply, 3);
}

/* ---- one letter ------------------------------------------------------------------------------- */

void evsi_redis_letter_id(const evs_transport *transport, evs_bytes name, evs_bytes entry, evsi_buf *out) {
  evsi_buf_add_text(out, transport->name);
  evsi_buf_add(out, "/", 1);
  evsi_buf_add_bytes(out, name);
  evsi_buf_add(out, "/", 1);
  evsi_buf_add_bytes(out, entry);
}

/* In the archive the id is that which the letter had. */
static void add_id(const evs_transport *transport, evs_bytes name, evs_bytes archive, evs_bytes entry,
                   evsi_buf *out) {
  json_t *root = evsi_json_load(archive, 0, NULL);
  const json_t *former = json_object_get(root, "id");
  if (json_is_string(former))
    entry = evsi_bytes(json_string_value(former), json_string_length(former));
  evsi_redis_letter_id(transport, name, entry, out);
  json_decref(root);
}

static uint64_t size_of(const evsi_redis_reply *row, size_t item, evs_bytes value) {
  int64_t size = evsi_redis_integer(evsi_redis_item(row, item));
  return size > 0 && (uint64_t)size > value.size ? (uint64_t)size : value.size;
}

/* Did the published library write this letter? What it says of the failure leads the fields. */
static bool has_head(const evsi_redis_reply *fields) {
  static const char *const names[] = {"originalId", "originalStream", "error", "timestamp"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (!evsi_redis_is(evsi_redis_item(fields, 2 * i), names[i]))
      return false;
  }
  return true;
}

/* The record of such a letter. */
static void make_record(const evsi_redis_reply *fields, evs_bytes topic, evsi_buf *out) {
  evs_bytes id = evsi_redis_text(evsi_redis_item(fields, 1)),
            message = evsi_redis_text(evsi_redis_item(fields, 5));
  int64_t at = evsi_redis_integer(evsi_redis_item(fields, 7));
  evsi_buf_add_text(out, "{\"originalId\":");
  evsi_buf_add_json(out, id.data, id.size);
  evsi_buf_add_text(out, ",\"topic\":");
  evsi_buf_add_json(out, topic.data, topic.size);
  evsi_buf_add_text(out, ",\"error\":{\"class\":\"Error\",\"message\":");
  evsi_buf_add_json(out, message.data, message.size);
  evsi_buf_addf(out, "},\"attempts\":0,\"firstFailureAt\":%" PRId64 ",\"lastFailureAt\":%" PRId64 "}", at,
                at);
}

void evsi_redis_letter_read(const evs_transport *transport, evs_bytes name, const evsi_redis_reply *row,
                            evsi_dead_letter *letter, evsi_buf *scratch) {
  const evsi_redis_reply *fields = evsi_redis_item(row, 1);
  evs_tp_entry stored = {0};
  memset(letter, 0, sizeof *letter);
  evsi_redis_entry_read(fields, &stored);
  evsi_redis_split_name(name, &letter->topic, &letter->partition);
  letter->raw = stored.raw;
  letter->raw_size = size_of(row, 3, stored.raw);
  letter->record = evsi_redis_field(fields, "dead");
  letter->archive = evsi_redis_field(fields, "archive");
  letter->note = evsi_redis_text(evsi_redis_item(row, 4));
  letter->is_malformed = (stored.flags & EVS_ENTRY_MALFORMED) != 0;
  evsi_buf_clear(scratch);
  add_id(transport, name, letter->archive, evsi_redis_text(evsi_redis_item(row, 0)), scratch);
  size_t id_end = scratch->size;
  if (letter->is_malformed)
    evsi_redis_entry_as_json(fields, scratch);
  size_t data_end = scratch->size;
  if (letter->record.size == 0 && has_head(fields))
    make_record(fields, letter->topic, scratch);
  /* Only now does scratch stay where it is. */
  letter->id = evsi_bytes(scratch->data, id_end);
  letter->data = letter->is_malformed ? evsi_bytes(scratch->data + id_end, data_end - id_end) : stored.data;
  letter->data_size = letter->is_malformed ? letter->data.size : size_of(row, 2, stored.data);
  if (letter->record.size == 0)
    letter->record = evsi_bytes(scratch->data + data_end, scratch->size - data_end);
}

bool evsi_redis_address_split(const evs_transport *transport, const char *id, evs_bytes *out_name,
                              evs_bytes *out_entry) {
  size_t head = strlen(transport->name);
  const char *last = strrchr(id, '/');
  if (strncmp(id, transport->name, head) != 0 || id[head] != '/' || !last || last <= id + head + 1)
    return false;
  *out_name = evsi_bytes(id + head + 1, (size_t)(last - id) - head - 1);
  *out_entry = evsi_text(last + 1);
  return out_name->size < EVSI_REDIS_NAME_MAX;
}

bool evsi_redis_letter_split(const evs_transport *transport, const char *id, evs_bytes *out_name,
                             evs_bytes *out_entry) {
  evsi_redis_id parsed;
  return evsi_redis_address_split(transport, id, out_name, out_entry) &&
         evsi_redis_id_parse(*out_entry, &parsed);
}
