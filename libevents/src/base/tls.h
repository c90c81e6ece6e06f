/* SPDX-License-Identifier: MIT
 * tls.h - TLS of a client over bytes that others carry (channel.h): what it trusts and who it is, and one
 * session per connection. The only part that sees OpenSSL's sockets-free side; no secrets in any text. */
#ifndef EVSI_TLS_H
#define EVSI_TLS_H

#include <stdbool.h>

#include "base/buf.h"

typedef struct evsi_tls evsi_tls;
typedef struct evsi_tls_session evsi_tls_session;

/* ca, cert and key: a file, or PEM text. All may be NULL; neither ca nor ca_path: what the system trusts. */
typedef struct evsi_tls_options {
  const char *ca, *ca_path;
  const char *cert, *key, *key_password;
  bool verify;
} evsi_tls_options;

/* Reads all files now. errors: EVS_CONFIG with the pointer of the option below "/tls", EVS_NOMEM. */
evs_status evsi_tls_new(const evsi_tls_options *options, evsi_tls **out_tls, evs_error **out_error);
void evsi_tls_free(evsi_tls *tls); /* NULL is fine; sessions may live on */

/* server_name: name or address that the certificate must be for. NULL: no memory. */
evsi_tls_session *evsi_tls_session_new(const evsi_tls *tls, const char *server_name);
void evsi_tls_session_free(evsi_tls_session *session);
/* Takes what the server sent (size 0: begins), and adds what it means to out_plain. False: the session is
 * over, see evsi_tls_problem(); what is to be sent still is. */
bool evsi_tls_receive(evsi_tls_session *session, const char *bytes, size_t size, evsi_buf *out_plain);
bool evsi_tls_send(evsi_tls_session *session, const char *bytes, size_t size);
/* What is to be carried to the server, from evsi_alloc; NULL: nothing, or no memory (a problem then). */
char *evsi_tls_take(evsi_tls_session *session, size_t *out_size);
bool evsi_tls_is_ready(const evsi_tls_session *session);
/* Why it is over, with what to do about it. */
const char *evsi_tls_problem(const evsi_tls_session *session);

#endif
