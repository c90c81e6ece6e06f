/* SPDX-License-Identifier: MIT
 * equal.h - are two values of documents the same to JSON Schema: numbers by value, members in any order. */
#ifndef EVSI_EQUAL_H
#define EVSI_EQUAL_H

#include "schema/document.h"

typedef struct evsi_pair {
  uint32_t left;
  uint32_t right;
} evsi_pair;

/* What comparing needs beside the documents; all zero at first, kept from one comparison to the next. */
typedef struct evsi_equality {
  evsi_pair *pairs; /* still to be compared */
  uint32_t capacity;
  bool no_memory; /* stays: the answers since then mean nothing */
  uint64_t work;  /* nodes compared so far */
} evsi_equality;

bool evsi_equal(evsi_equality *e, const evsi_document *a, uint32_t left, const evsi_document *b,
                uint32_t right);
void evsi_equality_free(evsi_equality *e);

/* Fills hashes[node] for all nodes: equal values, equal hashes. */
void evsi_document_hash(const evsi_document *doc, uint64_t *hashes);

#endif
