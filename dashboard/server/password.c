/* SPDX-License-Identifier: MIT
 * password.c - see password.h. */
#include "password.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"

enum { OWN_ITERATIONS = 100000, OWN_SALT = 16, ITERATIONS_MIN = 10000, ITERATIONS_MAX = 10000000 };

static bool derive(const evsd_secret *secret, const char *given, unsigned char out[EVSD_HASH_SIZE]) {
  if (secret->iterations == 0)
    return SHA256((const unsigned char *)given, strlen(given), out) != NULL;
  return PKCS5_PBKDF2_HMAC(given, (int)strlen(given), secret->salt, (int)secret->salt_size,
                           (int)secret->iterations, EVP_sha256(), EVSD_HASH_SIZE, out) == 1;
}

bool evsd_secret_of_password(const char *password, evsd_secret *out) {
  *out = (evsd_secret){.iterations = OWN_ITERATIONS, .salt_size = OWN_SALT};
  return RAND_bytes(out->salt, OWN_SALT) == 1 && derive(out, password, out->hash);
}

void evsd_secret_of_token(const char *token, evsd_secret *out) {
  *out = (evsd_secret){0};
  derive(out, token, out->hash);
}

/* One base64 field up to `end`, into at most `room` bytes; 0 when it is none. */
static size_t read_field(const char *text, const char *end, unsigned char *out, size_t room) {
  char *copy = strndup(text, (size_t)(end - text));
  size_t size = 0;
  char *bytes = copy && *copy ? evsd_base64_decode(copy, &size) : NULL;
  if (!bytes || size > room)
    size = 0;
  else
    memcpy(out, bytes, size);
  free(bytes);
  free(copy);
  return size;
}

bool evsd_secret_parse_password(const char *text, evsd_secret *out) {
  static const char scheme[] = "pbkdf2-sha256$";
  *out = (evsd_secret){0};
  if (strncmp(text, scheme, sizeof scheme - 1) != 0)
    return false;
  char *salt = NULL;
  unsigned long iterations = strtoul(text + sizeof scheme - 1, &salt, 10);
  const char *hash = *salt == '$' ? strchr(salt + 1, '$') : NULL;
  if (!hash || iterations < ITERATIONS_MIN || iterations > ITERATIONS_MAX)
    return false;
  out->iterations = (uint32_t)iterations;
  out->salt_size = read_field(salt + 1, hash, out->salt, sizeof out->salt);
  return out->salt_size >= 8 &&
         read_field(hash + 1, hash + strlen(hash), out->hash, sizeof out->hash) == EVSD_HASH_SIZE;
}

bool evsd_secret_parse_token(const char *text, evsd_secret *out) {
  static const char scheme[] = "sha256$";
  *out = (evsd_secret){0};
  const char *hex = text + sizeof scheme - 1;
  if (strncmp(text, scheme, sizeof scheme - 1) != 0 || strlen(hex) != 2 * EVSD_HASH_SIZE)
    return false;
  size_t size = 0;
  return OPENSSL_hexstr2buf_ex(out->hash, EVSD_HASH_SIZE, &size, hex, '\0') == 1 && size == EVSD_HASH_SIZE;
}

bool evsd_secret_fits(const evsd_secret *secret, const char *given) {
  unsigned char hash[EVSD_HASH_SIZE];
  return derive(secret, given, hash) && CRYPTO_memcmp(hash, secret->hash, EVSD_HASH_SIZE) == 0;
}
