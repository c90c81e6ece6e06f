/* SPDX-License-Identifier: MIT
 * password.h - what is kept of passwords and tokens: hashes, compared in constant time. */
#ifndef EVSD_PASSWORD_H
#define EVSD_PASSWORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EVSD_HASH_SIZE = 32, EVSD_SALT_MAX = 64 };

/* A password by PBKDF2 (iterations > 0), or a token, which is random enough for one round of SHA-256. */
typedef struct evsd_secret {
  uint32_t iterations;
  unsigned char salt[EVSD_SALT_MAX];
  size_t salt_size;
  unsigned char hash[EVSD_HASH_SIZE];
} evsd_secret;

/* False when there is no randomness or memory. */
bool evsd_secret_of_password(const char *password, evsd_secret *out);
void evsd_secret_of_token(const char *token, evsd_secret *out);
/* "pbkdf2-sha256$ITERATIONS$SALT$HASH" (base64) and "sha256$HEX"; false when it is not of this form. */
bool evsd_secret_parse_password(const char *text, evsd_secret *out);
bool evsd_secret_parse_token(const char *text, evsd_secret *out);
bool evsd_secret_fits(const evsd_secret *secret, const char *given);

#endif
