/* SPDX-License-Identifier: MIT
 * verbs.c - see verbs.h. */
#include "verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "match.h"
#include "message.h"
#include "support/until.h"

enum { REQUEST_MS = 30000, EVENTS_MAX = 1000, CLOSE_MS = 10000 };

/* What a verb is given besides the step. */
typedef struct test_scene {
  test_verbs *verbs;
  test_stage *stage;
  const char *name; /* of the system */
  test_system *at;  /* NULL before it is opened */
} test_scene;

typedef json_t *(*verb_fn)(test_scene *scene, const json_t *step, json_t **out_error);

static const json_t *get(const json_t *step, const char *name) {
  return json_object_get(step, name);
}

/* An object with those of the named members that the step has. */
static json_t *members(const json_t *step, const char *const *names) {
  json_t *some = json_object();
  for (; *names; names++)
    json_object_set(some, *names, json_object_get(step, *names));
  return some;
}

json_t *verbs_ask(test_stage *stage, test_system *at, const char *method, const json_t *params,
                  json_t **out_error) {
  evs_error *error = NULL;
  uint64_t token = stage->next_token++;
  char *text = json_dumps(params, JSON_COMPACT);
  evs_status status = evs_request(at->system, method, text, strlen(text), REQUEST_MS, token, &error);
  free(text);
  if (status != EVS_OK) {
    *out_error = stage_error(error);
    return NULL;
  }
  json_t *report = stage_await(stage, at, EVS_REPORT_REQUEST, token);
  test_require(report != NULL, "a request is answered before the system has ended");
  bool is_ok = strcmp(json_string_value(get(report, "status")), "EVS_OK") == 0;
  json_t *answer = is_ok ? json_incref((json_t *)get(report, "detail")) : NULL;
  if (!is_ok)
    *out_error = stage_error_of(report);
  json_decref(report);
  return answer;
}

/* One member of the answer to a request without arguments, or with those of the step. */
static json_t *ask_for(test_scene *scene, const char *method, json_t *params, const char *name,
                       json_t **out_error) {
  json_t *answer = verbs_ask(scene->stage, scene->at, method, params, out_error);
  json_t *found = name ? json_incref(json_object_get(answer, name)) : json_incref(answer);
  json_decref(params);
  json_decref(answer);
  return found;
}

/* ---- life ------------------------------------------------------------------------------------- */

static json_t *do_connect(test_scene *scene, const json_t *step, json_t **out_error) {
  (void)step;
  return ask_for(scene, "connect", json_object(), NULL, out_error);
}

/* The configuration that a step gives, with the transports that are being tested. */
static json_t *document_of(test_scene *scene, const json_t *step) {
  json_t *transports = json_object();
  json_t *named =
      get(step, "transports") ? json_deep_copy(get(step, "transports")) : json_pack("{s:{}}", "main");
  const char *name;
  json_t *more;
  json_object_foreach(named, name, more) {
    json_t *transport = scene->verbs->transport(scene->verbs->data, name);
    json_object_update(transport, more);
    json_object_set_new(transports, name, transport);
  }
  json_t *config = json_pack("{s:s, s:o}", "service", scene->name, "transports", transports);
  json_object_update(config, (json_t *)get(step, "config"));
  json_decref(named);
  return config;
}

static json_t *do_open(test_scene *scene, const json_t *step, json_t **out_error) {
  json_t *config = document_of(scene, step);
  *out_error = stage_open(scene->stage, scene->name, config);
  json_decref(config);
  if (*out_error)
    return NULL;
  scene->at = stage_find(scene->stage, scene->name);
  return json_is_false(get(step, "connect")) ? json_null() : do_connect(scene, step, out_error);
}

static json_t *do_reload(test_scene *scene, const json_t *step, json_t **out_error) {
  json_t *params = json_pack("{s:o}", "config", document_of(scene, step));
  return ask_for(scene, "reload", params, "changed", out_error);
}

static json_t *do_coverage(test_scene *scene, const json_t *step, json_t **out_error) {
  (void)step;
  return ask_for(scene, "coverage", json_object(), NULL, out_error);
}

static json_t *do_close(test_scene *scene, const json_t *step, json_t **out_error) {
  evs_error *error = NULL;
  const json_t *deadline = get(step, "deadline");
  uint32_t deadline_ms = deadline ? (uint32_t)json_integer_value(deadline) : CLOSE_MS;
  if (evs_system_close(scene->at->system, deadline_ms, &error) != EVS_OK) {
    *out_error = stage_error(error);
    return NULL;
  }
  json_decref(stage_await(scene->stage, scene->at, EVS_REPORT_CLOSED, 0));
  return json_null();
}

