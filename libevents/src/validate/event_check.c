/* SPDX-License-Identifier: MIT
 * event_check.c - see event_check.h. */
#include "validate/event_check.h"

#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "event/identity.h"
#include "event/json_scan.h"

enum {
  ID_MAX = 128,
  VERSION_MAX = 64,
  CONTENT_TYPE_MAX = 128,
  KEY_MAX = 1024,
  ORIGIN_MAX = 200,
  PREFIX_MAX = 255
};
enum { REPLICAS_MAX = 100, ACKNOWLEDGE_MAX_MS = 300000 };
static const uint64_t DELAY_MAX_MS = 10ULL * 366 * 24 * 3600 * 1000;

/* Texts that end up in headers, keys and logs of others: printable ASCII, bounded. */
static evs_status check_token(const char *path, evs_bytes text, size_t max, evs_error **out_error) {
  if (text.size > max)
    return evsi_error(out_error, EVS_VALIDATION, path, "%s has %llu bytes, at most %zu are allowed", path + 1,
                      (unsigned long long)text.size, max);
  for (uint64_t i = 0; i < text.size; i++) {
    if (text.data[i] <= ' ' || text.data[i] > '~')
      return evsi_error(out_error, EVS_VALIDATION, path,
                        "%s has byte 0x%02x at position %llu; use printable ASCII without spaces", path + 1,
                        (unsigned char)text.data[i], (unsigned long long)i);
  }
  return EVS_OK;
}

static evs_status check_body(const evsi_config *config, const evs_event *event, evs_error **out_error) {
  size_t offset = 0;
  if (event->body.size > config->limits.body_bytes)
    return evsi_error(
        out_error, EVS_VALIDATION, "/body",
        "the body has %llu bytes, at most %llu are allowed; raise limits.bodyBytes, or publish a "
        "reference to where the data is",
        (unsigned long long)event->body.size, (unsigned long long)config->limits.body_bytes);
  if (event->content_type.size > 0 || event->body.size == 0)
    return EVS_OK;
  const char *why = evsi_json_check(event->body, &offset);
  if (why)
    return evsi_error(out_error, EVS_VALIDATION, "/body",
                      "the body is not valid JSON at byte %zu: %s; other bytes need a content type", offset,
                      why);
  return EVS_OK;
}

static evs_status check_headers(const evsi_config *config, evs_bytes headers, evs_error **out_error) {
  evs_bytes key, value;
  size_t cursor = 0, offset = 0;
  uint32_t count = 0;
  const char *why = NULL;
  if (headers.size == 0)
    return EVS_OK;
  if (headers.size > config->limits.header_bytes)
    return evsi_error(out_error, EVS_VALIDATION, "/headers",
                      "the headers have %llu bytes, at most %u are allowed (limits.headerBytes)",
                      (unsigned long long)headers.size, config->limits.header_bytes);
  why = evsi_json_check(headers, &offset);
  if (why)
    return evsi_error(out_error, EVS_VALIDATION, "/headers", "the headers are not valid JSON at byte %zu: %s",
                      offset, why);
  while (evsi_json_member(headers, &cursor, &key, &value, &why)) {
    if (value.size == 0 || value.data[0] != '"')
      return evsi_error(out_error, EVS_VALIDATION, "/headers",
                        "header %.*s is not a string; headers map texts to texts",
                        (int)(key.size < 64 ? key.size : 64), key.data);
    count++;
  }
  if (why)
    return evsi_error(out_error, EVS_VALIDATION, "/headers",
                      "the headers must be a JSON object of strings: %s", why);
  if (count > config->limits.header_count)
    return evsi_error(out_error, EVS_VALIDATION, "/headers",
                      "there are %u headers, at most %u are allowed (limits.headerCount)", count,
                      config->limits.header_count);
  return EVS_OK;
}

