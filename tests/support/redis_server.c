/* SPDX-License-Identifier: MIT
 * redis_server.c - see redis_server.h. */
#include "support/redis_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/folder.h"
#include "support/until.h"

int redis_server_free_port(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  test_require(probe >= 0 && bind(probe, (struct sockaddr *)&address, size) == 0 &&
                   getsockname(probe, (struct sockaddr *)&address, &size) == 0,
               "a free port");
  close(probe);
  return ntohs(address.sin_port);
}

static void run_server(const redis_server *server) {
  char port[8];
  const char *words[16 + REDIS_SERVER_OPTIONS_MAX] = {
      "redis-server", "--port", port, "--bind",    "127.0.0.1", "--dir",
      server->folder, "--save", "",   "--logfile", "server.log"};
  int count = 11;
  snprintf(port, sizeof port, "%d", server->port);
  for (int i = 0; server->options[i]; i++)
    words[count++] = server->options[i];
  /* A test that dies takes its server with it. */
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  unsetenv("LD_PRELOAD");
  execvp(words[0], (char *const *)words);
  _exit(127);
}

static redisContext *open_connection(redis_server *server) {
  struct timeval limit = {.tv_sec = 10};
  redisContext *context = redisConnectWithTimeout("127.0.0.1", server->port, limit);
  if (!context || context->err) {
    if (context)
      redisFree(context);
    return NULL;
  }
  redisSetTimeout(context, limit);
  if (server->password) {
    redisReply *reply = redisCommand(context, "AUTH %s", server->password);
    if (reply)
      freeReplyObject(reply);
  }
  return context;
}

/* Another server could answer on this port: ours tells our child's process id. */
static bool is_up(redis_server *server) {
  char wanted[40];
  snprintf(wanted, sizeof wanted, "process_id:%d\r", (int)server->pid);
  char *info = redis_text(server, "INFO server");
  bool up = strstr(info, wanted) != NULL;
  free(info);
  /* While it loads what it kept, it answers INFO and nothing else. */
  return up && redis_number(server, "EXISTS none") >= 0;
}

void redis_server_again(redis_server *server) {
  fflush(NULL);
  server->pid = fork();
  if (server->pid == 0)
    run_server(server);
  test_require(server->pid > 0, "fork");
  TEST_UNTIL(is_up(server) || waitpid(server->pid, NULL, WNOHANG) == server->pid);
  test_require(is_up(server), "redis-server runs");
}

void redis_server_start(redis_server *server, const char *const *options) {
  memset(server, 0, sizeof *server);
  for (int i = 0; options && options[i] && i < REDIS_SERVER_OPTIONS_MAX - 1; i++) {
    server->options[i] = options[i];
    if (strcmp(options[i], "--requirepass") == 0)
      server->password = options[i + 1];
  }
  strcpy(server->folder, "/tmp/evs-redis-XXXXXX");
  test_require(mkdtemp(server->folder) != NULL, "a temporary folder");
  server->port = redis_server_free_port();
  snprintf(server->url, sizeof server->url, "redis://127.0.0.1:%d", server->port);
  redis_server_again(server);
}

static void end_process(redis_server *server, int signal_number) {
  if (server->pid <= 0)
    return;
  kill(server->pid, signal_number);
  while (waitpid(server->pid, NULL, 0) < 0 && errno == EINTR) {
  }
  server->pid = 0;
}

void redis_server_halt(redis_server *server) {
  end_process(server, SIGTERM);
}

void redis_server_kill(redis_server *server) {
  end_process(server, SIGKILL);
}

void redis_server_stop(redis_server *server) {
  redis_server_kill(server);
  if (server->folder[0])
    folder_remove(server->folder);
  server->folder[0] = '\0';
}

static long long number_of(redisReply *reply) {
  long long value = -1;
  if (!reply)
    return -1;
  if (reply->type == REDIS_REPLY_INTEGER)
    value = reply->integer;
  else if (reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS)
    value = atoll(reply->str);
  else if (reply->type == REDIS_REPLY_ARRAY)
    value = (long long)reply->elements;
  else if (reply->type == REDIS_REPLY_NIL)
    value = 0;
  freeReplyObject(reply);
  return value;
}

long long redis_number(redis_server *server, const char *format, ...) {
  redisContext *context = open_connection(server);
  if (!context)
    return -1;
  va_list arguments;
  va_start(arguments, format);
  long long value = number_of(redisvCommand(context, format, arguments));
  va_end(arguments);
  redisFree(context);
  return value;
}

