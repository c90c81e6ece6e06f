/* SPDX-License-Identifier: MIT
 * redis_tls_test.c - connections with TLS: whom they trust, who they are, what they say when it fails, and
 * servers that speak it badly. */
#include <arpa/inet.h>
#include <ftw.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/certificates.h"
#include "transport/redis/redis_config.h"
#include "unit/transport/redis_fixture.h"

static char folder[] = "/tmp/evs-tls-XXXXXX";
static int tls_port;

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *walk) {
  (void)info;
  (void)kind;
  (void)walk;
  return remove(path);
}

static int start_with_tls(void **state) {
  static char port[8], ca[64], cert[64], key[64];
  (void)state;
  signal(SIGPIPE, SIG_IGN);
  assert_non_null(mkdtemp(folder));
  certificates_make(folder);
  tls_port = redis_server_free_port();
  snprintf(port, sizeof port, "%d", tls_port);
  snprintf(ca, sizeof ca, "%s/ca.crt", folder);
  snprintf(cert, sizeof cert, "%s/server.crt", folder);
  snprintf(key, sizeof key, "%s/server.key", folder);
  redis_server_start(&server,
                     (const char *[]){"--tls-port", port, "--tls-ca-cert-file", ca, "--tls-cert-file", cert,
                                      "--tls-key-file", key, "--tls-auth-clients", "no", NULL});
  return 0;
}

static int end_with_tls(void **state) {
  nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
  return fixture_end(state);
}

/* A host whose options hold this `tls`; each $ stands for the folder of certificates. */
static evs_host *secure_host_at(int port, const char *tls) {
  char options[1024];
  int used = snprintf(options, sizeof options, ",\"port\":%d,\"handshakeTimeout\":2000,\"tls\":", port);
  for (const char *c = tls; *c; c++)
    used += *c == '$' ? snprintf(options + used, sizeof options - (size_t)used, "%s", folder)
                      : snprintf(options + used, sizeof options - (size_t)used, "%c", *c);
  return host_new(options);
}

static evs_host *secure_host(const char *tls) {
  return secure_host_at(tls_port, tls);
}

static bool has_message(void *data) {
  return ((evs_host *)data)->message[0] != '\0';
}

static void expect_failure(evs_host *host, const char *what, const char *hint) {
  EXPECT_SOON(has_message, host);
  assert_false(host->is_connected);
  if (!strstr(host->message, what) || !strstr(host->message, hint))
    fail_msg("%s", host->message);
  host_close(host);
}

static void events_go_both_ways_over_tls(void **state) {
  (void)state;
  evs_host *host = secure_host("{\"ca\":\"$/ca.crt\"}");
  EXPECT_SOON(is_connected, host);
  publish_and_wait(host, "t", "a.b", 20000);
  join(host, "g", "t");
  wait_count(&host->entry_count, 20000);
  assert_int_equal(settle_all(host, 0, 20000, EVS_SETTLE_ACK), 20000);
  assert_int_equal(redis_pending(&server, "t", "g"), 0);
  host_close(host);
}

static void a_lost_connection_with_tls_comes_back(void **state) {
  (void)state;
  evs_host *host = secure_host("{\"ca\":\"$/ca.crt\"}");
  EXPECT_SOON(is_connected, host);
  redis_number(&server, "CLIENT KILL TYPE normal");
  publish_and_wait(host, "t", "a.b", 0);
  number_wanted back = {(const size_t *)&host->reconnects, 1};
  EXPECT_SOON(is_reached, &back);
  publish_and_wait(host, "t", "a.b", 10);
  host_close(host);
}

static void an_authority_that_is_not_known_is_refused(void **state) {
  (void)state;
  expect_failure(secure_host("{\"ca\":\"$/other-ca.crt\"}"), "not to be trusted", "tls.ca");
  expect_failure(secure_host("true"), "not to be trusted", "tls.ca");
}

static void a_certificate_for_another_name_is_refused(void **state) {
  (void)state;
  expect_failure(secure_host("{\"ca\":\"$/ca.crt\",\"serverName\":\"other.test\"}"), "hostname mismatch",
                 "tls.serverName");
  evs_host *host = secure_host("{\"ca\":\"$/ca.crt\",\"serverName\":\"redis.test\"}");
  EXPECT_SOON(is_connected, host);
  host_close(host);
}

static void without_verification_any_certificate_will_do(void **state) {
  (void)state;
  evs_host *host = secure_host("{\"verify\":false,\"serverName\":\"other.test\"}");
  EXPECT_SOON(is_connected, host);
  host_close(host);
}

