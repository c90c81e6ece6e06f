/* SPDX-License-Identifier: MIT
 * registry_folder.c - see registry_folder.h. A file is written beside its place and then put there, so that
 * nobody reads half of it; a version is put where nothing is, so that of two writers one is told. */
#include "schema/registry_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json_text.h"
#include "event/type_name.h"

enum { PATH_SIZE = 5000, FILES_MAX = 100000, WHY_SIZE = 128 };
#define NOTES "type.json"

/* ---- reading ------------------------------------------------------------------------------------ */

/* Gives the text, or NULL where it is going away, or is not ours to read: it is not there. False: no memory.
 */
static bool read_file(const char *path, char **out_text, size_t *out_size) {
  struct stat about;
  int file = open(path, O_RDONLY | O_CLOEXEC);
  *out_text = NULL;
  *out_size = 0;
  if (file < 0)
    return true;
  bool fits = fstat(file, &about) == 0 && S_ISREG(about.st_mode) && about.st_size <= EVSI_SCHEMA_TEXT_MAX;
  size_t size = fits ? (size_t)about.st_size : 0;
  char *text = fits ? evsi_alloc(size + 1) : NULL;
  for (ssize_t n = 1; text && *out_size < size && n > 0; *out_size += n > 0 ? (size_t)n : 0)
    n = read(file, text + *out_size, size - *out_size);
  close(file);
  if (text)
    text[*out_size] = '\0';
  *out_text = text;
  return text || !fits;
}

/* "1.2.0" of "1.2.0.json". */
static bool version_of(const char *file, char out[EVSI_NUMBER_TEXT]) {
  evsi_number number;
  size_t size = strlen(file);
  if (size <= 5 || strcmp(file + size - 5, ".json") != 0 ||
      !evsi_number_parse(evsi_bytes(file, size - 5), &number))
    return false;
  evsi_number_text(&number, out);
  return true;
}

/* What type.json says of a version. False: no memory. */
static bool take_notes(evsi_stored *item, const json_t *notes) {
  const json_t *about = json_object_get(json_object_get(notes, "versions"), item->version);
  const char *by = json_string_value(json_object_get(about, "registeredBy"));
  json_int_t at = json_integer_value(json_object_get(about, "registeredAt"));
  json_int_t removed = json_integer_value(json_object_get(about, "removedAt"));
  item->registered_by = by ? evsi_strdup(by) : NULL;
  item->removed_ms = removed > 0 ? (uint64_t)removed : 0;
  if (at > 0)
    item->registered_ms = (uint64_t)at;
  return !by || item->registered_by;
}

static bool take_rule(const char *type, const json_t *notes, evsi_stored_set *out) {
  const char *mode = json_string_value(json_object_get(notes, "compatibility"));
  const char *policy = json_string_value(json_object_get(notes, "policy"));
  evsi_compat_rule rule = {.policy = EVSI_COMPAT_PRAGMATIC};
  if (!mode || !evsi_compat_rule_parse(mode, &rule))
    return true;
  evsi_stored *item = evsi_stored_add(out);
  if (!item || !(item->type = evsi_strdup(type)))
    return false;
  rule.policy = policy && strcmp(policy, "strict") == 0 ? EVSI_COMPAT_STRICT : EVSI_COMPAT_PRAGMATIC;
  item->rule = rule;
  item->has_rule = true;
  return true;
}

static bool take_version(const char *folder, const char *type, const char *file, const json_t *notes,
                         evsi_stored_set *out) {
  char path[PATH_SIZE], version[EVSI_NUMBER_TEXT];
  struct stat about;
  size_t size;
  if (!version_of(file, version))
    return true;
  snprintf(path, sizeof path, "%s/%s/%s", folder, type, file);
  char *text;
  if (!read_file(path, &text, &size))
    return false;
  if (!text)
    return true;
  evsi_stored *item = evsi_stored_add(out);
  if (!item) {
    evsi_free(text);
    return false;
  }
  item->text = text;
  item->type = evsi_strdup(type);
  item->version = evsi_strdup(version);
  if (stat(path, &about) == 0)
    item->registered_ms = (uint64_t)about.st_mtim.tv_sec * 1000 + (uint64_t)about.st_mtim.tv_nsec / 1000000;
  return item->type && item->version && take_notes(item, notes);
}

