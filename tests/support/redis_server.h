/* SPDX-License-Identifier: MIT
 * redis_server.h - a redis-server of a test's own: a free port of loopback, a temporary folder, stopped by
 * its process id; and commands to it that do not go through the library under test. */
#ifndef REDIS_SERVER_H
#define REDIS_SERVER_H

#include <stdbool.h>
#include <sys/types.h>

enum { REDIS_SERVER_OPTIONS_MAX = 32 };

typedef struct redis_server {
  pid_t pid; /* 0: not running */
  int port;
  char folder[64];
  char url[64];                                  /* redis://127.0.0.1:<port> */
  const char *options[REDIS_SERVER_OPTIONS_MAX]; /* more words for its command line, lent */
  const char *password;                          /* for the commands below, or NULL */
} redis_server;

/* A port of loopback that nobody listens on. */
int redis_server_free_port(void);
/* Starts a server with more words for its command line (NULL-terminated, or NULL). Fails the test when it
 * does not come up. */
void redis_server_start(redis_server *server, const char *const *options);
/* Ends the process and keeps port and folder. */
void redis_server_halt(redis_server *server);
void redis_server_kill(redis_server *server); /* the same by SIGKILL */
/* Starts it again on the same port and folder, and waits until it answers. */
void redis_server_again(redis_server *server);
/* Ends the process and removes the folder. */
void redis_server_stop(redis_server *server);

/* One command as hiredis formats it (%s, %b, %lld). The answer as a number: an integer, a number in a text,
 * the length of an array, 0 for nil; -1 for an error. */
long long redis_number(redis_server *server, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The answer as text, freed with free(); "" for nil or an error. */
char *redis_text(redis_server *server, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same without formatting: words of a command. */
long long redis_words(redis_server *server, int count, const char *const *words);
char *redis_text_words(redis_server *server, int count, const char *const *words);

/* Entries of a topic's stream, pending ones of a group, those of consumers whose name begins with `consumer`
 * (members add their incarnation to it), dead letters. -1: there is no such group. */
long long redis_length(redis_server *server, const char *topic);
long long redis_pending(redis_server *server, const char *topic, const char *group);
long long redis_pending_of(redis_server *server, const char *topic, const char *group, const char *consumer);
long long redis_dead(redis_server *server, const char *topic);
/* What the server refused to users (ACL LOG), each word behind a blank; freed with free(). */
char *redis_denied(redis_server *server);
/* Makes the user of a line of an ACL file, switched on and with this password. */
void redis_user(redis_server *server, const char *line, const char *password);
/* Commands that the server has processed since it started, this one not counted. */
long long redis_commands(redis_server *server);

#endif
