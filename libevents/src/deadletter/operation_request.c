/* SPDX-License-Identifier: MIT
 * operation_request.c - the requests of hosts about operations: start, list, get, set. Each is a chain of
 * questions to the transport and ends with one answer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_text.h"
#include "deadletter/operations_inner.h"

enum { CHANGES_MOST = 10 };

typedef struct call {
  evsi_operations *operations;
  uint64_t request;
  json_t *params;
  json_t *document, *progress; /* of the operation that it is about */
  json_int_t version;
  char owner[EVSI_JOB_OWNER_TEXT];
  int tries;
  bool is_replay; /* one of the requests "replay." */
} call;

/* ---- ends ------------------------------------------------------------------------------------- */

static void refuse(call *made, evs_status status, evsi_refusal refusal) {
  evsi_operations *operations = made->operations;
  const evsi_operations_answer answer = {status, refusal.path,
                                         evsi_text(refusal.why ? refusal.why : "out of memory")};
  operations->setup.answer(operations->setup.data, made->request, &answer);
  json_decref(made->params);
  json_decref(made->document);
  json_decref(made->progress);
  evsi_free(made);
}

static void finish(call *made, evs_status status, const char *text) {
  refuse(made, status, (evsi_refusal){NULL, text});
}

static void finish_json(call *made, json_t *document) {
  char *text = document ? evsi_json_text(document) : NULL;
  json_decref(document);
  finish(made, text ? EVS_OK : EVS_NOMEM, text);
  evsi_free(text);
}

static void finish_view(call *made) {
  finish_json(made, evsi_operation_view(made->document, made->progress));
}

static void ask(call *made, const char *method, json_t *params, evsi_answer_fn fn) {
  evsi_operations_ask(made->operations, method, params, fn, made);
}

/* Takes the one row of an answer to job.list; false: it is not there, and that was answered. */
static bool take_row(call *made, evs_status status, const json_t *answer, const char *message) {
  const json_t *row = json_array_get(json_object_get(answer, "jobs"), 0);
  if (status != EVS_OK) {
    finish(made, status, message);
    return false;
  }
  if (!row) {
    finish(made, EVS_NOT_FOUND, "there is no such operation: it ended long ago, or never was");
    return false;
  }
  json_decref(made->document);
  json_decref(made->progress);
  made->document = json_deep_copy(json_object_get(row, "document"));
  made->progress = json_incref(json_object_get(row, "progress"));
  made->version = json_integer_value(json_object_get(row, "version"));
  return true;
}

static void on_logged(void *context, evs_status status, const json_t *answer, const char *message) {
  (void)status, (void)answer,
      (void)message; /* what is done is done; the transport logs what it cannot write */
  finish_view(context);
}

/* ---- list and get ----------------------------------------------------------------------------- */

static int newest_first(const void *a, const void *b) {
  json_int_t left = json_integer_value(json_object_get(*(json_t *const *)a, "startedAt"));
  json_int_t right = json_integer_value(json_object_get(*(json_t *const *)b, "startedAt"));
  return (left < right) - (left > right);
}

static void on_list(void *context, evs_status status, const json_t *answer, const char *message) {
  call *made = context;
  const json_t *rows = json_object_get(answer, "jobs");
  size_t count = json_array_size(rows), i;
  json_t **views = evsi_calloc(count + 1, sizeof *views), *list = json_array(), *row;
  if (status != EVS_OK || !views) {
    json_decref(list);
    evsi_free(views);
    finish(made, status != EVS_OK ? status : EVS_NOMEM, status != EVS_OK ? message : NULL);
    return;
  }
  json_array_foreach(rows, i, row) {
    views[i] = evsi_operation_view(json_object_get(row, "document"), json_object_get(row, "progress"));
  }
  qsort(views, count, sizeof *views, newest_first);
  for (i = 0; i < count; i++) {
    if (evsi_operation_is_replay(views[i]) == made->is_replay)
      json_array_append(list, views[i]);
    json_decref(views[i]);
  }
  evsi_free(views);
  evsi_operations_watch(made->operations, answer);
  finish_json(made, json_pack("{s:o}", made->is_replay ? "replays" : "operations", list));
}

/* What was fed and is not acknowledged yet. */
static void on_left(void *context, evs_status status, const json_t *answer, const char *message) {
  call *made = context;
  json_t *view = evsi_operation_view(made->document, made->progress);
  (void)message;
  json_t *unhandled = status == EVS_OK ? json_object_get(answer, "unhandled") : NULL;
  json_object_set_new(view, "unhandled", unhandled ? json_incref(unhandled) : json_null());
  finish_json(made, view);
}

