/* SPDX-License-Identifier: MIT
 * redis_doctor_test.c - what the request `doctor` finds out: about a server's settings, and about the rights
 * of users, which are those that docs/acl grants. */
#include "transport/redis/redis_doctor.h"
#include "unit/transport/redis_letters.h"

static const char *const roles[] = {"publisher", "consumer", "operator", "viewer"};

static bool finds(const json_t *report, const char *level, const char *check) {
  size_t i;
  json_t *finding;
  json_array_foreach(json_object_get(report, "findings"), i, finding) {
    if (strcmp(word_at(finding, "level"), level) == 0 && strcmp(word_at(finding, "check"), check) == 0)
      return true;
  }
  return false;
}

static void set(const char *name, const char *value) {
  const char *words[] = {"CONFIG", "SET", name, value};
  assert_true(redis_words(&server, 4, words) >= 0);
}

static void a_server_that_keeps_nothing_is_told(void **state) {
  (void)state;
  evs_host *host = host_connected();
  json_t *report = ask(host, "doctor", "{}");
  assert_true(json_is_true(json_object_get(report, "ok")));
  assert_true(finds(report, "warning", "persistence"));
  assert_non_null(strstr(word_at(report, "guarantee"), "loses every event"));
  assert_int_equal(number_at(json_object_get(report, "limits"), "protoMaxBulkLen"), 512 * 1024 * 1024);
  assert_string_equal(word_at(json_object_get(report, "layout"), "streamPrefix"), "stream:");
  json_decref(report);
  host_close(host);
}

static void the_guarantee_follows_from_how_the_server_writes(void **state) {
  (void)state;
  static const char *const cases[][2] = {{"always", "survives a crash of the server and of its machine"},
                                         {"everysec", "may cost the last second"}};
  evs_host *host = host_connected();
  set("appendonly", "yes");
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    set("appendfsync", cases[i][0]);
    json_t *report = ask(host, "doctor", "{}");
    assert_non_null(strstr(word_at(report, "guarantee"), cases[i][1]));
    assert_false(finds(report, "warning", "persistence"));
    json_decref(report);
  }
  set("appendonly", "no");
  host_close(host);
}

static void what_loses_events_is_an_error(void **state) {
  (void)state;
  evs_host *host = host_connected();
  set("maxmemory-policy", "allkeys-lru");
  set("proto-max-bulk-len", "2mb");
  json_t *report = ask(host, "doctor", "{}");
  assert_true(json_is_false(json_object_get(report, "ok")));
  assert_true(finds(report, "error", "eviction"));
  assert_true(finds(report, "warning", "limits"));
  json_decref(report);
  set("maxmemory-policy", "noeviction");
  set("proto-max-bulk-len", "512mb");
  host_close(host);
}

static void a_role_that_does_not_exist_is_refused(void **state) {
  (void)state;
  evs_host *host = host_connected();
  assert_non_null(strstr(request(host, "doctor", "{\"role\":\"owner\"}"), "/role"));
  assert_int_equal(host->replies[0].status, EVS_VALIDATION);
  host_close(host);
}

/* ---- rights ------------------------------------------------------------------------------------- */

static void read_role(const char *role, char line[2048]) {
  char path[256];
  snprintf(path, sizeof path, EVS_SOURCE_DIR "/docs/acl/%s.acl", role);
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  assert_non_null(fgets(line, 2048, file));
  fclose(file);
  line[strcspn(line, "\n")] = ' '; /* each word ends with a blank */
}

static evs_host *host_as(const char *role) {
  char options[200];
  snprintf(options, sizeof options, ",\"username\":\"%s\",\"password\":\"pass\"", role);
  evs_host *host = host_new(options);
  EXPECT_SOON(is_connected, host);
  return host;
}

