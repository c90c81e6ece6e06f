/* SPDX-License-Identifier: MIT
 * members.c - see members.h. */
#include "support/members.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/until.h"

enum { WORDS_MAX = 64, MEMBERS_MAX = 32 };

static pid_t running[MEMBERS_MAX];

void ledger_open(test_ledger *ledger) {
  memset(ledger, 0, sizeof *ledger);
  strcpy(ledger->path, "/tmp/evs-ledger-XXXXXX");
  ledger->file = mkstemp(ledger->path);
  test_require(ledger->file >= 0, "a ledger");
}

void ledger_close(test_ledger *ledger) {
  if (ledger->path[0] == '\0')
    return;
  close(ledger->file);
  unlink(ledger->path);
  free(ledger->rest);
  free(ledger->lines);
  memset(ledger, 0, sizeof *ledger);
}

static void copy(char *to, size_t size, const json_t *line, const char *key) {
  const char *text = json_string_value(json_object_get(line, key));
  snprintf(to, size, "%s", text ? text : "");
}

static int number(const json_t *line, const char *key) {
  return (int)json_integer_value(json_object_get(line, key));
}

static void add_line(test_ledger *ledger, const char *text, size_t size) {
  json_t *line = json_loadb(text, size, 0, NULL);
  test_require(line != NULL, "a line of a ledger is JSON");
  if (ledger->count == ledger->capacity) {
    ledger->capacity = ledger->capacity ? ledger->capacity * 2 : 1024;
    ledger->lines = realloc(ledger->lines, ledger->capacity * sizeof *ledger->lines);
    test_require(ledger->lines != NULL, "memory");
  }
  ledger_line *out = &ledger->lines[ledger->count++];
  *out = (ledger_line){.attempt = number(line, "attempt"),
                       .deliveries = number(line, "deliveries"),
                       .pid = number(line, "pid"),
                       .ready = json_is_true(json_object_get(line, "ready")),
                       .held = json_is_true(json_object_get(line, "held")),
                       .failed = json_is_true(json_object_get(line, "failed"))};
  copy(out->id, sizeof out->id, line, "id");
  copy(out->type, sizeof out->type, line, "type");
  copy(out->subscription, sizeof out->subscription, line, "subscription");
  copy(out->group, sizeof out->group, line, "group");
  json_decref(line);
}

size_t ledger_read(test_ledger *ledger) {
  char chunk[65536];
  for (;;) {
    ssize_t size = read(ledger->file, chunk, sizeof chunk);
    if (size <= 0)
      return ledger->count;
    ledger->rest = realloc(ledger->rest, ledger->rest_size + (size_t)size);
    test_require(ledger->rest != NULL, "memory");
    memcpy(ledger->rest + ledger->rest_size, chunk, (size_t)size);
    ledger->rest_size += (size_t)size;
    size_t from = 0;
    for (char *end; (end = memchr(ledger->rest + from, '\n', ledger->rest_size - from));) {
      add_line(ledger, ledger->rest + from, (size_t)(end - ledger->rest) - from);
      from = (size_t)(end - ledger->rest) + 1;
    }
    ledger->rest_size -= from;
    memmove(ledger->rest, ledger->rest + from, ledger->rest_size);
  }
}

size_t ledger_handled(test_ledger *ledger, pid_t pid) {
  size_t handled = 0;
  ledger_read(ledger);
  for (size_t i = 0; i < ledger->count; i++)
    handled += !ledger->lines[i].ready && (pid == 0 || ledger->lines[i].pid == pid);
  return handled;
}

static void remember(pid_t pid) {
  for (int i = 0; i < MEMBERS_MAX; i++) {
    if (running[i] == 0) {
      running[i] = pid;
      return;
    }
  }
  kill(pid, SIGKILL);
  test_require(false, "not more members than a test may have");
}

static void forget(pid_t pid) {
  for (int i = 0; i < MEMBERS_MAX; i++)
    running[i] = running[i] == pid ? 0 : running[i];
}

static pid_t start(const char *const *command) {
  fflush(NULL);
  pid_t pid = fork();
  if (pid == 0) {
    execv(command[0], (char *const *)command);
    _exit(127);
  }
  test_require(pid > 0, "fork");
  remember(pid);
  return pid;
}

pid_t member_start(test_ledger *ledger, const char *program, const char *const *words) {
  const char *command[WORDS_MAX + 4] = {program, "--ledger", ledger->path};
  int count = 3;
  for (int i = 0; words[i]; i++) {
    test_require(i < WORDS_MAX, "a short command line");
    command[count++] = words[i];
  }
  return start(command);
}

pid_t caller_start(const char *program, const char *config, const char *method, const char *params) {
  return start((const char *const[]){program, config, method, params, NULL});
}

static bool is_ready(test_ledger *ledger, pid_t pid) {
  ledger_read(ledger);
  for (size_t i = 0; i < ledger->count; i++) {
    if (ledger->lines[i].ready && ledger->lines[i].pid == pid)
      return true;
  }
  return false;
}

static bool has_ended(pid_t pid) {
  siginfo_t info = {0};
  return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid;
}

void member_ready(test_ledger *ledger, pid_t pid) {
  TEST_UNTIL(is_ready(ledger, pid) || has_ended(pid));
  test_require(is_ready(ledger, pid), "the member is ready");
}

static int end(pid_t pid, int signal_number) {
  int status = 0;
  kill(pid, signal_number);
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  forget(pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool member_ended(pid_t pid) {
  bool has = has_ended(pid);
  if (has)
    end(pid, 0);
  return has;
}

void member_kill(pid_t pid) {
  end(pid, SIGKILL);
}

int member_stop(pid_t pid) {
  return end(pid, SIGTERM);
}

void members_end(void) {
  for (int i = 0; i < MEMBERS_MAX; i++) {
    if (running[i] != 0)
      end(running[i], SIGKILL);
  }
}
