/* SPDX-License-Identifier: MIT
 * document.h - a JSON document that several threads read and none changes. jansson's own counting of holders
 * does not order a reader before the one who frees, so values of it are read or copied, never held. */
#ifndef EVSD_DOCUMENT_H
#define EVSD_DOCUMENT_H

#include <jansson.h>

typedef struct evsd_document evsd_document;

/* Takes `root` over; NULL where that is NULL, or memory is short. */
evsd_document *evsd_document_new(json_t *root);
/* NULL is fine for each. */
evsd_document *evsd_document_hold(evsd_document *document);
void evsd_document_drop(evsd_document *document);
const json_t *evsd_document_root(const evsd_document *document);

#endif