/* ---- consuming -------------------------------------------------------------------------------- */

static json_t *do_subscribe(test_scene *scene, const json_t *step, json_t **out_error) {
  const json_t *given = get(step, "options"), *handler = get(step, "handler"), *plan = get(step, "plan");
  json_t *options = given ? json_copy((json_t *)given) : json_object();
  json_object_set(options, "pattern", json_object_get(step, "pattern"));
  if (json_is_true(get(step, "replayed")))
    json_object_set(options, "replay", scene->stage->operation);
  json_t *words = plan ? json_incref((json_t *)plan) : json_array();
  test_handler made = {.name = json_string_value(handler ? handler : get(step, "pattern")), .plan = words};
  *out_error = stage_subscribe(scene->stage, scene->at, options, made);
  json_decref(words);
  json_decref(options);
  return *out_error ? NULL : json_null();
}

static json_t *do_subscribe_and_wait(test_scene *scene, const json_t *step, json_t **out_error) {
  json_t *done = do_subscribe(scene, step, out_error);
  char *text = NULL;
  if (!done || evs_system_status(scene->at->system, &text, NULL) != EVS_OK)
    return done;
  json_t *status = json_loads(text, 0, NULL);
  evs_string_free(text);
  bool is_connected = json_is_true(get(status, "connected"));
  json_decref(status);
  json_decref(done);
  return is_connected ? ask_for(scene, "ready", json_object(), NULL, out_error) : json_null();
}

static json_t *do_unsubscribe(test_scene *scene, const json_t *step, json_t **out_error) {
  test_handler *handler = stage_handler_named(scene->stage, json_string_value(get(step, "handler")));
  evs_error *error = NULL;
  test_require(handler != NULL, "the handler to unsubscribe is there");
  if (evs_unsubscribe(handler->at->system, handler->token, &error) != EVS_OK) {
    *out_error = stage_error(error);
    return NULL;
  }
  json_decref(stage_await(scene->stage, handler->at, EVS_REPORT_UNSUBSCRIBED, handler->token));
  return json_null();
}

static json_t *do_handled(test_scene *scene, const json_t *step, json_t **out_error) {
  (void)step;
  (void)out_error;
  return json_copy(scene->stage->runs);
}

/* ---- publishing ------------------------------------------------------------------------------- */

/* Publishes; gives the report of each, in order. */
static json_t *publish(test_scene *scene, const json_t *events, json_t **out_error) {
  static test_event made[EVENTS_MAX];
  static evs_event offered[EVENTS_MAX];
  size_t count = json_array_size(events), accepted = 0;
  evs_error *error = NULL;
  test_require(count <= EVENTS_MAX, "a batch has at most as many events");
  uint64_t first = scene->stage->next_token;
  for (size_t i = 0; i < count; i++) {
    made[i] = message_event_of(json_array_get(events, i), scene->stage->next_token++);
    offered[i] = made[i].event;
  }
  evs_status status = evs_publish(scene->at->system, offered, count, &accepted, &error);
  for (size_t i = 0; i < count; i++)
    message_event_free(&made[i]);
  if (status != EVS_OK) {
    *out_error = stage_error(error);
    return NULL;
  }
  json_t *receipts = json_array();
  for (size_t i = 0; i < count; i++) {
    json_t *report = stage_await(scene->stage, scene->at, EVS_REPORT_PUBLISH, first + i);
    test_require(report != NULL, "an event has its report before the system has ended");
    bool is_ok = strcmp(json_string_value(get(report, "status")), "EVS_OK") == 0;
    json_object_set_new(report, "error", is_ok ? json_null() : stage_error_of(report));
    ledger_published(&scene->at->ledger, report, !is_ok);
    json_array_append_new(receipts, report);
  }
  return receipts;
}

static json_t *do_publish_batch(test_scene *scene, const json_t *step, json_t **out_error) {
  json_t *events = match_repeated(get(step, "events"));
  json_t *receipts = publish(scene, events, out_error);
  json_decref(events);
  return receipts;
}

