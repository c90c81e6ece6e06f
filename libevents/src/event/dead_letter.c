/* SPDX-License-Identifier: MIT
 * dead_letter.c - see dead_letter.h. Bodies go through as they are; only the record is read as a tree. */
#include "event/dead_letter.h"

#include <jansson.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json_text.h"
#include "event/base64.h"
#include "event/envelope.h"
#include "event/envelope_open.h"
#include "event/json_scan.h"

enum { SHOWN_MAX = 1024 * 1024 }; /* of a compressed body; a larger one is shown as it is stored */

/* ---- the stored entry ------------------------------------------------------------------------- */

static evs_bytes member_of(evs_bytes object, const char *name) {
  evs_bytes key, value, wanted = evsi_text(name);
  const char *error = NULL;
  size_t cursor = 0;
  while (evsi_json_member(object, &cursor, &key, &value, &error)) {
    if (evsi_bytes_equal(key, wanted))
      return value;
  }
  return evsi_bytes(NULL, 0);
}

static void add_member(evsi_buf *out, const char *name, evs_bytes json, const char *fallback) {
  evsi_buf_addf(out, "\"%s\":", name);
  if (json.size > 0)
    evsi_buf_add_bytes(out, json);
  else
    evsi_buf_add_text(out, fallback);
}

static void add_base64_member(evsi_buf *out, const char *name, evs_bytes bytes) {
  evsi_buf_addf(out, ",\"%s\":\"", name);
  evsi_base64(out, bytes);
  evsi_buf_add(out, "\"", 1);
}

/* What stands in place of an event that cannot be read. */
static void add_unreadable(evsi_buf *out, evs_bytes data, bool is_malformed) {
  evsi_buf_add_text(out, "\"header\":{},\"headers\":{},\"body\":null");
  if (is_malformed) {
    evsi_buf_add(out, ",", 1);
    add_member(out, "entry", data, "null");
  } else if (data.size > 0 && evsi_utf8_valid(data.data, data.size)) {
    evsi_buf_add_text(out, ",\"entry\":{\"fields\":[[\"data\",");
    evsi_buf_add_json(out, data.data, data.size);
    evsi_buf_add_text(out, "]]}");
  } else if (data.size > 0) {
    add_base64_member(out, "raw", data);
  }
}

static void add_stored(evsi_buf *out, evs_bytes data, evs_bytes raw, bool is_malformed) {
  evsi_buf scratch = {0};
  evsi_envelope envelope;
  size_t offset;
  bool is_json = !is_malformed && data.size > 0 && evsi_json_check(data, &offset) == NULL;
  if (!is_json || evsi_envelope_decode(data, &envelope, &scratch) != NULL) {
    add_unreadable(out, data, is_malformed);
    evsi_buf_free(&scratch);
    return;
  }
  add_member(out, "header", member_of(data, "header"), "{}");
  evsi_buf_add(out, ",", 1);
  add_member(out, "headers", envelope.headers, "{}");
  evsi_buf_add(out, ",", 1);
  add_member(out, "body", envelope.body, "null");
  if (raw.size > 0)
    add_base64_member(out, "raw", raw);
  evsi_buf_free(&scratch);
}

void evsi_stored_json(evsi_buf *out, evs_bytes data, evs_bytes raw, bool is_malformed) {
  evsi_buf open_data = {0}, open_raw = {0};
  if (!is_malformed && evsi_envelope_open(data, raw, SHOWN_MAX, &open_data, &open_raw)) {
    data = evsi_bytes(open_data.data, open_data.size);
    raw = evsi_bytes(open_raw.data, open_raw.size);
  }
  add_stored(out, data, raw, is_malformed);
  evsi_buf_free(&open_data);
  evsi_buf_free(&open_raw);
}

/* ---- its event ---------------------------------------------------------------------------------- */

