/* SPDX-License-Identifier: MIT
 * shortage.h - every allocation fails once: a way is gone again and again, each time with one more allocation
 * that succeeds before the shortage, until there is none. What a way leaves behind is a leak, in every build.
 */
#ifndef SHORTAGE_H
#define SHORTAGE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "libevents.h"

/* What is done: gives the first status that is not fine, and frees all that it got. */
typedef evs_status (*shortage_way)(void *context);

/* As many allocations as that no test makes. */
#define SHORTAGE_NEVER (LONG_MAX / 2)

typedef enum shortage_rule {
  SHORTAGE_IS_TOLD,  /* each failed allocation makes the way end with EVS_NOMEM */
  SHORTAGE_IS_BORNE, /* or it goes well all the same */
} shortage_rule;

/* Twice: only one allocation fails, and that one with all that follow. Gives how many there are. */
long shortage_of_each(shortage_way way, void *context, shortage_rule rule);

/* The JSON library's memory is counted, too, and fails as ours does. */
void shortage_of_json(bool is_wanted);

/* For ways that are no single function: from now on `allowed` allocations succeed, then one fails, or all. */
void shortage_begin(long allowed, bool goes_on);
/* For what many threads do together: until shortage_end() each place from where memory is asked for (told
 * apart by who called it, some calls back) fails once. Between two that fail so many succeed, since what is
 * tried again after a while is tried later and later. */
void shortage_of_places(long gap);
/* How many of them have failed in this program. */
size_t shortage_places(void);
/* There is memory again. Was there any allocation too many? */
bool shortage_end(void);
/* Blocks that are alive, of all that were made since the first shortage began. */
long shortage_alive(void);

#endif