static json_t *do_publish(test_scene *scene, const json_t *step, json_t **out_error) {
  json_t *events = json_pack("[O]", step);
  json_t *receipts = publish(scene, events, out_error);
  json_decref(events);
  json_t *receipt = json_incref(json_array_get(receipts, 0));
  json_decref(receipts);
  if (!json_is_object(get(receipt, "error")))
    return receipt;
  *out_error = json_incref((json_t *)get(receipt, "error"));
  json_decref(receipt);
  return NULL;
}

static json_t *do_flush(test_scene *scene, const json_t *step, json_t **out_error) {
  (void)step;
  return ask_for(scene, "flush", json_object(), NULL, out_error);
}

static json_t *do_drain(test_scene *scene, const json_t *step, json_t **out_error) {
  (void)step;
  return ask_for(scene, "drain", json_object(), NULL, out_error);
}

/* ---- looking ---------------------------------------------------------------------------------- */

static json_t *take_text(evs_status status, char *text, evs_error *error, json_t **out_error) {
  if (status != EVS_OK) {
    *out_error = stage_error(error);
    return NULL;
  }
  json_t *root = json_loads(text, 0, NULL);
  evs_string_free(text);
  return root;
}

static json_t *do_explain(test_scene *scene, const json_t *step, json_t **out_error) {
  static const char *const names[] = {"type", "originPrefix", "headers", "key", "body", NULL};
  char *answer = NULL;
  evs_error *error = NULL;
  json_t *query = members(step, names);
  char *text = json_dumps(query, JSON_COMPACT);
  evs_status status = evs_explain(scene->at->system, text, strlen(text), &answer, &error);
  free(text);
  json_decref(query);
  return take_text(status, answer, error, out_error);
}

static json_t *do_stats(test_scene *scene, const json_t *step, json_t **out_error) {
  (void)step;
  char *text = NULL;
  evs_error *error = NULL;
  evs_status status = evs_system_stats(scene->at->system, &text, &error);
  return take_text(status, text, error, out_error);
}

static json_t *do_groups(test_scene *scene, const json_t *step, json_t **out_error) {
  static const char *const names[] = {"topic", NULL};
  return ask_for(scene, "groups", members(step, names), "groups", out_error);
}

static json_t *do_topics(test_scene *scene, const json_t *step, json_t **out_error) {
  (void)step;
  return ask_for(scene, "topics", json_object(), "topics", out_error);
}

static json_t *do_retention(test_scene *scene, const json_t *step, json_t **out_error) {
  static const char *const names[] = {"topic", NULL};
  return ask_for(scene, "retention", members(step, names), "streams", out_error);
}

static json_t *do_conservation(test_scene *scene, const json_t *step, json_t **out_error) {
  static const char *const names[] = {"topic", NULL};
  return ask_for(scene, "conservation", members(step, names), NULL, out_error);
}

static json_t *do_pause(test_scene *scene, const json_t *step, json_t **out_error) {
  static const char *const names[] = {"group", "reason", "actor", NULL};
  return ask_for(scene, "groups.pause", members(step, names), "paused", out_error);
}

static json_t *do_resume(test_scene *scene, const json_t *step, json_t **out_error) {
  static const char *const names[] = {"group", "actor", NULL};
  return ask_for(scene, "groups.resume", members(step, names), "paused", out_error);
}

/* ---- dead letters ----------------------------------------------------------------------------- */

static const char *const selection[] = {"topic",    "type",  "group", "subscription", "text", "minAttempts",
                                        "requeued", "limit", NULL};

static json_t *do_dead_letters(test_scene *scene, const json_t *step, json_t **out_error) {
  json_t *items = ask_for(scene, "dlq.list", members(step, selection), "items", out_error);
  json_array_clear(scene->stage->listed);
  for (size_t i = 0; i < json_array_size(items); i++)
    json_array_append(scene->stage->listed, json_object_get(json_array_get(items, i), "id"));
  return items;
}

/* `listed`: those that the last step deadLetters listed. */
static json_t *ids_of(test_scene *scene, const json_t *step) {
  const json_t *ids = get(step, "ids");
  return json_is_string(ids) ? json_copy(scene->stage->listed) : json_incref((json_t *)ids);
}

static json_t *do_dead_letter(test_scene *scene, const json_t *step, json_t **out_error) {
  const json_t *id = get(step, "id");
  if (strcmp(json_string_value(id), "listed") == 0)
    id = json_array_get(scene->stage->listed, 0);
  return ask_for(scene, "dlq.get", json_pack("{s:O}", "id", id), NULL, out_error);
}