static void on_get(void *context, evs_status status, const json_t *answer, const char *message) {
  call *made = context;
  if (!take_row(made, status, answer, message))
    return;
  if (!evsi_operation_is_ended(made->document) && made->operations->watch_ms == 0)
    made->operations->watch_ms = evsi_operations_now(made->operations);
  evsi_operations_wake(made->operations);
  if (evsi_operation_is_replay(made->document))
    ask(made, "job.left",
        json_pack("{s:O,s:O,s:o}", "id", json_object_get(made->document, "id"), "group",
                  json_object_get(made->document, "group"), "streams",
                  evsi_operation_streams(made->document)),
        on_left);
  else
    finish_view(made);
}

/* ---- start ------------------------------------------------------------------------------------ */

static void on_created(void *context, evs_status status, const json_t *answer, const char *message) {
  call *made = context;
  json_t *id = json_object_get(answer, "id");
  if (status != EVS_OK) {
    finish(made, status, message);
  } else if (!json_is_true(json_object_get(answer, "isNew"))) {
    ask(made, "job.list", json_pack("{s:O}", "id", id), on_get); /* this key was used before */
  } else if (!evsi_job_add(made->operations, made->document, 1, made->owner)) {
    finish(made, EVS_NOMEM, NULL); /* it stands in the store: whoever sees no beat takes it over */
  } else {
    ask(made, "job.audit", evsi_operation_row(made->document, made->params, "start", 0), on_logged);
  }
}

/* A dry run ends here: what it would take is known, and nothing stands in the store. */
static void create(call *made) {
  if (json_is_true(json_object_get(made->params, "dryRun"))) {
    json_object_set_new(made->document, "id", json_null());
    json_object_set_new(made->document, "state", json_string("dry"));
    finish_view(made);
    return;
  }
  json_t *key = json_object_get(made->document, "key");
  ask(made, "job.create",
      json_pack("{s:O,s:O,s:O,s:s}", "id", json_object_get(made->document, "id"), "key", key, "document",
                made->document, "owner", made->owner),
      on_created);
}

static void on_counted(void *context, evs_status status, const json_t *answer, const char *message) {
  call *made = context;
  json_t *count = json_object_get(answer, "count");
  if (status != EVS_OK) {
    finish(made, status, message);
    return;
  }
  if (json_is_true(json_object_get(answer, "exact")))
    json_object_set(json_object_get(made->document, "snapshot"), "count", count);
  create(made);
}

static void on_bounds(void *context, evs_status status, const json_t *answer, const char *message) {
  call *made = context;
  const char *kind = json_string_value(json_object_get(made->document, "kind"));
  json_int_t now = (json_int_t)evsi_wall_ms(made->operations->setup.env);
  if (status != EVS_OK) {
    finish(made, status, message);
    return;
  }
  json_object_set_new(
      made->document, "snapshot",
      json_pack("{s:I,s:O,s:n}", "takenAt", now, "bounds", json_object_get(answer, "bounds"), "count"));
  json_t *count = json_object_get(answer, "count");
  if (json_is_integer(count))
    json_object_set(json_object_get(made->document, "snapshot"), "count", count);
  if (strcmp(kind, "restore") == 0 || made->is_replay)
    create(made);
  else
    ask(made, "dlq.count", json_pack("{s:O}", "filter", json_object_get(made->document, "filter")),
        on_counted);
}

/* Replays are operations of a kind of their own, and no other request starts one. */
static bool set_kind(call *made) {
  const char *kind = json_string_value(json_object_get(made->params, "kind"));
  if (!made->is_replay)
    return !kind || strcmp(kind, "replay") != 0;
  if (!json_object_get(made->params, "filter"))
    json_object_set_new(made->params, "filter", json_object());
  return json_object_set_new(made->params, "kind", json_string("replay")) == 0;
}

/* A replay has fewer members than a change of dead letters: one that it does not know would do nothing. */
static const char *unknown_member(const call *made) {
  static const char *const known[] = {"filter", "group", "rate", "key", "reason", "actor", "address"};
  const char *name;
  json_t *value;
  json_object_foreach(made->params, name, value) {
    bool is_known = !made->is_replay;
    for (size_t i = 0; i < sizeof known / sizeof known[0] && !is_known; i++)
      is_known = strcmp(known[i], name) == 0;
    if (!is_known)
      return name;
  }
  return NULL;
}

static void refuse_unknown(call *made, const char *name) {
  char path[128];
  snprintf(path, sizeof path, "/%.100s", name);
  refuse(made, EVS_VALIDATION,
         (evsi_refusal){path, "replay.start has filter, group, rate, key, reason and actor only"});
}

