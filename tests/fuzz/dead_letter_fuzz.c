/* SPDX-License-Identifier: MIT
 * dead_letter_fuzz.c - libFuzzer target: any bytes as a dead letter in the store, and as a line of an export.
 * What a viewer is shown must be JSON whatever is stored, an export must be one line, and what an import
 * takes must be the same when it is read twice.
 *
 * Input: '0' and a line; or '1', a note and the fields of a stored letter, each chunk ended by 0xFF. */
#include "base/alloc.h"
#include "event/dead_letter.h"
#include "event/json_scan.h"
#include "fuzz/fields.h"
#include "transport/redis/redis_internal.h"
#include "transport/redis/redis_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char transport_name[] = "main";
static evs_transport transport = {.name = transport_name};

static void require_json(const evsi_buf *text) {
  size_t offset;
  fuzz_require(!text->failed && evsi_json_check(evsi_bytes(text->data, text->size), &offset) == NULL);
}

static bool reads(evs_bytes text, evsi_redis_line_use use) {
  evsi_redis_line line, again;
  bool is_taken = evsi_redis_line_read(text, &use, &line) == NULL;
  if (is_taken) {
    fuzz_require(line.name && line.type && line.entry.size > 5 && strlen(line.hash) == 64);
    fuzz_require(use.is_event || line.record);
    fuzz_require(evsi_redis_line_read(text, &use, &again) == NULL && strcmp(line.hash, again.hash) == 0);
    evsi_redis_line_free(&again);
  }
  evsi_redis_line_free(&line);
  return is_taken;
}

static void fuzz_line(evs_bytes text) {
  bool as_letter = reads(text, (evsi_redis_line_use){false, false});
  bool as_event = reads(text, (evsi_redis_line_use){true, false});
  fuzz_require(as_event == reads(text, (evsi_redis_line_use){true, true}));
  (void)as_letter;
}

static void fuzz_views(const evsi_dead_letter *letter) {
  static const evsi_dead_view views[] = {{true, 0}, {false, 0}, {false, 16}, {false, UINT64_MAX}};
  evsi_dead_event event;
  evsi_dead_letter_event(letter, &event);
  for (size_t i = 0; i < sizeof views / sizeof views[0]; i++) {
    evsi_buf out = {0};
    evsi_dead_letter_json(letter, &views[i], &out);
    require_json(&out);
    evsi_buf_free(&out);
  }
}

static void fuzz_letter(const uint8_t *at, const uint8_t *end) {
  static fuzz_fields fields;
  char id[] = "1763920000000-0";
  evs_bytes note = fuzz_chunk(&at, end);
  const evsi_redis_reply *list = fuzz_read_fields(&fields, at, end);
  evsi_redis_reply id_reply = {.type = EVSI_REDIS_STRING, .text = evsi_text(id)},
                   size_reply = {.type = EVSI_REDIS_INTEGER, .integer = (int64_t)note.size},
                   note_reply = {.type = EVSI_REDIS_STRING, .text = note};
  evsi_redis_reply *items[] = {&id_reply, (evsi_redis_reply *)list, &size_reply, &size_reply, &note_reply};
  const evsi_redis_reply row = {.type = EVSI_REDIS_ARRAY, .items = items, .count = 5};
  evsi_dead_letter letter;
  evsi_buf scratch = {0}, line = {0};
  evsi_redis_letter_read(&transport, evsi_text("order-events:3"), &row, &letter, &scratch);
  fuzz_require(letter.id.size > 0 && letter.partition == 3);
  fuzz_require(letter.data_size >= letter.data.size && letter.raw_size >= letter.raw.size);
  fuzz_views(&letter);
  evsi_redis_line_write(&letter, list, &line);
  require_json(&line);
  fuzz_require(memchr(line.data, '\n', line.size) == NULL);
  fuzz_line(evsi_bytes(line.data, line.size));
  evsi_buf_free(&line);
  evsi_buf_free(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0)
    return 0;
  if (*data == '0')
    fuzz_line(evsi_bytes((const char *)data + 1, size - 1));
  else
    fuzz_letter(data + 1, data + size);
  return 0;
}
