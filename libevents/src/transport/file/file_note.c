/* SPDX-License-Identifier: MIT
 * file_note.c - what the worker tells libevents by way of the I/O thread. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "transport/file/file_internal.h"

evsi_file_note *evsi_file_note_new(evsi_file_note_kind kind) {
  evsi_file_note *note = evsi_calloc(1, sizeof *note);
  if (note)
    note->kind = kind;
  return note;
}

void evsi_file_note_free(evsi_file_note *note) {
  if (!note)
    return;
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
    evsi_file_note_free(note);
    note = next;
  }
}

void evsi_file_notes_init(evs_transport *transport) {
  pthread_mutex_init(&transport->notes_lock, NULL);
  transport->notes_task.run = on_task;
  transport->closed_note = evsi_file_note_new(EVSI_NOTE_CLOSED);
}

void evsi_file_notes_free(evs_transport *transport) {
  while (transport->notes_first) {
    evsi_file_note *note = transport->notes_first;
    transport->notes_first = note->next;
    evsi_file_note_free(note);
  }
  evsi_file_note_free(transport->closed_note);
  pthread_mutex_destroy(&transport->notes_lock);
}

static void add(evs_transport *transport, evsi_file_note *note) {
  pthread_mutex_lock(&transport->notes_lock);
  *(transport->notes_last ? &transport->notes_last->next : &transport->notes_first) = note;
  transport->notes_last = note;
  evsi_tasks_post(transport->world->tasks, &transport->notes_task);
  pthread_mutex_unlock(&transport->notes_lock);
}

bool evsi_file_note_state(evs_transport *transport, bool is_connected, bool is_fatal, const char *why,
                          uint64_t next_try_ms) {
  evsi_file_note *note = evsi_file_note_new(EVSI_NOTE_STATE);
  if (!note)
    return false;
  note->is_connected = is_connected;
  note->is_fatal = is_fatal;
  note->number = next_try_ms;
  note->text = evsi_strdup(why);
  add(transport, note);
  return true;
}

void evsi_file_note_published(evsi_file_job *job) {
  add(job->transport, job->note);
  job->note = NULL;
}

void evsi_file_note_replied(evsi_file_job *job, evs_status status, evs_bytes text) {
  evsi_file_note *note = job->note;
  note->text = evsi_strndup(text.data ? text.data : "", text.size);
  note->status = note->text ? status : EVS_NOMEM;
  note->number = job->token;
  add(job->transport, note);
  job->note = NULL;
}

void evsi_file_note_closed(evs_transport *transport) {
  add(transport, transport->closed_note);
  transport->closed_note = NULL;
}

void evsi_file_log(const evs_transport *transport, int32_t level, const char *format, ...) {
  char text[512];
  va_list values;
  va_start(values, format);
  vsnprintf(text, sizeof text, format, values);
  va_end(values);
  transport->ops->log(transport->host, level, text);
}
