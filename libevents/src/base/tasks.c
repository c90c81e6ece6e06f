/* SPDX-License-Identifier: MIT
 * tasks.c - see tasks.h. */
#include "base/tasks.h"

void evsi_tasks_init(evsi_tasks *tasks, const evsi_env *env, evsi_loop *loop) {
  pthread_mutex_init(&tasks->lock, NULL);
  tasks->head = NULL;
  tasks->tail = &tasks->head;
  tasks->env = env;
  tasks->loop = loop;
}

void evsi_tasks_destroy(evsi_tasks *tasks) {
  pthread_mutex_destroy(&tasks->lock);
}

void evsi_tasks_post(evsi_tasks *tasks, evsi_task *task) {
  pthread_mutex_lock(&tasks->lock);
  bool was_empty = tasks->head == NULL;
  bool is_new = !task->posted;
  if (is_new) {
    task->posted = true;
    task->next = NULL;
    *tasks->tail = task;
    tasks->tail = &task->next;
  }
  pthread_mutex_unlock(&tasks->lock);
  if (is_new && was_empty)
    tasks->env->io->loop_wake(tasks->loop);
}

/* Takes the next task of a run; it may be posted again from here on. */
static evsi_task *take_first(evsi_tasks *tasks, evsi_task **run) {
  pthread_mutex_lock(&tasks->lock);
  evsi_task *task = *run;
  if (task) {
    *run = task->next;
    task->posted = false;
  }
  pthread_mutex_unlock(&tasks->lock);
  return task;
}

bool evsi_tasks_run(evsi_tasks *tasks) {
  pthread_mutex_lock(&tasks->lock);
  evsi_task *run = tasks->head;
  bool any = run != NULL;
  tasks->head = NULL;
  tasks->tail = &tasks->head;
  pthread_mutex_unlock(&tasks->lock);
  /* What is posted meanwhile waits for the next run, so that a task that posts itself cannot starve the
   * loop; a task that still waits here stays marked as posted, as its link must not change. */
  for (evsi_task *task; (task = take_first(tasks, &run));)
    task->run(task);
  return any;
}
