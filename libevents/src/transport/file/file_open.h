/* SPDX-License-Identifier: MIT
 * file_open.h - opening a file of events: is it one, may it be used here, is its format known; a new one is
 * made, an older one brought forward. Private to transport/file. @thread worker. */
#ifndef EVSI_FILE_OPEN_H
#define EVSI_FILE_OPEN_H

#include "transport/file/file_db.h"

enum { EVSI_FILE_FORMAT = 2, EVSI_FILE_APPLICATION = 0x45565331 /* EVS1 */ };

/* False: `db->why` says why not; *out_fatal: trying again cannot help. */
bool evsi_file_open(evsi_file_db *db, const char *path, bool *out_fatal);

#endif