static json_t *do_dead_letter_groups(test_scene *scene, const json_t *step, json_t **out_error) {
  static const char *const names[] = {"topic", NULL};
  return ask_for(scene, "dlq.groups", members(step, names), NULL, out_error);
}

static json_t *do_dead_letter_count(test_scene *scene, const json_t *step, json_t **out_error) {
  static const char *const names[] = {"filter", NULL};
  return ask_for(scene, "dlq.count", members(step, names), NULL, out_error);
}

static json_t *change(test_scene *scene, const json_t *step, const char *method, json_t **out_error) {
  static const char *const names[] = {"filter", "allGroups",   "reason", "purge",  "actor", "to",
                                      "create", "maxRedrives", "force",  "dryRun", NULL};
  json_t *params = members(step, names);
  if (get(step, "ids"))
    json_object_set_new(params, "ids", ids_of(scene, step));
  if (get(step, "edit"))
    json_object_set_new(params, "edit", json_pack("{s:O}", "body", get(step, "edit")));
  return ask_for(scene, method, params, NULL, out_error);
}

static json_t *do_requeue(test_scene *scene, const json_t *step, json_t **out_error) {
  return change(scene, step, "dlq.requeue", out_error);
}

static json_t *do_discard(test_scene *scene, const json_t *step, json_t **out_error) {
  return change(scene, step, "dlq.discard", out_error);
}

static json_t *do_restore(test_scene *scene, const json_t *step, json_t **out_error) {
  return change(scene, step, "dlq.restore", out_error);
}

static json_t *do_note(test_scene *scene, const json_t *step, json_t **out_error) {
  static const char *const names[] = {"note", "actor", NULL};
  json_t *params = members(step, names);
  json_object_set_new(params, "ids", ids_of(scene, step));
  return ask_for(scene, "dlq.note", params, NULL, out_error);
}

/* Reads the answer itself: to a scenario numbers are reals, in a line they have to stay what they are. */
static json_t *do_export_letters(test_scene *scene, const json_t *step, json_t **out_error) {
  json_t *params = members(step, selection), *page = NULL, *item;
  char *text = json_dumps(params, JSON_COMPACT), *answer = NULL;
  evs_error *error = NULL;
  size_t i;
  if (evs_call(scene->at->system, "dlq.export", text, strlen(text), REQUEST_MS, &answer, &error) == EVS_OK)
    page = json_loads(answer, 0, NULL);
  else
    *out_error = stage_error(error);
  json_decref(scene->stage->lines);
  scene->stage->lines = json_array();
  json_array_foreach(json_object_get(page, "items"), i, item) {
    char *line = json_dumps(item, JSON_COMPACT);
    json_array_append_new(scene->stage->lines, json_string(line));
    free(line);
  }
  json_t *items = json_incref(json_object_get(page, "items"));
  evs_string_free(answer);
  free(text);
  json_decref(page);
  json_decref(params);
  return items;
}

static json_t *do_import_letters(test_scene *scene, const json_t *step, json_t **out_error) {
  static const char *const names[] = {"into", "allGroups", "actor", NULL};
  json_t *params = members(step, names);
  json_object_set(params, "lines", scene->stage->lines);
  return ask_for(scene, "dlq.import", params, NULL, out_error);
}

static json_t *do_archive(test_scene *scene, const json_t *step, json_t **out_error) {
  return ask_for(scene, "dlq.archive", members(step, selection), "items", out_error);
}

/* ---- bulk changes and their log --------------------------------------------------------------- */

static json_t *start(test_scene *scene, const json_t *step, const char *method, json_t **out_error) {
  static const char *const names[] = {"kind",   "filter",    "group",  "rate",        "key",   "reason",
                                      "actor",  "to",        "create", "maxRedrives", "force", "dryRun",
                                      "canary", "allGroups", "stop",   NULL};
  json_t *started = ask_for(scene, method, members(step, names), NULL, out_error);
  json_decref(scene->stage->operation);
  scene->stage->operation = json_incref(json_object_get(started, "id"));
  return started;
}

/* About the one that was started last. */
static json_t *about(test_scene *scene, const json_t *step, const char *method, json_t **out_error) {
  static const char *const names[] = {"state", "rate", "actor", NULL};
  json_t *params = members(step, names);
  json_object_set(params, "id", scene->stage->operation);
  return ask_for(scene, method, params, NULL, out_error);
}

