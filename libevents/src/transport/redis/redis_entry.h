/* SPDX-License-Identifier: MIT
 * redis_entry.h - the fields of one stored entry. Private to transport/redis; any thread. */
#ifndef EVSI_REDIS_ENTRY_H
#define EVSI_REDIS_ENTRY_H

#include "base/buf.h"
#include "libevents_transport.h"
#include "transport/redis/redis_reply.h"

/* Sets flags, data, raw and requeue from the field list of an entry; nil: its body was trimmed. */
void evsi_redis_entry_read(const evsi_redis_reply *fields, evs_tp_entry *entry);
/* Appends a value as JSON: a text, or {"base64": "…"} of what is no UTF-8. */
void evsi_redis_value_json(evsi_buf *out, evs_bytes bytes);
/* {"fields":[[name, value]…]}; what is no UTF-8 becomes {"base64": "…"}. */
void evsi_redis_entry_as_json(const evsi_redis_reply *fields, evsi_buf *out);
/* Value of a field, the last one of its name; or empty. */
evs_bytes evsi_redis_field(const evsi_redis_reply *fields, const char *name);

#endif
