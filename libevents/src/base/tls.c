/* SPDX-License-Identifier: MIT
 * tls.c - see tls.h. OpenSSL reads and writes two memory BIOs; it never sees a socket. Its queue of errors
 * belongs to the thread and is emptied before each call, so that a host's own use of OpenSSL cannot confuse
 * ours. */
#include "base/tls.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

enum { PROBLEM_SIZE = 256, CHUNK = 16384, AUTHORITIES_MAX = 10000 };

struct evsi_tls {
  SSL_CTX *context;
};

struct evsi_tls_session {
  SSL *ssl;
  BIO *in, *out; /* belong to ssl */
  char problem[PROBLEM_SIZE];
};

/* ---- files ------------------------------------------------------------------------------------ */

static BIO *open_pem(const char *file_or_text) {
  if (strncmp(file_or_text, "-----BEGIN", 10) == 0)
    return BIO_new_mem_buf(file_or_text, -1);
  return BIO_new_file(file_or_text, "r");
}

/* A password that is asked for must not come from the terminal. */
static int give_password(char *out, int size, int is_writing, void *data) {
  const char *password = data;
  size_t length = password ? strlen(password) : 0;
  (void)is_writing;
  if (length == 0 || length > (size_t)size)
    return -1;
  memcpy(out, password, length);
  return (int)length;
}

static const char *last_reason(void) {
  const char *reason = ERR_reason_error_string(ERR_peek_last_error());
  return reason ? reason : "it cannot be read";
}

static evs_status refuse(evs_error **out_error, const char *option, const char *what) {
  char path[40];
  snprintf(path, sizeof path, "/tls/%s", option);
  return evsi_error(out_error, EVS_CONFIG, path,
                    "tls.%s: %s: %s; give a file that this process may read, or PEM text", option, what,
                    last_reason());
}

static bool trust_all_of(SSL_CTX *context, BIO *pem) {
  X509_STORE *store = SSL_CTX_get_cert_store(context);
  int count = 0;
  X509 *each;
  while (count < AUTHORITIES_MAX && (each = PEM_read_bio_X509(pem, NULL, give_password, NULL))) {
    count += X509_STORE_add_cert(store, each) == 1;
    X509_free(each);
  }
  return count > 0;
}

static evs_status trust(SSL_CTX *context, const evsi_tls_options *options, evs_error **out_error) {
  /* Another OpenSSL than the system's, such as the one inside node, looks elsewhere. */
  static const char *const bundles[] = {"/etc/ssl/certs/ca-certificates.crt",
                                        "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"};
  if (options->ca) {
    BIO *pem = open_pem(options->ca);
    bool is_read = pem && trust_all_of(context, pem);
    BIO_free(pem);
    if (!is_read)
      return refuse(out_error, "ca", "no certificate of an authority is in it");
  }
  if (options->ca_path && SSL_CTX_load_verify_dir(context, options->ca_path) != 1)
    return refuse(out_error, "caPath", "the folder of authorities");
  if (options->ca || options->ca_path || !options->verify)
    return EVS_OK;
  SSL_CTX_set_default_verify_paths(context);
  for (size_t i = 0; i < sizeof bundles / sizeof bundles[0]; i++) {
    if (SSL_CTX_load_verify_file(context, bundles[i]) == 1)
      break;
  }
  ERR_clear_error();
  return EVS_OK;
}

static bool use_certificates(SSL_CTX *context, BIO *pem) {
  X509 *own = PEM_read_bio_X509(pem, NULL, give_password, NULL);
  bool is_used = own && SSL_CTX_use_certificate(context, own) == 1;
  X509_free(own);
  X509 *between;
  while (is_used && (between = PEM_read_bio_X509(pem, NULL, give_password, NULL))) {
    if (SSL_CTX_add0_chain_cert(context, between) != 1) {
      X509_free(between);
      return false;
    }
  }
  return is_used;
}

static evs_status identify(SSL_CTX *context, const evsi_tls_options *options, evs_error **out_error) {
  if (!options->cert)
    return EVS_OK;
  BIO *pem = open_pem(options->cert);
  bool is_read = pem && use_certificates(context, pem);
  BIO_free(pem);
  if (!is_read)
    return refuse(out_error, "cert", "no certificate is in it");
  ERR_clear_error(); /* the end of a file is an error of its reader */
  pem = options->key ? open_pem(options->key) : NULL;
  EVP_PKEY *key =
      pem ? PEM_read_bio_PrivateKey(pem, NULL, give_password, (void *)options->key_password) : NULL;
  BIO_free(pem);
  evs_status status = EVS_OK;
  if (!key)
    status = refuse(out_error, "key", "no private key could be read; a protected one needs tls.keyPassword");
  else if (SSL_CTX_use_PrivateKey(context, key) != 1)
    status = refuse(out_error, "key", "this private key is not the one of tls.cert");
  EVP_PKEY_free(key);
  return status;
}

