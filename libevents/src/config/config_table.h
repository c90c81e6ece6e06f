/* SPDX-License-Identifier: MIT
 * config_table.h - the one table of all configuration keys and subscription options. Reading, defaults, range
 * checks, suggestions and docs/configuration.md all come from it; nothing else lists keys. */
#ifndef EVSI_CONFIG_TABLE_H
#define EVSI_CONFIG_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

typedef enum {
  EVSI_KEY_TEXT,
  EVSI_KEY_INT,
  EVSI_KEY_NUMBER,
  EVSI_KEY_BOOL,
  EVSI_KEY_CHOICE,
  EVSI_KEY_TEXTS,      /* list of texts */
  EVSI_KEY_OBJECT,     /* members as in `section` */
  EVSI_KEY_LIST,       /* list of objects as in `section` */
  EVSI_KEY_WORDS,      /* object: any name to a text */
  EVSI_KEY_FILTER,     /* object: a header to a text, a list of texts, or null */
  EVSI_KEY_TRANSPORTS, /* object: any name to a transport; its `type` names the section */
  EVSI_KEY_ANY,        /* the value is not looked into, and goes nowhere */
  EVSI_KEY_SCHEMAS,    /* object: type to version to schema */
  EVSI_KEY_GIVEN       /* object: taken as it is, and never shown: nobody here knows what is in it */
} evsi_key_kind;

enum {
  EVSI_KEY_REQUIRED = 1,
  EVSI_KEY_NULLABLE = 2,     /* null is the same as not given */
  EVSI_KEY_NULL_MEANS = 4,   /* null is a value of its own */
  EVSI_KEY_SECRET = 8,       /* never shown */
  EVSI_KEY_URL = 16,         /* shown without its user and password */
  EVSI_KEY_UNSUPPORTED = 32, /* known, not built: only harmless values pass */
  EVSI_KEY_FLATTEN = 64,     /* the members count as members of the surrounding object */
  EVSI_KEY_ONE = 128,        /* synonym: one text for a target that is a list */
  EVSI_KEY_SWITCH = 256,     /* object: true stands for one with all defaults, false for none (the default) */
  EVSI_KEY_LINES = 512,      /* text that may have several lines */
  EVSI_KEY_DIGITS = 1024,    /* text in whose place a whole number may stand */
  EVSI_KEY_IGNORED = 2048    /* accepted for compatibility: checked, and without effect */
};

typedef struct evsi_section evsi_section;

typedef struct evsi_key {
  const char *name;
  evsi_key_kind kind;
  uint32_t flags;
  int64_t min, max;     /* of a number; bytes of a text; entries of a list */
  const char *fallback; /* default as JSON text, NULL: none; of an unsupported key: the harmless value */
  const char *choices;  /* "a|b" */
  const char *later;    /* choices that are known and not built */
  const char *target; /* synonym of this key: a path from the same object, or from the top with a leading / */
  const evsi_section *section; /* of a boolean or a choice: an object of it may stand in its place */
  const char *doc;             /* what it is; of an unsupported key: what to do instead */
} evsi_key;

struct evsi_section {
  const char *name; /* heading in the documentation */
  const char *doc;
  const evsi_key *keys;
  size_t count;
};

extern const evsi_section evsi_section_system;
extern const evsi_section evsi_section_subscription;
extern const evsi_section evsi_section_retry;          /* with defaults */
extern const evsi_section evsi_section_retention;      /* of streams */
extern const evsi_section evsi_section_retry_override; /* not given: the farther level's */
extern const evsi_section evsi_section_acknowledgement;
extern const evsi_section evsi_section_schemas;
extern const evsi_section evsi_section_idempotent;

/* Section of a transport type, or NULL. */
const evsi_section *evsi_section_transport(const char *type);
/* Transport types: "a|b". */
extern const char evsi_transport_types[];
extern const char evsi_ordering_choices[];
extern const char evsi_on_dead_letter_choices[];

const evsi_key *evsi_section_find(const evsi_section *section, const char *name);
/* Key at a path such as "retry/maxRetries" inside a section, or NULL. */
const evsi_key *evsi_section_find_path(const evsi_section *section, const char *path);

/* Does "a|b|c" hold `word`? */
bool evsi_choices_hold(const char *choices, const char *word);

