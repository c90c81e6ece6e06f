/* SPDX-License-Identifier: MIT
 * broken.c - a plug-in that does not fit: BROKEN_… says how. None of its functions may ever be called. */
#include <stdlib.h>

#include "libevents_transport.h"

#ifndef BROKEN_NO_ENTRY

static evs_status create(const evs_host_ops *ops, evs_host *host, const void *env, const char *name,
                         const char *config_json, size_t config_size, evs_transport **out_transport,
                         evs_error **out_error) {
  (void)ops, (void)host, (void)env, (void)name, (void)config_json, (void)config_size, (void)out_transport,
      (void)out_error;
  abort();
}
static void one(evs_transport *transport) {
  (void)transport;
  abort();
}
static void close_it(evs_transport *transport, uint32_t deadline_ms) {
  (void)transport, (void)deadline_ms;
  abort();
}
static void publish(evs_transport *transport, const evs_tp_event *events, size_t count) {
  (void)transport, (void)events, (void)count;
  abort();
}

static const evs_transport_ops ops = {
#ifdef BROKEN_SMALL_TABLE
    .struct_size = 64,
#else
    .struct_size = sizeof(evs_transport_ops),
#endif
#ifdef BROKEN_OTHER_VERSION
    .abi = EVS_TRANSPORT_ABI + 1,
#else
    .abi = EVS_TRANSPORT_ABI,
#endif
#ifndef BROKEN_NO_TYPE
    .type = "broken",
#endif
#if defined BROKEN_DIRECT
    .capabilities = EVS_CAP_PUBLISH | EVS_CAP_DIRECT,
#elif defined BROKEN_NO_SETTLE
    .capabilities = EVS_CAP_PUBLISH | EVS_CAP_SUBSCRIBE,
#elif !defined BROKEN_USELESS
    .capabilities = EVS_CAP_PUBLISH,
#endif
    .create = create,
    .connect = one,
    .close = close_it,
    .destroy = one,
    .publish = publish,
};

__attribute__((visibility("default"))) const evs_transport_ops *evs_transport_entry(void);
const evs_transport_ops *evs_transport_entry(void) {
#ifdef BROKEN_NO_TABLE
  (void)ops;
  return NULL;
#else
  return &ops;
#endif
}
#else
typedef int nothing_at_all;
#endif