/* The body of a text that ends within it: behind the last whole member stands its key. */
static evs_bytes cut_body(evs_bytes data, const char *behind) {
  static const char key[] = "\"body\"";
  const char *end = data.data + data.size;
  for (; behind < end && strchr(", \t\r\n", *behind); behind++) {
  }
  if ((size_t)(end - behind) < sizeof key || memcmp(behind, key, sizeof key - 1) != 0)
    return evsi_bytes(NULL, 0);
  for (behind += sizeof key - 1; behind < end && strchr(": \t\r\n", *behind); behind++) {
  }
  return evsi_bytes(behind, (size_t)(end - behind));
}

bool evsi_dead_letter_event(const evsi_dead_letter *letter, evsi_dead_event *out) {
  evs_bytes key, value, data = letter->data;
  const char *error = NULL, *behind = data.data;
  size_t cursor = 0;
  bool is_cut = letter->data_size > data.size;
  memset(out, 0, sizeof *out);
  while (!letter->is_malformed && data.size && evsi_json_member(data, &cursor, &key, &value, &error)) {
    behind = value.data + value.size;
    if (evsi_bytes_equal(key, evsi_text("header")))
      out->header = value;
    else if (evsi_bytes_equal(key, evsi_text("headers")) && *value.data == '{')
      out->headers = value;
    else if (evsi_bytes_equal(key, evsi_text("body")))
      out->body = value;
  }
  if (out->header.size == 0 || *out->header.data != '{' || (error && !is_cut))
    return false;
  out->body_size = out->body.size;
  if (is_cut && out->body.size == 0) {
    out->body = cut_body(data, behind);
    /* What follows it is the brace of the envelope, as far as we write it. */
    out->body_size = out->body.size ? letter->data_size - 1 - (uint64_t)(out->body.data - data.data) : 0;
  }
  out->is_raw = letter->raw_size > 0;
  if (out->is_raw) {
    out->body = letter->raw;
    out->body_size = letter->raw_size;
  }
  return true;
}

/* ---- the whole letter ------------------------------------------------------------------------- */

static json_t *load_record(evs_bytes record) {
  json_t *root = evsi_json_load(record, JSON_ALLOW_NUL, NULL);
  if (json_is_object(root))
    return root;
  json_decref(root);
  return json_object();
}

static void add_from(evsi_buf *out, const json_t *object, const char *name, const char *fallback) {
  json_t *value = json_object_get(object, name);
  char *text = value && !json_is_null(value) ? evsi_json_text(value) : NULL;
  evsi_buf_addf(out, "\"%s\":%s", name, text ? text : fallback);
  evsi_free(text);
}

static evs_bytes begin_of(evs_bytes text, uint64_t most) {
  uint64_t size = text.size < most ? text.size : most;
  while (size > 0 && size < text.size && ((unsigned char)text.data[size] & 0xc0) == 0x80)
    size--;
  return evsi_bytes(text.data, size);
}

static void add_shown(evsi_buf *out, const evsi_dead_letter *letter, const evsi_dead_view *view) {
  evsi_dead_event event;
  bool is_readable = evsi_dead_letter_event(letter, &event);
  uint64_t size = is_readable ? event.body_size : letter->data_size;
  evs_bytes body = is_readable ? event.body : letter->data;
  if (!view->is_row && size <= view->max_body) {
    evsi_stored_json(out, letter->data, letter->raw, letter->is_malformed);
    return;
  }
  add_member(out, "header", event.header, "{}");
  evsi_buf_add(out, ",", 1);
  add_member(out, "headers", event.headers, "{}");
  if (view->is_row) {
    evsi_buf_addf(out, ",\"size\":%llu", (unsigned long long)size);
    return;
  }
  evsi_buf_addf(out, ",\"bodySize\":%llu", (unsigned long long)size);
  if (event.is_raw) {
    add_base64_member(out, "rawPreview",
                      evsi_bytes(body.data, body.size < view->max_body ? body.size : view->max_body));
    return;
  }
  evsi_buf_add_text(out, ",\"bodyPreview\":");
  evs_bytes begin = begin_of(body, view->max_body);
  evsi_buf_add_json(out, begin.data, begin.size);
}

