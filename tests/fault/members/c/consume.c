/* SPDX-License-Identifier: MIT
 * consume.c - the handler: writes that it began, does what the event's body says, writes how it ended. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "member.h"

enum { POLL_MS = 100, ID_SIZE = 128, INBOX = 0 };

static const json_t *of_job(const member *self, const char *name) {
  return json_object_get(json_object_get(self->job, "consume"), name);
}

static long number(const json_t *object, const char *name) {
  return (long)json_integer_value(json_object_get(object, name));
}

/* Does the action `name` concern this attempt? Its number says how many do, -1 all. */
static bool is_due(const json_t *what, const char *name, uint32_t attempt) {
  long times = number(what, name);
  return times < 0 || attempt <= (uint32_t)times;
}

/* Ends the process at this moment of a run, as often as the event says. */
static void die(const member *self, const json_t *what, const char *moment, const char *id) {
  const char *how = json_string_value(json_object_get(what, "die"));
  const char *at = json_string_value(json_object_get(what, "at"));
  if (!how || strcmp(at ? at : "start", moment) != 0)
    return;
  for (long i = 1; i <= number(what, "times"); i++) {
    if (!member_mark(self, id, i))
      continue;
    if (strcmp(how, "segv") == 0)
      raise(SIGSEGV);
    if (strcmp(how, "abort") == 0)
      abort();
    raise(SIGKILL);
  }
}

/* Does it fail once more? As often as the event says in all, however often it was dead in between. */
static bool fails_again(const member *self, const json_t *what, const char *id) {
  for (long i = 1; i <= number(what, "fail_in_all"); i++) {
    if (member_mark(self, id, i))
      return true;
  }
  return false;
}

static void end(member *self, long run, bool is_ok, bool is_skipped) {
  member_write(self, "end",
               json_pack("{s:I,s:b,s:b}", "run", (json_int_t)run, "ok", is_ok, "skipped", is_skipped));
}

/* Runs the handler; gives whether it succeeded. */
static bool handle(member *self, const evs_message *message, const json_t *what) {
  char id[ID_SIZE] = "";
  long run = atomic_fetch_add(&self->runs, 1) + 1;
  memcpy(id, message->id.data, message->id.size < ID_SIZE ? message->id.size : ID_SIZE - 1);
  member_write(self, "start",
               json_pack("{s:I,s:s,s:i,s:i,s:s#}", "run", (json_int_t)run, "id", id, "attempt",
                         (int)message->attempt, "deliveries", (int)message->deliveries, "body",
                         message->body.data, (int)message->body.size));
  member_sleep((long)json_integer_value(of_job(self, "delay")) + number(what, "sleep"));
  die(self, what, "start", id);
  if (is_due(what, "hang", message->attempt)) {
    atomic_fetch_add(&self->hung, 1);
    for (;;)
      pause();
  }
  if (is_due(what, "fail", message->attempt) || is_due(what, "throw", message->attempt) ||
      fails_again(self, what, id)) {
    end(self, run, false, false);
    return false;
  }
  bool is_done = json_is_true(of_job(self, "inbox")) && !member_mark(self, id, INBOX);
  end(self, run, true, is_done);
  if (!is_done)
    die(self, what, "end", id);
  return true;
}

static void settle(member *self, const evs_message *message, bool is_ok) {
  evs_error *error = NULL;
  evs_failure failure = {.struct_size = sizeof failure,
                         .kind = EVS_FAIL_RETRY,
                         .delivery = message->delivery,
                         .error_class = {"Refused", 7},
                         .message = {"fails on purpose", 16}};
  evs_status status = is_ok ? evs_ack(self->system, &message->delivery, 1, NULL, &error)
                            : evs_fail(self->system, &failure, 1, NULL, &error);
  if (status != EVS_OK && status != EVS_CLOSED)
    member_fail("settle", error);
  evs_error_free(error);
}

static void take(member *self, const evs_message *message) {
  bool is_ok = true;
  if (!json_is_true(of_job(self, "cheat"))) {
    /* Without need nothing large is parsed: where memory is short, jansson writes behind its buffer. */
    bool has_action = memmem(message->body.data, message->body.size, "\"do\"", 4) != NULL;
    json_t *body =
        has_action ? json_loadb(message->body.data, message->body.size, JSON_DECODE_ANY, NULL) : NULL;
    is_ok = handle(self, message, json_object_get(body, "do"));
    json_decref(body);
  }
  settle(self, message, is_ok);
}

void *member_consume(void *data) {
  member *self = data;
  for (;;) {
    evs_batch *batch = NULL;
    evs_error *error = NULL;
    size_t count;
    evs_status status = evs_poll(self->system, EVS_POLL_MESSAGES, 1, POLL_MS, &batch, &error);
    if (status == EVS_CLOSED) {
      evs_error_free(error);
      return NULL;
    }
    if (status != EVS_OK && status != EVS_AGAIN)
      member_fail("poll", error);
    evs_error_free(error);
    const evs_message *messages = evs_batch_messages(batch, &count);
    if (count > 0)
      take(self, &messages[0]);
    evs_batch_release(batch);
  }
}
