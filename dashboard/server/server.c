/* SPDX-License-Identifier: MIT
 * server.c - the library's three functions: start, url, stop. */
#include <arpa/inet.h>
#include <civetweb.h>
#include <openssl/rand.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "dashboard.h"
#include "serve.h"

/* A connection occupies a thread: a client gets 5 s for a request and to take an answer. */
#define REQUEST_TIMEOUT_MS "5000"

enum { KNOCK_MS = 50 };

uint64_t evsd_now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t evsd_wall_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void *on_thread_start(const struct mg_context *context, int type) {
  evs_dashboard *dashboard = mg_get_user_data(context);
  (void)type;
  atomic_fetch_add(&dashboard->threads_started, 1);
  return NULL;
}

static int on_connection(const struct mg_connection *connection, void **out_data) {
  evs_dashboard *dashboard = mg_get_user_data(mg_get_context(connection));
  (void)out_data;
  atomic_fetch_add(&dashboard->costs.connections, 1);
  return 0;
}

static void on_connection_end(const struct mg_connection *connection) {
  evs_dashboard *dashboard = mg_get_user_data(mg_get_context(connection));
  atomic_fetch_sub(&dashboard->costs.connections, 1);
}

static int on_log(const struct mg_connection *connection, const char *message) {
  (void)connection;
  (void)message;
  return 1; /* the host's stderr is not ours */
}

/* Each thread of civetweb ignores SIGPIPE for the whole process as its first act; when all have begun, the
 * host's choice can be put back. In the threads all signals are blocked, and civetweb sends without them. */
static void await_threads(evs_dashboard *dashboard) {
  static const struct timespec pause = {.tv_nsec = 1000000};
  uint64_t deadline = evsd_now_ms() + 5000;
  while (atomic_load(&dashboard->threads_started) < dashboard->options.threads + 1 &&
         evsd_now_ms() < deadline)
    nanosleep(&pause, NULL);
}

static evs_status listen_on(evs_dashboard *dashboard, evs_error **out_error) {
  const evsd_options *options = &dashboard->options;
  char address[32], threads[16], why[256] = "", message[512];
  snprintf(address, sizeof address, "%s:%u", options->host, options->port);
  snprintf(threads, sizeof threads, "%u", options->threads);
  const char *settings[] = {"listening_ports",
                            address,
                            "num_threads",
                            threads,
                            "request_timeout_ms",
                            REQUEST_TIMEOUT_MS,
                            "keep_alive_timeout_ms",
                            EVSD_KEEP_ALIVE_MS,
                            "enable_keep_alive",
                            "yes",
                            "tcp_nodelay",
                            "1",
                            "access_control_allow_origin",
                            "",
                            "enable_directory_listing",
                            "no",
                            "decode_url",
                            "no",
                            NULL};
  struct mg_callbacks callbacks = {.begin_request = evsd_serve,
                                   .http_error = evsd_serve_error,
                                   .init_thread = on_thread_start,
                                   .init_connection = on_connection,
                                   .connection_closed = on_connection_end,
                                   .log_message = on_log};
  struct mg_init_data init = {
      .callbacks = &callbacks, .user_data = dashboard, .configuration_options = settings};
  unsigned code = 0;
  struct mg_error_data problem = {.code = &code, .text = why, .text_buffer_size = sizeof why};
  dashboard->web = mg_start2(&init, &problem);
  if (dashboard->web) {
    await_threads(dashboard);
    return EVS_OK;
  }
  snprintf(message, sizeof message,
           "the dashboard cannot listen on %s: %s. Is the port in use? With port 0 a free one is chosen",
           address, *why ? why : "unknown reason");
  return evs_error_create(EVS_TRANSPORT, "/port", message, out_error);
}

/* civetweb's threads inherit the mask. */
static evs_status listen_quietly(evs_dashboard *dashboard, evs_error **out_error) {
  sigset_t all, before;
  struct sigaction pipe_before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  sigaction(SIGPIPE, NULL, &pipe_before);
  evs_status status = listen_on(dashboard, out_error);
  if (status == EVS_OK && !evsd_sampler_start(dashboard))
    status = evs_error_create(EVS_NOMEM, NULL, "there is no thread for the dashboard", out_error);
  sigaction(SIGPIPE, &pipe_before, NULL);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return status;
}

static void set_url(evs_dashboard *dashboard) {
  struct mg_server_port port = {0};
  mg_get_server_ports(dashboard->web, 1, &port);
  dashboard->port = (uint16_t)port.port;
  snprintf(dashboard->url, sizeof dashboard->url, "http://%s:%d%s/", dashboard->options.host, port.port,
           dashboard->options.base_path);
}

static void free_dashboard(evs_dashboard *dashboard) {
  evsd_answers_destroy(&dashboard->answers);
  evsd_sampler_destroy(&dashboard->sampler);
  evsd_fleet_destroy(&dashboard->fleet);
  evsd_store_destroy(&dashboard->store);
  evsd_auth_destroy(&dashboard->auth);
  evsd_options_free(&dashboard->options);
  pthread_cond_destroy(&dashboard->changed);
  pthread_mutex_destroy(&dashboard->lock);
  free(dashboard);
}

