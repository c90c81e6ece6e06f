/* SPDX-License-Identifier: MIT
 * metaschema.c - the table of the meta-schemas; their texts are the standard's, in the folder metaschemas. */
#include "schema/metaschema.h"

#include <string.h>

#include "metaschemas_data.h"

#define TEXT(name)                                                                                           \
  { EVSI_METASCHEMA_##name, sizeof EVSI_METASCHEMA_##name - 1 }
#define META "https://json-schema.org/draft/2020-12/meta/"

static const struct {
  const char *uri;
  evs_bytes text;
} metaschemas[] = {
    {"https://json-schema.org/draft/2020-12/schema", TEXT(DRAFT_2020_12)},
    {META "core", TEXT(CORE)},
    {META "applicator", TEXT(APPLICATOR)},
    {META "unevaluated", TEXT(UNEVALUATED)},
    {META "validation", TEXT(VALIDATION)},
    {META "meta-data", TEXT(META_DATA)},
    {META "format-annotation", TEXT(FORMAT_ANNOTATION)},
    {META "format-assertion", TEXT(FORMAT_ASSERTION)},
    {META "content", TEXT(CONTENT)},
    {"http://json-schema.org/draft-07/schema", TEXT(DRAFT_07)},
};

bool evsi_metaschema_find(const char *uri, evs_bytes *out_text) {
  for (size_t i = 0; i < sizeof metaschemas / sizeof *metaschemas; i++) {
    if (strcmp(metaschemas[i].uri, uri) == 0) {
      *out_text = metaschemas[i].text;
      return true;
    }
  }
  return false;
}
