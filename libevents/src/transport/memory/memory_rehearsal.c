/* SPDX-License-Identifier: MIT
 * memory_rehearsal.c - for a test that holds the clock: what was published is kept to be looked at, and
 * events of its choice fail on their way. */
#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "event/pattern.h"
#include "event/type_name.h"
#include "transport/memory/memory_bus.h"

enum { NOTES_MAX = 100000, FAULTS_MAX = 1000, PAGE_MAX = 1000 };
#define TIMES_MAX 1000000000

/* How publishing fails. */
typedef struct memory_mishap {
  const char *word;
  evs_status status;
  uint32_t flags;
  bool is_stored;
  const char *message;
} memory_mishap;

static const memory_mishap mishaps[] = {
    {"refused", EVS_TRANSPORT, EVS_TP_NOT_SENT, false, "refused, as the test asked (testing.fail)"},
    {"unreachable", EVS_TRANSPORT, EVS_TP_NOT_SENT | EVS_TP_TRANSIENT, false,
     "not reachable, as the test asked (testing.fail)"},
    {"full", EVS_QUEUE_FULL, EVS_TP_NOT_SENT | EVS_TP_TRANSIENT, false,
     "the queue is full, as the test asked (testing.fail)"},
    {"unknown", EVS_TRANSPORT, 0, false, "no answer and not stored, as the test asked (testing.fail)"},
    {"lost", EVS_TRANSPORT, 0, true, "stored and no answer, as the test asked (testing.fail)"},
};

typedef struct memory_fault {
  struct memory_fault *next;
  const memory_mishap *mishap;
  json_int_t left; /* times */
  uint64_t struck; /* the last call that it struck */
  char pattern[EVSI_PATTERN_MAX + 1];
  char prefix[EVSI_TYPE_MAX + 1];
} memory_fault;

typedef struct memory_note {
  struct memory_note *next;
  const char *outcome;
  uint64_t at_ms, since_ms; /* wall clock; since the clock began to be held */
  int32_t partition;
  evs_bytes full_type, topic, offset, data;
  uint64_t raw_size;
  char bytes[];
} memory_note;

/* @locks rehearsal. The way in which this event shall fail, or NULL. What passes by itself later concerns all
 * that comes together: a batch whose first event alone is tried again would lose its order. */
static const memory_mishap *take_fault(memory_rehearsal *rehearsal, uint64_t call, evs_bytes full_type) {
  bool failed = false;
  for (memory_fault *fault = rehearsal->faults; fault; fault = fault->next) {
    bool goes_on = fault->struck == call && (fault->mishap->flags & EVS_TP_TRANSIENT);
    if (!goes_on && fault->left == 0)
      continue;
    if (!evsi_pattern_matches_text(fault->pattern, full_type, fault->prefix, &failed))
      continue;
    fault->left -= !goes_on;
    fault->struck = call;
    return fault->mishap;
  }
  return NULL;
}

static const char *outcome_word(const evs_tp_outcome *outcome) {
  if (outcome->status == EVS_OK)
    return "stored";
  return outcome->flags & EVS_TP_NOT_SENT ? "refused" : "unknown";
}

/* @locks rehearsal. The oldest makes room. */
static void add_note(memory_rehearsal *rehearsal, memory_note *note) {
  if (rehearsal->count == NOTES_MAX) {
    memory_note *oldest = rehearsal->notes;
    rehearsal->notes = oldest->next;
    rehearsal->first++;
    rehearsal->count--;
    evsi_free(oldest);
  }
  if (!rehearsal->notes)
    rehearsal->notes_end = &rehearsal->notes;
  *rehearsal->notes_end = note;
  rehearsal->notes_end = &note->next;
  rehearsal->count++;
}

