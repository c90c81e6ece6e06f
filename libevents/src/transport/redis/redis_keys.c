/* SPDX-License-Identifier: MIT
 * redis_keys.c - see redis_keys.h. */
#include "transport/redis/redis_keys.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

bool evsi_redis_stream_name(evs_bytes topic, int32_t partition, char *out) {
  if (topic.size == 0 || topic.size > EVSI_REDIS_NAME_MAX - 16)
    return false;
  size_t size = evsi_bytes_copy(out, EVSI_REDIS_NAME_MAX, topic);
  if (partition != EVS_PARTITION_NONE)
    snprintf(out + size, EVSI_REDIS_NAME_MAX - size, ":%" PRId32, partition);
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

char *evsi_redis_stream_key(const evsi_redis_layout *layout, evs_bytes name) {
  evsi_buf key = {0};
  evsi_buf_add_text(&key, layout->stream_prefix);
  evsi_buf_add_text(&key, layout->is_plain ? "" : "{");
  evsi_buf_add_bytes(&key, name);
  evsi_buf_add_text(&key, layout->is_plain ? "" : "}");
  return evsi_buf_take(&key);
}

char *evsi_redis_dlq_key(const evsi_redis_layout *layout, evs_bytes name) {
  evsi_buf key = {0};
  evsi_buf_add_text(&key, layout->dlq_prefix);
  evsi_buf_add_text(&key, layout->is_plain ? layout->stream_prefix : "{");
  evsi_buf_add_bytes(&key, name);
  evsi_buf_add_text(&key, layout->is_plain ? "" : "}");
  return evsi_buf_take(&key);
}

static bool has_usual_prefix(const evsi_redis_layout *layout) {
  return strcmp(layout->stream_prefix, "stream:") == 0;
}

char *evsi_redis_key(const evsi_redis_layout *layout, const char *kind, evs_bytes name, const char *suffix) {
  evsi_buf key = {0};
  evsi_buf_add_text(&key, kind);
  evsi_buf_add_text(&key, layout->is_plain || has_usual_prefix(layout) ? "" : layout->stream_prefix);
  evsi_buf_add_text(&key, "{");
  evsi_buf_add_text(&key, layout->is_plain ? layout->stream_prefix : "");
  evsi_buf_add_bytes(&key, name);
  evsi_buf_add_text(&key, "}");
  evsi_buf_add_text(&key, suffix);
  return evsi_buf_take(&key);
}

static char *single_key(const evsi_redis_layout *layout, const char *kind) {
  evsi_buf key = {0};
  bool is_usual = has_usual_prefix(layout);
  evsi_buf_add_text(&key, kind);
  evsi_buf_add_text(&key, layout->is_plain ? ":plain" : is_usual ? "" : ":tagged");
  evsi_buf_add_text(&key, is_usual ? "" : ":");
  evsi_buf_add_text(&key, is_usual ? "" : layout->stream_prefix);
  return evsi_buf_take(&key);
}

bool evsi_redis_layout_complete(evsi_redis_layout *layout) {
  layout->registry = single_key(layout, "evs:topics");
  layout->operations = single_key(layout, "evs:operations");
  layout->delays = single_key(layout, "evs:delays");
  layout->outboxes = single_key(layout, "evs:outboxes");
  return layout->registry && layout->operations && layout->delays && layout->outboxes;
}

void evsi_redis_layout_free(evsi_redis_layout *layout) {
  evsi_free(layout->stream_prefix);
  evsi_free(layout->dlq_prefix);
  evsi_free(layout->registry);
  evsi_free(layout->operations);
  evsi_free(layout->delays);
  evsi_free(layout->outboxes);
}

/* What stands between a prefix and an end, or empty. */
static evs_bytes inner(evs_bytes key, const char *prefix, const char *end) {
  size_t head = strlen(prefix), tail = strlen(end);
  if (key.size <= head + tail || memcmp(key.data, prefix, head) != 0 ||
      memcmp(key.data + key.size - tail, end, tail) != 0)
    return evsi_bytes(NULL, 0);
  return evsi_bytes(key.data + head, key.size - head - tail);
}

/* Other keys may begin like a stream in the plain layout: copies that were made for a replay
 * ("<stream>:replay:<time>"), and streams of the tagged layout. */
static evs_bytes plain_topic(evs_bytes name) {
  for (uint64_t i = 0; i < name.size; i++) {
    if (strchr(":{}", name.data[i]))
      return evsi_bytes(NULL, 0);
  }
  return name;
}

static evs_bytes name_in(const evsi_redis_layout *layout, evs_bytes key) {
  evs_bytes rest = inner(key, layout->is_plain ? layout->stream_prefix : "{", layout->is_plain ? "" : "}");
  return layout->is_plain ? plain_topic(rest) : rest;
}

evs_bytes evsi_redis_name_in_stream_key(const evsi_redis_layout *layout, evs_bytes key) {
  return layout->is_plain ? name_in(layout, key) : name_in(layout, inner(key, layout->stream_prefix, ""));
}

evs_bytes evsi_redis_name_in_dlq_key(const evsi_redis_layout *layout, evs_bytes key) {
  return name_in(layout, inner(key, layout->dlq_prefix, ""));
}

void evsi_redis_pattern_add(evsi_buf *out, const char *text) {
  for (const char *at = text; *at; at++) {
    if (strchr("*?[]\\^", *at))
      evsi_buf_add(out, "\\", 1);
    evsi_buf_add(out, at, 1);
  }
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

evsi_redis_id evsi_redis_id_before(evsi_redis_id id) {
  if (id.seq > 0)
    return (evsi_redis_id){id.ms, id.seq - 1};
  return id.ms > 0 ? (evsi_redis_id){id.ms - 1, UINT64_MAX} : id;
}

int evsi_redis_id_compare(evsi_redis_id a, evsi_redis_id b) {
  if (a.ms != b.ms)
    return a.ms < b.ms ? -1 : 1;
  return a.seq < b.seq ? -1 : a.seq > b.seq;
}

evs_bytes evsi_redis_id_text(evsi_redis_id id, char out[EVSI_REDIS_ID_TEXT]) {
  size_t size = evsi_digits(id.ms, out);
  out[size++] = '-';
  return evsi_bytes(out, size + evsi_digits(id.seq, out + size));
}
