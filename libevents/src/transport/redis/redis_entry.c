/* SPDX-License-Identifier: MIT
 * redis_entry.c - stored entries on their way to the host: finds the fields that docs/wire-format.md names;
 * what has none of them is passed on as malformed, with all that was found. Envelopes are not read here. */
#include "transport/redis/redis_entry.h"

#include <string.h>

#include "event/base64.h"
#include "transport/redis/redis_internal.h"

enum { DELIVER_AT_ONCE = 64, SHORT_MS = 1000 };

void evsi_redis_value_json(evsi_buf *out, evs_bytes bytes) {
  if (evsi_utf8_valid(bytes.data, bytes.size)) {
    evsi_buf_add_json(out, bytes.data, bytes.size);
    return;
  }
  evsi_buf_add_text(out, "{\"base64\":\"");
  evsi_base64(out, bytes);
  evsi_buf_add_text(out, "\"}");
}

void evsi_redis_entry_as_json(const evsi_redis_reply *fields, evsi_buf *out) {
  evsi_buf_add_text(out, "{\"fields\":[");
  for (size_t i = 0; i + 1 < fields->count; i += 2) {
    evsi_buf_add_text(out, i > 0 ? ",[" : "[");
    evsi_redis_value_json(out, evsi_redis_text(evsi_redis_item(fields, i)));
    evsi_buf_add_text(out, ",");
    evsi_redis_value_json(out, evsi_redis_text(evsi_redis_item(fields, i + 1)));
    evsi_buf_add_text(out, "]");
  }
  evsi_buf_add_text(out, "]}");
}

evs_bytes evsi_redis_field(const evsi_redis_reply *fields, const char *name) {
  /* From the back: a name that stands twice had ours added behind. */
  for (size_t i = fields->count / 2; i-- > 0;) {
    if (evsi_redis_is(evsi_redis_item(fields, 2 * i), name))
      return evsi_redis_text(evsi_redis_item(fields, 2 * i + 1));
  }
  return evsi_bytes(NULL, 0);
}

void evsi_redis_entry_read(const evsi_redis_reply *fields, evs_tp_entry *entry) {
  if (fields->type != EVSI_REDIS_ARRAY) {
    entry->flags |= EVS_ENTRY_TRIMMED;
    return;
  }
  bool has_data = false;
  for (size_t i = 0; i + 1 < fields->count; i += 2) {
    const evsi_redis_reply *name = evsi_redis_item(fields, i);
    evs_bytes value = evsi_redis_text(evsi_redis_item(fields, i + 1));
    if (evsi_redis_is(name, "data")) {
      entry->data = value;
      has_data = true;
    } else if (evsi_redis_is(name, "raw")) {
      entry->raw = value;
    } else if (evsi_redis_is(name, "requeue")) {
      entry->requeue = value;
    } else if (evsi_redis_is(name, "batch") && evsi_bytes_equal(value, evsi_text("true"))) {
      entry->flags |= EVS_ENTRY_BATCH;
    }
  }
  if (!has_data)
    entry->flags = EVS_ENTRY_MALFORMED;
}

/* The flight of an entry that is to be delivered now, or NULL when it is held already. */
static evsi_redis_flight *take_flight(evsi_redis_stream *stream, evsi_redis_id id) {
  evsi_redis_flight *flight = evsi_redis_flight_find(stream, id);
  if (flight && flight->state != EVSI_FLIGHT_OWED)
    return NULL;
  if (flight)
    evsi_redis_flights_drop(flight->is_asked_for ? &stream->recalled : &stream->owed, flight);
  else
    flight = evsi_redis_flight_add(stream, id); /* without memory it stays pending and is found again */
  if (!flight)
    return NULL;
  flight->state = EVSI_FLIGHT_HELD;
  flight->is_asked_for = false;
  return flight;
}

/* Memory is short at the host: it is owed the entry as before, and is asked for nothing for a while. */
static void put_back(evsi_redis_stream *stream, const evs_tp_entry *entry) {
  evsi_redis_group *group = stream->group;
  evsi_redis_id id;
  evsi_redis_flight *flight =
      evsi_redis_id_parse(entry->offset, &id) ? evsi_redis_flight_find(stream, id) : NULL;
  if (!flight || flight->state != EVSI_FLIGHT_HELD)
    return;
  flight->state = EVSI_FLIGHT_OWED;
  evsi_redis_flights_push(&stream->owed, flight);
  group->short_ms = evsi_redis_now(group->transport) + SHORT_MS;
  evsi_redis_group_retry_at(group, group->short_ms);
}

static void deliver(evsi_redis_stream *stream, const evs_tp_entry *entries, size_t count) {
  evs_transport *transport = stream->group->transport;
  size_t taken =
      count > 0 ? transport->ops->deliver(transport->host, stream->group->token, entries, count) : 0;
  for (size_t i = taken; i < count; i++)
    put_back(stream, &entries[i]);
}

static void deliver_malformed(evsi_redis_stream *stream, const evsi_redis_reply *fields,
                              evs_tp_entry *entry) {
  evsi_buf text = {0};
  evsi_redis_entry_as_json(fields, &text);
  if (!text.failed)
    entry->data = evsi_bytes(text.data, text.size);
  deliver(stream, entry, 1);
  evsi_buf_free(&text);
}

size_t evsi_redis_deliver(evsi_redis_stream *stream, const evsi_redis_reply *entries, uint32_t deliveries) {
  evs_tp_entry list[DELIVER_AT_ONCE];
  size_t count = 0, total = 0;
  if (stream->group->is_leaving)
    return 0; /* pending under our name: leaving hands it back */
  if (!evsi_redis_order_may_deliver(stream)) {
    evsi_redis_order_owe(stream, entries);
    return 0;
  }
  for (size_t i = 0; i < entries->count; i++) {
    const evsi_redis_reply *item = evsi_redis_item(entries, i);
    const evsi_redis_reply *fields = evsi_redis_item(item, 1);
    evs_tp_entry *entry = &list[count];
    evsi_redis_id id;
    if (!evsi_redis_id_parse(evsi_redis_text(evsi_redis_item(item, 0)), &id))
      continue;
    evsi_redis_flight *flight = take_flight(stream, id);
    if (!flight)
      continue;
    int64_t counted = evsi_redis_integer(evsi_redis_item(item, 2));
    *entry =
        (evs_tp_entry){.struct_size = sizeof *entry, .partition = stream->partition, .topic = stream->topic};
    entry->offset = evsi_redis_text(evsi_redis_item(item, 0));
    entry->state = evsi_redis_text(evsi_redis_item(item, 3));
    entry->ordering = stream->ordering;
    entry->on_dead_letter = stream->on_dead_letter;
    entry->wait_ms = (uint64_t)evsi_redis_integer(evsi_redis_item(item, 4));
    flight->must_count = entry->wait_ms > 0;
    if (flight->deliveries == 0)
      flight->deliveries = counted > 0 ? (uint32_t)counted : deliveries;
    entry->deliveries = flight->deliveries;
    evsi_redis_entry_read(fields, entry);
    total++;
    if (entry->flags & EVS_ENTRY_MALFORMED)
      deliver_malformed(stream, fields, entry);
    else if (++count == DELIVER_AT_ONCE) {
      deliver(stream, list, count);
      count = 0;
    }
  }
  deliver(stream, list, count);
  return total;
}
