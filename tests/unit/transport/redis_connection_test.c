/* SPDX-License-Identifier: MIT
 * redis_connection_test.c - how the transport reaches its server: addresses, unix sockets, what is asked of
 * TCP, how often it tries, and how often it writes. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit/transport/redis_fixture.h"

enum { LARGEST_FD = 1024 };

static char socket_path[64];

static int start_with_socket(void **state) {
  (void)state;
  signal(SIGPIPE, SIG_IGN);
  snprintf(socket_path, sizeof socket_path, "/tmp/evs-redis-%d.sock", (int)getpid());
  redis_server_start(&server, (const char *[]){"--unixsocket", socket_path, NULL});
  return 0;
}

static int end_with_socket(void **state) {
  unlink(socket_path);
  return fixture_end(state);
}

static evs_host *host_with(const char *options) {
  evs_host *host = host_new(options);
  EXPECT_SOON(is_connected, host);
  return host;
}

static void events_go_through_a_unix_socket(void **state) {
  (void)state;
  char options[100];
  snprintf(options, sizeof options, ",\"path\":\"%s\"", socket_path);
  evs_host *host = host_with(options);
  publish_and_wait(host, "t", "a.b", 100);
  join(host, "g", "t");
  wait_count(&host->entry_count, 100);
  host_close(host);
}

static void a_unix_socket_that_is_not_there_is_named(void **state) {
  (void)state;
  evs_host *host = host_new(",\"path\":\"/tmp/no-such-socket\"");
  while (!host->message[0])
    run_for(5);
  assert_non_null(strstr(host->message, "unix:///tmp/no-such-socket"));
  assert_non_null(strstr(host->message, "no such file"));
  host_close(host);
}

/* Where `localhost` has several addresses, the server listens on one of them only. */
static void all_addresses_of_a_name_are_tried(void **state) {
  (void)state;
  evs_host *host = host_with(",\"host\":\"localhost\"");
  host_close(host);
}

static void a_name_that_nobody_has_is_told(void **state) {
  (void)state;
  evs_host *host = host_new(",\"host\":\"no-such-host.invalid\",\"connectTimeout\":20000");
  while (!host->message[0])
    run_for(5);
  assert_non_null(strstr(host->message, "its name"));
  host_close(host);
}

/* ---- TCP ---------------------------------------------------------------------------------------- */

/* The socket of this process that leads to the server. */
static int find_socket(void) {
  for (int fd = 3; fd < LARGEST_FD; fd++) {
    struct sockaddr_in peer = {0};
    socklen_t size = sizeof peer;
    if (getpeername(fd, (struct sockaddr *)&peer, &size) == 0 && peer.sin_family == AF_INET &&
        ntohs(peer.sin_port) == server.port)
      return fd;
  }
  fail_msg("no socket leads to the server");
  return -1;
}

static int option_of(int fd, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  assert_int_equal(getsockopt(fd, level, name, &value, &size), 0);
  return value;
}

static void a_silent_network_is_found_out_by_the_system_too(void **state) {
  (void)state;
  evs_host *host = host_with(",\"commandTimeout\":7000");
  int fd = find_socket();
  assert_int_equal(option_of(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
  assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_KEEPIDLE), 15);
  assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 7000);
  assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_NODELAY), 1);
  host_close(host);
}

static void keep_alive_can_be_turned_off(void **state) {
  (void)state;
  evs_host *host = host_with(",\"keepAlive\":false");
  assert_int_equal(option_of(find_socket(), SOL_SOCKET, SO_KEEPALIVE), 0);
  host_close(host);
}

/* ---- how often ---------------------------------------------------------------------------------- */

static int accepted;

/* Takes connections and ends them at once. */
static bool count_attempts(void *data) {
  int fd = accept(*(int *)data, NULL, NULL);
  accepted += fd >= 0;
  if (fd >= 0)
    close(fd);
  return false;
}

static void a_connection_is_tried_at_most_once_a_second(void **state) {
  (void)state;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  assert_int_equal(bind(listener, (struct sockaddr *)&address, length), 0);
  assert_int_equal(listen(listener, 8), 0);
  assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
  char options[100];
  snprintf(options, sizeof options, ",\"port\":%d,\"reconnect\":{\"baseDelay\":1,\"maxDelay\":1}",
           ntohs(address.sin_port));
  uint64_t begin = test_now_ms();
  evs_host *host = host_new(options);
  accepted = 0;
  run_until(count_attempts, &listener, 3500);
  assert_in_range(accepted, 1, 1 + (test_now_ms() - begin) / 1000);
  host_close(host);
  close(listener);
}

static int writes;

static bool count_write(evsi_stream *stream, char *bytes, size_t size) {
  writes++;
  return evsi_io_uv.stream_write(stream, bytes, size);
}

static void commands_of_one_turn_are_one_write(void **state) {
  (void)state;
  evsi_io io = evsi_io_uv;
  evsi_env env = *evsi_env_default();
  io.stream_write = count_write;
  env.io = &io;
  host_env = &env;
  evs_host *host = host_with(",\"discoverInterval\":60000,\"sessionTimeout\":60000");
  publish_and_wait(host, "t", "a.b", 1);
  int before = writes;
  publish_and_wait(host, "t", "a.b", 500);
  assert_in_range(writes - before, 1, 3); /* these, and perhaps a word of the registry */
  host_close(host);
  host_env = NULL;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(events_go_through_a_unix_socket),
      TEST(a_unix_socket_that_is_not_there_is_named),
      TEST(all_addresses_of_a_name_are_tried),
      TEST(a_name_that_nobody_has_is_told),
      TEST(a_silent_network_is_found_out_by_the_system_too),
      TEST(keep_alive_can_be_turned_off),
      TEST(a_connection_is_tried_at_most_once_a_second),
      TEST(commands_of_one_turn_are_one_write),
  };
  return cmocka_run_group_tests(tests, start_with_socket, end_with_socket);
}
