/* SPDX-License-Identifier: MIT
 * scenarios_test.c - plays every scenario through the C interface. EVS_SCENARIOS names another folder,
 * EVS_TRANSPORTS another file of transports, EVS_LOOK_SECONDS how long an expectation is waited for. */
#include <stdlib.h>

#include "runners/c/runner.h"

#define HERE EVS_SOURCE_DIR "/tests/conformance/"

int main(void) {
  const char *folder = getenv("EVS_SCENARIOS"), *transports = getenv("EVS_TRANSPORTS");
  return scenarios_run(folder ? folder : HERE "scenarios", transports ? transports : HERE "transports.json");
}
