/* SPDX-License-Identifier: MIT
 * config_doc.c - docs/configuration.md out of the table, so that it cannot fall behind. */
#include "config/config_table.h"

#include <inttypes.h>
#include <string.h>

static const char intro[] =
    "# Configuration\n\n"
    "<!-- Written by the test config_table_test with EVS_UPDATE_DOCS=1 out of the table in\n"
    "     libevents/src/config: change the table, not this file. -->\n\n"
    "One JSON document of at most 4 MiB. All problems are reported at once, each with a JSON pointer, what "
    "was\n"
    "found, what was expected and a suggestion; check one with `events config check`.\n\n"
    "- Durations are milliseconds. A key that is not given has its default.\n"
    "- `${NAME}` in a text is replaced by the environment variable, `${NAME:-default}` by the default where "
    "it is\n"
    "  unset or empty; `$${` stands for a plain `${`. A text that holds a variable may stand for a number or "
    "a\n"
    "  boolean: `\"port\": \"${REDIS_PORT:-6379}\"`.\n"
    "- Unknown keys are errors; keys that begin with `x-` are free for your own use.\n"
    "- A synonym means the same as the key that it names; both with different values are an error.\n"
    "- Keys under \"Known, not built yet\" are refused, unless their value asks for nothing (the harmless "
    "value,\n"
    "  `null`, or `enabled: false`).\n"
    "- Warnings about routing and transports are errors where `validationMode` (of `routing`, else the top "
    "level's) is\n"
    "  `strict`.\n"
    "- Passwords are never shown: not in errors, nor in what `events config check` prints.\n"
    "- [configuration.schema.json](configuration.schema.json) says the same as a JSON Schema, for editors: "
    "name it in "
    "the key\n"
    "  `$schema`. What concerns several keys at once only the library checks.\n"
    "- What may change while a system runs says [reload](requests.md#reload).\n\n"
    "```json\n"
    "{\n"
    "  \"service\": \"shop\",\n"
    "  \"originPrefix\": \"eu.de\",\n"
    "  \"transports\": {\"main\": {\"type\": \"redis-streams\", \"url\": "
    "\"${REDIS_URL:-redis://localhost:6379}\"}},\n"
    "  \"routing\": {\"routes\": [{\"pattern\": \"order.*\", \"transport\": \"main\", \"topic\": "
    "\"order\"}]},\n"
    "  \"consumer\": {\"concurrency\": 8, \"retry\": {\"maxRetries\": 5}}\n"
    "}\n"
    "```\n";

static void add_words(evsi_buf *out, const char *choices) {
  for (bool first = true; *choices; first = false) {
    size_t size = strcspn(choices, "|");
    evsi_buf_addf(out, "%s`%.*s`", first ? "" : ", ", (int)size, choices);
    choices += size + (choices[size] == '|');
  }
}

static void add_range(evsi_buf *out, const evsi_key *key) {
  switch (key->kind) {
  case EVSI_KEY_INT:
  case EVSI_KEY_NUMBER:
    evsi_buf_addf(out, "%" PRId64 " to %" PRId64, key->min, key->max);
    return;
  case EVSI_KEY_TEXT:
    evsi_buf_addf(out, "%" PRId64 " to %" PRId64 " bytes", key->min, key->max);
    return;
  case EVSI_KEY_TEXTS:
  case EVSI_KEY_LIST:
  case EVSI_KEY_WORDS:
  case EVSI_KEY_FILTER:
  case EVSI_KEY_TRANSPORTS:
  case EVSI_KEY_SCHEMAS:
  case EVSI_KEY_GIVEN:
    evsi_buf_addf(out, "%" PRId64 " to %" PRId64 " entries", key->min, key->max);
    return;
  case EVSI_KEY_BOOL:
    evsi_buf_add_text(out, key->section ? "`true`, `false`, or an object" : "`true`, `false`");
    return;
  case EVSI_KEY_CHOICE:
    add_words(out, key->choices);
    evsi_buf_add_text(out, key->section ? ", or an object" : "");
    return;
  default:
    return;
  }
}