static json_t *missing_of(evs_host *host, const char *role) {
  json_t *report = ask(host, "doctor", "{\"role\":\"%s\"}", role);
  const json_t *permissions = json_object_get(report, "permissions");
  assert_true(json_is_true(json_object_get(permissions, "known")));
  assert_string_equal(word_at(permissions, "user"), role);
  json_t *missing = json_incref(json_object_get(permissions, "missing"));
  assert_true(json_array_size(missing) == 0 || finds(report, "error", "permissions"));
  json_decref(report);
  return missing;
}

static void users_of_the_acl_files_lack_nothing(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
    char line[2048];
    read_role(roles[i], line);
    redis_user(&server, line, "pass");
    evs_host *host = host_as(roles[i]);
    json_t *missing = missing_of(host, roles[i]);
    assert_int_equal(json_array_size(missing), 0);
    json_decref(missing);
    host_close(host);
  }
}

static void acl_files_grant_what_is_needed_and_no_more(void **state) {
  (void)state;
  /* Asked at the beginning, or by `doctor`. */
  static const char *const others[] = {"+select",       "+hello",      "+info",
                                       "+command|info", "+acl|whoami", "+acl|dryrun"};
  for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
    char line[2048], *rest = NULL;
    read_role(roles[i], line);
    for (char *word = strtok_r(line, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
      bool is_known = word[0] != '+';
      for (size_t k = 0; k < sizeof others / sizeof others[0]; k++)
        is_known |= strcmp(others[k], word) == 0;
      for (size_t k = 0; k < evsi_redis_need_count; k++)
        is_known |=
            strcmp(evsi_redis_needs[k].rule, word) == 0 && strchr(evsi_redis_needs[k].roles, roles[i][0]);
      if (!is_known)
        fail_msg("%s.acl grants %s, which it does not need", roles[i], word);
    }
  }
}

static void each_right_that_is_taken_away_is_named(void **state) {
  (void)state;
  char line[2048];
  read_role("consumer", line);
  redis_user(&server, line, "pass");
  evs_host *host = host_as("consumer");
  for (size_t i = 0; i < evsi_redis_need_count; i++) {
    const char *rule = evsi_redis_needs[i].rule;
    if (!strchr(evsi_redis_needs[i].roles, 'c') || strcmp(rule, "+scan") == 0)
      continue;
    redis_number(&server, "ACL SETUSER consumer -%s", rule + 1);
    json_t *missing = missing_of(host, "consumer");
    redis_number(&server, "ACL SETUSER consumer %s", rule);
    assert_int_equal(json_array_size(missing), 1);
    assert_string_equal(json_string_value(json_array_get(missing, 0)), rule);
    json_decref(missing);
  }
  redis_number(&server, "ACL SETUSER consumer resetkeys ~stream:* ~evs:*");
  json_t *missing = missing_of(host, "consumer");
  assert_int_equal(json_array_size(missing), 1);
  assert_string_equal(json_string_value(json_array_get(missing, 0)), "~dlq:*");
  json_decref(missing);
  host_close(host);
}

static void what_may_not_be_asked_is_unknown(void **state) {
  (void)state;
  redis_user(&server, "user shy off ~* +@all -acl -config -info -command", "pass");
  evs_host *host = host_as("shy");
  json_t *report = ask(host, "doctor", "{}");
  assert_true(json_is_false(json_object_get(json_object_get(report, "permissions"), "known")));
  assert_true(finds(report, "warning", "permissions"));
  assert_true(finds(report, "warning", "version"));
  assert_non_null(strstr(word_at(report, "guarantee"), "may not ask"));
  json_decref(report);
  host_close(host);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_server_that_keeps_nothing_is_told),    TEST(the_guarantee_follows_from_how_the_server_writes),
      TEST(what_loses_events_is_an_error),          TEST(a_role_that_does_not_exist_is_refused),
      TEST(users_of_the_acl_files_lack_nothing),    TEST(acl_files_grant_what_is_needed_and_no_more),
      TEST(each_right_that_is_taken_away_is_named), TEST(what_may_not_be_asked_is_unknown),
  };
  return cmocka_run_group_tests(tests, fixture_start, fixture_end);
}
