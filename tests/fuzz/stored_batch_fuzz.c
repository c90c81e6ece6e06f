/* SPDX-License-Identifier: MIT
 * stored_batch_fuzz.c - libFuzzer target: any bytes as the `data` of an entry that holds several events. What
 * is accepted must be JSON, and so must each of its events, in order and within the text. */
#include <stdint.h>
#include <stdlib.h>

#include "event/envelope.h"
#include "event/json_scan.h"
#include "event/stored_batch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition) {
  if (!condition)
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  evs_bytes text = evsi_bytes((const char *)data, size);
  evsi_stored_batch batch;
  size_t offset;
  if (evsi_stored_batch_decode(text, &batch) != NULL) {
    require(batch.events == NULL && batch.count == 0);
    return 0;
  }
  const char *behind = text.data;
  require(evsi_json_check(text, &offset) == NULL);
  require(batch.count > 0 && batch.count <= EVSI_STORED_BATCH_MAX);
  for (uint32_t i = 0; i < batch.count; i++) {
    evs_bytes event = batch.events[i];
    evsi_envelope envelope;
    evsi_buf scratch = {0};
    require(event.data > behind && event.data + event.size < text.data + text.size);
    require(evsi_json_check(event, &offset) == NULL);
    behind = event.data + event.size;
    evsi_envelope_decode(event, &envelope, &scratch);
    evsi_buf_free(&scratch);
  }
  evsi_stored_batch_free(&batch);
  return 0;
}
