/* SPDX-License-Identifier: MIT
 * config_schema.c - docs/configuration.schema.json out of the table: JSON Schema for editors and other
 * programs. It says of each key what the table says of it; what concerns several keys at once only the
 * library knows. */
#include "config/config_table.h"

#include <inttypes.h>
#include <string.h>

enum { SECTIONS_MAX = 64, ID_MAX = 96 };

#define PLAIN_TEXT "^[^\\\\x00-\\\\x1f\\\\x7f]*$"
#define LINES_TEXT "^[^\\\\x00-\\\\x09\\\\x0b\\\\x0c\\\\x0e-\\\\x1f\\\\x7f]*$"
#define OR_VARIABLE ",{\"$ref\":\"#/$defs/variable\"}"

/* Sections that were referred to; each is written once. */
typedef struct writer {
  evsi_buf *out;
  const evsi_section *sections[SECTIONS_MAX];
  size_t count;
} writer;

static void id_of(const evsi_section *section, char out[ID_MAX]) {
  size_t used = 0;
  for (const char *at = section->name; *at && used + 1 < ID_MAX; at++) {
    bool is_plain = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9');
    if (is_plain || (used > 0 && out[used - 1] != '-'))
      out[used++] = is_plain ? *at : '-';
  }
  while (used > 0 && out[used - 1] == '-')
    used--;
  out[used] = '\0';
}

static void refer(writer *w, const evsi_section *section) {
  char id[ID_MAX];
  size_t at = 0;
  while (at < w->count && w->sections[at] != section)
    at++;
  if (at == w->count && w->count < SECTIONS_MAX)
    w->sections[w->count++] = section;
  w->out->failed |= at == SECTIONS_MAX;
  id_of(section, id);
  evsi_buf_addf(w->out, "{\"$ref\":\"#/$defs/%s\"}", id);
}

static void add_choices(evsi_buf *out, const char *choices) {
  evsi_buf_add_text(out, "{\"enum\":[");
  for (bool first = true; *choices; first = false) {
    size_t size = strcspn(choices, "|");
    evsi_buf_addf(out, "%s\"%.*s\"", first ? "" : ",", (int)size, choices);
    choices += size + (choices[size] == '|');
  }
  evsi_buf_add_text(out, "]}");
}

static void add_text_rule(evsi_buf *out, const evsi_key *key) {
  evsi_buf_addf(out, "{\"type\":\"string\",\"minLength\":%" PRId64 ",\"maxLength\":%" PRId64, key->min,
                key->max);
  if (!(key->flags & EVSI_KEY_SECRET))
    evsi_buf_addf(out, ",\"pattern\":\"%s\"", key->flags & EVSI_KEY_LINES ? LINES_TEXT : PLAIN_TEXT);
  evsi_buf_add_text(out, "}");
  if (key->flags & EVSI_KEY_DIGITS)
    evsi_buf_add_text(out, ",{\"type\":\"integer\",\"minimum\":0}");
}

static void add_range(evsi_buf *out, const evsi_key *key, const char *type) {
  evsi_buf_addf(out, "{\"type\":\"%s\",\"minimum\":%" PRId64 ",\"maximum\":%" PRId64 "}" OR_VARIABLE, type,
                key->min, key->max);
}

/* What may be built only later: values that ask for nothing. */
static void add_harmless(evsi_buf *out, const evsi_key *key) {
  evsi_buf_add_text(
      out, "{\"type\":\"object\",\"properties\":{\"enabled\":{\"const\":false}},\"required\":[\"enabled\"]},"
           "{\"type\":\"object\",\"properties\":{\"algorithm\":{\"const\":\"none\"}},\"required\":["
           "\"algorithm\"]}");
  if (key->fallback)
    evsi_buf_addf(out, ",{\"const\":%s}", key->fallback);
}

static void add_list(writer *w, const evsi_key *key) {
  evsi_buf_addf(w->out,
                "{\"type\":\"array\",\"minItems\":%" PRId64 ",\"maxItems\":%" PRId64 ",\"items\":", key->min,
                key->max);
  if (key->kind == EVSI_KEY_LIST)
    refer(w, key->section);
  else
    evsi_buf_add_text(w->out, "{\"type\":\"string\",\"maxLength\":255,\"pattern\":\"" PLAIN_TEXT "\"}");
  evsi_buf_add_text(w->out, "}");
}

