/* SPDX-License-Identifier: MIT
 * redis_foreign.c - a service that moves from the published library and forgets its layout would read and
 * write streams of its own, and see nothing of the others. So for each topic in use it is looked whether
 * there is a stream of the plain layout; that is told once and counted. */
#include "transport/redis/redis_internal.h"

static void on_type(void *data, uint64_t tag, const evsi_redis_reply *reply) {
  evs_transport *transport = data;
  (void)tag;
  if (!evsi_redis_is(reply, "stream"))
    return; /* refused by an ACL, too: then nobody asked for this warning */
  evsi_redis_count(transport, "foreignStreams", 1);
  if (transport->is_foreign_told)
    return;
  transport->is_foreign_told = true;
  evsi_redis_log(transport, 2,
                 "there are streams %s<topic> beside %s{<topic>}, which this system reads and writes: other "
                 "services use the layout of @logistically/events; give the transport compat "
                 "\"logistically-3\" to share them",
                 transport->config.layout.stream_prefix, transport->config.layout.stream_prefix);
}

void evsi_redis_foreign_look(evs_transport *transport, const char *topic) {
  evsi_redis_args args = {0};
  evsi_buf key = {0};
  if (transport->config.layout.is_plain || json_object_get(transport->looked_at, topic))
    return;
  if (!transport->looked_at)
    transport->looked_at = json_object();
  json_object_set_new(transport->looked_at, topic, json_true());
  evsi_buf_add_text(&key, transport->config.layout.stream_prefix);
  evsi_buf_add_text(&key, topic);
  evsi_redis_arg_text(&args, "TYPE");
  evsi_redis_arg(&args, key.data, key.size);
  args.body.failed |= key.failed;
  evsi_redis_conn_send(&transport->command, &args, 0, on_type, transport, 0);
  evsi_redis_args_free(&args);
  evsi_buf_free(&key);
}