static void init_parts(evs_dashboard *dashboard) {
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_mutex_init(&dashboard->lock, NULL);
  pthread_cond_init(&dashboard->changed, &attributes);
  pthread_condattr_destroy(&attributes);
  evsd_store_init(&dashboard->store);
  evsd_fleet_init(&dashboard->fleet);
  evsd_sampler_init(&dashboard->sampler);
  evsd_answers_init(&dashboard->answers);
  dashboard->started_ms = evsd_now_ms();
}

evs_status evs_dashboard_start(evs_system *system, const char *options_json, size_t options_size,
                               evs_dashboard **out_dashboard, evs_error **out_error) {
  unsigned char boot[8] = {0};
  if (!system || !out_dashboard || (!options_json && options_size))
    return evs_error_create(EVS_ARGUMENT, NULL, "system and out_dashboard must not be NULL", out_error);
  evs_dashboard *dashboard = calloc(1, sizeof *dashboard);
  if (!dashboard)
    return evs_error_create(EVS_NOMEM, NULL, "out of memory", out_error);
  dashboard->system = system;
  init_parts(dashboard);
  evs_status status = evsd_options_read(options_json, options_size, &dashboard->options, out_error);
  if (!evsd_auth_init(&dashboard->auth) || RAND_bytes(boot, sizeof boot) != 1) {
    if (status == EVS_OK)
      status = evs_error_create(EVS_INTERNAL, NULL, "there are no random numbers", out_error);
  }
  for (size_t i = 0; i < sizeof boot; i++)
    snprintf(dashboard->boot_id + 2 * i, 3, "%02x", boot[i]);
  if (status == EVS_OK)
    status = listen_quietly(dashboard, out_error);
  if (status == EVS_OK) {
    set_url(dashboard);
    *out_dashboard = dashboard;
    return EVS_OK;
  }
  if (dashboard->web)
    mg_stop(dashboard->web);
  free_dashboard(dashboard);
  return status;
}

const char *evs_dashboard_url(const evs_dashboard *dashboard) {
  return dashboard ? dashboard->url : "";
}

/* mg_stop waits for every worker, up to two seconds for the idle ones; so it is given to a thread. */
static void *stop_all(void *argument) {
  evs_dashboard *dashboard = argument;
  mg_stop(dashboard->web);
  evsd_sampler_stop(&dashboard->sampler);
  pthread_mutex_lock(&dashboard->lock);
  dashboard->is_web_stopped = true;
  pthread_cond_broadcast(&dashboard->changed);
  pthread_mutex_unlock(&dashboard->lock);
  return NULL;
}

/* The thread that accepts looks at civetweb's flag every two seconds, or when somebody connects: this does.
 */
static void knock(const evs_dashboard *dashboard) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(dashboard->port)};
  bool is_any = strcmp(dashboard->options.host, "0.0.0.0") == 0;
  inet_pton(AF_INET, is_any ? "127.0.0.1" : dashboard->options.host, &address.sin_addr);
  int door = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (door < 0)
    return;
  (void)connect(door, (const struct sockaddr *)&address, sizeof address);
  close(door);
}

/* Until the server has stopped, or `until_ms`. @locks dashboard->lock */
static evs_status await_stop(evs_dashboard *dashboard, uint64_t until_ms) {
  while (!dashboard->is_web_stopped) {
    uint64_t now_ms = evsd_now_ms(), next_ms = now_ms + KNOCK_MS < until_ms ? now_ms + KNOCK_MS : until_ms;
    struct timespec next = {.tv_sec = (time_t)(next_ms / 1000), .tv_nsec = (long)(next_ms % 1000) * 1000000};
    pthread_cond_timedwait(&dashboard->changed, &dashboard->lock, &next);
    if (!dashboard->is_web_stopped && evsd_now_ms() >= until_ms)
      return EVS_TIMEOUT;
    if (!dashboard->is_web_stopped)
      knock(dashboard);
  }
  return EVS_OK;
}

static evs_status begin_stop(evs_dashboard *dashboard) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  dashboard->is_stop_begun = pthread_create(&dashboard->stopper, NULL, stop_all, dashboard) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return dashboard->is_stop_begun ? EVS_OK : EVS_NOMEM;
}

evs_status evs_dashboard_stop(evs_dashboard *dashboard, uint32_t deadline_ms) {
  if (!dashboard)
    return EVS_OK;
  uint64_t until_ms = evsd_now_ms() + deadline_ms;
  atomic_store(&dashboard->is_stopping, 1);
  pthread_mutex_lock(&dashboard->lock);
  evs_status status = dashboard->is_stop_begun ? EVS_OK : begin_stop(dashboard);
  if (status == EVS_OK)
    status = await_stop(dashboard, until_ms);
  pthread_mutex_unlock(&dashboard->lock);
  if (status != EVS_OK)
    return status;
  pthread_join(dashboard->stopper, NULL);
  free_dashboard(dashboard);
  return EVS_OK;
}
