/* SPDX-License-Identifier: MIT
 * envelope_open.c - see envelope_open.h. */
#include "event/envelope_open.h"

#include "base/compress.h"
#include "event/envelope.h"
#include "event/json_scan.h"

static void add_member(evsi_buf *out, evs_bytes key, evs_bytes value) {
  evsi_buf_add_text(out, out->data[out->size - 1] == '{' ? "\"" : ",\"");
  evsi_buf_add_bytes(out, key);
  evsi_buf_add_text(out, "\":");
  evsi_buf_add_bytes(out, value);
}

/* The members of an object but one, and without its closing brace. */
static void add_all_but(evsi_buf *out, evs_bytes object, const char *left_out) {
  evs_bytes key, value;
  const char *error;
  size_t cursor = 0;
  evsi_buf_add(out, "{", 1);
  while (!out->failed && evsi_json_member(object, &cursor, &key, &value, &error)) {
    if (!evsi_bytes_equal(key, evsi_text(left_out)))
      add_member(out, key, value);
  }
}

static void write_open(evsi_buf *out, evs_bytes data, evs_bytes body) {
  evs_bytes key, value;
  const char *error;
  size_t cursor = 0;
  evsi_buf_add(out, "{", 1);
  while (!out->failed && evsi_json_member(data, &cursor, &key, &value, &error)) {
    if (evsi_bytes_equal(key, evsi_text("body")))
      continue;
    if (!evsi_bytes_equal(key, evsi_text("header"))) {
      add_member(out, key, value);
      continue;
    }
    evsi_buf header = {0};
    add_all_but(&header, value, "contentEncoding");
    evsi_buf_add(&header, "}", 1);
    add_member(out, key, evsi_bytes(header.data, header.size));
    out->failed |= header.failed;
    evsi_buf_free(&header);
  }
  if (!out->failed && body.size > 0)
    add_member(out, evsi_text("body"), body);
  evsi_buf_add(out, "}", 1);
}

bool evsi_envelope_open(evs_bytes data, evs_bytes raw, uint64_t most, evsi_buf *out_data, evsi_buf *out_raw) {
  evsi_envelope envelope;
  evsi_buf scratch = {0};
  size_t offset = 0;
  bool is_compressed = data.size > 0 && evsi_json_check(data, &offset) == NULL &&
                       evsi_envelope_decode(data, &envelope, &scratch) == NULL && envelope.encoding.size > 0;
  bool is_json = is_compressed && envelope.content_type.size == 0;
  evsi_encoding encoding = is_compressed ? evsi_encoding_of(envelope.encoding) : EVSI_ENCODING_NONE;
  evsi_buf_free(&scratch);
  if (!is_compressed || evsi_decompress(encoding, raw, most, out_raw) != NULL)
    return false;
  evs_bytes body = evsi_bytes(out_raw->data, out_raw->size);
  if (is_json && evsi_json_check(body, &offset) != NULL)
    return false;
  write_open(out_data, data, is_json ? body : evsi_bytes(NULL, 0));
  if (is_json)
    evsi_buf_clear(out_raw);
  return !out_data->failed;
}
