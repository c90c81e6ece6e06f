/* SPDX-License-Identifier: MIT
 * config_problems_test.c - every problem of a configuration, word for word, as
 * tests/unit/config/problems.json has them: of the cases in tests/unit/config/cases, and of each key of the
 * table with a value of a wrong type, values out of its range, and its name misspelt, with the document. A
 * key without them, or a problem that no case has, fails. EVS_UPDATE_CASES=1 writes the file: read what has
 * changed in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <glob.h>
#include <jansson.h>

#include "base/alloc.h"
#include "config/config.h"
#include "config/config_table.h"

#define EXPECTED EVS_SOURCE_DIR "/tests/unit/config/problems.json"
#define CASES EVS_SOURCE_DIR "/tests/unit/config/cases/*.json"
#define SOURCES EVS_SOURCE_DIR "/libevents/src/config/*.c"

enum { TEXT_MAX = 2048, LIST_MAX = 128 };

static const char base[] =
    "{\"service\":\"s\",\"transports\":{\"m\":{\"type\":\"memory\"},\"r\":{\"type\":"
    "\"redis-streams\"},\"p\":{\"type\":\"plugin\",\"plugin\":\"p\",\"capabilities\":[\"publish\"]},"
    "\"q\":{\"type\":\"bridge\"}}}";

/* ---- what comes of a document ------------------------------------------------------------------- */

static json_t *problems_of_document(const char *text) {
  char *shown = NULL;
  assert_int_equal(evsi_config_report(text, strlen(text), &shown, NULL), EVS_OK);
  json_t *report = json_loads(shown, 0, NULL);
  json_t *found = json_pack("{s:O,s:O}", "problems", json_object_get(report, "problems"), "warnings",
                            json_object_get(report, "warnings"));
  json_decref(report);
  evsi_free(shown);
  return found;
}

static json_t *problems_of_subscription(const char *around, const char *text) {
  evsi_config *config = NULL;
  evsi_subscription_options options = {0};
  evs_error *error = NULL;
  assert_int_equal(evsi_config_load(around, strlen(around), &config, NULL), EVS_OK);
  json_t *found = json_object();
  if (evsi_subscription_options_load(config, text, strlen(text), &options, &error) != EVS_OK) {
    json_t *document = json_loads(evs_error_json(error), 0, NULL);
    json_object_set(found, "problems", json_object_get(document, "problems"));
    json_decref(document);
  }
  evs_error_free(error);
  evsi_subscription_options_free(&options);
  evsi_config_free(config);
  return found;
}

/* ---- the cases that are written down -------------------------------------------------------------- */

static void set_environment(const json_t *entry, int on) {
  const char *key;
  json_t *value;
  json_object_foreach(json_object_get(entry, "env"), key, value) {
    if (on)
      setenv(key, json_string_value(value), 1);
    else
      unsetenv(key);
  }
}

static void add_case(json_t *all, const char *file, const json_t *entry) {
  char name[256];
  const char *text = json_string_value(json_object_get(entry, "text"));
  const json_t *options = json_object_get(entry, "subscription");
  const json_t *config = json_object_get(entry, "config");
  char *around = options && config ? json_dumps(config, 0) : strdup(base);
  char *document = text ? strdup(text) : json_dumps(options ? options : config, 0);
  set_environment(entry, 1);
  json_t *found = options ? problems_of_subscription(around, document) : problems_of_document(document);
  set_environment(entry, 0);
  snprintf(name, sizeof name, "%s: %s", file, json_string_value(json_object_get(entry, "name")));
  if (json_object_get(all, name))
    fail_msg("there are two cases \"%s\"", name);
  json_object_set_new(all, name, found);
  free(document);
  free(around);
}

static void add_written_cases(json_t *all) {
  glob_t paths;
  assert_int_equal(glob(CASES, 0, NULL, &paths), 0);
  for (size_t i = 0; i < paths.gl_pathc; i++) {
    size_t index;
    json_t *entry, *cases = json_load_file(paths.gl_pathv[i], 0, NULL);
    assert_non_null(cases);
    json_array_foreach(cases, index, entry) add_case(all, strrchr(paths.gl_pathv[i], '/') + 1, entry);
    json_decref(cases);
  }
  globfree(&paths);
}

