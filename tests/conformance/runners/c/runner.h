/* SPDX-License-Identifier: MIT
 * runner.h - plays every scenario of a folder against every transport that has what it needs. */
#ifndef RUNNER_H
#define RUNNER_H

/* Says what failed, then for each transport how many ran. 0 when all hold, else 1. */
__attribute__((visibility("default"))) int scenarios_run(const char *folder, const char *transports_path);

#endif
