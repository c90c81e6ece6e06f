/* SPDX-License-Identifier: MIT
 * log.c - see log.h. */
#include "observe/log.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/line_out.h"

enum { INTERVAL_MS = 1000, IN_SECOND_MAX = 50, FIELD_MAX = 300 };

static const char crowd_message[] = "log records were held back: there were too many";

void evsi_log_init(evsi_log *log, const evsi_env *env, evsi_log_sink sink, void *data) {
  memset(log, 0, sizeof *log);
  log->env = env;
  log->sink = sink;
  log->data = data;
  pthread_mutex_init(&log->lock, NULL);
}

void evsi_log_destroy(evsi_log *log) {
  pthread_mutex_destroy(&log->lock);
}

/* ---- a line ------------------------------------------------------------------------------------ */

/* The text with `user:password@` behind `://` masked, cut to its longest. */
static void add_masked(evsi_buf *out, evs_bytes text, size_t longest) {
  char masked[EVSI_LOG_MESSAGE + 1];
  size_t used = 0, limit = longest < sizeof masked ? longest : sizeof masked - 1;
  for (size_t at = 0; at < text.size && used < limit;) {
    masked[used++] = text.data[at++];
    if (used < 3 || memcmp(masked + used - 3, "://", 3) != 0)
      continue;
    size_t end = at, sign = at;
    for (; end < text.size && !strchr("/ \t\n\"'<>", text.data[end]); end++)
      sign = text.data[end] == '@' ? end : sign;
    if (sign == at)
      continue;
    used += (size_t)snprintf(masked + used, limit - used + 1, "***");
    used = used > limit ? limit : used;
    at = sign;
  }
  evsi_buf_add_json(out, masked, used);
}

static void add_fields(evsi_buf *out, const evsi_log_field *fields) {
  const char *comma = "";
  evsi_buf_add_text(out, ",\"fields\":{");
  for (; fields->name; fields++) {
    evsi_buf_addf(out, "%s\"%s\":", comma, fields->name);
    add_masked(out, fields->text, FIELD_MAX);
    comma = ",";
  }
  evsi_buf_add_text(out, "}");
}

static void format(const evsi_log *log, evsi_buf *out, const evsi_log_place *what,
                   const evsi_log_field *fields) {
  static const char *const names[] = {"debug", "info", "warn", "error"};
  evsi_buf_addf(out, "{\"level\":\"%s\",\"time\":%llu,\"component\":", names[what->level & 3],
                (unsigned long long)evsi_wall_ms(log->env));
  evsi_buf_add_json(out, what->component, strlen(what->component));
  evsi_buf_add_text(out, ",\"message\":");
  add_masked(out, evsi_text(what->message), EVSI_LOG_MESSAGE);
  evsi_buf_addf(out, ",\"repeated\":%u", what->held);
  if (fields && fields->name)
    add_fields(out, fields);
}

static void tell(evsi_log *log, const evsi_log_place *what, const evsi_log_field *fields) {
  evsi_buf line = {0};
  uint64_t lost = atomic_exchange(&log->lost, 0);
  format(log, &line, what, fields);
  if (line.size > EVSI_LINE_MAX - 64) { /* control characters grow when they are written as JSON */
    evsi_buf_free(&line);
    format(log, &line, what, NULL);
  }
  if (lost)
    evsi_buf_addf(&line, ",\"lost\":%llu", (unsigned long long)lost);
  evsi_buf_add_text(&line, "}");
  if (line.failed || !log->sink(log->data, evsi_bytes(line.data, line.size)))
    atomic_fetch_add(&log->lost, lost + 1 + what->held);
  evsi_buf_free(&line);
}

/* What was held back of a message is told by it once more: it stands for all of them. */
static void tell_held(evsi_log *log, evsi_log_place *what) {
  if (what->held == 0)
    return;
  what->held--;
  tell(log, what, NULL);
}

/* ---- what passes ------------------------------------------------------------------------------- */

static uint64_t hash_of(uint64_t hash, evs_bytes text, bool ignores_digits) {
  for (size_t i = 0; i < text.size; i++) {
    unsigned char c = (unsigned char)text.data[i];
    if (ignores_digits && isdigit(c))
      continue;
    hash = (hash ^ c) * 1099511628211u; /* FNV-1a */
  }
  return (hash ^ 0xff) * 1099511628211u;
}

/* Texts of transports hold numbers: of entries, of milliseconds. The message is the same with others. */
static uint64_t kind_of(const char *component, const char *message, const evsi_log_field *fields) {
  uint64_t hash = hash_of(1469598103934665603u, evsi_text(component), false);
  hash = hash_of(hash, evsi_text(message), true);
  return fields && fields->name ? hash_of(hash, fields->text, false) : hash;
}

static void describe(evsi_log_place *place, int32_t level, const char *component, const char *message) {
  place->level = level;
  snprintf(place->component, sizeof place->component, "%s", component);
  snprintf(place->message, sizeof place->message, "%s", message);
}

/* @locks log. Of all kinds together so many pass in a second. */
static bool has_room(evsi_log *log, uint64_t now) {
  if (now / INTERVAL_MS != log->second) {
    log->second = now / INTERVAL_MS;
    log->in_second = 0;
  }
  if (log->in_second < IN_SECOND_MAX) {
    log->in_second++;
    return true;
  }
  if (log->crowd.held++ == 0) {
    describe(&log->crowd, EVSI_LOG_WARN, "log", crowd_message);
    log->crowd.at_ms = now;
  }
  return false;
}

/* @locks log. Whether this one passes: `place` is what to tell then, `other` what had its place before. */
static bool admit(evsi_log *log, uint64_t hash, evsi_log_place *place, evsi_log_place *other) {
  uint64_t now = evsi_now_ms(log->env);
  evsi_log_place *known = &log->places[hash % EVSI_LOG_PLACES];
  if (known->hash == hash && now - known->at_ms < INTERVAL_MS) {
    known->held++;
    return false;
  }
  if (!has_room(log, now))
    return false;
  if (known->hash == hash)
    place->held = known->held;
  else
    *other = *known;
  place->hash = hash;
  place->at_ms = now;
  *known = *place;
  known->held = 0;
  return true;
}

void evsi_log_write(evsi_log *log, int32_t level, const char *component, const char *message,
                    const evsi_log_field *fields) {
  if (level < atomic_load_explicit(&log->level, memory_order_relaxed))
    return;
  evsi_log_place place = {.held = 0}, other = {.held = 0};
  describe(&place, level, component, message);
  pthread_mutex_lock(&log->lock);
  bool passes = admit(log, kind_of(component, message, fields), &place, &other);
  pthread_mutex_unlock(&log->lock);
  if (!passes)
    return;
  tell_held(log, &other);
  tell(log, &place, fields);
}

/* @locks log. Takes what is to be told. */
static bool take_held(evsi_log_place *from, uint64_t now, bool all, evsi_log_place *out) {
  if (from->held == 0 || (!all && now - from->at_ms < INTERVAL_MS))
    return false;
  *out = *from;
  from->held = 0;
  from->at_ms = now;
  return true;
}

void evsi_log_flush(evsi_log *log, bool all) {
  uint64_t now = evsi_now_ms(log->env);
  for (size_t i = 0; i <= EVSI_LOG_PLACES; i++) {
    evsi_log_place what;
    pthread_mutex_lock(&log->lock);
    bool is_due = take_held(i < EVSI_LOG_PLACES ? &log->places[i] : &log->crowd, now, all, &what);
    pthread_mutex_unlock(&log->lock);
    if (is_due)
      tell_held(log, &what);
  }
}
