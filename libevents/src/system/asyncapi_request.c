/* SPDX-License-Identifier: MIT
 * asyncapi_request.c - the request asyncapi: the parts of this system that the document speaks of. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/json_text.h"
#include "route/asyncapi.h"
#include "system/schemas.h"

evs_status evsi_asyncapi_read(evsi_schemas *schemas, const json_t *params, evsi_buf *out,
                              evs_error **out_error) {
  (void)params;
  const evs_system *system = schemas->system;
  evsi_buf text = {0};
  evsi_buf_add_text(&text, "{");
  evsi_consume_json(system->consume, &text);
  evsi_buf_add_text(&text, "}");
  json_t *consumed = text.failed ? NULL : evsi_json_load(evsi_bytes(text.data, text.size), 0, NULL);
  evsi_asyncapi_parts parts = {.router = system->router,
                               .config = system->config,
                               .registry = schemas->registry,
                               .subscriptions = json_object_get(consumed, "subscriptions")};
  char *document = consumed ? evsi_asyncapi_document(&parts) : NULL;
  if (document)
    evsi_buf_add_text(out, document);
  evsi_free(document);
  json_decref(consumed);
  evsi_buf_free(&text);
  return document ? EVS_OK : evsi_error_nomem(out_error);
}