/* ---- each key of the table ------------------------------------------------------------------------ */

/* Where a section stands: an object around it, with `%s` for its own text. */
typedef struct place {
  const evsi_section *section;
  char around[512];
  char members[64]; /* what the object must have besides */
  bool is_subscription;
} place;

typedef struct places {
  place list[64];
  size_t count;
} places;

static void add_place(places *to, const evsi_section *section, const char *around, const char *members,
                      bool is_subscription) {
  for (size_t i = 0; i < to->count; i++) {
    if (to->list[i].section == section)
      return;
  }
  assert_true(to->count < 64);
  place *made = &to->list[to->count++];
  made->section = section;
  made->is_subscription = is_subscription;
  snprintf(made->around, sizeof made->around, "%s", around);
  snprintf(made->members, sizeof made->members, "%s", members);
}

/* The sections in a section, each where it is found first. */
static void add_inner(places *to, const place *from) {
  for (size_t i = 0; i < from->section->count; i++) {
    const evsi_key *key = &from->section->keys[i];
    char own[256], around[512];
    if (!key->section)
      continue;
    bool is_list = key->kind == EVSI_KEY_LIST;
    snprintf(own, sizeof own, is_list ? "{%s\"%s\":[%%s]}" : "{%s\"%s\":%%s}", from->members, key->name);
    const char *hole = strstr(from->around, "%s");
    snprintf(around, sizeof around, "%.*s%s%s", (int)(hole - from->around), from->around, own, hole + 2);
    add_place(to, key->section, around, is_list ? "\"pattern\":\"a\",\"transport\":\"m\"," : "",
              from->is_subscription);
  }
}

/* The object of a section with this member; text from malloc. */
static char *object_with(const place *at, const char *name, json_t *value) {
  char members[80];
  snprintf(members, sizeof members, "{%.*s}", (int)strlen(at->members) - (at->members[0] != '\0'),
           at->members);
  json_t *object = json_loads(members, 0, NULL);
  assert_non_null(object);
  json_object_set(object, name, value);
  char *text = json_dumps(object, JSON_COMPACT);
  json_decref(object);
  return text;
}

/* What comes of a document with one wrong member. */
static json_t *ask(const place *at, const char *name, json_t *value) {
  char *inner = object_with(at, name, value);
  size_t size = strlen(inner) + sizeof at->around;
  char *document = malloc(size);
  const char *hole = strstr(at->around, "%s");
  snprintf(document, size, "%.*s%s%s", (int)(hole - at->around), at->around, inner, hole + 2);
  json_t *found =
      at->is_subscription ? problems_of_subscription(base, document) : problems_of_document(document);
  json_object_set_new(found, at->is_subscription ? "subscription" : "config", json_loads(document, 0, NULL));
  free(inner);
  free(document);
  return found;
}

/* A wrong value must be a problem. Takes `value`. */
static void add_wrong(json_t *all, const place *at, const char *name, const char *what, json_t *value) {
  char title[256];
  json_t *found = ask(at, name, value);
  snprintf(title, sizeof title, "%s: %s: %s", at->section->name, name, what);
  if (json_array_size(json_object_get(found, "problems")) == 0)
    fail_msg("%s is no problem", title);
  json_object_set_new(all, title, found);
  json_decref(value);
}

static json_t *text_of(size_t size) {
  char text[TEXT_MAX + 2];
  memset(text, 'a', size);
  text[size] = '\0';
  return json_string(text);
}

static json_t *list_of(size_t size) {
  json_t *list = json_array();
  while (json_array_size(list) < size)
    json_array_append_new(list, json_string("a"));
  return list;
}

