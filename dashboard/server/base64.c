/* SPDX-License-Identifier: MIT
 * base64.c - see base64.h. */
#include "base64.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

enum { ID_MAX = 1024, SIZE_MAX_BYTES = 1 << 28 };

char *evsd_base64_encode(evs_bytes bytes) {
  if (bytes.size > SIZE_MAX_BYTES)
    return NULL;
  char *text = malloc((size_t)bytes.size / 3 * 4 + 5);
  if (text)
    EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)(bytes.data ? bytes.data : ""),
                    (int)bytes.size);
  return text;
}

char *evsd_base64_decode(const char *text, size_t *out_size) {
  size_t size = strlen(text), padding = 0;
  if (size % 4 != 0 || size > SIZE_MAX_BYTES)
    return NULL;
  while (padding < 2 && padding < size && text[size - 1 - padding] == '=')
    padding++;
  char *bytes = malloc(size / 4 * 3 + 1);
  if (!bytes)
    return NULL;
  int decoded = EVP_DecodeBlock((unsigned char *)bytes, (const unsigned char *)text, (int)size);
  if (decoded < 0) {
    free(bytes);
    return NULL;
  }
  *out_size = (size_t)decoded - padding;
  bytes[*out_size] = '\0';
  return bytes;
}

char *evsd_key_of_id(const char *id) {
  char *key = evsd_base64_encode((evs_bytes){id, strlen(id)});
  for (char *at = key; at && *at; at++) {
    if (*at == '+')
      *at = '-';
    else if (*at == '/')
      *at = '_';
    else if (*at == '=')
      *at = '\0';
  }
  return key;
}

char *evsd_id_of_key(const char *key) {
  size_t size = strlen(key), decoded = 0;
  if (size == 0 || size > ID_MAX * 4 / 3 ||
      strspn(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                  "abcdefghijklmnopqrstuvwxyz0123456789-_") != size)
    return NULL;
  char *text = calloc(1, size + 4);
  if (!text)
    return NULL;
  for (size_t i = 0; i < size; i++)
    text[i] = (char)(key[i] == '-' ? '+' : key[i] == '_' ? '/' : key[i]);
  memset(text + size, '=', (4 - size % 4) % 4);
  char *id = evsd_base64_decode(text, &decoded);
  free(text);
  json_t *checked = id && decoded > 0 ? json_stringn(id, decoded) : NULL; /* UTF-8 */
  bool is_text = checked && strlen(id) == decoded;
  json_decref(checked);
  if (is_text)
    return id;
  free(id);
  return NULL;
}
