/* SPDX-License-Identifier: MIT
 * envelope_edit.c - see envelope_edit.h. */
#include "event/envelope_edit.h"

#include "base/compress.h"
#include "event/envelope.h"
#include "event/identity.h"
#include "event/json_scan.h"

enum { HASH_TEXT = 65 };

static bool is_one_of(evs_bytes key, const char *const *names, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (evsi_bytes_equal(key, evsi_text(names[i])))
      return true;
  }
  return false;
}

static void add_member(evsi_buf *out, evs_bytes key, evs_bytes value) {
  char last = out->size > 0 ? out->data[out->size - 1] : '{';
  evsi_buf_add_text(out, last == '{' ? "\"" : ",\"");
  evsi_buf_add_bytes(out, key);
  evsi_buf_add_text(out, "\":");
  evsi_buf_add_bytes(out, value);
}

static void add_text_member(evsi_buf *out, const char *key, evs_bytes text) {
  evsi_buf value = {0};
  evsi_buf_add_json(&value, text.data ? text.data : "", text.size);
  add_member(out, evsi_text(key), evsi_bytes(value.data, value.size));
  out->failed |= value.failed;
  evsi_buf_free(&value);
}

/* Hashes of the body before and after. */
typedef struct hashes {
  char before[HASH_TEXT], after[HASH_TEXT];
} hashes;

static void add_header(evsi_buf *out, evs_bytes header, const evsi_edit *edit, const hashes *made) {
  static const char *const renewed[] = {"hash", "editedFrom", "editedBy", "contentType", "contentEncoding"};
  evs_bytes key, value, content_type = {NULL, 0};
  const char *error;
  size_t cursor = 0;
  evsi_buf_add(out, "{", 1);
  while (evsi_json_member(header, &cursor, &key, &value, &error)) {
    if (evsi_bytes_equal(key, evsi_text("contentType")))
      content_type = value;
    if (!is_one_of(key, renewed, sizeof renewed / sizeof *renewed))
      add_member(out, key, value);
  }
  if (edit->is_raw && edit->content_type.size == 0 && content_type.size > 0)
    add_member(out, evsi_text("contentType"), content_type);
  else if (edit->is_raw)
    add_text_member(out, "contentType",
                    edit->content_type.size > 0 ? edit->content_type : evsi_text("application/octet-stream"));
  add_text_member(out, "hash", evsi_text(made->after));
  add_text_member(out, "editedFrom", evsi_text(made->before));
  add_text_member(out, "editedBy", edit->actor);
  evsi_buf_add(out, "}", 1);
}

/* Of the body as it was published; of a compressed one that cannot be read, of what is there. */
static void hash_before(const evsi_envelope *envelope, evs_bytes raw, char out_hex[HASH_TEXT]) {
  evsi_buf plain = {0};
  evs_bytes body = raw.size > 0 ? raw : envelope->body;
  evsi_encoding encoding = evsi_encoding_of(envelope->encoding);
  if (encoding != EVSI_ENCODING_NONE && !evsi_decompress(encoding, raw, EVSI_BODY_MAX, &plain))
    body = evsi_bytes(plain.data, plain.size);
  evsi_sha256_hex(body, out_hex);
  evsi_buf_free(&plain);
}

const char *evsi_envelope_edit(evs_bytes data, evs_bytes raw, const evsi_edit *edit, evsi_buf *out) {
  evsi_envelope envelope;
  evsi_buf scratch = {0};
  hashes made;
  evs_bytes key, value;
  const char *error = evsi_envelope_decode(data, &envelope, &scratch);
  size_t cursor = 0;
  if (!error)
    hash_before(&envelope, raw, made.before);
  evsi_buf_free(&scratch); /* only spans of data are used from here on */
  if (error)
    return error;
  if (!edit->is_raw && evsi_json_check(edit->body, &cursor) != NULL)
    return "the edited body is not valid JSON";
  evsi_sha256_hex(edit->body, made.after);
  cursor = 0;
  evsi_buf_add(out, "{", 1);
  while (evsi_json_member(data, &cursor, &key, &value, &error)) {
    if (evsi_bytes_equal(key, evsi_text("header"))) {
      evsi_buf header = {0};
      add_header(&header, value, edit, &made);
      add_member(out, key, evsi_bytes(header.data, header.size));
      out->failed |= header.failed;
      evsi_buf_free(&header);
    } else if (!evsi_bytes_equal(key, evsi_text("body"))) {
      add_member(out, key, value);
    }
  }
  if (!edit->is_raw)
    add_member(out, evsi_text("body"), edit->body);
  evsi_buf_add(out, "}", 1);
  return out->failed ? "out of memory" : NULL;
}
