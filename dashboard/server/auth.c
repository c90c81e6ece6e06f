/* SPDX-License-Identifier: MIT
 * auth.c - see auth.h. */
#include "auth.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base64.h"
#include "request.h"

enum { WRONG_MAX = 10, WINDOW_MS = 60000, HEADER_MAX = 4096 };

bool evsd_auth_init(evsd_auth *auth) {
  pthread_mutex_init(&auth->lock, NULL);
  pthread_mutex_init(&auth->slow, NULL);
  return RAND_bytes(auth->key, sizeof auth->key) == 1;
}

void evsd_auth_destroy(evsd_auth *auth) {
  pthread_mutex_destroy(&auth->slow);
  pthread_mutex_destroy(&auth->lock);
}

/* The row of an address: its own, else one whose time is over, else the oldest. @locks auth->lock */
static evsd_guesses *row_of(evsd_auth *auth, const char *address) {
  uint64_t now = evsd_now_ms();
  evsd_guesses *best = &auth->guesses[0];
  for (size_t i = 0; i < EVSD_ADDRESSES; i++) {
    evsd_guesses *row = &auth->guesses[i];
    if (strcmp(row->address, address) == 0) {
      best = row;
      break;
    }
    if (row->since_ms < best->since_ms)
      best = row;
  }
  if (strcmp(best->address, address) != 0 || now - best->since_ms >= WINDOW_MS) {
    *best = (evsd_guesses){.since_ms = now};
    snprintf(best->address, sizeof best->address, "%s", address);
  }
  return best;
}

/* Seconds until an address may try again; 0: now. */
static uint64_t wait_of(evsd_auth *auth, const char *address) {
  pthread_mutex_lock(&auth->lock);
  const evsd_guesses *row = row_of(auth, address);
  uint64_t left_ms = row->wrong >= WRONG_MAX ? row->since_ms + WINDOW_MS - evsd_now_ms() : 0;
  pthread_mutex_unlock(&auth->lock);
  return (left_ms + 999) / 1000;
}

static void count_wrong(evsd_auth *auth, const char *address) {
  pthread_mutex_lock(&auth->lock);
  row_of(auth, address)->wrong++;
  pthread_mutex_unlock(&auth->lock);
}

static void digest_of(const evsd_auth *auth, const char *header, unsigned char out[EVSD_DIGEST]) {
  unsigned int size = EVSD_DIGEST;
  HMAC(EVP_sha256(), auth->key, sizeof auth->key, (const unsigned char *)header, strlen(header), out, &size);
}

static uint32_t find_proof(evsd_auth *auth, const unsigned char digest[EVSD_DIGEST]) {
  uint32_t account = 0;
  pthread_mutex_lock(&auth->lock);
  for (size_t i = 0; i < EVSD_PROVEN; i++) {
    if (auth->proven[i].account && CRYPTO_memcmp(auth->proven[i].digest, digest, EVSD_DIGEST) == 0)
      account = auth->proven[i].account;
  }
  pthread_mutex_unlock(&auth->lock);
  return account;
}

static void keep_proof(evsd_auth *auth, const unsigned char digest[EVSD_DIGEST], uint32_t account) {
  pthread_mutex_lock(&auth->lock);
  evsd_proof *proof = &auth->proven[auth->next_proof++ % EVSD_PROVEN];
  memcpy(proof->digest, digest, EVSD_DIGEST);
  proof->account = account;
  pthread_mutex_unlock(&auth->lock);
}

/* A token as it is. All are compared, so that the time does not say which one was near. */
static uint32_t find_token(const evsd_options *options, const char *token) {
  uint32_t found = 0;
  for (size_t i = 0; i < options->account_count; i++) {
    if (options->accounts[i].is_token && evsd_secret_fits(&options->accounts[i].secret, token))
      found = (uint32_t)i + 1;
  }
  return found;
}

/* "name:password"; a name that does not exist takes as long as one that does. For a browser, a token may
 * stand as the password of the name "token". */
static uint32_t find_user(evs_dashboard *dashboard, char *pair) {
  const evsd_options *options = &dashboard->options;
  char *password = strchr(pair, ':');
  if (!password)
    return 0;
  *password++ = '\0';
  uint32_t found = 0;
  const evsd_account *nearest = NULL;
  for (size_t i = 0; i < options->account_count; i++) {
    const evsd_account *account = &options->accounts[i];
    if (account->is_token)
      continue;
    bool is_named = strcmp(account->name, pair) == 0;
    if (is_named || !nearest)
      nearest = account;
    if (is_named)
      found = (uint32_t)i + 1;
  }
  if (nearest) {
    pthread_mutex_lock(&dashboard->auth.slow);
    if (!evsd_secret_fits(&nearest->secret, password))
      found = 0;
    pthread_mutex_unlock(&dashboard->auth.slow);
  }
  return !found && strcmp(pair, "token") == 0 ? find_token(options, password) : found;
}

static uint32_t check_header(evs_dashboard *dashboard, const char *header) {
  size_t size = 0;
  if (strlen(header) > HEADER_MAX)
    return 0;
  if (strncasecmp(header, "Bearer ", 7) == 0)
    return find_token(&dashboard->options, header + 7);
  if (strncasecmp(header, "Basic ", 6) != 0)
    return 0;
  char *pair = evsd_base64_decode(header + 6, &size);
  uint32_t account = pair ? find_user(dashboard, pair) : 0;
  if (pair)
    OPENSSL_cleanse(pair, size);
  free(pair);
  return account;
}

/* With Basic a browser asks its user, or sends what it remembers. A script that polls with credentials that
 * are wrong by now gets an error that it can show instead. */
static bool refuse(evsd_request *request) {
  const char *mode = evsd_header(request, "Sec-Fetch-Mode"), *accept = evsd_header(request, "Accept");
  bool is_page = mode ? strcmp(mode, "navigate") == 0 : accept && strstr(accept, "text/html");
  bool is_basic = is_page || !evsd_header(request, "Authorization");
  evsd_problem(request, 401, "unauthorized", "Log in with a user and password, or send a token.");
  evsd_reply_header(request, is_basic ? "WWW-Authenticate: Basic realm=\"libevents\", charset=\"UTF-8\""
                                      : "WWW-Authenticate: Bearer realm=\"libevents\"");
  return false;
}

bool evsd_authenticate(evsd_request *request) {
  evs_dashboard *dashboard = request->dashboard;
  const evsd_options *options = &dashboard->options;
  if (options->account_count == 0) {
    request->caller = (evsd_caller){.name = "local", .permissions = EVSD_OPERATOR, .is_local = true};
    return true;
  }
  const char *header = evsd_header(request, "Authorization");
  if (!header)
    return refuse(request);
  uint64_t wait = wait_of(&dashboard->auth, request->address);
  if (wait) {
    evsd_problem(request, 429, "too_many_attempts",
                 "Too many failed logins from your address; try again in %llu s.", (unsigned long long)wait);
    evsd_reply_header(request, "Retry-After: %llu", (unsigned long long)wait);
    return false;
  }
  unsigned char digest[EVSD_DIGEST];
  digest_of(&dashboard->auth, header, digest);
  uint32_t account = find_proof(&dashboard->auth, digest);
  if (!account) {
    account = check_header(dashboard, header);
    if (!account) {
      count_wrong(&dashboard->auth, request->address);
      return refuse(request);
    }
    keep_proof(&dashboard->auth, digest, account);
  }
  const evsd_account *found = &options->accounts[account - 1];
  request->caller = (evsd_caller){.permissions = found->permissions};
  snprintf(request->caller.name, sizeof request->caller.name, "%s", found->name);
  return true;
}