static void start(call *made) {
  enum { ID_DIGITS = 16 };
  static const char *const needed[] = {"kind", "filter", "to", "create", "maxRedrives", "force"};
  char id[EVSI_JOB_OWNER_TEXT];
  evsi_refusal refusal = {NULL, "there are no random numbers for its id"};
  const char *unknown = unknown_member(made);
  if (unknown) {
    refuse_unknown(made, unknown);
    return;
  }
  if (!set_kind(made)) {
    refuse(made, EVS_VALIDATION, (evsi_refusal){"/kind", "a replay is started by replay.start"});
    return;
  }
  if (evsi_operations_random_id(made->operations, id) &&
      evsi_operations_random_id(made->operations, made->owner)) {
    id[ID_DIGITS] = '\0';
    made->document =
        evsi_operation_new(made->params, id, evsi_wall_ms(made->operations->setup.env), &refusal);
  }
  if (!made->document) {
    refuse(made, EVS_VALIDATION, refusal);
    return;
  }
  json_t *asked = json_object();
  for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
    json_object_set(asked, needed[i], json_object_get(made->document, needed[i]));
  ask(made, "job.bounds", asked, on_bounds);
}

/* ---- set -------------------------------------------------------------------------------------- */

static void look(call *made, evsi_answer_fn fn) {
  json_t *id = json_object_get(made->params, "id");
  if (json_is_string(id))
    ask(made, "job.list", json_pack("{s:O}", "id", id), fn);
  else
    refuse(made, EVS_VALIDATION, (evsi_refusal){"/id", "give the id of an operation, a text"});
}

static void on_found(void *context, evs_status status, const json_t *answer, const char *message);

static void log_change(call *made) {
  ask(made, "job.audit",
      evsi_operation_row(made->document, made->params, "set",
                         (uint64_t)json_integer_value(json_object_get(made->progress, "done"))),
      on_logged);
}

/* The members of a replay were told; should the store refuse that, whoever asked can ask again. */
static void on_gate(void *context, evs_status status, const json_t *answer, const char *message) {
  call *made = context;
  (void)answer;
  if (status == EVS_OK)
    log_change(made);
  else
    finish(made, status, message);
}

static void on_written(void *context, evs_status status, const json_t *answer, const char *message) {
  call *made = context;
  if (status != EVS_OK) {
    finish(made, status, message);
    return;
  }
  if (json_is_true(json_object_get(answer, "isWritten"))) {
    evsi_job_look(made->operations, json_string_value(json_object_get(made->document, "id")));
    if (evsi_operation_is_replay(made->document))
      ask(made, "job.gate",
          json_pack("{s:O,s:O,s:o}", "id", json_object_get(made->document, "id"), "state",
                    json_object_get(made->document, "state"), "streams",
                    evsi_operation_streams(made->document)),
          on_gate);
    else
      log_change(made);
  } else if (++made->tries < CHANGES_MOST) {
    look(made, on_found); /* another change came first: this one is made on top of it */
  } else {
    finish(made, EVS_CONFLICT, "the operation is being changed by others: try again");
  }
}

static void on_found(void *context, evs_status status, const json_t *answer, const char *message) {
  call *made = context;
  if (!take_row(made, status, answer, message))
    return;
  bool has_ended = evsi_operation_is_ended(made->document);
  const char *why =
      evsi_operation_change(made->document, made->params, evsi_wall_ms(made->operations->setup.env));
  if (why) {
    finish(made, has_ended ? EVS_CONFLICT : EVS_VALIDATION, why);
    return;
  }
  ask(made, "job.write",
      json_pack("{s:O,s:I,s:O}", "id", json_object_get(made->document, "id"), "version", made->version,
                "document", made->document),
      on_written);
}

/* ---- starting --------------------------------------------------------------------------------- */

void evsi_operations_request(evsi_operations *operations, const char *method, const char *params_json,
                             uint64_t request) {
  call *made = evsi_calloc(1, sizeof *made);
  if (!made) {
    const evsi_operations_answer answer = {EVS_NOMEM, NULL, evsi_text("out of memory")};
    operations->setup.answer(operations->setup.data, request, &answer);
    return;
  }
  made->operations = operations;
  made->request = request;
  made->params = evsi_json_load(evsi_text(params_json), 0, NULL);
  made->is_replay = strncmp(method, "replay.", strlen("replay.")) == 0;
  const char *verb = strchr(method, '.') + 1;
  if (!made->params)
    finish(made, EVS_NOMEM, NULL);
  else if (strcmp(verb, "start") == 0)
    start(made);
  else if (strcmp(verb, "set") == 0)
    look(made, on_found);
  else if (strcmp(verb, "get") == 0)
    look(made, on_get);
  else
    ask(made, "job.list", json_object(), on_list);
}
