/* SPDX-License-Identifier: MIT
 * runner.c - see runner.h. */
#include "runner.h"

#include <dlfcn.h>
#include <ftw.h>
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libevents_transport.h"
#include "match.h"
#include "support/redis_server.h"
#include "support/until.h"
#include "verbs.h"

enum { LOOK_SECONDS = 30, REASONS_MAX = 512 };

/* A kind of transport; every scenario gets places of its own in it. */
typedef struct test_kind {
  const char *name;
  const json_t *entry;
  int port;
  char folder[64]; /* of its own, for transports that want one */
  int next_place;
  json_t *places;  /* of this scenario, by the transport's name */
  json_t *skipped; /* by reason */
  int ran, failed;
} test_kind;

static uint64_t look_ms(void) {
  const char *given = getenv("EVS_LOOK_SECONDS");
  return (uint64_t)((given ? atof(given) : LOOK_SECONDS) * 1000);
}

static char *text_of(const char *format, ...) __attribute__((format(printf, 1, 2)));
static char *text_of(const char *format, ...) {
  char *text = NULL;
  va_list arguments;
  va_start(arguments, format);
  test_require(vasprintf(&text, format, arguments) >= 0, "memory for a text");
  va_end(arguments);
  return text;
}

/* ---- transports ------------------------------------------------------------------------------- */

static char *replaced(char *text, const char *word, const char *by) {
  char *at = strstr(text, word);
  if (!at)
    return text;
  char *other = text_of("%.*s%s%s", (int)(at - text), text, by, at + strlen(word));
  free(text);
  return other;
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *place) {
  (void)about, (void)kind, (void)place;
  return remove(path);
}

static json_t *transport_config(void *data, const char *name) {
  test_kind *kind = data;
  if (!json_object_get(kind->places, name))
    json_object_set_new(kind->places, name, json_integer(kind->next_place++));
  char *text = json_dumps(json_object_get(kind->entry, "config"), JSON_COMPACT), number[24];
  snprintf(number, sizeof number, "%d", kind->port);
  text = replaced(text, "${port}", number);
  text = replaced(text, "${folder}", kind->folder);
  text = replaced(text, "${build}", EVS_BINARY_DIR);
  snprintf(number, sizeof number, "%d", (int)json_integer_value(json_object_get(kind->places, name)));
  text = replaced(text, "${place}", number);
  json_t *config = json_loads(text, 0, NULL);
  free(text);
  test_require(config != NULL, "a transport's configuration is JSON");
  return config;
}

static bool has(const test_kind *kind, const char *capability) {
  size_t i;
  json_t *each;
  json_array_foreach(json_object_get(kind->entry, "capabilities"), i, each) {
    if (strcmp(json_string_value(each), capability) == 0)
      return true;
  }
  return false;
}

/* gives: why it cannot play a scenario, or NULL. */
static char *missing(const test_kind *kind, const json_t *scenario) {
  size_t i;
  json_t *each;
  json_array_foreach(json_object_get(scenario, "needs"), i, each) {
    if (!has(kind, json_string_value(each)))
      return text_of("%s", json_string_value(each));
  }
  json_array_foreach(json_object_get(scenario, "lacks"), i, each) {
    if (has(kind, json_string_value(each)))
      return text_of("without %s", json_string_value(each));
  }
  return NULL;
}

/* ---- steps ------------------------------------------------------------------------------------ */

/* gives: why the result is not as expected, or NULL. */
static char *differs(const json_t *step, const json_t *found) {
  const json_t *expected = json_object_get(step, "gives");
  if (!verbs_has_no_order(step))
    return match_difference(expected, found);
  json_t *all = match_repeated(expected);
  char *wrong =
      json_object_get(step, "inOrder") ? match_difference(all, found) : match_in_any_order(all, found);
  json_decref(all);
  return wrong;
}

static char *with_found(char *wrong, const json_t *found) {
  char *shown = json_dumps(found, JSON_COMPACT | JSON_ENCODE_ANY);
  char *text = text_of("%s\n    found: %.2000s", wrong, shown ? shown : "nothing");
  free(shown);
  free(wrong);
  return text;
}

/* One look at the result of a step, or at its error, which out_found is. gives: why it is not as expected, or
 * NULL. */
