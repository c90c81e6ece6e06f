/* SPDX-License-Identifier: MIT
 * folder.h - folders of a test's own. */
#ifndef FOLDER_H
#define FOLDER_H

enum { FOLDER_SIZE = 64 };

/* Makes one below /tmp. */
void folder_make(char out_path[FOLDER_SIZE]);
/* Removes it with all that is in it. */
void folder_remove(const char *path);

#endif
