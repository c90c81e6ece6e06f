/* SPDX-License-Identifier: MIT
 * certificates.h - an authority, a server and a client of a test's own, made by the program `openssl`. */
#ifndef CERTIFICATES_H
#define CERTIFICATES_H

/* Writes into `folder` (which exists): ca.crt, other-ca.crt (of nobody here), server.crt (for redis.test and
 * 127.0.0.1) with server.key, client.crt with client.key, and locked.key: the client's with a password. */
#define CERTIFICATES_PASSWORD "opensesame"
void certificates_make(const char *folder);

#endif
