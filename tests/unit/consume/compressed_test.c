/* SPDX-License-Identifier: MIT
 * compressed_test.c - bodies that are stored compressed: they are handled as they were published, judged in
 * the order pattern, origin, compression, hash, and what cannot be read is a dead letter that says why. */
#include "scripted.h"

#include "base/compress.h"

static evsi_buf packed_of(const char *body) {
  evsi_buf packed = {0};
  assert_true(evsi_compress(EVSI_ENCODING_LZ4, 0, evsi_text(body), &packed));
  return packed;
}

/* header: members of the envelope's header beside id. */
static void deliver_with(const char *header, evs_bytes raw, uint32_t flags) {
  char data[512];
  snprintf(data, sizeof data, "{\"v\":1,\"header\":{\"id\":\"e-1\",%s}}", header);
  const evs_tp_entry entry = {.struct_size = sizeof entry,
                              .partition = EVS_PARTITION_NONE,
                              .flags = flags,
                              .deliveries = 1,
                              .topic = evsi_text("order-events"),
                              .offset = evsi_text(ID),
                              .data = evsi_text(data),
                              .raw = raw};
  evsi_consume_deliver(world.consume, world.group, &entry, 1);
}

static void deliver_packed(const char *header, const char *body) {
  evsi_buf packed = packed_of(body);
  deliver_with(header, evsi_bytes(packed.data, packed.size), 0);
  evsi_buf_free(&packed);
}

static const char *class_of(const settled *of) {
  assert_int_equal(of->kind, EVS_SETTLE_DEAD_LETTER);
  return json_string_value(json_object_get(json_object_get(of->record, "error"), "class"));
}

#define LZ4 "\"type\":\"order.paid\",\"contentEncoding\":\"lz4\""

static void the_handler_gets_what_was_published(void **state) {
  (void)state;
  taken messages[MESSAGES_MAX];
  subscribe(ORDERS);
  deliver_packed(LZ4, "{\"n\":1.50}");
  assert_int_equal(take(messages, 10), 1);
  assert_string_equal(messages[0].body, "{\"n\":1.50}");
  ack(messages[0].delivery);
  assert_int_equal(last(1)->kind, EVS_SETTLE_ACK);
}

static void an_unknown_algorithm_is_a_dead_letter(void **state) {
  (void)state;
  subscribe(ORDERS);
  deliver_with("\"type\":\"order.paid\",\"contentEncoding\":\"br\"", evsi_text("xyz"), 0);
  assert_string_equal(class_of(last(1)), "UnknownEncoding");
  assert_int_equal(counted(EVSI_COUNT_MALFORMED), 1);
}

static void what_cannot_be_read_is_a_dead_letter(void **state) {
  (void)state;
  subscribe(ORDERS);
  deliver_with(LZ4, evsi_text("xyz"), 0);
  assert_string_equal(class_of(last(1)), "DecompressionFailed");
  deliver_with(LZ4, evsi_bytes(NULL, 0), 0);
  assert_string_equal(class_of(last(2)), "DecompressionFailed");
  deliver_packed(LZ4, "not JSON");
  assert_string_equal(class_of(last(3)), "DecompressionFailed");
}

static void one_of_several_events_cannot_be_compressed(void **state) {
  (void)state;
  evsi_buf packed = packed_of("1");
  const char *data = "{\"data\":[{\"header\":{\"id\":\"e-1\"," LZ4 "}}],\"metadata\":{\"batch\":true}}";
  const evs_tp_entry entry = {.struct_size = sizeof entry,
                              .partition = EVS_PARTITION_NONE,
                              .flags = EVS_ENTRY_BATCH,
                              .deliveries = 1,
                              .topic = evsi_text("order-events"),
                              .offset = evsi_text(ID),
                              .data = evsi_text(data),
                              .raw = evsi_bytes(packed.data, packed.size)};
  subscribe(ORDERS);
  evsi_consume_deliver(world.consume, world.group, &entry, 1);
  assert_int_equal(last(1)->letter_count, 1);
  evsi_buf_free(&packed);
}

static void an_event_of_another_origin_is_filtered_without_a_look_at_its_body(void **state) {
  (void)state;
  subscribe("{\"pattern\":\"*.order.*\",\"origins\":[\"eu.de\"]}");
  deliver_with("\"type\":\"order.paid\",\"originPrefix\":\"us\",\"contentEncoding\":\"br\"", evsi_text("xyz"),
               0);
  assert_int_equal(last(1)->kind, EVS_SETTLE_ACK);
  assert_int_equal(counted(EVSI_COUNT_FILTERED), 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(the_handler_gets_what_was_published, setup, teardown),
      cmocka_unit_test_setup_teardown(an_unknown_algorithm_is_a_dead_letter, setup, teardown),
      cmocka_unit_test_setup_teardown(what_cannot_be_read_is_a_dead_letter, setup, teardown),
      cmocka_unit_test_setup_teardown(one_of_several_events_cannot_be_compressed, setup, teardown),
      cmocka_unit_test_setup_teardown(an_event_of_another_origin_is_filtered_without_a_look_at_its_body,
                                      setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