static char *look(test_verbs *verbs, const json_t *step, json_t **out_found, bool *out_may_change) {
  json_t *error = NULL, *result = verbs_play(verbs, step, &error);
  const json_t *fails = json_object_get(step, "fails");
  char *wrong = NULL;
  if (error)
    wrong = fails ? match_difference(fails, error) : text_of("it failed");
  else if (fails)
    wrong = text_of("it did not fail");
  else if (json_object_get(step, "gives"))
    wrong = differs(step, result);
  *out_may_change = !error && !fails;
  *out_found = error ? error : result;
  if (error)
    json_decref(result);
  return wrong;
}

static char *take_step(test_verbs *verbs, const json_t *step) {
  const char *verb = json_string_value(json_object_get(step, "do"));
  uint64_t until = test_now_ms() + look_ms();
  bool may_change = false;
  json_t *found = NULL;
  char *wrong = look(verbs, step, &found, &may_change);
  while (wrong && may_change && verbs_is_polled(verb) && test_now_ms() < until) {
    free(wrong);
    json_decref(found);
    stage_pump(verbs->stage);
    wrong = look(verbs, step, &found, &may_change);
  }
  if (wrong)
    wrong = with_found(wrong, found);
  json_decref(found);
  if (!wrong && strcmp(verb, "handled") == 0)
    json_array_clear(verbs->stage->runs);
  return wrong;
}

/* ---- the end ---------------------------------------------------------------------------------- */

/* gives: a group that still has something to do, or NULL. */
static json_t *unsettled(test_stage *stage, test_system *at) {
  json_t *left = NULL;
  for (size_t t = 0; t < json_array_size(at->transports) && !left && !at->is_closed; t++) {
    json_t *error = NULL;
    json_t *params = json_pack("{s:O}", "transport", json_array_get(at->transports, t));
    json_t *answer = verbs_ask(stage, at, "groups", params, &error);
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(answer, "groups"), i, row) {
      if (json_integer_value(json_object_get(row, "lag")) ||
          json_integer_value(json_object_get(row, "pending")))
        left = left ? left : json_incref(row);
    }
    if (error)
      left = json_incref(error);
    json_decref(error);
    json_decref(answer);
    json_decref(params);
  }
  return left;
}

/* gives: where the statistics of a system are not what was seen, or NULL. */
static char *miscounted(test_stage *stage, test_system *at, uint64_t until) {
  const json_t *expected = ledger_expected(&at->ledger);
  for (;;) {
    char *text = NULL;
    if (at->is_closed || evs_system_stats(at->system, &text, NULL) != EVS_OK)
      return NULL;
    json_t *stats = json_loads(text, 0, NULL);
    evs_string_free(text);
    char *wrong = match_difference(expected, stats);
    json_decref(stats);
    char *problem = wrong && test_now_ms() > until ? text_of("statistics of %s: %s", at->name, wrong) : NULL;
    if (!wrong || problem) {
      free(wrong);
      return problem;
    }
    free(wrong);
    stage_pump(stage);
  }
}

/* Nothing is left to do, and nothing was handled that no step expected. */
static char *settle(test_stage *stage) {
  uint64_t until = test_now_ms() + look_ms();
  char *wrong = NULL;
  for (size_t i = 0; i < stage->system_count && !wrong; i++) {
    json_t *left = unsettled(stage, &stage->systems[i]);
    while (left && test_now_ms() < until) {
      json_decref(left);
      stage_pump(stage);
      left = unsettled(stage, &stage->systems[i]);
    }
    if (left)
      wrong = with_found(text_of("%s is not done", stage->systems[i].name), left);
    json_decref(left);
  }
  if (!wrong && json_array_size(stage->runs))
    wrong = with_found(text_of("handled beyond what was expected"), stage->runs);
  for (size_t i = 0; i < stage->system_count && !wrong; i++)
    wrong = miscounted(stage, &stage->systems[i], until);
  return wrong;
}

/* gives: why the scenario does not hold, or NULL. */
static char *play(test_kind *kind, const json_t *scenario) {
  test_stage stage;
  test_verbs verbs = {&stage, transport_config, kind};
  size_t i;
  json_t *step;
  char *wrong = NULL;
  kind->places = json_object();
  stage_begin(&stage);
  json_array_foreach(json_object_get(scenario, "steps"), i, step) {
    wrong = take_step(&verbs, step);
    if (wrong)
      break;
  }
  char *problem = NULL;
  if (wrong)
    problem = text_of("step %zu (%s): %s", i + 1, json_string_value(json_object_get(step, "do")), wrong);
  else if ((wrong = settle(&stage)))
    problem = text_of("the end: %s", wrong);
  free(wrong);
  stage_end(&stage);
  json_decref(kind->places);
  return problem;
}