static void add_wrong_ranges(json_t *all, const place *at, const evsi_key *key, const char *name) {
  switch (key->kind) {
  case EVSI_KEY_INT:
  case EVSI_KEY_NUMBER:
    add_wrong(all, at, name, "too small", json_integer(key->min - 1));
    add_wrong(all, at, name, "too large", json_integer(key->max + 1));
    return;
  case EVSI_KEY_TEXT:
    if (key->min > 0)
      add_wrong(all, at, name, "empty", json_string(""));
    if (key->max <= TEXT_MAX)
      add_wrong(all, at, name, "too long", text_of((size_t)key->max + 1));
    return;
  case EVSI_KEY_CHOICE:
    add_wrong(all, at, name, "no such value", json_string("nosuch"));
    return;
  case EVSI_KEY_TEXTS:
    if (key->min > 0)
      add_wrong(all, at, name, "empty", json_array());
    if (key->max < LIST_MAX)
      add_wrong(all, at, name, "too many", list_of((size_t)key->max + 1));
    return;
  default:
    return;
  }
}

/* The last two letters the other way round. */
static void misspell(const char *name, char out[64]) {
  size_t size = (size_t)snprintf(out, 64, "%s", name);
  char last = out[size - 1];
  out[size - 1] = out[size - 2] == last ? 'x' : out[size - 2];
  out[size - 2] = out[size - 1] == 'x' ? out[size - 2] : last;
}

static void add_key(json_t *all, const place *at, const evsi_key *key) {
  char wrong[64];
  bool is_absolute = key->target && key->target[0] == '/';
  const evsi_key *rule = key->target
                             ? evsi_section_find_path(is_absolute ? &evsi_section_system : at->section,
                                                      key->target + is_absolute)
                             : key;
  bool is_text = rule->kind == EVSI_KEY_TEXT || rule->kind == EVSI_KEY_CHOICE || (key->flags & EVSI_KEY_ONE);
  if (strlen(key->name) > 3) {
    misspell(key->name, wrong);
    if (!evsi_section_find(at->section, wrong))
      add_wrong(all, at, wrong, "misspelt", json_null());
  }
  if (rule->kind == EVSI_KEY_ANY && !(rule->flags & EVSI_KEY_UNSUPPORTED))
    return;
  if (strcmp(key->name, "type") == 0)
    return; /* of a transport: which section it is */
  add_wrong(all, at, key->name, "wrong type", is_text ? json_real(1.5) : json_string("nosuch"));
  if (!(key->flags & EVSI_KEY_ONE) && !(rule->flags & EVSI_KEY_UNSUPPORTED))
    add_wrong_ranges(all, at, rule, key->name);
}

static void add_keys(json_t *all) {
  static places found;
  memset(&found, 0, sizeof found);
  add_place(&found, &evsi_section_system, "%s", "", false);
  add_place(&found, evsi_section_transport("memory"), "{\"service\":\"s\",\"transports\":{\"m\":%s}}",
            "\"type\":\"memory\",", false);
  add_place(&found, evsi_section_transport("redis-streams"), "{\"service\":\"s\",\"transports\":{\"m\":%s}}",
            "\"type\":\"redis-streams\",", false);
  add_place(&found, evsi_section_transport("file"), "{\"service\":\"s\",\"transports\":{\"m\":%s}}",
            "\"type\":\"file\",\"path\":\"/f\",", false);
  add_place(&found, &evsi_section_subscription, "%s", "\"pattern\":\"a\",", true);
  snprintf(found.list[0].members, sizeof found.list[0].members,
           "\"service\":\"s\",\"transports\":{\"m\":{\"type\":\"memory\"}},");
  for (size_t i = 0; i < found.count; i++) {
    add_inner(&found, &found.list[i]);
    for (size_t k = 0; k < found.list[i].section->count; k++)
      add_key(all, &found.list[i], &found.list[i].section->keys[k]);
  }
}

/* ---- the tests ------------------------------------------------------------------------------------ */

static json_t *everything(void) {
  json_t *all = json_object();
  add_written_cases(all);
  add_keys(all);
  return all;
}

