/* SPDX-License-Identifier: MIT
 * folder.c - see folder.h. */
#include "support/folder.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/until.h"

void folder_make(char out_path[FOLDER_SIZE]) {
  snprintf(out_path, FOLDER_SIZE, "/tmp/evs-test-XXXXXX");
  test_require(mkdtemp(out_path) != NULL, "a temporary folder");
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *walk) {
  (void)info;
  (void)kind;
  (void)walk;
  return remove(path);
}

void folder_remove(const char *path) {
  nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}