static memory_note *note_of(const evs_transport *transport, const evs_tp_event *event,
                            const evs_tp_outcome *outcome) {
  evsi_buf text = {0};
  if (event->parcel)
    evsi_envelope_encode(&text, &((const evsi_parcel *)event->parcel)->envelope, EVSI_FORM_OWN);
  evs_bytes data = event->parcel ? evsi_bytes(text.data, text.size) : event->data;
  uint64_t size = event->full_type.size + event->topic.size + outcome->offset.size + data.size + 4;
  memory_note *note = text.failed ? NULL : evsi_calloc(1, sizeof *note + size);
  if (!note) {
    evsi_buf_free(&text);
    return NULL;
  }
  char *at = note->bytes;
  note->outcome = outcome_word(outcome);
  const evsi_env *env = transport->world.env;
  note->at_ms = evsi_wall_ms(env);
  note->since_ms = (evsi_now_us(env) - env->held->began_us) / 1000;
  note->partition = event->partition;
  note->full_type = evsi_bytes_place(&at, event->full_type);
  note->topic = evsi_bytes_place(&at, event->topic);
  note->offset = evsi_bytes_place(&at, outcome->offset);
  note->data = evsi_bytes_place(&at, data);
  note->raw_size = event->raw.size;
  evsi_buf_free(&text);
  return note;
}

void evsi_memory_rehearse(evs_transport *transport, uint64_t call, const evs_tp_event *from,
                          evs_tp_outcome *outcome, evsi_memory_offset *offset) {
  memory_rehearsal *rehearsal = &transport->rehearsal;
  pthread_mutex_lock(&rehearsal->lock);
  const memory_mishap *mishap = take_fault(rehearsal, call, from->full_type);
  pthread_mutex_unlock(&rehearsal->lock);
  *outcome = (evs_tp_outcome){.struct_size = sizeof *outcome, .token = from->token, .status = EVS_OK};
  if (!mishap || mishap->is_stored)
    evsi_memory_store(transport, from, 1, outcome, offset);
  if (mishap && outcome->status == EVS_OK) {
    outcome->status = mishap->status;
    outcome->flags = mishap->flags;
    outcome->message = evsi_text(mishap->message);
  }
  memory_note *note = note_of(transport, from, outcome);
  if (!note)
    return;
  pthread_mutex_lock(&rehearsal->lock);
  add_note(rehearsal, note);
  pthread_mutex_unlock(&rehearsal->lock);
}

/* ---- requests --------------------------------------------------------------------------------- */

static void refuse(evs_transport *transport, uint64_t token, const char *why) {
  transport->ops->replied(transport->host, token, EVS_VALIDATION, evsi_text(why));
}

/* Nothing is noted of a system that nobody rehearses with. */
static bool is_refused(evs_transport *transport, uint64_t token) {
  if (!transport->is_rehearsal)
    transport->ops->replied(transport->host, token, EVS_UNSUPPORTED,
                            evsi_text("this system was not opened for a test: set testing.holdClock"));
  return !transport->is_rehearsal;
}

static const memory_mishap *mishap_of(const char *word) {
  for (size_t i = 0; word && i < sizeof mishaps / sizeof mishaps[0]; i++) {
    if (strcmp(mishaps[i].word, word) == 0)
      return &mishaps[i];
  }
  return NULL;
}

/* Fills a fault; gives why it cannot, or NULL. */
static const char *read_fault(const json_t *params, memory_fault *fault) {
  const json_t *times = json_object_get(params, "times");
  const char *pattern = json_string_value(json_object_get(params, "pattern"));
  const char *prefix = json_string_value(json_object_get(params, "originPrefix"));
  evs_error *error = NULL;
  fault->mishap = mishap_of(json_string_value(json_object_get(params, "outcome")));
  fault->left = times ? json_integer_value(times) : 1;
  if (!fault->mishap)
    return "outcome must be refused, unreachable, full, unknown or lost";
  if (fault->left < 1 || fault->left > TIMES_MAX)
    return "times must be a whole number from 1 to 1000000000";
  if (prefix && strlen(prefix) <= EVSI_TYPE_MAX)
    memcpy(fault->prefix, prefix, strlen(prefix) + 1);
  evsi_origin_rule rule = {.origin_prefix = fault->prefix, .extended_types = true};
  evs_status status =
      evsi_pattern_normalize(evsi_text(pattern ? pattern : "*"), &rule, fault->pattern, &error);
  evs_error_free(error);
  return status == EVS_OK ? NULL : "pattern must be an event type or a pattern with *";
}