static void add_built(evsi_buf *out, const evsi_key *key) {
  static const char *const kinds[] = {"text",          "whole number", "number",          "boolean", "choice",
                                      "list of texts", "object",       "list of objects", "object",  "object",
                                      "object",        "any",          "object",          "object"};
  bool is_switch = key->flags & EVSI_KEY_SWITCH;
  const char *kind = is_switch                      ? "boolean or object"
                     : key->flags & EVSI_KEY_DIGITS ? "text or whole number"
                                                    : kinds[key->kind];
  evsi_buf_addf(out, "| `%s` | %s | ", key->name, kind);
  add_range(out, key);
  if (key->flags & EVSI_KEY_REQUIRED)
    evsi_buf_add_text(out, " | required | ");
  else if (key->fallback || is_switch)
    evsi_buf_addf(out, " | `%s` | ", is_switch ? "false" : key->fallback);
  else
    evsi_buf_add_text(out, " | | ");
  evsi_buf_add_text(out, key->doc);
  if (key->later) {
    evsi_buf_add_text(out, "; not built yet: ");
    add_words(out, key->later);
  }
  evsi_buf_add_text(out, " |\n");
}

static void add_synonyms(evsi_buf *out, const evsi_section *section) {
  bool any = false;
  for (size_t i = 0; i < section->count; i++) {
    const evsi_key *key = &section->keys[i];
    if (!key->target)
      continue;
    evsi_buf_addf(out, "%s`%s` = `%s`%s", any ? ", " : "\nSynonyms: ", key->name, key->target,
                  key->flags & EVSI_KEY_ONE ? " with one entry" : "");
    any = true;
  }
  if (any)
    evsi_buf_add_text(out, ".\n");
}

static void add_later(evsi_buf *out, const evsi_section *section) {
  bool any = false;
  for (size_t i = 0; i < section->count; i++) {
    const evsi_key *key = &section->keys[i];
    if (!(key->flags & EVSI_KEY_UNSUPPORTED))
      continue;
    if (!any)
      evsi_buf_add_text(out,
                        "\nKnown, not built yet:\n\n| key | harmless | instead |\n| --- | --- | --- |\n");
    any = true;
    evsi_buf_addf(out, "| `%s` | ", key->name);
    if (key->kind == EVSI_KEY_OBJECT)
      evsi_buf_add_text(out, "`{\"enabled\": false}`");
    else if (key->fallback)
      evsi_buf_addf(out, "`%s`", key->fallback);
    evsi_buf_addf(out, " | %s |\n", key->doc);
  }
}

static void add_section(evsi_buf *out, const evsi_section *section) {
  evsi_buf_addf(
      out,
      "\n## %s\n\n%s\n\n| key | type | range | default | what it is |\n| --- | --- | --- | --- | --- |\n",
      section->name, section->doc);
  for (size_t i = 0; i < section->count; i++)
    if (!section->keys[i].target && !(section->keys[i].flags & EVSI_KEY_UNSUPPORTED))
      add_built(out, &section->keys[i]);
  add_synonyms(out, section);
  add_later(out, section);
}

enum { SECTIONS_MAX = 32 };

typedef struct queue {
  const evsi_section *sections[SECTIONS_MAX];
  size_t count;
} queue;

static void enqueue(queue *waiting, const evsi_section *section) {
  for (size_t i = 0; i < waiting->count; i++)
    if (waiting->sections[i] == section)
      return;
  if (waiting->count < SECTIONS_MAX)
    waiting->sections[waiting->count++] = section;
}

void evsi_config_table_markdown(evsi_buf *out) {
  queue waiting = {0};
  evsi_buf_add_text(out, intro);
  enqueue(&waiting, &evsi_section_system);
  for (size_t i = 0; i < waiting.count; i++) {
    const evsi_section *section = waiting.sections[i];
    add_section(out, section);
    for (size_t k = 0; k < section->count; k++)
      if (section->keys[k].section)
        enqueue(&waiting, section->keys[k].section);
    if (i + 1 == waiting.count) {
      enqueue(&waiting, evsi_section_transport("memory"));
      enqueue(&waiting, evsi_section_transport("redis-streams"));
      enqueue(&waiting, evsi_section_transport("file"));
      enqueue(&waiting, evsi_section_transport("plugin"));
      enqueue(&waiting, evsi_section_transport("bridge"));
    }
    if (i + 1 == waiting.count)
      enqueue(&waiting, &evsi_section_subscription);
  }
}
