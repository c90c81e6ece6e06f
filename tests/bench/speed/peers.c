/* SPDX-License-Identifier: MIT
 * peers.c - peers ROLE HOST:PORT COUNT ENTRY: the same jobs by hand-written RESP and by hiredis, as fast as
 * they go; ENTRY is the text of one stored event. */
#include <hiredis/hiredis.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "program.h"

enum {
  BATCH = 512,
  IN_FLIGHT = 4,
  HIREDIS_IN_FLIGHT = 2,
  READ_COUNT = 500,
  RATE = 5000,
  REPLY_BYTES = 1 << 16
};
enum { WAIT_SECONDS = 30 };

static const char stream[] = "stream:{bench-events}";

typedef struct job {
  const char *host;
  int port;
  long count;
  payload entry;
} job;

static redisContext *open_it(const job *j) {
  redisContext *redis = redisConnect(j->host, j->port);
  if (!redis || redis->err)
    die("connecting", redis ? redis->errstr : "no memory");
  redisSetTimeout(redis, (struct timeval){.tv_sec = WAIT_SECONDS});
  return redis;
}

static redisReply *reply_of(redisContext *redis) {
  redisReply *reply = NULL;
  if (redisGetReply(redis, (void **)&reply) != REDIS_OK)
    die("a reply", redis->errstr);
  if (reply->type == REDIS_REPLY_ERROR)
    die("a reply", reply->str);
  return reply;
}

static void skip_reply(redisContext *redis) {
  freeReplyObject(reply_of(redis));
}

/* ---- RESP by hand: one command is written once, and sent again and again ---- */

static char *write_command(const payload *entry, size_t *out_size) {
  char *command = malloc(entry->size + 256);
  if (!command)
    die("starting", "no memory");
  int head = sprintf(command, "*5\r\n$4\r\nXADD\r\n$%zu\r\n%s\r\n$1\r\n*\r\n$4\r\ndata\r\n$%zu\r\n",
                     strlen(stream), stream, entry->size);
  memcpy(command + head, entry->text, entry->size);
  memcpy(command + head + entry->size, "\r\n", 2);
  *out_size = (size_t)head + entry->size + 2;
  return command;
}

static void send_all(int fd, const char *data, size_t size) {
  while (size > 0) {
    ssize_t sent = send(fd, data, size, 0);
    if (sent <= 0)
      die("sending", "the connection broke");
    data += sent;
    size -= (size_t)sent;
  }
}

/* Counts replies to XADD: "$15\r\n1764155000000-0\r\n", two line ends each. */
static long count_replies(int fd) {
  static char bytes[REPLY_BYTES];
  static bool is_half;
  long lines = is_half;
  ssize_t got = recv(fd, bytes, sizeof bytes, 0);
  if (got <= 0)
    die("receiving", "the connection broke");
  for (const char *at = bytes, *end = bytes + got; (at = memchr(at, '\n', (size_t)(end - at))); at++)
    lines++;
  if (memchr(bytes, '-', (size_t)got) == bytes)
    die("a reply", bytes);
  is_half = lines % 2 != 0;
  return lines / 2;
}

static void resp_publish(const job *j) {
  redisContext *redis = open_it(j);
  size_t size;
  char *command = write_command(&j->entry, &size), *batch = malloc(size * BATCH);
  if (!batch)
    die("starting", "no memory");
  for (int i = 0; i < BATCH; i++)
    memcpy(batch + (size_t)i * size, command, size);
  long sent = 0, answered = 0;
  uint64_t begun = now_ns();
  while (answered < j->count) {
    while (sent < j->count && sent - answered <= (IN_FLIGHT - 1) * BATCH) {
      long wanted = j->count - sent < BATCH ? j->count - sent : BATCH;
      send_all(redis->fd, batch, (size_t)wanted * size);
      sent += wanted;
    }
    answered += count_replies(redis->fd);
  }
  tell_rate(answered, begun);
  free(batch);
  free(command);
  redisFree(redis);
}

/* ---- hiredis ---- */

static void append_add(redisContext *redis, const payload *entry) {
  const char *words[] = {"XADD", stream, "*", "data", entry->text};
  const size_t sizes[] = {4, sizeof stream - 1, 1, 4, entry->size};
  redisAppendCommandArgv(redis, 5, words, sizes);
}

static void hiredis_publish(const job *j) {
  redisContext *redis = open_it(j);
  long sent = 0, answered = 0;
  uint64_t begun = now_ns();
  while (answered < j->count) {
    int is_done = 0;
    for (; sent < j->count && sent - answered < HIREDIS_IN_FLIGHT * BATCH; sent++)
      append_add(redis, &j->entry);
    while (!is_done)
      redisBufferWrite(redis, &is_done);
    for (long due = sent - answered < BATCH ? sent - answered : BATCH; due > 0; due--, answered++)
      skip_reply(redis);
  }
  tell_rate(answered, begun);
  redisFree(redis);
}

