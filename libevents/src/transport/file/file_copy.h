/* SPDX-License-Identifier: MIT
 * file_copy.h - words of the form that copies have between two stores. Private to transport/file. */
#ifndef EVSI_FILE_COPY_H
#define EVSI_FILE_COPY_H

#include "transport/file/file_letter.h"
#include "transport/file/file_request.h"

/* NULL for none. */
const char *evsi_file_order_word(int64_t ordering);
uint32_t evsi_file_order_of(const char *word);
uint32_t evsi_file_policy_of(const char *word);

#endif