static bool read_type(const char *folder, const char *type, evsi_stored_set *out) {
  char path[PATH_SIZE];
  size_t size = 0;
  snprintf(path, sizeof path, "%s/%s/" NOTES, folder, type);
  char *text;
  if (!read_file(path, &text, &size))
    return false;
  json_error_t why = {.line = 0};
  json_t *notes = text ? evsi_json_load(evsi_bytes(text, size), 0, &why) : NULL;
  bool is_short = text && !notes && json_error_code(&why) == json_error_out_of_memory;
  evsi_free(text);
  bool fine = !is_short && take_rule(type, notes, out);
  snprintf(path, sizeof path, "%s/%s", folder, type);
  DIR *files = opendir(path);
  struct dirent *file;
  while (fine && files && out->count < FILES_MAX && (file = readdir(files)))
    fine = take_version(folder, type, file->d_name, notes, out);
  if (files)
    closedir(files);
  json_decref(notes);
  return fine;
}

/* Whether the name of a folder is a type as it is written here. False: no memory to tell. */
static bool look_for_type(const char *name, bool *out_is_type) {
  char folded[EVSI_TYPE_MAX + 1];
  evs_error *error = NULL;
  evs_status status = evsi_type_fold(evsi_text(name), "", true, folded, NULL, &error);
  *out_is_type = status == EVS_OK && strcmp(folded, name) == 0;
  evs_error_free(error);
  return status != EVS_NOMEM;
}

/* ---- has anything changed? ---------------------------------------------------------------------- */

static uint64_t mix(uint64_t hash, const void *bytes, size_t size) {
  const unsigned char *at = bytes;
  for (size_t i = 0; i < size; i++)
    hash = (hash ^ at[i]) * UINT64_C(1099511628211); /* FNV-1a */
  return hash;
}

/* Of one file; in the sum their order does not matter. */
static uint64_t fingerprint_of(const char *path) {
  struct stat about;
  if (stat(path, &about) != 0)
    return 0;
  uint64_t hash = mix(UINT64_C(1469598103934665603), path, strlen(path));
  hash = mix(hash, &about.st_mtim, sizeof about.st_mtim);
  hash = mix(hash, &about.st_ino, sizeof about.st_ino);
  return mix(hash, &about.st_size, sizeof about.st_size);
}

static uint64_t fingerprint_type(const char *folder, const char *type) {
  char path[PATH_SIZE];
  uint64_t sum = 0;
  snprintf(path, sizeof path, "%s/%s", folder, type);
  DIR *files = opendir(path);
  struct dirent *file;
  while (files && (file = readdir(files))) {
    snprintf(path, sizeof path, "%s/%s/%s", folder, type, file->d_name);
    if (file->d_name[0] != '.')
      sum += fingerprint_of(path);
  }
  if (files)
    closedir(files);
  return sum;
}

evs_status evsi_schema_folder_read(const char *folder, uint64_t *fingerprint, evsi_stored_set *out,
                                   bool *out_changed, evs_error **out_error) {
  DIR *types = opendir(folder);
  struct dirent *type;
  char why[WHY_SIZE];
  uint64_t sum = 1;
  if (!types)
    return evsi_error(out_error, EVS_CONFIG, "/schemas/folder", "the folder %s cannot be read: %s", folder,
                      strerror_r(errno, why, sizeof why));
  bool fine = true, is_type;
  while (fine && (type = readdir(types))) {
    fine = look_for_type(type->d_name, &is_type);
    if (fine && is_type)
      sum += fingerprint_type(folder, type->d_name);
  }
  *out_changed = fine && sum != *fingerprint;
  rewinddir(types);
  while (*out_changed && fine && (type = readdir(types))) {
    fine = look_for_type(type->d_name, &is_type);
    if (fine && is_type)
      fine = read_type(folder, type->d_name, out);
  }
  closedir(types);
  if (!fine)
    return evsi_error_nomem(out_error);
  *fingerprint = sum; /* as it was before the files were read: what came since is seen the next time */
  return EVS_OK;
}

