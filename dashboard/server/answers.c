/* SPDX-License-Identifier: MIT
 * answers.c - see answers.h. */
#include "answers.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "request.h"

enum { KEY_MAX = 100, WAIT_SECONDS = 10 };

void evsd_answers_init(evsd_answers *answers) {
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_mutex_init(&answers->lock, NULL);
  pthread_cond_init(&answers->ended, &attributes);
  pthread_condattr_destroy(&attributes);
}

void evsd_answers_destroy(evsd_answers *answers) {
  for (int i = 0; i < EVSD_ANSWERS; i++)
    free(answers->rows[i].data);
  pthread_cond_destroy(&answers->ended);
  pthread_mutex_destroy(&answers->lock);
}

static void hash_texts(const char *const *texts, size_t count, unsigned char out[32]) {
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  EVP_DigestInit_ex(context, EVP_sha256(), NULL);
  for (size_t i = 0; i < count; i++)
    EVP_DigestUpdate(context, texts[i], strlen(texts[i]) + 1); /* the NUL keeps them apart */
  EVP_DigestFinal_ex(context, out, NULL);
  EVP_MD_CTX_free(context);
}

static const char *key_of(const evsd_request *request) {
  return evsd_header(request, "Idempotency-Key");
}

static void hash_key(const evsd_request *request, unsigned char out[32]) {
  const char *const texts[] = {request->caller.name, key_of(request)};
  hash_texts(texts, 2, out);
}

static void hash_call(const evsd_request *request, unsigned char out[32]) {
  char *body = json_dumps(request->body, JSON_COMPACT | JSON_SORT_KEYS);
  const char *const texts[] = {request->method, request->path, body ? body : ""};
  hash_texts(texts, 3, out);
  free(body);
}

/* @locks answers->lock */
static evsd_answer *find(evsd_answers *answers, const unsigned char key[32]) {
  for (int i = 0; i < EVSD_ANSWERS; i++) {
    if (answers->rows[i].number && memcmp(answers->rows[i].key, key, 32) == 0)
      return &answers->rows[i];
  }
  return NULL;
}

/* A free row, or the oldest that is not under way. @locks answers->lock */
static evsd_answer *take_row(evsd_answers *answers) {
  evsd_answer *oldest = NULL;
  for (int i = 0; i < EVSD_ANSWERS; i++) {
    evsd_answer *row = &answers->rows[i];
    bool is_under_way = row->number && row->status == 0;
    if (!is_under_way && (!oldest || row->number < oldest->number))
      oldest = row;
  }
  if (oldest) {
    free(oldest->data);
    *oldest = (evsd_answer){.number = ++answers->last_number};
  }
  return oldest;
}

static void repeat(evsd_request *request, const evsd_answer *row) {
  evsd_reply_text(request, row->type, strdup(row->data));
  request->reply.status = row->status;
}

/* Waits for a call of the same key that is under way. @locks answers->lock */
static evsd_answer *await(evsd_answers *answers, const unsigned char key[32]) {
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += WAIT_SECONDS;
  evsd_answer *row = find(answers, key);
  while (row && row->status == 0 && pthread_cond_timedwait(&answers->ended, &answers->lock, &until) == 0)
    row = find(answers, key);
  return row;
}

bool evsd_answers_begin(evsd_request *request) {
  evsd_answers *answers = &request->dashboard->answers;
  unsigned char key[32], call[32];
  if (!key_of(request))
    return true;
  if (strlen(key_of(request)) == 0 || strlen(key_of(request)) > KEY_MAX) {
    evsd_problem(request, 400, "bad_key", "The Idempotency-Key must have 1 to %d bytes.", KEY_MAX);
    return false;
  }
  hash_key(request, key);
  hash_call(request, call);
  pthread_mutex_lock(&answers->lock);
  evsd_answer *row = await(answers, key);
  bool is_new = !row;
  if (is_new && (row = take_row(answers))) {
    memcpy(row->key, key, 32);
    memcpy(row->call, call, 32);
  } else if (!row || row->status == 0) {
    evsd_problem(request, 503, "busy", "A call with this Idempotency-Key is still under way.");
  } else if (memcmp(row->call, call, 32) != 0) {
    evsd_problem(request, 422, "key_reused", "This Idempotency-Key was used for another call.");
  } else {
    repeat(request, row);
  }
  pthread_mutex_unlock(&answers->lock);
  return is_new && row;
}

void evsd_answers_end(evsd_request *request) {
  evsd_answers *answers = &request->dashboard->answers;
  const evsd_reply *reply = &request->reply;
  unsigned char key[32];
  if (!key_of(request))
    return;
  hash_key(request, key);
  pthread_mutex_lock(&answers->lock);
  evsd_answer *row = find(answers, key);
  char *data = reply->status < 500 ? strdup(reply->data) : NULL;
  if (data) {
    row->type = reply->type;
    row->data = data;
    row->status = reply->status;
  } else { /* not done, or not known: may be tried again */
    *row = (evsd_answer){0};
  }
  pthread_cond_broadcast(&answers->ended);
  pthread_mutex_unlock(&answers->lock);
}
