/* SPDX-License-Identifier: MIT
 * proxy.c - see proxy.h. One thread, poll() over all connections; enough for a test. */
#include "support/proxy.h"

#include <arpa/inet.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/until.h"

enum { PAIRS_MAX = 32, LOOK_MS = 20 };

typedef struct pair {
  int client, server; /* -1: free */
  bool is_armed;      /* its next answer is cut */
} pair;

static int connect_to(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  address.sin_port = htons((uint16_t)port);
  if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
    return fd;
  close(fd);
  return -1;
}

static void drop(pair *each) {
  close(each->client);
  close(each->server);
  each->client = each->server = -1;
  each->is_armed = false;
}

static bool pass(int to, const char *bytes, size_t size) {
  return send(to, bytes, size, MSG_NOSIGNAL) == (ssize_t)size;
}

static bool has(const char *bytes, size_t size, const char *word) {
  return memmem(bytes, size, word, strlen(word)) != NULL;
}

static void from_client(test_proxy *proxy, pair *each) {
  char bytes[65536];
  ssize_t size = read(each->client, bytes, sizeof bytes);
  if (size <= 0 || !pass(each->server, bytes, (size_t)size)) {
    drop(each);
    return;
  }
  bool stores = has(bytes, (size_t)size, "XADD") || has(bytes, (size_t)size, "stream:{");
  each->is_armed = stores && atomic_load(&proxy->cut_after) >= 0;
}

static void from_server(test_proxy *proxy, pair *each) {
  char bytes[65536];
  ssize_t size = read(each->server, bytes, sizeof bytes);
  int cut = atomic_load(&proxy->cut_after);
  if (size > 0 && each->is_armed && cut >= 0) {
    atomic_store(&proxy->cut_after, -1);
    pass(each->client, bytes, cut < size ? (size_t)cut : (size_t)size - 1);
    atomic_fetch_add(&proxy->cuts, 1);
    drop(each);
  } else if (size <= 0 || !pass(each->client, bytes, (size_t)size)) {
    drop(each);
  }
}

static void take_client(test_proxy *proxy, pair *pairs) {
  int client = accept4(proxy->listener, NULL, NULL, SOCK_CLOEXEC);
  int server = connect_to(proxy->target);
  for (int i = 0; i < PAIRS_MAX && client >= 0 && server >= 0; i++) {
    if (pairs[i].client >= 0)
      continue;
    pairs[i] = (pair){client, server, false};
    return;
  }
  close(client);
  close(server);
}

static void turn(test_proxy *proxy, pair *pairs) {
  struct pollfd fds[1 + 2 * PAIRS_MAX];
  fds[0] = (struct pollfd){.fd = proxy->listener, .events = POLLIN};
  for (int i = 0; i < PAIRS_MAX; i++) {
    fds[1 + 2 * i] = (struct pollfd){.fd = pairs[i].client, .events = POLLIN};
    fds[2 + 2 * i] = (struct pollfd){.fd = pairs[i].server, .events = POLLIN};
  }
  if (poll(fds, 1 + 2 * PAIRS_MAX, LOOK_MS) <= 0)
    return;
  for (int i = 0; i < PAIRS_MAX; i++) {
    if (pairs[i].client >= 0 && fds[1 + 2 * i].revents)
      from_client(proxy, &pairs[i]);
    if (pairs[i].client >= 0 && fds[2 + 2 * i].revents)
      from_server(proxy, &pairs[i]);
  }
  if (fds[0].revents)
    take_client(proxy, pairs);
}

static void *run(void *data) {
  test_proxy *proxy = data;
  pair pairs[PAIRS_MAX];
  for (int i = 0; i < PAIRS_MAX; i++)
    pairs[i] = (pair){-1, -1, false};
  while (!atomic_load(&proxy->is_ending))
    turn(proxy, pairs);
  for (int i = 0; i < PAIRS_MAX; i++) {
    if (pairs[i].client >= 0)
      drop(&pairs[i]);
  }
  return NULL;
}

void proxy_start(test_proxy *proxy, int target) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  memset(proxy, 0, sizeof *proxy);
  proxy->target = target;
  atomic_init(&proxy->cut_after, -1);
  proxy->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  test_require(proxy->listener >= 0 && bind(proxy->listener, (struct sockaddr *)&address, size) == 0 &&
                   listen(proxy->listener, PAIRS_MAX) == 0 &&
                   getsockname(proxy->listener, (struct sockaddr *)&address, &size) == 0 &&
                   pthread_create(&proxy->thread, NULL, run, proxy) == 0,
               "a proxy");
  proxy->port = ntohs(address.sin_port);
}

void proxy_cut_next_answer(test_proxy *proxy, int bytes) {
  atomic_store(&proxy->cut_after, bytes);
}

void proxy_stop(test_proxy *proxy) {
  atomic_store(&proxy->is_ending, true);
  pthread_join(proxy->thread, NULL);
  close(proxy->listener);
}