/* ---- all of them ------------------------------------------------------------------------------ */

static void skip(test_kind *kind, const char *reason) {
  json_int_t before = json_integer_value(json_object_get(kind->skipped, reason));
  json_object_set_new(kind->skipped, reason, json_integer(before + 1));
}

static void run_file(test_kind *kind, const char *path) {
  json_error_t fault;
  json_t *scenarios = json_load_file(path, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &fault);
  size_t i;
  json_t *scenario;
  if (!json_is_array(scenarios)) {
    printf("FAILED %s: %s\n", path, scenarios ? "not a list" : fault.text);
    kind->failed++;
  }
  json_array_foreach(scenarios, i, scenario) {
    char *reason = missing(kind, scenario);
    if (reason) {
      skip(kind, reason);
      free(reason);
      continue;
    }
    kind->ran++;
    char *problem = play(kind, scenario);
    if (!problem)
      continue;
    kind->failed++;
    printf("FAILED %s, %s: %s\n    %s\n", kind->name, strrchr(path, '/') + 1,
           json_string_value(json_object_get(scenario, "name")), problem);
    free(problem);
  }
  json_decref(scenarios);
}

/* Prints how many ran; gives how many were skipped. */
static int print_counts(test_kind *kind) {
  char reasons[REASONS_MAX] = "";
  size_t used = 0;
  int skipped = 0;
  char *text = json_dumps(kind->skipped, JSON_SORT_KEYS);
  json_t *sorted = json_loads(text, 0, NULL);
  free(text);
  const char *reason;
  json_t *count;
  json_object_foreach(sorted, reason, count) {
    int number = (int)json_integer_value(count);
    used += (size_t)snprintf(reasons + used, sizeof reasons - used, "%s%s %d", used ? ", " : " (", reason,
                             number);
    skipped += number;
  }
  json_decref(sorted);
  printf("%s: %d ran, %d skipped%s%s\n", kind->name, kind->ran, skipped, reasons, used ? ")" : "");
  return skipped;
}

/* The example of a plug-in, registered by this program under a name of its own. */
static void register_own(void) {
  static evs_transport_ops own;
  void *library = dlopen(EVS_BINARY_DIR "/examples/journal.so", RTLD_NOW | RTLD_LOCAL);
  test_require(library != NULL, "the example of a plug-in");
  evs_transport_entry_fn entry;
  *(void **)&entry = dlsym(library, EVS_TRANSPORT_ENTRY);
  own = *entry();
  own.type = "own-journal";
  test_require(evs_transport_register(&own, NULL) == EVS_OK, "a plug-in that is registered");
}

static void run_files(test_kind *kind, const glob_t *files) {
  redis_server server = {0};
  snprintf(kind->folder, sizeof kind->folder, "/tmp/events-XXXXXX");
  test_require(mkdtemp(kind->folder) != NULL, "a temporary folder");
  if (json_object_get(kind->entry, "own"))
    register_own();
  if (json_object_get(kind->entry, "server")) {
    static const char *const options[] = {"--databases", "2000", NULL};
    redis_server_start(&server, options);
    kind->port = server.port;
  }
  for (size_t i = 0; i < files->gl_pathc; i++)
    run_file(kind, files->gl_pathv[i]);
  if (server.pid)
    redis_server_stop(&server);
  nftw(kind->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int scenarios_run(const char *folder, const char *transports_path) {
  int ran = 0, skipped = 0, failed = 0;
  glob_t files;
  setvbuf(stdout, NULL, _IOLBF, 0);
  char *pattern = text_of("%s/*.json", folder);
  json_t *transports = json_load_file(transports_path, 0, NULL);
  bool is_there = json_is_object(transports) && glob(pattern, 0, NULL, &files) == 0;
  free(pattern);
  if (!is_there) {
    printf("no scenarios in %s, or no transports in %s\n", folder, transports_path);
    json_decref(transports);
    return 1;
  }
  const char *name;
  json_t *entry;
  json_object_foreach(transports, name, entry) {
    test_kind kind = {.name = name, .entry = entry, .skipped = json_object()};
    run_files(&kind, &files);
    skipped += print_counts(&kind);
    ran += kind.ran;
    failed += kind.failed;
    json_decref(kind.skipped);
  }
  printf("%d scenarios ran, %d skipped, %d failed\n", ran, skipped, failed);
  globfree(&files);
  json_decref(transports);
  return failed || ran == 0;
}
