/* SPDX-License-Identifier: MIT
 * error.c - builds errors and keeps the newest one per thread for callers that gave no out_error. Reading an
 * error is api/api_error.c. */
#include "base/error.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error_struct.h"
#include "base/json_text.h"

enum { ERROR_TEXT_MAX = 2048 };

/* Needs no memory, so that running out of memory can always be told. */
static evs_error error_nomem = {
    .status = EVS_NOMEM,
    .fixed = true,
    .message = "out of memory: nothing was changed; free memory or lower the limits, then try again",
    .path = "",
    .json = "{\"code\":\"EVS_NOMEM\",\"message\":\"out of memory: nothing was changed; free memory or lower "
            "the limits, then try again\",\"path\":\"\",\"hint\":\"\",\"problems\":[]}",
};

static pthread_key_t last_key;
static pthread_once_t last_once = PTHREAD_ONCE_INIT;
static int last_ready;

void evsi_error_destroy(evs_error *error) {
  if (!error || error->fixed)
    return;
  evsi_free((char *)error->message);
  evsi_free((char *)error->path);
  evsi_free((char *)error->json);
  evsi_free(error);
}

static void last_free(void *error) {
  evsi_error_destroy(error);
}

static void last_create(void) {
  last_ready = pthread_key_create(&last_key, last_free) == 0;
}

const evs_error *evsi_error_last(void) {
  pthread_once(&last_once, last_create);
  return last_ready ? pthread_getspecific(last_key) : NULL;
}

static void last_set(evs_error *error) {
  pthread_once(&last_once, last_create);
  if (!last_ready) {
    evsi_error_destroy(error);
    return;
  }
  evs_error *before = pthread_getspecific(last_key);
  if (pthread_setspecific(last_key, error) != 0) {
    evsi_error_destroy(error);
    return;
  }
  evsi_error_destroy(before);
}

static evs_status deliver(evs_error **out_error, evs_error *error) {
  evs_status status = error->status;
  if (out_error)
    *out_error = error;
  else
    last_set(error);
  return status;
}

evs_status evsi_error_nomem(evs_error **out_error) {
  return deliver(out_error, &error_nomem);
}

static const char *status_name(evs_status status) {
  switch (status) {
#define EVS_STATUS(code, name, class, retriable, text, source, cure)                                         \
  case code:                                                                                                 \
    return #name;
#include "base/errors.def"
  default:
    return "EVS_UNKNOWN";
  }
}

static char *error_document(evs_status status, const char *message, const char *path, const char *problems) {
  evsi_buf buf = {0};
  evsi_buf_addf(&buf, "{\"code\":\"%s\",\"message\":", status_name(status));
  evsi_buf_add_json(&buf, message, strlen(message));
  evsi_buf_add_text(&buf, ",\"path\":");
  evsi_buf_add_json(&buf, path, strlen(path));
  evsi_buf_add_text(&buf, ",\"hint\":\"\",\"problems\":");
  evsi_buf_add_text(&buf, problems);
  evsi_buf_add_text(&buf, "}");
  return evsi_buf_take(&buf);
}

/* Copies a text for people. What callers quote may be cut off or hostile; hosts decode messages as UTF-8. */
static char *clean_copy(const char *text) {
  char *copy = evsi_strdup(text);
  size_t size = copy ? strlen(copy) : 0;
  for (size_t i = 0; i < size;) {
    size_t length = evsi_utf8_sequence(copy + i, size - i);
    if (!length || (unsigned char)copy[i] < 0x20)
      copy[i] = '?';
    i += length ? length : 1;
  }
  return copy;
}

static evs_status build(evs_error **out_error, evs_status status, const char *const texts[3]) {
  evs_error *error = evsi_calloc(1, sizeof *error);
  if (!error)
    return evsi_error_nomem(out_error);
  error->status = status;
  error->message = clean_copy(texts[0]);
  error->path = clean_copy(texts[1]);
  if (error->message && error->path)
    error->json = error_document(status, error->message, error->path, texts[2]);
  if (!error->json) {
    evsi_error_destroy(error);
    return evsi_error_nomem(out_error);
  }
  return deliver(out_error, error);
}

evs_status evsi_error(evs_error **out_error, evs_status status, const char *path, const char *format, ...) {
  char message[ERROR_TEXT_MAX];
  va_list args;
  va_start(args, format);
  int size = vsnprintf(message, sizeof message, format, args);
  va_end(args);
  if (size < 0)
    message[0] = '\0';
  return build(out_error, status, (const char *const[3]){message, path ? path : "", "[]"});
}

evs_status evsi_error_problems(evs_error **out_error, evs_status status, const char *message,
                               const char *problems_json) {
  return build(out_error, status, (const char *const[3]){message, "", problems_json});
}

evs_status evsi_error_again(evs_error **out_error, evs_status status, evs_bytes json) {
  json_t *root = evsi_json_load(json, 0, NULL);
  const char *message = json_string_value(json_object_get(root, "message"));
  const char *path = json_string_value(json_object_get(root, "path"));
  json_t *problems = json_object_get(root, "problems");
  char *list = problems ? evsi_json_text(problems) : NULL;
  const char *texts[3] = {message ? message : "it failed", path ? path : "", list ? list : "[]"};
  build(out_error, status, texts);
  evsi_free(list);
  json_decref(root);
  return status;
}