static void hiredis_one_by_one(const job *j) {
  redisContext *redis = open_it(j);
  uint64_t begun = now_ns();
  for (long i = 0; i < j->count; i++) {
    append_add(redis, &j->entry);
    skip_reply(redis);
  }
  tell_rate(j->count, begun);
  redisFree(redis);
}

static void make_group(redisContext *redis) {
  redisAppendCommand(redis, "XGROUP CREATE %s bench-hiredis 0 MKSTREAM", stream);
  skip_reply(redis);
}

static void ask_for_more(redisContext *redis, int block_ms) {
  char block[16];
  snprintf(block, sizeof block, "%d", block_ms);
  redisAppendCommand(redis, "XREADGROUP GROUP bench-hiredis c COUNT %d BLOCK %s STREAMS %s >", READ_COUNT,
                     block, stream);
}

/* Appends one XACK for all entries of a reply to XREADGROUP; gives how many there were. */
static long acknowledge(redisContext *redis, const redisReply *entries, uint64_t *ages) {
  const char *words[READ_COUNT + 3] = {"XACK", stream, "bench-hiredis"};
  size_t sizes[READ_COUNT + 3] = {4, sizeof stream - 1, sizeof "bench-hiredis" - 1};
  for (size_t i = 0; i < entries->elements; i++) {
    const redisReply *entry = entries->element[i], *data = entry->element[1]->element[1];
    words[i + 3] = entry->element[0]->str;
    sizes[i + 3] = entry->element[0]->len;
    if (ages)
      ages[i] = stamp_age_ns(data->str, data->len);
  }
  redisAppendCommandArgv(redis, (int)entries->elements + 3, words, sizes);
  return (long)entries->elements;
}

/* Reads ahead: the next question is under way while the entries of this one are handled. */
static void consume_all(redisContext *redis, long count, uint64_t *ages) {
  long handled = 0;
  bool has_ack = false;
  ask_for_more(redis, WAIT_SECONDS * 1000);
  while (handled < count) {
    redisReply *reply = reply_of(redis);
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 1)
      die("consuming", "nothing came");
    if (has_ack)
      skip_reply(redis);
    const redisReply *entries = reply->element[0]->element[1];
    ask_for_more(redis, handled + (long)entries->elements < count ? WAIT_SECONDS * 1000 : 1);
    int is_done = 0;
    long found = acknowledge(redis, entries, ages ? ages + handled : NULL);
    while (!is_done)
      redisBufferWrite(redis, &is_done);
    handled += found;
    has_ack = true;
    freeReplyObject(reply);
  }
  skip_reply(redis);
  skip_reply(redis);
}

static void hiredis_consume(const job *j) {
  redisContext *redis = open_it(j);
  make_group(redis);
  uint64_t begun = now_ns();
  consume_all(redis, j->count, NULL);
  tell_rate(j->count, begun);
  redisFree(redis);
}

typedef struct taker {
  redisContext *redis;
  long count;
  uint64_t *ages;
} taker;

static void *take(void *data) {
  const taker *t = data;
  consume_all(t->redis, t->count, t->ages);
  return NULL;
}

static void hiredis_latency(const job *j) {
  redisContext *out = open_it(j);
  taker t = {open_it(j), j->count, calloc((size_t)j->count + READ_COUNT, sizeof *t.ages)};
  pthread_t thread;
  make_group(t.redis);
  if (!t.ages || pthread_create(&thread, NULL, take, &t) != 0)
    die("starting", "no memory");
  uint64_t begun = now_ns();
  for (long i = 0; i < j->count; i++) {
    uint64_t due = begun + (uint64_t)i * (1000000000u / RATE);
    sleep_until_ns(due);
    stamp_write(j->entry.text + j->entry.stamp, due);
    append_add(out, &j->entry);
    skip_reply(out);
  }
  pthread_join(thread, NULL);
  tell_latency(t.ages, j->count);
  free(t.ages);
  redisFree(t.redis);
  redisFree(out);
}

int main(int argc, char **argv) {
  if (argc != 5 || !strrchr(argv[2], ':'))
    return 2;
  char *colon = strrchr(argv[2], ':');
  *colon = '\0';
  job j = {argv[2], atoi(colon + 1), strtol(argv[3], NULL, 10), payload_read(argv[4])};
  const char *role = argv[1];
  if (strcmp(role, "resp-publish") == 0)
    resp_publish(&j);
  else if (strcmp(role, "publish") == 0)
    hiredis_publish(&j);
  else if (strcmp(role, "one-by-one") == 0)
    hiredis_one_by_one(&j);
  else if (strcmp(role, "consume") == 0)
    hiredis_consume(&j);
  else if (strcmp(role, "latency") == 0)
    hiredis_latency(&j);
  else
    return 2;
  free(j.entry.text);
  return 0;
}