static json_t *do_start_operation(test_scene *scene, const json_t *step, json_t **out_error) {
  return start(scene, step, "operations.start", out_error);
}

static json_t *do_operation(test_scene *scene, const json_t *step, json_t **out_error) {
  return about(scene, step, "operations.get", out_error);
}

static json_t *do_change_operation(test_scene *scene, const json_t *step, json_t **out_error) {
  return about(scene, step, "operations.set", out_error);
}

static json_t *do_start_replay(test_scene *scene, const json_t *step, json_t **out_error) {
  return start(scene, step, "replay.start", out_error);
}

static json_t *do_replay(test_scene *scene, const json_t *step, json_t **out_error) {
  return about(scene, step, "replay.get", out_error);
}

static json_t *do_change_replay(test_scene *scene, const json_t *step, json_t **out_error) {
  return about(scene, step, "replay.set", out_error);
}

static json_t *do_log(test_scene *scene, const json_t *step, json_t **out_error) {
  static const char *const names[] = {"limit", NULL};
  return ask_for(scene, "audit", members(step, names), "items", out_error);
}

/* ---- all of them ------------------------------------------------------------------------------ */

enum { POLLED = 1, WITHOUT_ORDER = 2, ANYWHERE = 4 };

static const struct {
  const char *name;
  verb_fn play;
  unsigned is;
} table[] = {
    {"open", do_open, ANYWHERE},
    {"reload", do_reload, 0},
    {"coverage", do_coverage, POLLED},
    {"connect", do_connect, 0},
    {"close", do_close, 0},
    {"subscribe", do_subscribe_and_wait, 0},
    {"unsubscribe", do_unsubscribe, ANYWHERE},
    {"publish", do_publish, 0},
    {"publishBatch", do_publish_batch, 0},
    {"flush", do_flush, 0},
    {"drain", do_drain, 0},
    {"handled", do_handled, POLLED | WITHOUT_ORDER | ANYWHERE},
    {"explain", do_explain, 0},
    {"stats", do_stats, POLLED},
    {"groups", do_groups, POLLED | WITHOUT_ORDER},
    {"topics", do_topics, POLLED | WITHOUT_ORDER},
    {"pause", do_pause, 0},
    {"resume", do_resume, 0},
    {"deadLetters", do_dead_letters, POLLED | WITHOUT_ORDER},
    {"deadLetter", do_dead_letter, 0},
    {"deadLetterGroups", do_dead_letter_groups, POLLED},
    {"deadLetterCount", do_dead_letter_count, POLLED},
    {"requeue", do_requeue, 0},
    {"discard", do_discard, 0},
    {"archive", do_archive, POLLED | WITHOUT_ORDER},
    {"restore", do_restore, 0},
    {"note", do_note, 0},
    {"exportLetters", do_export_letters, 0},
    {"importLetters", do_import_letters, 0},
    {"startOperation", do_start_operation, 0},
    {"operation", do_operation, POLLED},
    {"changeOperation", do_change_operation, 0},
    {"log", do_log, POLLED},
    {"retention", do_retention, POLLED | WITHOUT_ORDER},
    {"conservation", do_conservation, POLLED},
    {"startReplay", do_start_replay, 0},
    {"replay", do_replay, POLLED},
    {"changeReplay", do_change_replay, 0},
};
enum { VERB_COUNT = sizeof table / sizeof *table };

static size_t find(const char *name) {
  for (size_t i = 0; i < VERB_COUNT; i++)
    if (strcmp(table[i].name, name) == 0)
      return i;
  fprintf(stderr, "no verb %s\n", name);
  exit(2);
}

bool verbs_is_polled(const char *verb) {
  return table[find(verb)].is & POLLED;
}

bool verbs_has_no_order(const json_t *step) {
  return table[find(json_string_value(get(step, "do")))].is & WITHOUT_ORDER;
}

json_t *verbs_play(test_verbs *verbs, const json_t *step, json_t **out_error) {
  const char *name = get(step, "at") ? json_string_value(get(step, "at")) : "shop";
  size_t verb = find(json_string_value(get(step, "do")));
  test_scene scene = {
      .verbs = verbs, .stage = verbs->stage, .name = name, .at = stage_find(verbs->stage, name)};
  test_require(scene.at || table[verb].is & ANYWHERE, "the system was opened before");
  *out_error = NULL;
  return table[verb].play(&scene, step, out_error);
}
