/* SPDX-License-Identifier: MIT
 * serve.h - one request from the web server's callback to the answer that is sent. */
#ifndef EVSD_SERVE_H
#define EVSD_SERVE_H

struct mg_connection;

/* Callbacks of civetweb. */
int evsd_serve(struct mg_connection *connection);
int evsd_serve_error(struct mg_connection *connection, int status, const char *message);

#endif
