/* SPDX-License-Identifier: MIT
 * redis_reply.c - see redis_reply.h. The arena lives as long as one top-level reply. */
#include "transport/redis/redis_reply.h"

#include <hiredis/read.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

enum {
  CHUNK_SIZE = 128 * 1024,
  ITEMS_MAX = 4 * 1024 * 1024, /* of one array: a count is believed before its items arrive */
  READER_IDLE_BUFFER = 1024 * 1024
};

typedef struct chunk {
  struct chunk *next;
  size_t used;
  size_t size;
  _Alignas(16) char bytes[];
} chunk;

struct evsi_redis_parser {
  redisReader *reader;
  chunk *chunks; /* the first is the one that is filled */
  bool given;    /* the last reply was handed out: its memory may be used again */
};

static const evsi_redis_reply NIL_REPLY = {.type = EVSI_REDIS_NIL};

/* Memory of the reply that is being read; NULL when there is none. */
static void *arena_alloc(evsi_redis_parser *parser, size_t size) {
  size = (size + 15) & ~(size_t)15;
  chunk *first = parser->chunks;
  if (!first || first->size - first->used < size) {
    size_t capacity = size > CHUNK_SIZE ? size : CHUNK_SIZE;
    chunk *added = evsi_alloc(sizeof *added + capacity);
    if (!added)
      return NULL;
    added->next = first;
    added->used = 0;
    added->size = capacity;
    parser->chunks = first = added;
  }
  void *memory = first->bytes + first->used;
  first->used += size;
  return memory;
}

static void arena_reset(evsi_redis_parser *parser) {
  chunk *kept = NULL;
  while (parser->chunks) {
    chunk *next = parser->chunks->next;
    if (!kept && parser->chunks->size == CHUNK_SIZE)
      kept = parser->chunks;
    else
      evsi_free(parser->chunks);
    parser->chunks = next;
  }
  if (kept) {
    kept->next = NULL;
    kept->used = 0;
  }
  parser->chunks = kept;
}

static evsi_redis_reply *add_reply(const redisReadTask *task, evsi_redis_type type) {
  evsi_redis_reply *reply = arena_alloc(task->privdata, sizeof *reply);
  if (!reply)
    return NULL;
  memset(reply, 0, sizeof *reply);
  reply->type = type;
  if (task->parent) {
    evsi_redis_reply *parent = task->parent->obj;
    parent->items[task->idx] = reply;
  }
  return reply;
}

static void *create_string(const redisReadTask *task, char *text, size_t size) {
  evsi_redis_reply *reply = add_reply(task, (evsi_redis_type)task->type);
  char *copy = reply ? arena_alloc(task->privdata, size + 1) : NULL;
  if (!copy)
    return NULL;
  memcpy(copy, text, size);
  copy[size] = '\0';
  reply->text.data = copy;
  reply->text.size = size;
  return reply;
}

static void *create_array(const redisReadTask *task, int count) {
  if (count < 0 || count > ITEMS_MAX)
    return NULL;
  evsi_redis_reply *reply = add_reply(task, EVSI_REDIS_ARRAY);
  if (!reply)
    return NULL;
  reply->items = arena_alloc(task->privdata, (size_t)count * sizeof *reply->items);
  if (!reply->items)
    return NULL;
  memset(reply->items, 0, (size_t)count * sizeof *reply->items);
  reply->count = (size_t)count;
  return reply;
}

static void *create_integer(const redisReadTask *task, long long value) {
  evsi_redis_reply *reply = add_reply(task, EVSI_REDIS_INTEGER);
  if (reply)
    reply->integer = value;
  return reply;
}

static void *create_nil(const redisReadTask *task) {
  return add_reply(task, EVSI_REDIS_NIL);
}

static void free_object(void *object) {
  (void)object; /* belongs to the arena */
}

static redisReplyObjectFunctions functions = {create_string, create_array, create_integer, create_nil,
                                              free_object};

evsi_redis_parser *evsi_redis_parser_new(void) {
  evsi_redis_parser *parser = evsi_calloc(1, sizeof *parser);
  if (!parser)
    return NULL;
  parser->reader = redisReaderCreateWithFunctions(&functions);
  if (!parser->reader) {
    evsi_free(parser);
    return NULL;
  }
  parser->reader->privdata = parser;
  parser->reader->maxbuf = READER_IDLE_BUFFER;
  return parser;
}

void evsi_redis_parser_free(evsi_redis_parser *parser) {
  if (!parser)
    return;
  redisReaderFree(parser->reader);
  while (parser->chunks) {
    chunk *next = parser->chunks->next;
    evsi_free(parser->chunks);
    parser->chunks = next;
  }
  evsi_free(parser);
}

bool evsi_redis_parser_feed(evsi_redis_parser *parser, const char *bytes, size_t size) {
  return redisReaderFeed(parser->reader, bytes, size) == REDIS_OK;
}

int evsi_redis_parser_next(evsi_redis_parser *parser, const evsi_redis_reply **out_reply) {
  void *reply = NULL;
  if (parser->given) {
    arena_reset(parser);
    parser->given = false;
  }
  if (redisReaderGetReply(parser->reader, &reply) != REDIS_OK)
    return -1;
  if (!reply)
    return 0;
  parser->given = true;
  *out_reply = reply;
  return 1;
}

const evsi_redis_reply *evsi_redis_item(const evsi_redis_reply *reply, size_t index) {
  if (!reply || reply->type != EVSI_REDIS_ARRAY || index >= reply->count || !reply->items[index])
    return &NIL_REPLY;
  return reply->items[index];
}

evs_bytes evsi_redis_text(const evsi_redis_reply *reply) {
  if (reply->type == EVSI_REDIS_STRING || reply->type == EVSI_REDIS_STATUS)
    return reply->text;
  return (evs_bytes){NULL, 0};
}

int64_t evsi_redis_integer(const evsi_redis_reply *reply) {
  if (reply->type == EVSI_REDIS_INTEGER)
    return reply->integer;
  if (reply->type == EVSI_REDIS_STRING)
    return strtoll(reply->text.data, NULL, 10);
  return 0;
}

bool evsi_redis_is(const evsi_redis_reply *reply, const char *text) {
  evs_bytes found = evsi_redis_text(reply);
  size_t size = strlen(text);
  return found.size == size && (size == 0 || memcmp(found.data, text, size) == 0);
}
