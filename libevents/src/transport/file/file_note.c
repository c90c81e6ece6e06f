/* SPDX-License-Identifier: MIT
 * file_note.c - what the worker tells libevents by way of the I/O thread. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "transport/file/file_internal.h"

static void note_free(evsi_file_note *note) {
  evsi_free(note->text);
  evsi_free(note->outcomes);
  evsi_free(note);
}

static void tell(evs_transport *transport, const evsi_file_note *note) {
  switch (note->kind) {
  case EVSI_NOTE_STATE:
    if (note->is_connected)
      evsi_file_transport_watch(transport);
    transport->ops->state(transport->host, note->is_connected, note->is_fatal, evsi_text(note->text),
                          note->number);
    break;
  case EVSI_NOTE_PUBLISHED:
    transport->ops->published(transport->host, note->outcomes, note->count);
    break;
  case EVSI_NOTE_REPLIED:
    transport->ops->replied(transport->host, note->number, note->status, evsi_text(note->text));
    break;
  case EVSI_NOTE_CLOSED:
    transport->ops->closed(transport->host);
    break;
  }
}

static void on_task(evsi_task *task) {
  evs_transport *transport = (evs_transport *)((char *)task - offsetof(evs_transport, notes_task));
  pthread_mutex_lock(&transport->notes_lock);
  evsi_file_note *note = transport->notes_first;
  transport->notes_first = transport->notes_last = NULL;
  pthread_mutex_unlock(&transport->notes_lock);
  while (note) {
    evsi_file_note *next = note->next;
    tell(transport, note);
    note_free(note);
    note = next;
  }
}

void evsi_file_notes_init(evs_transport *transport) {
  pthread_mutex_init(&transport->notes_lock, NULL);
  transport->notes_task.run = on_task;
  transport->spare_note = evsi_alloc(sizeof *transport->spare_note);
}

void evsi_file_notes_free(evs_transport *transport) {
  while (transport->notes_first) {
    evsi_file_note *note = transport->notes_first;
    transport->notes_first = note->next;
    note_free(note);
  }
  evsi_free(transport->spare_note);
  pthread_mutex_destroy(&transport->notes_lock);
}

/* What was done has to be told: one note is always held ready. NULL: memory was short twice. */
static evsi_file_note *note_new(evs_transport *transport) {
  pthread_mutex_lock(&transport->notes_lock);
  evsi_file_note *note = evsi_alloc(sizeof *note);
  if (!note) {
    note = transport->spare_note;
    transport->spare_note = NULL;
  } else if (!transport->spare_note) {
    transport->spare_note = evsi_alloc(sizeof *note);
  }
  pthread_mutex_unlock(&transport->notes_lock);
  return note;
}

static void add(evs_transport *transport, const evsi_file_note *from) {
  evsi_file_note *note = note_new(transport);
  if (!note) {
    evsi_free(from->text);
    evsi_free(from->outcomes);
    evsi_file_log(transport, 3, "out of memory: an outcome could not be told");
    return;
  }
  *note = *from;
  pthread_mutex_lock(&transport->notes_lock);
  *(transport->notes_last ? &transport->notes_last->next : &transport->notes_first) = note;
  transport->notes_last = note;
  evsi_tasks_post(transport->world->tasks, &transport->notes_task);
  pthread_mutex_unlock(&transport->notes_lock);
}

void evsi_file_note_state(evs_transport *transport, bool is_connected, bool is_fatal, const char *why,
                          uint64_t next_try_ms) {
  const evsi_file_note note = {.kind = EVSI_NOTE_STATE,
                               .is_connected = is_connected,
                               .is_fatal = is_fatal,
                               .number = next_try_ms,
                               .text = evsi_strdup(why)};
  add(transport, &note);
}

void evsi_file_note_published(evs_transport *transport, evs_tp_outcome *outcomes, size_t count) {
  const evsi_file_note note = {.kind = EVSI_NOTE_PUBLISHED, .outcomes = outcomes, .count = count};
  add(transport, &note);
}

void evsi_file_note_replied(evs_transport *transport, uint64_t token, evs_status status, evs_bytes text) {
  char *copy = evsi_strndup(text.data ? text.data : "", text.size);
  const evsi_file_note note = {
      .kind = EVSI_NOTE_REPLIED, .number = token, .status = copy ? status : EVS_NOMEM, .text = copy};
  add(transport, &note);
}

void evsi_file_note_closed(evs_transport *transport) {
  const evsi_file_note note = {.kind = EVSI_NOTE_CLOSED};
  add(transport, &note);
}

void evsi_file_log(const evs_transport *transport, int32_t level, const char *format, ...) {
  char text[512];
  va_list values;
  va_start(values, format);
  vsnprintf(text, sizeof text, format, values);
  va_end(values);
  transport->ops->log(transport->host, level, text);
}