static void add_map(writer *w, const evsi_key *key, const char *value) {
  evsi_buf_addf(w->out,
                "{\"type\":\"object\",\"minProperties\":%" PRId64 ",\"maxProperties\":%" PRId64
                ",\"additionalProperties\":%s}",
                key->min, key->max, value);
}

/* The alternatives for a value of this kind, one or several. */
static void add_kind(writer *w, const evsi_key *key) {
  evsi_buf *out = w->out;
  switch (key->kind) {
  case EVSI_KEY_TEXT:
    add_text_rule(out, key);
    return;
  case EVSI_KEY_INT:
    add_range(out, key, "integer");
    return;
  case EVSI_KEY_NUMBER:
    add_range(out, key, "number");
    return;
  case EVSI_KEY_BOOL:
    evsi_buf_add_text(out, "{\"type\":\"boolean\"}" OR_VARIABLE);
    return;
  case EVSI_KEY_CHOICE:
    add_choices(out, key->choices);
    evsi_buf_add_text(out, OR_VARIABLE);
    return;
  case EVSI_KEY_TEXTS:
  case EVSI_KEY_LIST:
    add_list(w, key);
    return;
  case EVSI_KEY_OBJECT:
    refer(w, key->section);
    return;
  case EVSI_KEY_WORDS:
    add_map(w, key, "{\"type\":\"string\",\"minLength\":1,\"maxLength\":200}");
    return;
  case EVSI_KEY_FILTER:
    add_map(
        w, key,
        "{\"anyOf\":[{\"type\":[\"string\",\"null\"],\"maxLength\":1024},{\"type\":\"array\",\"minItems\":1,"
        "\"maxItems\":100,\"items\":{\"type\":\"string\",\"maxLength\":255}}]}");
    return;
  case EVSI_KEY_TRANSPORTS:
    add_map(w, key, "{\"$ref\":\"#/$defs/transport\"}");
    return;
  case EVSI_KEY_SCHEMAS:
    add_map(w, key, "{\"type\":\"object\"}");
    return;
  case EVSI_KEY_GIVEN:
    add_map(w, key, "true");
    return;
  case EVSI_KEY_ANY:
    evsi_buf_add_text(out, "true");
    return;
  }
}

/* Must something be said that has no default, so that `true` alone says too little? */
static bool needs_more(const evsi_section *section) {
  bool any = false;
  for (size_t i = 0; i < section->count && !any; i++)
    any = section->keys[i].flags & EVSI_KEY_REQUIRED;
  return any;
}

/* The rule of a key for one place of it; `null`: whether that may stand there. */
static void add_rule(writer *w, const evsi_key *key, uint32_t flags) {
  evsi_buf *out = w->out;
  bool is_later = key->flags & EVSI_KEY_UNSUPPORTED;
  if (is_later && key->kind == EVSI_KEY_OBJECT) {
    evsi_buf_add_text(out, "\"anyOf\":[{\"type\":\"null\"},{\"allOf\":[");
    refer(w, key->section);
    evsi_buf_add_text(out, ",{\"anyOf\":[");
    add_harmless(out, key);
    evsi_buf_add_text(out, "]}]}]");
    return;
  }
  evsi_buf_add_text(out, "\"anyOf\":[");
  if (is_later)
    add_harmless(out, key);
  else
    add_kind(w, key);
  if (key->flags & EVSI_KEY_SWITCH)
    evsi_buf_add_text(out, needs_more(key->section) ? ",{\"const\":false}" : ",{\"type\":\"boolean\"}");
  if (key->section && key->kind != EVSI_KEY_OBJECT && key->kind != EVSI_KEY_LIST) {
    evsi_buf_add_text(out, ",");
    refer(w, key->section);
  }
  if (is_later || (flags & (EVSI_KEY_NULLABLE | EVSI_KEY_NULL_MEANS)))
    evsi_buf_add_text(out, ",{\"type\":\"null\"}");
  evsi_buf_add_text(out, "]");
}

