/* SPDX-License-Identifier: MIT
 * file_schemas.c - the registry of schemas in a file, one for all services: questions of the system, which
 * knows what the texts in it mean. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "transport/file/file_request.h"

#define STATE_KEY "@state" /* no key of the system's begins with an @ */

enum { RANDOM_BYTES = 8, STATE_TEXT = 2 * RANDOM_BYTES + EVSI_FILE_NUMBER_TEXT };

/* How many rows there are shows what was put there or taken away by hand. */
static void state_of(evsi_file_db *db, char out[STATE_TEXT]) {
  char random[2 * RANDOM_BYTES + 1] = "";
  sqlite3_stmt *row = evsi_file_query(db, "SELECT value FROM registry WHERE key = '" STATE_KEY "'", "");
  if (evsi_file_next(db, row))
    snprintf(random, sizeof random, "%s", evsi_file_text(row, 0));
  evsi_file_done(row);
  snprintf(out, STATE_TEXT, "%s:%" PRId64, random, evsi_file_get(db, 0, "SELECT count(*) FROM registry", ""));
}

static void set(evsi_file_db *db, const char *key, evs_bytes value) {
  evsi_file_run(db, "INSERT OR REPLACE INTO registry (key, value) VALUES (?, ?)", "ts", key, value);
}

/* Random, so that a file which was put in place of another is never taken for it. */
static void renew_state(const evsi_file_request *request) {
  unsigned char bytes[RANDOM_BYTES] = {0};
  char random[2 * RANDOM_BYTES + 1];
  request->transport->world->env->random(bytes, sizeof bytes);
  for (size_t i = 0; i < sizeof bytes; i++)
    snprintf(random + 2 * i, 3, "%02x", bytes[i]);
  set(&request->store->db, STATE_KEY, evsi_text(random));
}

static json_t *items_of(evsi_file_db *db) {
  json_t *items = json_object();
  sqlite3_stmt *row = evsi_file_query(db, "SELECT key, value FROM registry WHERE key <> '" STATE_KEY "'", "");
  while (evsi_file_next(db, row))
    json_object_set_new(items, evsi_file_text(row, 0), evsi_file_json_text(row, 1));
  return items;
}

void evsi_file_request_schemas_read(evsi_file_request *request) {
  evsi_file_db *db = &request->store->db;
  const char *known = evsi_file_param(request, "known");
  char state[STATE_TEXT];
  state_of(db, state);
  bool is_known = known && strcmp(known, state) == 0;
  evsi_file_answer(request,
                   json_pack("{s:s,s:o}", "state", state, "items", is_known ? json_null() : items_of(db)));
}

void evsi_file_request_schemas_write(evsi_file_request *request) {
  evsi_file_db *db = &request->store->db;
  const char *expected = evsi_file_param(request, "expected"), *key;
  char state[STATE_TEXT];
  json_t *value;
  state_of(db, state);
  bool is_expected = expected && strcmp(expected, state) == 0;
  if (is_expected) {
    json_object_foreach(evsi_file_given(request, "set"), key, value) {
      set(db, key, evsi_bytes(json_string_value(value), json_string_length(value)));
    }
    renew_state(request);
    state_of(db, state);
    const evsi_file_audit_row row = {.action = evsi_file_param(request, "action"),
                                     .scope = json_incref(evsi_file_given(request, "scope")),
                                     .count = 1,
                                     .result = "done"};
    evsi_file_audit(request, &row);
  }
  evsi_file_answer(request, json_pack("{s:b,s:s}", "written", is_expected, "state", state));
}
