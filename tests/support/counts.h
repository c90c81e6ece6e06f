/* SPDX-License-Identifier: MIT
 * counts.h - counts that differ between a short and a long run, from tests/support/counts.json. */
#ifndef COUNTS_H
#define COUNTS_H

/* Of this name; the long one when EVS_LONG is set. Fails the test when there is none. */
int test_count(const char *name);

#endif