static evs_status check_texts(const evs_event *event, evs_error **out_error) {
  evs_status status = check_token("/id", event->id, ID_MAX, out_error);
  if (status == EVS_OK)
    status = check_token("/version", event->version, VERSION_MAX, out_error);
  if (status == EVS_OK && event->content_type.size > CONTENT_TYPE_MAX)
    status = evsi_error(out_error, EVS_VALIDATION, "/contentType",
                        "the content type has %llu bytes, at most %d are allowed",
                        (unsigned long long)event->content_type.size, CONTENT_TYPE_MAX);
  if (status == EVS_OK && !evsi_utf8_valid(event->content_type.data, event->content_type.size))
    status = evsi_error(out_error, EVS_VALIDATION, "/contentType", "the content type is not UTF-8");
  if (status == EVS_OK && event->key.size > KEY_MAX)
    status = evsi_error(out_error, EVS_VALIDATION, "/key", "the key has %llu bytes, at most %d are allowed",
                        (unsigned long long)event->key.size, KEY_MAX);
  if (status == EVS_OK && event->batch_key.size > KEY_MAX)
    status = evsi_error(out_error, EVS_VALIDATION, "/batchKey",
                        "the batch key has %llu bytes, at most %d are allowed",
                        (unsigned long long)event->batch_key.size, KEY_MAX);
  if (status == EVS_OK && event->timestamp.size > 0 && !evsi_timestamp_valid(event->timestamp))
    status = evsi_error(out_error, EVS_VALIDATION, "/timestamp",
                        "the timestamp is not RFC 3339, such as 2026-01-31T12:00:00.123Z");
  return status;
}

/* An event is published as one of this system, or passed on as another's. */
static evs_status check_origin(const evs_event *event, evs_error **out_error) {
  if (event->origin.size == 0 && event->origin_prefix.size == 0)
    return EVS_OK;
  if (event->topic.size == 0 || event->origin.size == 0)
    return evsi_error(
        out_error, EVS_VALIDATION, "/origin",
        "only an event that goes to a topic of a transport is passed on, with the origin and the "
        "origin prefix that it has: others get this system's");
  if (event->origin.size > ORIGIN_MAX || !evsi_utf8_valid(event->origin.data, event->origin.size))
    return evsi_error(out_error, EVS_VALIDATION, "/origin", "the origin must be UTF-8 of at most %d bytes",
                      ORIGIN_MAX);
  return check_token("/originPrefix", event->origin_prefix, PREFIX_MAX, out_error);
}

static evs_status check_type(const evsi_config *config, const evs_event *event, evsi_checked_type *type,
                             evs_error **out_error) {
  bool is_own = event->origin.size == 0;
  if (type->config == config && type->is_own == is_own && evsi_bytes_equal(type->given, event->type))
    return EVS_OK;
  type->changes++;
  evs_status status = evsi_type_fold(event->type, is_own ? config->origin_prefix : "",
                                     config->routing.extended_types, type->text, NULL, out_error);
  type->config = status == EVS_OK ? config : NULL;
  type->size = status == EVS_OK ? strlen(type->text) : 0;
  type->is_own = is_own;
  type->given = event->type;
  return status;
}

evs_status evsi_event_check(const evsi_config *config, const evs_event *event, evsi_checked_type *type,
                            evs_error **out_error) {
  if (event->struct_size < sizeof *event)
    return evsi_error(out_error, EVS_ARGUMENT, "/struct_size",
                      "struct_size is %u, expected %zu: set it to sizeof(evs_event)", event->struct_size,
                      sizeof *event);
  if (event->partition < 0)
    return evsi_error(out_error, EVS_VALIDATION, "/partition",
                      "the partition field is %d: set it to the partition + 1, or to 0 for none",
                      event->partition);
  if (event->delay_ms > DELAY_MAX_MS)
    return evsi_error(out_error, EVS_VALIDATION, "/delay", "the delay is %llu ms, at most %llu are allowed",
                      (unsigned long long)event->delay_ms, (unsigned long long)DELAY_MAX_MS);
  if (event->acknowledgement > EVS_ACKNOWLEDGE_FSYNCED || event->replicas > REPLICAS_MAX ||
      event->acknowledge_timeout_ms > ACKNOWLEDGE_MAX_MS)
    return evsi_error(out_error, EVS_VALIDATION, "/acknowledgement",
                      "the acknowledgement is none, stored, replicated (1 to %d replicas) or fsynced, and "
                      "waits for at most %d ms",
                      REPLICAS_MAX, ACKNOWLEDGE_MAX_MS);
  evs_status status = check_type(config, event, type, out_error);
  if (status == EVS_OK)
    status = check_texts(event, out_error);
  if (status == EVS_OK)
    status = check_origin(event, out_error);
  if (status == EVS_OK)
    status = check_headers(config, event->headers, out_error);
  if (status == EVS_OK)
    status = check_body(config, event, out_error);
  return status;
}
