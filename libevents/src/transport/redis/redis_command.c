/* SPDX-License-Identifier: MIT
 * redis_command.c - see redis_command.h. */
#include "transport/redis/redis_command.h"

#include <string.h>

#include "base/alloc.h"

enum { SCAN_COUNT = 1000 };

/* "<prefix><value>\r\n" */
static void put_number(evsi_buf *out, char prefix, uint64_t value) {
  char text[EVSI_DIGITS_TEXT + 3];
  text[0] = prefix;
  size_t size = 1 + evsi_digits(value, text + 1);
  memcpy(text + size, "\r\n", 2);
  evsi_buf_add(out, text, size + 2);
}

void evsi_redis_put_head(evsi_buf *out, uint32_t count) {
  put_number(out, '*', count);
}

void evsi_redis_put(evsi_buf *out, const void *data, size_t size) {
  put_number(out, '$', size);
  evsi_buf_add(out, data, size);
  evsi_buf_add(out, "\r\n", 2);
}

void evsi_redis_put_text(evsi_buf *out, const char *text) {
  evsi_redis_put(out, text, strlen(text));
}

void evsi_redis_put_parts(evsi_buf *out, const char *const *parts, size_t count) {
  size_t size = 0;
  for (size_t i = 0; i < count; i++)
    size += strlen(parts[i]);
  put_number(out, '$', size);
  for (size_t i = 0; i < count; i++)
    evsi_buf_add_text(out, parts[i]);
  evsi_buf_add(out, "\r\n", 2);
}

void evsi_redis_put_u64(evsi_buf *out, uint64_t value) {
  char text[EVSI_DIGITS_TEXT];
  evsi_redis_put(out, text, evsi_digits(value, text));
}

void evsi_redis_arg(evsi_redis_args *args, const void *data, size_t size) {
  evsi_redis_put(&args->body, data, size);
  args->count++;
}

void evsi_redis_arg_text(evsi_redis_args *args, const char *text) {
  evsi_redis_arg(args, text, strlen(text));
}

void evsi_redis_arg_bytes(evsi_redis_args *args, evs_bytes bytes) {
  evsi_redis_arg(args, bytes.data, bytes.size);
}

void evsi_redis_arg_key(evsi_redis_args *args, char *key) {
  args->body.failed |= key == NULL;
  evsi_redis_arg_text(args, key ? key : "");
  evsi_free(key);
}

void evsi_redis_arg_u64(evsi_redis_args *args, uint64_t value) {
  evsi_redis_put_u64(&args->body, value);
  args->count++;
}

void evsi_redis_put_scan(evsi_redis_args *args, evs_bytes cursor, evs_bytes pattern) {
  evsi_redis_arg_text(args, "SCAN");
  evsi_redis_arg_bytes(args, cursor);
  evsi_redis_arg_text(args, "MATCH");
  evsi_redis_arg_bytes(args, pattern);
  evsi_redis_arg_text(args, "COUNT");
  evsi_redis_arg_u64(args, SCAN_COUNT);
  evsi_redis_arg_text(args, "TYPE");
  evsi_redis_arg_text(args, "stream");
}

void evsi_redis_args_free(evsi_redis_args *args) {
  evsi_buf_free(&args->body);
  args->count = 0;
}