static void add_property(writer *w, const evsi_section *section, const evsi_key *key) {
  static const evsi_key one = {.name = "", .kind = EVSI_KEY_TEXT, .min = 1, .max = 255};
  bool is_absolute = key->target && key->target[0] == '/';
  const evsi_key *rule = key->target ? evsi_section_find_path(is_absolute ? &evsi_section_system : section,
                                                              key->target + is_absolute)
                                     : key;
  evsi_buf_add_json(w->out, key->name, strlen(key->name));
  evsi_buf_add_text(w->out, ":{\"description\":");
  const char *doc = key->target ? key->target + is_absolute : key->doc;
  evsi_buf_add_json(w->out, doc, strlen(doc));
  evsi_buf_add_text(w->out, ",");
  if (!key->target && key->fallback && !(key->flags & EVSI_KEY_UNSUPPORTED))
    evsi_buf_addf(w->out, "\"default\":%s,", key->fallback);
  add_rule(w, key->flags & EVSI_KEY_ONE ? &one : rule, rule->flags);
  evsi_buf_add_text(w->out, "}");
}

/* A key is there under its name or under one of its synonyms. */
static void add_required(evsi_buf *out, const evsi_section *section, const evsi_key *key) {
  evsi_buf_addf(out, "{\"anyOf\":[{\"required\":[\"%s\"]}", key->name);
  for (size_t i = 0; i < section->count; i++) {
    if (section->keys[i].target && strcmp(section->keys[i].target, key->name) == 0)
      evsi_buf_addf(out, ",{\"required\":[\"%s\"]}", section->keys[i].name);
  }
  evsi_buf_add_text(out, "]}");
}

static void add_section(writer *w, const evsi_section *section) {
  char id[ID_MAX];
  const char *comma = "";
  id_of(section, id);
  evsi_buf_addf(w->out, "\"%s\":{\"description\":", id);
  evsi_buf_add_json(w->out, section->doc, strlen(section->doc));
  evsi_buf_add_text(
      w->out, ",\"type\":\"object\",\"additionalProperties\":false,\"patternProperties\":{\"^x-\":true},"
              "\"properties\":{");
  for (size_t i = 0; i < section->count; i++) {
    evsi_buf_add_text(w->out, comma);
    add_property(w, section, &section->keys[i]);
    comma = ",";
  }
  evsi_buf_add_text(w->out, "},\"allOf\":[");
  comma = "";
  for (size_t i = 0; i < section->count; i++) {
    if (!(section->keys[i].flags & EVSI_KEY_REQUIRED))
      continue;
    evsi_buf_add_text(w->out, comma);
    add_required(w->out, section, &section->keys[i]);
    comma = ",";
  }
  evsi_buf_add_text(w->out, *comma ? "]}" : "true]}");
}

/* Its type says which section holds. */
static void add_transport(writer *w) {
  evsi_buf_add_text(w->out,
                    "\"transport\":{\"type\":\"object\",\"required\":[\"type\"],\"properties\":{\"type\":");
  add_choices(w->out, evsi_transport_types);
  evsi_buf_add_text(w->out, "},\"allOf\":[");
  const char *comma = "";
  for (const char *at = evsi_transport_types; *at;) {
    char type[ID_MAX];
    size_t size = strcspn(at, "|");
    memcpy(type, at, size);
    type[size] = '\0';
    at += size + (at[size] == '|');
    evsi_buf_addf(
        w->out,
        "%s{\"if\":{\"required\":[\"type\"],\"properties\":{\"type\":{\"const\":\"%s\"}}},\"then\":", comma,
        type);
    refer(w, evsi_section_transport(type));
    evsi_buf_add_text(w->out, "}");
    comma = ",";
  }
  evsi_buf_add_text(w->out, "]}");
}

void evsi_config_table_schema(evsi_buf *out) {
  writer w = {.out = out};
  evsi_buf_add_text(out,
                    "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"title\":\"libevents "
                    "configuration\",\"$ref\":\"#/$defs/The-document\",\"$defs\":{\"variable\":{"
                    "\"description\":\"a text with an environment variable in it, as ${NAME} or "
                    "${NAME:-default}\",\"type\":\"string\",\"pattern\":\"[$][{]\"},");
  add_transport(&w);
  w.sections[w.count++] = &evsi_section_system;
  w.sections[w.count++] = &evsi_section_subscription;
  for (size_t i = 0; i < w.count; i++) {
    evsi_buf_add_text(out, ",");
    add_section(&w, w.sections[i]);
  }
  evsi_buf_add_text(out, "}}\n");
}
