/* SPDX-License-Identifier: MIT
 * stored_batch_test.c - where the events of a stored batch lie, and what is refused as one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "event/stored_batch.h"

static const char *refusal(const char *text) {
  evsi_stored_batch batch;
  const char *why = evsi_stored_batch_decode(evsi_text(text), &batch);
  assert_true(why || batch.count > 0);
  evsi_stored_batch_free(&batch);
  return why;
}

static void events_are_found_with_their_exact_bytes(void **state) {
  (void)state;
  evs_bytes data =
      evsi_text("{ \"metadata\": {\"batch\":true,\"count\":9}, \"data\": [ {\"header\" : {}, \"body\":1.0} ,"
                "7,\n{\"header\":{},\"body\":[2]} ] }");
  static const char *const expected[] = {"{\"header\" : {}, \"body\":1.0}", "7",
                                         "{\"header\":{},\"body\":[2]}"};
  evsi_stored_batch batch;
  assert_null(evsi_stored_batch_decode(data, &batch));
  assert_int_equal(batch.count, 3); /* whatever metadata says */
  for (size_t i = 0; i < 3; i++) {
    assert_true(evsi_bytes_equal(batch.events[i], evsi_text(expected[i])));
    assert_true(batch.events[i].data > data.data && batch.events[i].data < data.data + data.size);
  }
  evsi_stored_batch_free(&batch);
}

static void what_is_no_batch_is_refused(void **state) {
  (void)state;
  static const char *const texts[] = {"",
                                      "[]",
                                      "7",
                                      "{}",
                                      "{\"data\":1}",
                                      "{\"data\":{}}",
                                      "{\"data\":\"[]\"}",
                                      "{\"metadata\":{}}",
                                      "{\"header\":{\"id\":\"1\",\"type\":\"a.b\"},\"body\":1}",
                                      "{\"data\":[]}",
                                      "{\"data\":[1",
                                      "{\"data\":[1]",
                                      "{\"data\":[1]} x",
                                      "{\"data\":[1,]}",
                                      "{\"data\":[{]}",
                                      "{\"data\":[1],\"data\":[2]}"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    const char *why = refusal(texts[i]);
    if (!why || strlen(why) < 5)
      fail_msg("%s is no batch", texts[i]);
  }
}

/* {"data":[1,1,…]} with so many events. */
static const char *many(size_t count) {
  evsi_buf text = {0};
  evsi_buf_add_text(&text, "{\"data\":[1");
  for (size_t i = 1; i < count; i++)
    evsi_buf_add_text(&text, ",1");
  evsi_buf_add_text(&text, "]}");
  assert_false(text.failed);
  evsi_stored_batch batch;
  const char *why = evsi_stored_batch_decode(evsi_bytes(text.data, text.size), &batch);
  if (!why)
    assert_int_equal(batch.count, count);
  evsi_stored_batch_free(&batch);
  evsi_buf_free(&text);
  return why;
}

static void a_batch_holds_at_most_ten_thousand_events(void **state) {
  (void)state;
  assert_null(many(1));
  assert_null(many(EVSI_STORED_BATCH_MAX));
  assert_non_null(strstr(many(EVSI_STORED_BATCH_MAX + 1), "10,000"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(events_are_found_with_their_exact_bytes),
      cmocka_unit_test(what_is_no_batch_is_refused),
      cmocka_unit_test(a_batch_holds_at_most_ten_thousand_events),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
