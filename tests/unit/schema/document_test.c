/* SPDX-License-Identifier: MIT
 * document_test.c - a text becomes nodes: each is found by its pointer and by its key, equal values are
 * equal. */
#include "schema_fixture.h"

#include "schema/equal.h"

static evsi_document parsed(const char *text) {
  evsi_document doc = {0};
  evs_error *error = NULL;
  if (evsi_document_parse(&doc, evsi_text(text), &error) != EVS_OK)
    fail_msg("%s: %s", text, evs_error_message(error));
  return doc;
}

static void every_node_is_found_by_its_pointer(void **state) {
  (void)state;
  evsi_document doc = parsed("{\"a\":[1,{\"b/c\":[[],{}]},\"x\"],\"~\":{\"\":null},\"\\u00e9\\n\":true}");
  evsi_buf scratch = {0};
  uint64_t work = 0;
  for (uint32_t node = 0; node < doc.count; node++) {
    evsi_buf pointer = {0};
    uint32_t found = 0;
    evsi_document_pointer(&doc, 0, node, &pointer);
    evs_bytes text = evsi_bytes(pointer.data ? pointer.data : "", pointer.size);
    assert_true(evsi_document_resolve(&doc, &found, text, &scratch, &work));
    assert_int_equal(found, doc.nodes[node].is_key ? node + 1 : node);
    evsi_buf_free(&pointer);
  }
  evsi_buf_free(&scratch);
  evsi_document_free(&doc);
}

static void pointers_to_nothing_find_nothing(void **state) {
  (void)state;
  static const char *const pointers[] = {"/b",     "/a/2", "/a/01", "/a/-1", "/a/",
                                         "/a/0/0", "a",    "/a~2",  "/~",    "/a/99999999999"};
  evsi_document doc = parsed("{\"a\":[1,2]}");
  evsi_buf scratch = {0};
  uint64_t work = 0;
  for (size_t i = 0; i < sizeof pointers / sizeof *pointers; i++) {
    uint32_t node = 0;
    if (evsi_document_resolve(&doc, &node, evsi_text(pointers[i]), &scratch, &work))
      fail_msg("%s is found", pointers[i]);
  }
  evsi_buf_free(&scratch);
  evsi_document_free(&doc);
}

static void members_are_found_by_key_in_small_and_large_objects(void **state) {
  (void)state;
  for (int count = 1; count < 200; count += 13) {
    evsi_buf text = {0};
    for (int i = 0; i < count; i++)
      evsi_buf_addf(&text, "%s\"key%d\":[%d]", i ? "," : "{", i * 7919 % 1000, i);
    evsi_buf_add_text(&text, "}");
    evsi_document doc = parsed(text.data);
    for (int i = 0; i < count; i++) {
      char key[32];
      snprintf(key, sizeof key, "key%d", i * 7919 % 1000);
      uint32_t value = evsi_document_find(&doc, 0, evsi_text(key));
      assert_int_not_equal(value, EVSI_NODE_NONE);
      assert_int_equal(atoi(doc.nodes[value + 1].text), i);
    }
    assert_int_equal(evsi_document_find(&doc, 0, evsi_text("key")), EVSI_NODE_NONE);
    evsi_document_free(&doc);
    evsi_buf_free(&text);
  }
}

static void equal_values_have_equal_hashes_and_others_differ(void **state) {
  (void)state;
  static const struct {
    const char *left, *right;
    bool is_equal;
  } cases[] = {
      {"1", "1.0", true},
      {"1e2", "100", true},
      {"\"1\"", "1", false},
      {"false", "0", false},
      {"null", "false", false},
      {"\"\\u0061\"", "\"a\"", true},
      {"[1,2]", "[2,1]", false},
      {"[[],[1]]", "[[1],[]]", false},
      {"{\"a\":1,\"b\":[2]}", "{\"b\":[2.0],\"a\":1}", true},
      {"{\"a\":1,\"b\":2}", "{\"a\":2,\"b\":1}", false},
      {"{\"a\":1}", "{\"a\":1,\"b\":1}", false},
      {"{\"a\":{}}", "{\"a\":[]}", false},
      {"{\"a\":null}", "{\"b\":null}", false},
  };
  evsi_equality equality = {0};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    evsi_document left = parsed(cases[i].left), right = parsed(cases[i].right);
    uint64_t hashes[2][16];
    evsi_document_hash(&left, hashes[0]);
    evsi_document_hash(&right, hashes[1]);
    if (evsi_equal(&equality, &left, 0, &right, 0) != cases[i].is_equal ||
        (hashes[0][0] == hashes[1][0]) != cases[i].is_equal)
      fail_msg("%s and %s", cases[i].left, cases[i].right);
    evsi_document_free(&left);
    evsi_document_free(&right);
  }
  evsi_equality_free(&equality);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_node_is_found_by_its_pointer),
      cmocka_unit_test(pointers_to_nothing_find_nothing),
      cmocka_unit_test(members_are_found_by_key_in_small_and_large_objects),
      cmocka_unit_test(equal_values_have_equal_hashes_and_others_differ),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
