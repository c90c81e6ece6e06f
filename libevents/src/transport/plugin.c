/* SPDX-License-Identifier: MIT
 * plugin.c - see plugin.h. */
#include "transport/plugin.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "config/config_capability.h"

enum { PLUGINS_MAX = 64, TYPE_MAX = 64 };

/* What every version of the table has. */
static const size_t least_size = offsetof(evs_transport_ops, announce);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const evs_transport_ops *registered[PLUGINS_MAX]; /* @locks lock */
static size_t registered_count;                          /* @locks lock */

/* ---- does a table fit? ------------------------------------------------------------------------- */

static evs_status check_version(const evs_transport_ops *ops, const char *path, evs_error **out_error) {
  if (ops->struct_size < least_size)
    return evsi_error(out_error, EVS_CONFIG, path,
                      "the plug-in's table has %u bytes, at least %zu are needed: set struct_size to "
                      "sizeof(evs_transport_ops)",
                      ops->struct_size, least_size);
  if (ops->abi != EVS_TRANSPORT_ABI)
    return evsi_error(out_error, EVS_CONFIG, path,
                      "the plug-in is built for version %u of the transport interface, this library (%s) has "
                      "%d: build it with this library's headers",
                      ops->abi, EVS_VERSION, EVS_TRANSPORT_ABI);
  return EVS_OK;
}

/* The name of a function that is missing for what the table says it can do, or NULL. */
static const char *missing_function(const evs_transport_ops *ops) {
  if (!ops->create || !ops->connect || !ops->close || !ops->destroy)
    return "create, connect, close or destroy";
  if ((ops->capabilities & EVS_CAP_PUBLISH) && !ops->publish)
    return "publish";
  if ((ops->capabilities & EVS_CAP_SUBSCRIBE) && (!ops->join || !ops->leave || !ops->resume || !ops->settle))
    return "join, leave, resume or settle";
  if ((ops->capabilities & EVS_CAP_ORDERING) && !ops->recall)
    return "recall";
  if ((ops->capabilities & (EVS_CAP_DLQ | EVS_CAP_REPLAY)) && !ops->request)
    return "request";
  return NULL;
}

static evs_status check_table(const evs_transport_ops *ops, const char *path, evs_error **out_error) {
  if (!ops->type || ops->type[0] == '\0' || strlen(ops->type) > TYPE_MAX)
    return evsi_error(out_error, EVS_CONFIG, path, "the plug-in's type must be a text of 1 to %d bytes",
                      TYPE_MAX);
  if (ops->capabilities & ~evsi_capabilities_all())
    return evsi_error(out_error, EVS_CONFIG, path,
                      "the plug-in %s says that it has capabilities that a plug-in cannot have (0x%llx)",
                      ops->type, (unsigned long long)(ops->capabilities & ~evsi_capabilities_all()));
  if (!(ops->capabilities & (EVS_CAP_PUBLISH | EVS_CAP_SUBSCRIBE)))
    return evsi_error(out_error, EVS_CONFIG, path, "the plug-in %s can neither publish nor subscribe",
                      ops->type);
  const char *missing = missing_function(ops);
  if (missing)
    return evsi_error(out_error, EVS_CONFIG, path, "the plug-in %s lacks a function that it must have: %s",
                      ops->type, missing);
  return EVS_OK;
}

/* A copy as large as this library's table: what the plug-in does not know is NULL in it. */
static evs_status take_table(const evs_transport_ops *from, const char *path, evs_transport_ops *out_ops,
                             evs_error **out_error) {
  evs_status status = check_version(from, path, out_error);
  if (status != EVS_OK)
    return status;
  memset(out_ops, 0, sizeof *out_ops);
  memcpy(out_ops, from, from->struct_size < sizeof *out_ops ? from->struct_size : sizeof *out_ops);
  out_ops->struct_size = sizeof *out_ops;
  return check_table(out_ops, path, out_error);
}

/* ---- where it comes from ----------------------------------------------------------------------- */

static const evs_transport_ops *find_registered(const char *type) {
  const evs_transport_ops *found = NULL;
  for (size_t i = 0; i < registered_count && !found; i++)
    found = strcmp(registered[i]->type, type) == 0 ? registered[i] : NULL;
  return found;
}

evs_status evsi_plugin_register(const evs_transport_ops *ops, evs_error **out_error) {
  evs_transport_ops copy;
  evs_status status = take_table(ops, NULL, &copy, out_error);
  if (status != EVS_OK)
    return status;
  pthread_mutex_lock(&lock);
  const evs_transport_ops *other = find_registered(ops->type);
  bool is_full = !other && registered_count == PLUGINS_MAX;
  if (!other && !is_full)
    registered[registered_count++] = ops;
  pthread_mutex_unlock(&lock);
  if (is_full)
    return evsi_error(out_error, EVS_CONFLICT, NULL, "%d plug-ins are registered, as many as there can be",
                      PLUGINS_MAX);
  if (other && other != ops)
    return evsi_error(out_error, EVS_CONFLICT, NULL, "another plug-in is registered as %s", ops->type);
  return EVS_OK;
}

static evs_status load_registered(const char *type, evs_transport_ops *out_ops, evs_error **out_error) {
  pthread_mutex_lock(&lock);
  const evs_transport_ops *found = find_registered(type);
  pthread_mutex_unlock(&lock);
  if (!found)
    return evsi_error(out_error, EVS_CONFIG, "/plugin",
                      "no plug-in is registered as %s in this process: call evs_transport_register() before "
                      "the system is opened, or name a library",
                      type);
  return take_table(found, "/plugin", out_ops, out_error);
}

static evs_status load_library(const char *path, evs_transport_ops *out_ops, evs_error **out_error) {
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char *why = dlerror();
    return evsi_error(out_error, EVS_CONFIG, "/library", "the plug-in cannot be loaded: %s",
                      why ? why : path);
  }
  /* It is never unloaded: its threads, and what it registered with others, may outlive every system. */
  evs_transport_entry_fn entry;
  *(void **)&entry = dlsym(library, EVS_TRANSPORT_ENTRY);
  if (!entry)
    return evsi_error(out_error, EVS_CONFIG, "/library", "%s is no plug-in: it has no function %s", path,
                      EVS_TRANSPORT_ENTRY);
  const evs_transport_ops *ops = entry();
  if (!ops)
    return evsi_error(out_error, EVS_CONFIG, "/library", "%s gives no transport", path);
  return take_table(ops, "/library", out_ops, out_error);
}

evs_status evsi_plugin_load(const evsi_transport_config *config, evs_transport_ops *out_ops,
                            evs_error **out_error) {
  evs_status status = config->library ? load_library(config->library, out_ops, out_error)
                                      : load_registered(config->plugin, out_ops, out_error);
  uint64_t lacks = status == EVS_OK ? config->capabilities & ~out_ops->capabilities : 0;
  if (lacks == 0)
    return status;
  return evsi_error(out_error, EVS_CONFIG, "/capabilities", "the plug-in %s does not have the capability %s",
                    out_ops->type, evsi_capability_word(lacks));
}