evs_status evsi_tls_new(const evsi_tls_options *options, evsi_tls **out_tls, evs_error **out_error) {
  ERR_clear_error();
  evsi_tls *tls = evsi_calloc(1, sizeof *tls);
  if (!tls || !(tls->context = SSL_CTX_new(TLS_client_method()))) {
    evsi_free(tls);
    return evsi_error_nomem(out_error);
  }
  SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION);
  SSL_CTX_set_mode(tls->context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_verify(tls->context, options->verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
  evs_status status = trust(tls->context, options, out_error);
  if (status == EVS_OK)
    status = identify(tls->context, options, out_error);
  ERR_clear_error();
  if (status == EVS_OK)
    *out_tls = tls;
  else
    evsi_tls_free(tls);
  return status;
}

void evsi_tls_free(evsi_tls *tls) {
  if (!tls)
    return;
  SSL_CTX_free(tls->context);
  evsi_free(tls);
}

/* ---- sessions --------------------------------------------------------------------------------- */

static bool expect_name(SSL *ssl, const char *name) {
  /* An address is no name: SNI must not have it, and the certificate holds it as an address. */
  if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1)
    return true;
  ERR_clear_error();
  SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return SSL_set_tlsext_host_name(ssl, name) == 1 && SSL_set1_host(ssl, name) == 1;
}

evsi_tls_session *evsi_tls_session_new(const evsi_tls *tls, const char *server_name) {
  ERR_clear_error();
  evsi_tls_session *session = evsi_calloc(1, sizeof *session);
  if (!session)
    return NULL;
  session->ssl = SSL_new(tls->context);
  session->in = BIO_new(BIO_s_mem());
  session->out = BIO_new(BIO_s_mem());
  if (!session->ssl || !session->in || !session->out) {
    BIO_free(session->in);
    BIO_free(session->out);
    SSL_free(session->ssl);
    evsi_free(session);
    return NULL;
  }
  SSL_set_bio(session->ssl, session->in, session->out);
  SSL_set_connect_state(session->ssl);
  if (expect_name(session->ssl, server_name))
    return session;
  evsi_tls_session_free(session);
  return NULL;
}

void evsi_tls_session_free(evsi_tls_session *session) {
  if (!session)
    return;
  SSL_free(session->ssl);
  evsi_free(session);
}

static const char *hint(unsigned long error) {
  switch (ERR_GET_REASON(error)) {
  case SSL_R_WRONG_VERSION_NUMBER:
  case SSL_R_UNEXPECTED_MESSAGE:
    return "does the server speak TLS on this port (tls-port)?";
  case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
  case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
  case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
  case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
  case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
    return "does the server want a client certificate of its own authority (tls.cert, tls.key)?";
  default:
    return "see the server's log";
  }
}

/* False unless OpenSSL only waits for more bytes. */
static bool may_go_on(evsi_tls_session *session, int rc) {
  int error = SSL_get_error(session->ssl, rc);
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
    return true;
  long verdict = SSL_get_verify_result(session->ssl);
  unsigned long code = ERR_peek_error();
  const char *reason = ERR_reason_error_string(code);
  if (error == SSL_ERROR_ZERO_RETURN)
    snprintf(session->problem, sizeof session->problem, "the server closed the connection");
  else if (verdict != X509_V_OK && ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED)
    snprintf(session->problem, sizeof session->problem,
             "the server's certificate is not to be trusted: %s; %s", X509_verify_cert_error_string(verdict),
             verdict == X509_V_ERR_HOSTNAME_MISMATCH || verdict == X509_V_ERR_IP_ADDRESS_MISMATCH
                 ? "set tls.serverName to a name that it has"
                 : "set tls.ca to the authority that signed it");
  else
    snprintf(session->problem, sizeof session->problem, "TLS failed: %s; %s",
             reason ? reason : "unknown reason", hint(code));
  ERR_clear_error();
  return false;
}

bool evsi_tls_receive(evsi_tls_session *session, const char *bytes, size_t size, evsi_buf *out_plain) {
  ERR_clear_error();
  int rc = 1;
  if (size > INT_MAX || (size > 0 && BIO_write(session->in, bytes, (int)size) != (int)size)) {
    snprintf(session->problem, sizeof session->problem, "out of memory");
    return false;
  }
  if (!SSL_is_init_finished(session->ssl) && (rc = SSL_do_handshake(session->ssl)) != 1)
    return may_go_on(session, rc);
  while (evsi_buf_reserve(out_plain, CHUNK)) {
    rc = SSL_read(session->ssl, out_plain->data + out_plain->size, CHUNK);
    if (rc <= 0)
      return may_go_on(session, rc);
    out_plain->size += (size_t)rc;
  }
  snprintf(session->problem, sizeof session->problem, "out of memory");
  return false;
}

bool evsi_tls_send(evsi_tls_session *session, const char *bytes, size_t size) {
  ERR_clear_error();
  while (size > 0) {
    int some = size > INT_MAX / 2 ? INT_MAX / 2 : (int)size;
    int rc = SSL_write(session->ssl, bytes, some);
    if (rc <= 0) {
      /* A memory BIO always has room: wanting more is a session that is no longer whole. */
      if (may_go_on(session, rc))
        snprintf(session->problem, sizeof session->problem, "TLS failed: nothing can be sent now");
      return false;
    }
    bytes += rc;
    size -= (size_t)rc;
  }
  return true;
}

char *evsi_tls_take(evsi_tls_session *session, size_t *out_size) {
  size_t size = BIO_ctrl_pending(session->out);
  char *bytes = size > 0 && size <= INT_MAX ? evsi_alloc(size) : NULL;
  *out_size = 0;
  if (bytes) {
    int rc = BIO_read(session->out, bytes, (int)size);
    *out_size = rc > 0 ? (size_t)rc : 0;
  } else if (size > 0) {
    snprintf(session->problem, sizeof session->problem, "out of memory");
  }
  return bytes;
}

bool evsi_tls_is_ready(const evsi_tls_session *session) {
  return SSL_is_init_finished(session->ssl);
}

const char *evsi_tls_problem(const evsi_tls_session *session) {
  return session->problem;
}