long long redis_words(redis_server *server, int count, const char *const *words) {
  redisContext *context = open_connection(server);
  if (!context)
    return -1;
  long long value = number_of(redisCommandArgv(context, count, (const char **)words, NULL));
  redisFree(context);
  return value;
}

/* Takes the answer. */
static char *text_of(redisReply *reply) {
  bool is_text = reply && (reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS);
  char *text = is_text ? strndup(reply->str, (size_t)reply->len) : strdup("");
  if (reply)
    freeReplyObject(reply);
  return text;
}

char *redis_text_words(redis_server *server, int count, const char *const *words) {
  redisContext *context = open_connection(server);
  char *text = text_of(context ? redisCommandArgv(context, count, (const char **)words, NULL) : NULL);
  if (context)
    redisFree(context);
  return text;
}

char *redis_text(redis_server *server, const char *format, ...) {
  redisContext *context = open_connection(server);
  redisReply *reply = NULL;
  va_list arguments;
  va_start(arguments, format);
  if (context)
    reply = redisvCommand(context, format, arguments);
  va_end(arguments);
  char *text = text_of(reply);
  if (context)
    redisFree(context);
  return text;
}

long long redis_length(redis_server *server, const char *topic) {
  return redis_number(server, "XLEN stream:{%s}", topic);
}

long long redis_dead(redis_server *server, const char *topic) {
  return redis_number(server, "XLEN dlq:{%s}", topic);
}

/* Pending entries in the answer of XPENDING: all, or those of consumers whose name begins so. */
static long long pending_in(const redisReply *reply, const char *consumer) {
  if (!reply || reply->type != REDIS_REPLY_ARRAY || reply->elements < 4)
    return -1;
  if (!consumer)
    return reply->element[0]->integer;
  const redisReply *consumers = reply->element[3];
  long long pending = 0;
  for (size_t i = 0; consumers->type == REDIS_REPLY_ARRAY && i < consumers->elements; i++) {
    const redisReply *each = consumers->element[i];
    if (strncmp(each->element[0]->str, consumer, strlen(consumer)) == 0)
      pending += atoll(each->element[1]->str);
  }
  return pending;
}

long long redis_pending_of(redis_server *server, const char *topic, const char *group, const char *consumer) {
  redisContext *context = open_connection(server);
  redisReply *reply = context ? redisCommand(context, "XPENDING stream:{%s} %s", topic, group) : NULL;
  long long pending = pending_in(reply, consumer);
  if (reply)
    freeReplyObject(reply);
  if (context)
    redisFree(context);
  return pending;
}

long long redis_pending(redis_server *server, const char *topic, const char *group) {
  return redis_pending_of(server, topic, group, NULL);
}

char *redis_denied(redis_server *server) {
  redisContext *context = open_connection(server);
  redisReply *reply = context ? redisCommand(context, "ACL LOG") : NULL;
  char *text = calloc(1, 4096);
  for (size_t i = 0; reply && reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
    const redisReply *row = reply->element[i];
    for (size_t k = 0; k + 1 < row->elements; k += 2) {
      if (strcmp(row->element[k]->str, "object") == 0)
        snprintf(text + strlen(text), 4096 - strlen(text), " %s", row->element[k + 1]->str);
    }
  }
  if (reply)
    freeReplyObject(reply);
  if (context)
    redisFree(context);
  return text;
}

void redis_user(redis_server *server, const char *line, const char *password) {
  char copy[2048], secret[80], *rest = NULL;
  const char *words[128] = {"ACL", "SETUSER"};
  int count = 2;
  snprintf(copy, sizeof copy, "%s", line);
  snprintf(secret, sizeof secret, ">%s", password);
  for (char *word = strtok_r(copy, " \n", &rest); word && count < 126; word = strtok_r(NULL, " \n", &rest)) {
    if (strcmp(word, "user") != 0)
      words[count++] = strcmp(word, "off") == 0 ? "on" : word;
  }
  words[count++] = secret;
  test_require(redis_words(server, count, words) >= 0, "ACL SETUSER");
}

long long redis_commands(redis_server *server) {
  char *info = redis_text(server, "INFO stats");
  const char *at = strstr(info, "total_commands_processed:");
  long long commands = at ? atoll(at + strlen("total_commands_processed:")) : -1;
  free(info);
  return commands;
}