/* Behind those that were asked for before; used ones give way. False: there are too many. */
static bool add_fault(memory_rehearsal *rehearsal, memory_fault *fault) {
  size_t count = 0;
  pthread_mutex_lock(&rehearsal->lock);
  memory_fault **at = &rehearsal->faults;
  while (*at) {
    memory_fault *each = *at;
    if (each->left > 0) {
      at = &each->next;
      count++;
      continue;
    }
    *at = each->next;
    evsi_free(each);
  }
  if (count < FAULTS_MAX)
    *at = fault;
  pthread_mutex_unlock(&rehearsal->lock);
  return count < FAULTS_MAX;
}

void evsi_memory_fail(evs_transport *transport, const json_t *params, uint64_t token) {
  if (is_refused(transport, token))
    return;
  memory_fault *fault = evsi_calloc(1, sizeof *fault);
  if (!fault) {
    evsi_memory_answer(transport, token, NULL);
    return;
  }
  const char *why = read_fault(params, fault);
  if (!why && !add_fault(&transport->rehearsal, fault))
    why = "1000 faults wait already";
  if (why)
    evsi_free(fault);
  if (why)
    refuse(transport, token, why);
  else
    evsi_memory_answer(transport, token, json_object());
}

static void note_json(evsi_buf *out, const memory_note *note) {
  evsi_buf_add_text(out, "{\"type\":");
  evsi_buf_add_json(out, note->full_type.data, note->full_type.size);
  evsi_buf_add_text(out, ",\"topic\":");
  evsi_buf_add_json(out, note->topic.data, note->topic.size);
  evsi_buf_addf(out, ",\"outcome\":\"%s\",\"at\":%" PRIu64 ",\"since\":%" PRIu64, note->outcome, note->at_ms,
                note->since_ms);
  evsi_buf_addf(out, ",\"rawBytes\":%" PRIu64 ",\"partition\":", note->raw_size);
  if (note->partition == EVS_PARTITION_NONE)
    evsi_buf_add_text(out, "null");
  else
    evsi_buf_addf(out, "%" PRId32, note->partition);
  evsi_buf_addf(out, ",\"offset\":\"%.*s\",\"event\":", (int)note->offset.size,
                note->offset.size ? note->offset.data : "");
  evsi_buf_add_bytes(out, note->data);
  evsi_buf_add_text(out, "}");
}

void evsi_memory_published(evs_transport *transport, const json_t *params, uint64_t token) {
  if (is_refused(transport, token))
    return;
  memory_rehearsal *rehearsal = &transport->rehearsal;
  json_int_t from = json_integer_value(json_object_get(params, "from"));
  evsi_buf out = {0};
  pthread_mutex_lock(&rehearsal->lock);
  uint64_t number = rehearsal->first, wanted = from > 0 ? (uint64_t)from : 0, given = 0;
  evsi_buf_addf(&out, "{\"first\":%" PRIu64 ",\"events\":[", number);
  for (const memory_note *note = rehearsal->notes; note && given < PAGE_MAX; note = note->next, number++) {
    if (number < wanted)
      continue;
    evsi_buf_add_text(&out, given++ ? "," : "");
    note_json(&out, note);
  }
  evsi_buf_addf(&out, "],\"next\":%" PRIu64 ",\"more\":%s}", number,
                number < rehearsal->first + rehearsal->count ? "true" : "false");
  pthread_mutex_unlock(&rehearsal->lock);
  transport->ops->replied(transport->host, token, out.failed ? EVS_NOMEM : EVS_OK,
                          out.failed ? evsi_text("out of memory") : evsi_bytes(out.data, out.size));
  evsi_buf_free(&out);
}

void evsi_memory_rehearsal_free(memory_rehearsal *rehearsal) {
  while (rehearsal->notes) {
    memory_note *note = rehearsal->notes;
    rehearsal->notes = note->next;
    evsi_free(note);
  }
  while (rehearsal->faults) {
    memory_fault *fault = rehearsal->faults;
    rehearsal->faults = fault->next;
    evsi_free(fault);
  }
  pthread_mutex_destroy(&rehearsal->lock);
}
