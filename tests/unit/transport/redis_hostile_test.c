/* SPDX-License-Identifier: MIT
 * redis_hostile_test.c - a server that says anything: the connection is dropped with a word that says why,
 * tried again at most once a second, and every publish gets its outcome. What single answers may look like is
 * fuzzed besides. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit/transport/redis_fixture.h"

enum { GREETED = 4 /* commands of a handshake without sign-in */, TOLD_MS = 1100 };

/* Answers the handshake, then says `text` `times` over to the next command. */
typedef struct hostile {
  const char *text;
  int times;
  int listener, port;
  pthread_t thread;
  int connections;
} hostile;

/* Commands that began in these bytes: each is an array, and in a handshake nothing else has a star. */
static int count_commands(const char *bytes, ssize_t size) {
  int count = 0;
  for (ssize_t i = 0; i < size; i++)
    count += bytes[i] == '*';
  return count;
}

static bool say(int client, const char *text, size_t size) {
  while (size > 0) {
    ssize_t sent = send(client, text, size, MSG_NOSIGNAL);
    if (sent <= 0)
      return false;
    text += sent;
    size -= (size_t)sent;
  }
  return true;
}

static void serve(hostile *teller, int client) {
  static const char greeting[] = "+PONG\r\n+OK\r\n*0\r\n:7\r\n";
  char bytes[65536];
  int commands = 0;
  ssize_t size;
  while (commands < GREETED && (size = recv(client, bytes, sizeof bytes, 0)) > 0)
    commands += count_commands(bytes, size);
  if (commands < GREETED || !say(client, greeting, sizeof greeting - 1) ||
      (commands == GREETED && recv(client, bytes, sizeof bytes, 0) <= 0))
    return;
  for (int i = 0; i < teller->times; i++) {
    if (!say(client, teller->text, strlen(teller->text)))
      return;
  }
  while (recv(client, bytes, sizeof bytes, 0) > 0)
    continue; /* until it is given up */
}

static void *run(void *data) {
  hostile *teller = data;
  int client;
  while ((client = accept(teller->listener, NULL, NULL)) >= 0) {
    __atomic_add_fetch(&teller->connections, 1, __ATOMIC_RELAXED);
    serve(teller, client);
    close(client);
  }
  return NULL;
}

static void hostile_start(hostile *teller) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  teller->listener = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_equal(bind(teller->listener, (struct sockaddr *)&address, sizeof address), 0);
  assert_int_equal(listen(teller->listener, 8), 0);
  assert_int_equal(getsockname(teller->listener, (struct sockaddr *)&address, &size), 0);
  teller->port = ntohs(address.sin_port);
  assert_int_equal(pthread_create(&teller->thread, NULL, run, teller), 0);
}

static void hostile_stop(hostile *teller) {
  shutdown(teller->listener, SHUT_RDWR);
  close(teller->listener);
  pthread_join(teller->thread, NULL);
}

static bool is_told(void *data) {
  const evs_host *host = data;
  return strstr(host->message, "does not answer like a Redis") ||
         strstr(host->message, "without a command") || strstr(host->message, "did not answer within");
}

static bool has_outcome(void *data) {
  return ((evs_host *)data)->published_count == 1;
}

static void expect_dropped(const char *text, int times) {
  hostile teller = {.text = text, .times = times};
  int port = server.port;
  hostile_start(&teller);
  server.port = teller.port;
  evs_host *host = host_new(",\"commandTimeout\":500");
  server.port = port;
  EXPECT_SOON(is_told, host); /* the first look is answered like this */
  publish(host, "t", "a.b", 1);
  EXPECT_SOON(has_outcome, host);
  assert_int_not_equal(host->published[0].status, EVS_OK);
  int before = __atomic_load_n(&teller.connections, __ATOMIC_RELAXED);
  run_for(TOLD_MS);
  assert_in_range(__atomic_load_n(&teller.connections, __ATOMIC_RELAXED) - before, 0, 3);
  evsi_redis_transport.close(host->transport, 0);
  EXPECT_SOON(is_closed, host);
  host_free(host);
  hostile_stop(&teller);
}

static void answers_that_are_no_answers_end_the_connection(void **state) {
  (void)state;
  static const char *const texts[] = {"HTTP/1.1 400 Bad Request\r\n\r\n", "$-5\r\n", "*2147483648\r\n",
                                      ":seven\r\n", "$99999999999999999999\r\n"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
    expect_dropped(texts[i], 1);
}

static void nested_answers_end_the_connection(void **state) {
  (void)state;
  expect_dropped("*1\r\n", 100000);
}

static void more_answers_than_commands_end_the_connection(void **state) {
  (void)state;
  expect_dropped("-ERR no\r\n", 1000);
}

static void an_answer_that_never_ends_has_a_time_limit(void **state) {
  (void)state;
  expect_dropped("$100\r\nonly a part", 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(answers_that_are_no_answers_end_the_connection),
      TEST(nested_answers_end_the_connection),
      TEST(more_answers_than_commands_end_the_connection),
      TEST(an_answer_that_never_ends_has_a_time_limit),
  };
  return cmocka_run_group_tests(tests, fixture_start, fixture_end);
}