/* ---- writing ------------------------------------------------------------------------------------ */

static evs_status refuse_write(const char *path, evs_error **out_error) {
  char why[WHY_SIZE];
  return evsi_error(out_error, EVS_TRANSPORT, NULL, "%s cannot be written: %s", path,
                    strerror_r(errno, why, sizeof why));
}

static bool write_all(int file, const char *text) {
  size_t size = strlen(text), done = 0;
  while (done < size) {
    ssize_t n = write(file, text + done, size - done);
    if (n < 0 && errno != EINTR)
      return false;
    done += n > 0 ? (size_t)n : 0;
  }
  return fsync(file) == 0;
}

/* Writes beside `path`, which then is replaced, or made where `is_new`. */
static evs_status put(const char *path, const char *text, bool is_new, evs_error **out_error) {
  char beside[PATH_SIZE];
  snprintf(beside, sizeof beside, "%s.%ld.tmp", path, (long)getpid());
  int file = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0)
    return refuse_write(beside, out_error);
  bool is_written = write_all(file, text);
  close(file);
  bool is_put = is_written && (is_new ? link(beside, path) : rename(beside, path)) == 0;
  evs_status status = EVS_OK;
  if (!is_put && is_written && errno == EEXIST)
    status = evsi_error(out_error, EVS_CONFLICT, NULL, "%s is there already", path);
  else if (!is_put)
    status = refuse_write(path, out_error);
  if (is_new || !is_put)
    unlink(beside);
  return status;
}

evs_status evsi_schema_folder_add(const char *folder, const evsi_schema_version *version, const char *type,
                                  evs_error **out_error) {
  char path[PATH_SIZE];
  snprintf(path, sizeof path, "%s/%s", folder, type);
  if (mkdir(path, 0755) != 0 && errno != EEXIST)
    return refuse_write(path, out_error);
  snprintf(path, sizeof path, "%s/%s/%s.json", folder, type, version->name);
  return put(path, version->text, true, out_error);
}

static json_t *notes_of(const evsi_schema_version *version) {
  uint64_t removed = atomic_load(&version->removed_ms);
  json_t *by = version->registered_by ? json_string(version->registered_by) : json_null();
  json_t *notes =
      json_pack("{s:I,s:o}", "registeredAt", (json_int_t)version->registered_ms, "registeredBy", by);
  if (removed)
    json_object_set_new(notes, "removedAt", json_integer((json_int_t)removed));
  return notes;
}

evs_status evsi_schema_folder_note(const char *folder, evsi_registry *registry, const char *type,
                                   evs_error **out_error) {
  char path[PATH_SIZE];
  evsi_compat_rule rule;
  evsi_registry_walk walk = {NULL, 0};
  evsi_schema_version *each;
  json_t *versions = json_object();
  evsi_registry_rule(registry, evsi_text(type), &rule);
  while ((each = evsi_registry_next(registry, &walk)))
    if (strcmp(evsi_schema_type_name(each->type), type) == 0)
      json_object_set_new(versions, each->name, notes_of(each));
  json_t *notes = json_pack("{s:s,s:s,s:o}", "compatibility", evsi_compat_rule_word(&rule), "policy",
                            evsi_compat_policy_word(rule.policy), "versions", versions);
  char *text = notes ? evsi_json_text(notes) : NULL;
  json_decref(notes);
  snprintf(path, sizeof path, "%s/%s/" NOTES, folder, type);
  evs_status status = text ? put(path, text, false, out_error) : evsi_error_nomem(out_error);
  evsi_free(text);
  return status;
}