/* A compressed body as it was published, where it is whole and not too large. */
static void add_event(evsi_buf *out, const evsi_dead_letter *letter, const evsi_dead_view *view) {
  evsi_dead_letter shown = *letter;
  evsi_buf data = {0}, raw = {0};
  if (!view->is_row && !letter->is_malformed &&
      evsi_envelope_open(letter->data, letter->raw, SHOWN_MAX, &data, &raw)) {
    shown.data = evsi_bytes(data.data, data.size);
    shown.raw = evsi_bytes(raw.data, raw.size);
    shown.data_size = data.size;
    shown.raw_size = raw.size;
  }
  add_shown(out, &shown, view);
  evsi_buf_free(&data);
  evsi_buf_free(&raw);
}

static void add_archive(evsi_buf *out, evs_bytes archive) {
  static const char *const names[][2] = {
      {"archivedAt", "at"}, {"archivedBy", "by"}, {"address", "address"}, {"action", "action"},
      {"copy", "copy"},     {"to", "to"},         {"reason", "reason"},   {"operation", "operation"}};
  json_t *root = load_record(archive);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    json_t *value = json_object_get(root, names[i][1]);
    char *text = value ? evsi_json_text(value) : NULL;
    evsi_buf_addf(out, ",\"%s\":%s", names[i][0], text ? text : "null");
    evsi_free(text);
  }
  json_decref(root);
}

/* One that is archived took its note along. */
static void add_note(evsi_buf *out, const evsi_dead_letter *letter) {
  json_t *root = load_record(letter->note.size > 0 ? letter->note : letter->archive);
  const json_t *note = letter->note.size > 0 ? root : json_object_get(root, "note");
  char *text = json_is_object(note) ? evsi_json_text(note) : NULL;
  evsi_buf_addf(out, ",\"note\":%s", text ? text : "null");
  evsi_free(text);
  json_decref(root);
}

static void leave_out_details(json_t *record) {
  json_object_del(record, "history");
  json_object_del(json_object_get(record, "error"), "stack");
  json_object_del(json_object_get(record, "error"), "validation");
}

void evsi_dead_letter_json(const evsi_dead_letter *letter, const evsi_dead_view *view, evsi_buf *out) {
  static const struct {
    const char *name, *fallback;
  } before[] = {{"originalId", "null"}, {"group", "null"}, {"subscription", "null"}, {"subscriptions", "[]"}},
    behind[] = {{"error", "null"},         {"attempts", "0"},       {"firstFailureAt", "null"},
                {"lastFailureAt", "null"}, {"fingerprint", "null"}, {"consumer", "null"},
                {"service", "null"},       {"requeueCount", "0"}};
  json_t *record = load_record(letter->record);
  if (view->is_row)
    leave_out_details(record);
  evsi_buf_add_text(out, "{\"id\":");
  evsi_buf_add_json(out, letter->id.data, letter->id.size);
  evsi_buf_add_text(out, ",\"topic\":");
  evsi_buf_add_json(out, letter->topic.data, letter->topic.size);
  if (letter->partition == EVS_PARTITION_NONE)
    evsi_buf_add_text(out, ",\"partition\":null,");
  else
    evsi_buf_addf(out, ",\"partition\":%d,", (int)letter->partition);
  for (size_t i = 0; i < sizeof before / sizeof before[0]; i++) {
    add_from(out, record, before[i].name, before[i].fallback);
    evsi_buf_add(out, ",", 1);
  }
  add_event(out, letter, view);
  for (size_t i = 0; i < sizeof behind / sizeof behind[0]; i++) {
    evsi_buf_add(out, ",", 1);
    add_from(out, record, behind[i].name, behind[i].fallback);
  }
  if (json_object_get(record, "holds")) {
    evsi_buf_add(out, ",", 1);
    add_from(out, record, "holds", "null");
  }
  if (!view->is_row) {
    evsi_buf_add(out, ",", 1);
    add_from(out, record, "history", "[]");
  }
  add_note(out, letter);
  if (letter->archive.size > 0)
    add_archive(out, letter->archive);
  evsi_buf_add(out, "}", 1);
  out->failed |= record == NULL;
  json_decref(record);
}
