/* SPDX-License-Identifier: MIT
 * redis_look.c - one call every discoverInterval, all that an idle system asks for beside its heartbeat: did
 * the registry of topics change, which delayed events are due soon, which outboxes are in use. What follows
 * from that is the business of others. With several servers it becomes one call for each that has one of the
 * keys. */
#include "transport/redis/redis_error.h"
#include "transport/redis/redis_internal.h"
#include "transport/redis/redis_outbox.h"

enum { HORIZON = 2 /* so many looks ahead are delayed events of interest */ };

static void tell(evs_transport *transport, const evsi_redis_reply *reply, evs_bytes trouble) {
  char text[EVSI_REDIS_ERROR_TEXT];
  if (transport->is_look_refused)
    return;
  transport->is_look_refused = true;
  if (reply->type == EVSI_REDIS_ERROR) {
    evsi_redis_error_text(reply, "looking for what others changed", text);
    evsi_redis_log(transport, 2, "%s", text);
  } else {
    evsi_redis_log(transport, 2, "looking for what others changed: %.*s", (int)trouble.size, trouble.data);
  }
}

static void on_look(void *data, uint64_t tag, const evsi_redis_reply *reply) {
  evs_transport *transport = data;
  evs_bytes trouble = evsi_redis_text(evsi_redis_item(evsi_redis_item(reply, 3), 0));
  (void)tag;
  transport->is_looking = false;
  if (reply->type == EVSI_REDIS_LOST || transport->is_closing)
    return;
  if (reply->type == EVSI_REDIS_ERROR || trouble.size > 0)
    tell(transport, reply, trouble);
  if (reply->type != EVSI_REDIS_ARRAY)
    return;
  evsi_redis_topics_seen(transport, evsi_redis_item(reply, 0));
  evsi_redis_delay_seen(transport, evsi_redis_item(reply, 1));
  evsi_redis_outbox_seen(transport, evsi_redis_item(reply, 2));
}

void evsi_redis_look(evs_transport *transport) {
  const evsi_redis_layout *layout = &transport->config.layout;
  evsi_redis_args args = {0};
  if (transport->is_looking || transport->is_closing || !transport->command.is_up)
    return;
  evsi_redis_arg_text(&args, layout->registry);
  evsi_redis_arg_text(&args, layout->delays);
  evsi_redis_arg_text(&args, layout->outboxes);
  evsi_redis_arg_u64(&args, HORIZON * (uint64_t)transport->config.discover_ms);
  evsi_redis_arg_text(&args, "topics");
  evsi_redis_arg_text(&args, "delayed");
  evsi_redis_arg_text(&args, "outboxes");
  transport->is_looking =
      evsi_redis_script_call(&transport->scripts, EVSI_REDIS_LOOK, 3, &args, on_look, transport, 0);
}
