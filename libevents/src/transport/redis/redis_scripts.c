/* SPDX-License-Identifier: MIT
 * redis_scripts.c - see redis_scripts.h. */
#include "transport/redis/redis_scripts.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "redis_scripts_data.h"
#include "transport/redis/redis_error.h"

/* A call that may have to be sent again in full. */
typedef struct script_call {
  evsi_redis_scripts *scripts;
  evsi_redis_conn *conn;
  evsi_redis_script script;
  uint32_t keys;
  evsi_redis_args args;
  evsi_redis_reply_fn fn;
  void *data;
  uint64_t tag;
} script_call;

static const char *const sources[EVSI_REDIS_SCRIPTS] = {
#define X(name) EVSI_LUA_##name,
    EVSI_REDIS_SCRIPT_LIST(X)
#undef X
};

static bool hash(const char *text, char out_hex[41]) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (EVP_Digest(text, strlen(text), digest, &size, EVP_sha1(), NULL) != 1 || size != 20)
    return false;
  for (unsigned i = 0; i < size; i++)
    snprintf(out_hex + 2 * i, 3, "%02x", digest[i]);
  return true;
}

/* What stands before a script costs each call of it. */
static bool is_about_letters(int script) {
  static const evsi_redis_script all[] = {
      EVSI_REDIS_BUNDLE, EVSI_REDIS_COPY_IN, EVSI_REDIS_COPY_OUT, EVSI_REDIS_DEAD, EVSI_REDIS_FATES,
      EVSI_REDIS_IMPORT, EVSI_REDIS_LETTERS, EVSI_REDIS_MOVE,     EVSI_REDIS_NOTE, EVSI_REDIS_PRUNE,
      EVSI_REDIS_REPLAY, EVSI_REDIS_RESTORE, EVSI_REDIS_SENT};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    if ((int)all[i] == script)
      return true;
  }
  return false;
}

static bool walks(int script) {
  return script == EVSI_REDIS_AUDIT || script == EVSI_REDIS_REPLAY || script == EVSI_REDIS_TRIM;
}

static bool is_about_ids(int script) {
  return script == EVSI_REDIS_MOVE || script == EVSI_REDIS_STORE;
}

bool evsi_redis_scripts_init(evsi_redis_scripts *scripts, evsi_redis_conn *conn) {
  memset(scripts, 0, sizeof *scripts);
  scripts->conn = conn;
  for (int i = 0; i < EVSI_REDIS_SCRIPTS; i++) {
    evsi_buf text = {0};
    evsi_buf_add_text(&text, EVSI_LUA_COMMON);
    evsi_buf_add_text(&text, is_about_letters(i) ? EVSI_LUA_LETTER : "");
    evsi_buf_add_text(&text, walks(i) ? EVSI_LUA_WALK : "");
    evsi_buf_add_text(&text, is_about_ids(i) ? EVSI_LUA_IDS : "");
    evsi_buf_add_text(&text, sources[i]);
    scripts->text[i] = evsi_buf_take(&text);
    if (!scripts->text[i] || !hash(scripts->text[i], scripts->sha1[i])) {
      evsi_redis_scripts_free(scripts);
      return false;
    }
  }
  return true;
}

void evsi_redis_scripts_free(evsi_redis_scripts *scripts) {
  for (int i = 0; i < EVSI_REDIS_SCRIPTS; i++)
    evsi_free(scripts->text[i]);
  memset(scripts, 0, sizeof *scripts);
}

void evsi_redis_scripts_forget(evsi_redis_scripts *scripts) {
  memset(scripts->known, 0, sizeof scripts->known);
}

static void call_free(script_call *call) {
  evsi_redis_args_free(&call->args);
  evsi_free(call);
}

static void on_reply(void *data, uint64_t tag, const evsi_redis_reply *reply);

static bool send_call(script_call *call) {
  evsi_redis_scripts *scripts = call->scripts;
  bool is_known = scripts->known[call->script];
  const char *name = is_known ? scripts->sha1[call->script] : scripts->text[call->script];
  size_t name_size = is_known ? 40 : strlen(name);
  evsi_buf *out = call->args.body.failed
                      ? NULL
                      : evsi_redis_conn_begin(call->conn, call->args.body.size + name_size + 96);
  if (!out)
    return false;
  evsi_redis_put_head(out, 3 + call->args.count);
  evsi_redis_put_text(out, is_known ? "EVALSHA" : "EVAL");
  evsi_redis_put(out, name, name_size);
  evsi_redis_put_u64(out, call->keys);
  evsi_buf_add(out, call->args.body.data, call->args.body.size);
  scripts->known[call->script] = true;
  evsi_redis_conn_expect(call->conn, on_reply, call, 0);
  return true;
}

static void on_reply(void *data, uint64_t tag, const evsi_redis_reply *reply) {
  script_call *call = data;
  evsi_redis_net *net = call->scripts->conn->net;
  (void)tag;
  if (evsi_redis_error_classify(reply) == EVSI_REDIS_ERROR_NOSCRIPT) {
    call->scripts->known[call->script] = false;
    net->ops->count(net->host, "scriptsReloaded", 1);
    if (send_call(call))
      return;
  }
  call->fn(call->data, call->tag, reply);
  call_free(call);
}

bool evsi_redis_script_call(evsi_redis_scripts *scripts, evsi_redis_script script, uint32_t keys,
                            evsi_redis_args *args, evsi_redis_reply_fn fn, void *data, uint64_t tag) {
  const evsi_redis_script_to to = {scripts, scripts->conn, script, keys};
  return evsi_redis_script_call_on(&to, args, fn, data, tag);
}

bool evsi_redis_script_call_on(const evsi_redis_script_to *to, evsi_redis_args *args, evsi_redis_reply_fn fn,
                               void *data, uint64_t tag) {
  script_call *call = evsi_calloc(1, sizeof *call);
  if (!call) {
    evsi_redis_args_free(args);
    return false;
  }
  *call = (script_call){to->scripts, to->conn, to->script, to->keys, *args, fn, data, tag};
  *args = (evsi_redis_args){0};
  if (send_call(call))
    return true;
  call_free(call);
  return false;
}
