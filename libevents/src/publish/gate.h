/* SPDX-License-Identifier: MIT
 * gate.h - publisher.rateLimiting: lets as many events through as the limit says, in the order in which they
 * came; the others wait here, or are refused. Private to publish/. */
#ifndef EVSI_GATE_H
#define EVSI_GATE_H

#include "publish/job.h"

/* NULL when memory is short. */
evsi_gate *evsi_gate_new(evsi_publisher *publisher, const evsi_rate_limiting *policy);
void evsi_gate_free(evsi_gate *gate);

/* All may pass, as far as one can tell without asking for each. Any thread. */
bool evsi_gate_is_open(const evsi_gate *gate);
/* True: the caller hands the job on. False: the gate has it, and hands it on when its turn has come, or has
 * refused it. Any thread. */
bool evsi_gate_passes(evsi_gate *gate, evsi_job *job);

/* Another limit; counting begins anew, and what waits goes on in its order. Any thread. */
void evsi_gate_change(evsi_gate *gate, const evsi_rate_limiting *policy);

/* Ends all that waits; @thread io. */
void evsi_gate_abort(evsi_gate *gate, const char *why);

#endif
