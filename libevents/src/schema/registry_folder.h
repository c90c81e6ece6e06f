/* SPDX-License-Identifier: MIT
 * registry_folder.h - schemas in a folder: <type>/<version>.json is the schema itself, so that a person or a
 * repository can put it there; <type>/type.json says what is known beside it. */
#ifndef EVSI_REGISTRY_FOLDER_H
#define EVSI_REGISTRY_FOLDER_H

#include "schema/registry_load.h"

/* Reads all of it. *fingerprint: that of the last time, or 0; when nothing has changed since, the set stays
 * empty and *out_changed is false.
 * errors: EVS_CONFIG, the folder cannot be read; EVS_NOMEM */
evs_status evsi_schema_folder_read(const char *folder, uint64_t *fingerprint, evsi_stored_set *out,
                                   bool *out_changed, evs_error **out_error);

/* Each appears as a whole or not at all. errors: EVS_CONFLICT, the version is there already; EVS_TRANSPORT,
 * it cannot be written */
evs_status evsi_schema_folder_add(const char *folder, const evsi_schema_version *version, const char *type,
                                  evs_error **out_error);
/* What is known of a type and its versions. */
evs_status evsi_schema_folder_note(const char *folder, evsi_registry *registry, const char *type,
                                   evs_error **out_error);

#endif
