/* SPDX-License-Identifier: MIT
 * caller.c - a process that makes one request and then keeps its system open until it is killed:
 * CONFIG METHOD PARAMS. A program of its own, since a fork of a process with threads may not start more of
 * them. */
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "support/host.h"
#include "support/until.h"

int main(int argc, char **argv) {
  test_require(argc == 4, "usage: caller CONFIG METHOD PARAMS");
  prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test leaves nothing behind */
  json_decref(host_call(host_connect("%s", argv[1]), argv[2], "%s", argv[3]));
  for (;;)
    pause();
}
