/* SPDX-License-Identifier: MIT
 * tasks.h - work handed from any thread to the I/O thread. A task is embedded in what it works on, so
 * posting allocates nothing; the loop is woken once per burst. */
#ifndef EVSI_TASKS_H
#define EVSI_TASKS_H

#include <pthread.h>
#include <stdbool.h>

#include "base/env.h"

typedef struct evsi_task {
  struct evsi_task *next;
  void (*run)(struct evsi_task *task); /* on the I/O thread; may free the task */
  bool posted;
} evsi_task;

typedef struct evsi_tasks {
  pthread_mutex_t lock;
  evsi_task *head;
  evsi_task **tail;
  const evsi_env *env;
  evsi_loop *loop;
} evsi_tasks;

void evsi_tasks_init(evsi_tasks *tasks, const evsi_env *env, evsi_loop *loop);
void evsi_tasks_destroy(evsi_tasks *tasks);
/* Queues the task unless it is queued already. */
void evsi_tasks_post(evsi_tasks *tasks, evsi_task *task);
/* Runs what is queued now; false: that is nothing. @thread io. */
bool evsi_tasks_run(evsi_tasks *tasks);

#endif
