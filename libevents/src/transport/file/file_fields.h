/* SPDX-License-Identifier: MIT
 * file_fields.h - what is stored of an event as a list of [name, value], as dlq.export and copy.read give it,
 * read back into columns. Private to transport/file. */
#ifndef EVSI_FILE_FIELDS_H
#define EVSI_FILE_FIELDS_H

#include <jansson.h>

#include "transport/file/file_store.h"

typedef struct evsi_file_fields {
  evsi_buf data, raw, requeue;
  json_t *more;    /* other fields */
  char *more_text; /* of them, NULL: there are none */
  bool has_data, has_raw, has_requeue, is_batch;
} evsi_file_fields;

/* NULL, or why they cannot be used (static text); free them in any case. */
extern const char evsi_file_fields_short[]; /* what it gives without memory */
const char *evsi_file_fields_read(evsi_file_fields *out, const json_t *pairs);
/* Its spans are the fields'. */
evsi_file_event evsi_file_fields_event(const evsi_file_fields *fields);
void evsi_file_fields_free(evsi_file_fields *fields);

#endif