/* docs/configuration.md. */
void evsi_config_table_markdown(evsi_buf *out);
/* docs/configuration.schema.json, without line breaks. */
void evsi_config_table_schema(evsi_buf *out);

/* Rows of the table: used by the files that hold it. */
#define EVSI_ROW_TEXT(n, f, lo, hi, dflt, text)                                                              \
  { .name = n, .kind = EVSI_KEY_TEXT, .flags = f, .min = lo, .max = hi, .fallback = dflt, .doc = text }
#define EVSI_ROW_TEXTS(n, f, lo, hi, text)                                                                   \
  { .name = n, .kind = EVSI_KEY_TEXTS, .flags = f, .min = lo, .max = hi, .doc = text }
#define EVSI_ROW_INT(n, f, lo, hi, dflt, text)                                                               \
  { .name = n, .kind = EVSI_KEY_INT, .flags = f, .min = lo, .max = hi, .fallback = dflt, .doc = text }
#define EVSI_ROW_NUMBER(n, f, lo, hi, dflt, text)                                                            \
  { .name = n, .kind = EVSI_KEY_NUMBER, .flags = f, .min = lo, .max = hi, .fallback = dflt, .doc = text }
#define EVSI_ROW_BOOL(n, f, dflt, text)                                                                      \
  { .name = n, .kind = EVSI_KEY_BOOL, .flags = f, .fallback = dflt, .doc = text }
#define EVSI_ROW_CHOICE(n, f, words, more, dflt, text)                                                       \
  {                                                                                                          \
    .name = n, .kind = EVSI_KEY_CHOICE, .flags = f, .choices = words, .later = more, .fallback = dflt,       \
    .doc = text                                                                                              \
  }
/* A word or boolean, or an object that says more. */
#define EVSI_ROW_CHOICE_OR(n, words, part, dflt, text)                                                       \
  { .name = n, .kind = EVSI_KEY_CHOICE, .choices = words, .section = part, .fallback = dflt, .doc = text }
#define EVSI_ROW_BOOL_OR(n, part, dflt, text)                                                                \
  { .name = n, .kind = EVSI_KEY_BOOL, .section = part, .fallback = dflt, .doc = text }
#define EVSI_ROW_OBJECT(n, f, part, text)                                                                    \
  { .name = n, .kind = EVSI_KEY_OBJECT, .flags = f, .section = part, .doc = text }
#define EVSI_ROW_SWITCH(n, part, text)                                                                       \
  {                                                                                                          \
    .name = n, .kind = EVSI_KEY_OBJECT, .flags = EVSI_KEY_SWITCH | EVSI_KEY_NULLABLE, .section = part,       \
    .doc = text                                                                                              \
  }
#define EVSI_ROW_IGNORED(n, of, lo, hi, text)                                                                \
  {                                                                                                          \
    .name = n, .kind = of, .flags = EVSI_KEY_IGNORED | EVSI_KEY_NULLABLE, .min = lo, .max = hi,              \
    .doc = "accepted for compatibility: " text                                                               \
  }
#define EVSI_ROW_IGNORED_OBJECT(n, part, text)                                                               \
  {                                                                                                          \
    .name = n, .kind = EVSI_KEY_OBJECT, .flags = EVSI_KEY_IGNORED | EVSI_KEY_NULLABLE, .section = part,      \
    .doc = "accepted for compatibility: " text                                                               \
  }
#define EVSI_ROW_GIVEN(n, text)                                                                              \
  { .name = n, .kind = EVSI_KEY_GIVEN, .max = 1000, .fallback = "{}", .doc = text }
#define EVSI_ROW_ALSO(n, of, text)                                                                           \
  { .name = n, .target = of, .doc = text }
#define EVSI_ROW_LATER(n, harmless, text)                                                                    \
  { .name = n, .kind = EVSI_KEY_ANY, .flags = EVSI_KEY_UNSUPPORTED, .fallback = harmless, .doc = text }
#define EVSI_ROW_LATER_OBJECT(n, part, text)                                                                 \
  { .name = n, .kind = EVSI_KEY_OBJECT, .flags = EVSI_KEY_UNSUPPORTED, .section = part, .doc = text }
#define EVSI_ROWS(keys_array) (keys_array), sizeof(keys_array) / sizeof((keys_array)[0])

#endif
