/* SPDX-License-Identifier: MIT
 * document.c - see document.h. */
#include "document.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

struct evsd_document {
  _Atomic uint32_t holders;
  json_t *root;
};

evsd_document *evsd_document_new(json_t *root) {
  evsd_document *document = root ? malloc(sizeof *document) : NULL;
  if (!document) {
    json_decref(root);
    return NULL;
  }
  atomic_init(&document->holders, 1);
  document->root = root;
  return document;
}

evsd_document *evsd_document_hold(evsd_document *document) {
  if (document)
    atomic_fetch_add_explicit(&document->holders, 1, memory_order_relaxed);
  return document;
}

void evsd_document_drop(evsd_document *document) {
  if (!document || atomic_fetch_sub_explicit(&document->holders, 1, memory_order_acq_rel) > 1)
    return;
  json_decref(document->root);
  free(document);
}

const json_t *evsd_document_root(const evsd_document *document) {
  return document ? document->root : NULL;
}