static void a_server_that_asks_for_a_certificate_gets_it(void **state) {
  (void)state;
  assert_true(redis_number(&server, "CONFIG SET tls-auth-clients yes") >= 0);
  expect_failure(secure_host("{\"ca\":\"$/ca.crt\"}"), "cannot connect", "tls.cert");
  evs_host *host = secure_host("{\"ca\":\"$/ca.crt\",\"cert\":\"$/client.crt\",\"key\":\"$/locked.key\","
                               "\"keyPassword\":\"" CERTIFICATES_PASSWORD "\"}");
  EXPECT_SOON(is_connected, host);
  host_close(host);
  assert_true(redis_number(&server, "CONFIG SET tls-auth-clients no") >= 0);
}

static void a_file_that_cannot_be_used_is_a_problem_of_its_option(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"\"ca\":\"/nowhere\"", "/tls/ca"},
      {"\"ca\":\"%s/server.key\"", "/tls/ca"},
      {"\"cert\":\"-----BEGIN nothing\",\"key\":\"x\"", "/tls/cert"},
      {"\"cert\":\"%s/client.crt\",\"key\":\"%s/server.key\"", "/tls/key"},
      {"\"cert\":\"%s/client.crt\",\"key\":\"%s/locked.key\",\"keyPassword\":\"wrong-secret\"", "/tls/key"},
      {"\"cert\":\"%s/client.crt\",\"key\":\"%s/locked.key\"", "/tls/key"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char inner[512], options[600];
    evsi_redis_config config;
    evs_error *error = NULL;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(inner, sizeof inner, cases[i][0], folder, folder);
#pragma GCC diagnostic pop
    snprintf(options, sizeof options, "{\"tls\":{%s}}", inner);
    assert_int_equal(evsi_redis_config_load(&config, options, strlen(options), &error), EVS_CONFIG);
    assert_string_equal(evs_error_path(error), cases[i][1]);
    assert_null(strstr(evs_error_message(error), "wrong-secret"));
    evs_error_free(error);
  }
}

/* ---- servers that speak it badly ---------------------------------------------------------------- */

typedef struct liar {
  int listener, port;
  pid_t pid;
} liar;

/* Says these bytes to each connection, and then nothing more until it is closed (or closes it itself). */
static liar liar_start(const char *bytes, size_t size, bool is_closing) {
  liar made = {.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  assert_int_equal(bind(made.listener, (struct sockaddr *)&address, length), 0);
  assert_int_equal(listen(made.listener, 8), 0);
  assert_int_equal(getsockname(made.listener, (struct sockaddr *)&address, &length), 0);
  made.port = ntohs(address.sin_port);
  made.pid = fork();
  while (made.pid == 0) {
    char hello[4096];
    int fd = accept(made.listener, NULL, NULL);
    while (read(fd, hello, sizeof hello) > 0) {
      if (write(fd, bytes, size) < 0 || is_closing)
        break;
    }
    close(fd);
  }
  return made;
}

static void liar_end(liar *made) {
  kill(made->pid, SIGKILL);
  waitpid(made->pid, NULL, 0);
  close(made->listener);
}

static void a_server_without_tls_is_told_apart(void **state) {
  (void)state;
  liar plain = liar_start("-ERR unknown command\r\n", 22, false);
  expect_failure(secure_host_at(plain.port, "true"), "TLS failed", "tls-port");
  liar_end(&plain);
}

static void a_handshake_that_does_not_end_has_a_time_limit(void **state) {
  (void)state;
  liar silent = liar_start("", 0, false);
  expect_failure(secure_host_at(silent.port, "true"), "handshakeTimeout", "TLS");
  liar_end(&silent);
}

static void a_handshake_that_is_cut_off_is_a_lost_connection(void **state) {
  (void)state;
  liar cut = liar_start("\x16\x03\x03\x00\x7a\x02", 6, true);
  expect_failure(secure_host_at(cut.port, "true"), "cannot connect", "closed");
  liar_end(&cut);
}

static void a_server_that_only_says_part_of_its_answer_has_a_time_limit(void **state) {
  (void)state;
  liar slow = liar_start("+PO", 3, false);
  char options[100];
  snprintf(options, sizeof options, ",\"port\":%d,\"handshakeTimeout\":500", slow.port);
  expect_failure(host_new(options), "handshakeTimeout", "500 ms");
  liar_end(&slow);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(events_go_both_ways_over_tls),
      TEST(a_lost_connection_with_tls_comes_back),
      TEST(an_authority_that_is_not_known_is_refused),
      TEST(a_certificate_for_another_name_is_refused),
      TEST(without_verification_any_certificate_will_do),
      TEST(a_server_that_asks_for_a_certificate_gets_it),
      TEST(a_file_that_cannot_be_used_is_a_problem_of_its_option),
      TEST(a_server_without_tls_is_told_apart),
      TEST(a_handshake_that_does_not_end_has_a_time_limit),
      TEST(a_handshake_that_is_cut_off_is_a_lost_connection),
      TEST(a_server_that_only_says_part_of_its_answer_has_a_time_limit),
  };
  return cmocka_run_group_tests(tests, start_with_tls, end_with_tls);
}
