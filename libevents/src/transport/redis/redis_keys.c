/* SPDX-License-Identifier: MIT
 * redis_keys.c - see redis_keys.h. */
#include "transport/redis/redis_keys.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"

bool evsi_redis_stream_name(evs_bytes topic, int32_t partition, char *out) {
  if (topic.size == 0 || topic.size > EVSI_REDIS_NAME_MAX - 16)
    return false;
  if (partition == EVS_PARTITION_NONE)
    snprintf(out, EVSI_REDIS_NAME_MAX, "%.*s", (int)topic.size, topic.data);
  else
    snprintf(out, EVSI_REDIS_NAME_MAX, "%.*s:%" PRId32, (int)topic.size, topic.data, partition);
  return true;
}

void evsi_redis_split_name(evs_bytes name, evs_bytes *out_topic, int32_t *out_partition) {
  uint64_t digits = 0;
  int32_t partition = 0;
  *out_topic = name;
  *out_partition = EVS_PARTITION_NONE;
  while (digits < name.size && digits < 7) {
    char c = name.data[name.size - 1 - digits];
    if (c < '0' || c > '9')
      break;
    digits++;
  }
  if (digits == 0 || digits + 1 >= name.size || name.data[name.size - 1 - digits] != ':')
    return;
  for (uint64_t i = name.size - digits; i < name.size; i++)
    partition = partition * 10 + (name.data[i] - '0');
  out_topic->size = name.size - digits - 1;
  *out_partition = partition;
}

char *evsi_redis_key(const char *prefix, evs_bytes name, const char *suffix) {
  evsi_buf key = {0};
  evsi_buf_add_text(&key, prefix);
  evsi_buf_add(&key, "{", 1);
  evsi_buf_add_bytes(&key, name);
  evsi_buf_add(&key, "}", 1);
  evsi_buf_add_text(&key, suffix);
  return evsi_buf_take(&key);
}

void evsi_redis_arg_key(evsi_redis_args *args, const char *prefix, evs_bytes name, const char *suffix) {
  char *key = evsi_redis_key(prefix, name, suffix);
  args->body.failed |= !key;
  evsi_redis_arg_text(args, key ? key : "");
  evsi_free(key);
}

evs_bytes evsi_redis_name_in_key(const char *prefix, evs_bytes key) {
  size_t head = strlen(prefix);
  if (key.size < head + 3 || memcmp(key.data, prefix, head) != 0 || key.data[head] != '{' ||
      key.data[key.size - 1] != '}')
    return evsi_bytes(NULL, 0);
  return evsi_bytes(key.data + head + 1, key.size - head - 2);
}

static bool parse_number(const char **at, const char *end, uint64_t *out_value) {
  uint64_t value = 0;
  const char *from = *at;
  while (*at < end && **at >= '0' && **at <= '9') {
    uint64_t digit = (uint64_t)(**at - '0');
    if (value > (UINT64_MAX - digit) / 10)
      return false;
    value = value * 10 + digit;
    ++*at;
  }
  *out_value = value;
  return *at > from;
}

bool evsi_redis_id_parse(evs_bytes text, evsi_redis_id *out_id) {
  if (text.size == 0)
    return false;
  const char *at = text.data, *end = text.data + text.size;
  if (!parse_number(&at, end, &out_id->ms) || at == end || *at++ != '-')
    return false;
  return parse_number(&at, end, &out_id->seq) && at == end;
}

int evsi_redis_id_compare(evsi_redis_id a, evsi_redis_id b) {
  if (a.ms != b.ms)
    return a.ms < b.ms ? -1 : 1;
  return a.seq < b.seq ? -1 : a.seq > b.seq;
}

evs_bytes evsi_redis_id_text(evsi_redis_id id, char out[EVSI_REDIS_ID_TEXT]) {
  int size = snprintf(out, EVSI_REDIS_ID_TEXT, "%" PRIu64 "-%" PRIu64, id.ms, id.seq);
  return evsi_bytes(out, (size_t)size);
}