/* A case to a line, so that a difference can be read. */
static void write_down(const json_t *all) {
  FILE *file = fopen(EXPECTED, "wb");
  assert_non_null(file);
  char *text = json_dumps(all, JSON_COMPACT | JSON_SORT_KEYS);
  json_t *sorted = json_loads(text, 0, NULL);
  const char *name, *comma = "{";
  json_t *found;
  json_object_foreach(sorted, name, found) {
    json_t *title = json_string(name);
    char *line = json_dumps(found, JSON_SORT_KEYS), *quoted = json_dumps(title, JSON_ENCODE_ANY);
    json_decref(title);
    fprintf(file, "%s\n%s: %s", comma, quoted, line);
    comma = ",";
    free(line);
    free(quoted);
  }
  fprintf(file, "\n}\n");
  assert_int_equal(fclose(file), 0);
  json_decref(sorted);
  free(text);
}

static void every_problem_is_told_word_for_word(void **state) {
  (void)state;
  json_t *all = everything();
  if (getenv("EVS_UPDATE_CASES"))
    write_down(all);
  json_t *expected = json_load_file(EXPECTED, 0, NULL);
  const char *name;
  json_t *found;
  json_object_foreach(all, name, found) {
    if (json_equal(found, json_object_get(expected, name)))
      continue;
    char *text = json_dumps(found, JSON_INDENT(1));
    print_error("%s is now: %s\n", name, text);
    free(text);
  }
  if (!json_equal(all, expected))
    fail_msg("%s has other problems: run this test with EVS_UPDATE_CASES=1 and read the difference",
             EXPECTED);
  print_message("%zu cases\n", json_object_size(all));
  json_decref(expected);
  json_decref(all);
}

/* Adjacent string literals from `at` on, without what a format fills in: up to its first `%`. */
static bool read_literal(const char *at, char out[512]) {
  size_t used = 0;
  while (*(at += strspn(at, " \n\t")) == '"') {
    for (at++; *at && *at != '"' && used < 510; at++) {
      at += *at == '\\';
      out[used++] = *at;
    }
    at += *at == '"';
  }
  out[used] = '\0';
  out[strcspn(out, "%")] = '\0';
  return strlen(out) > 3;
}

static bool is_told(const json_t *all, const char *literal) {
  const char *name;
  json_t *found;
  json_object_foreach((json_t *)all, name, found) {
    static const char *const lists[] = {"problems", "warnings"};
    for (size_t i = 0; i < 2; i++) {
      size_t index;
      json_t *problem;
      json_array_foreach(json_object_get(found, lists[i]), index, problem) {
        if (strstr(json_string_value(json_object_get(problem, "message")), literal))
          return true;
      }
    }
  }
  return false;
}

static char *read_file(const char *path) {
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  char *text = calloc(1, 1 << 20);
  size_t size = fread(text, 1, (1 << 20) - 1, file);
  text[size] = '\0';
  fclose(file);
  return text;
}

/* What only a document of megabytes brings about. */
static bool is_out_of_reach(const char *literal) {
  static const char *const some[] = {"variables bring in too much text", "the text is too long"};
  for (size_t i = 0; i < sizeof some / sizeof some[0]; i++) {
    if (strncmp(literal, some[i], strlen(some[i])) == 0)
      return true;
  }
  return false;
}

static void every_check_has_a_case(void **state) {
  (void)state;
  json_t *all = everything();
  size_t looked_at = 0, missing = 0;
  glob_t paths;
  assert_int_equal(glob(SOURCES, 0, NULL, &paths), 0);
  for (size_t i = 0; i < paths.gl_pathc; i++) {
    char *text = read_file(paths.gl_pathv[i]), literal[512];
    for (const char *at = text; (at = strstr(at, ".message = ")); at++) {
      if (!read_literal(at + strlen(".message = "), literal) || is_out_of_reach(literal))
        continue;
      looked_at++;
      if (is_told(all, literal))
        continue;
      print_error("%s: no case has \"%s\"\n", strrchr(paths.gl_pathv[i], '/') + 1, literal);
      missing++;
    }
    free(text);
  }
  globfree(&paths);
  json_decref(all);
  print_message("%zu checks\n", looked_at);
  assert_true(looked_at > 30);
  assert_int_equal(missing, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_problem_is_told_word_for_word),
      cmocka_unit_test(every_check_has_a_case),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
