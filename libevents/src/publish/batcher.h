/* SPDX-License-Identifier: MIT
 * batcher.h - publisher.batching of one lane: which events go to the transport together, and when. Events of
 * a batch have one topic, partition and batch key. Of a topic and partition one batch is under way at a time,
 * and what comes back from it goes before all that came later, so its order survives failures. Private to
 * publish/, pure: the caller brings the time. */
#ifndef EVSI_BATCHER_H
#define EVSI_BATCHER_H

#include "publish/job.h"

/* NULL when memory is short. */
evsi_batcher *evsi_batcher_new(const evsi_batching *policy);
void evsi_batcher_free(evsi_batcher *batcher); /* of what waits nothing is freed */

/* An event that waits since it was accepted. False when memory is short. */
bool evsi_batcher_add(evsi_batcher *batcher, evsi_send *send);
/* All that waits may go. */
void evsi_batcher_flush(evsi_batcher *batcher);
/* Lets go what has waited long enough. Gives when the next one will have; UINT64_MAX: nothing waits for that.
 */
uint64_t evsi_batcher_tick(evsi_batcher *batcher, uint64_t now_ms);

/* The next batch, in order, of at most `most` events and what the policy says; it is under way from then on.
 * 0: none can go now. */
size_t evsi_batcher_take(evsi_batcher *batcher, evsi_send **out_sends, size_t most);
/* One of a batch is through. */
void evsi_batcher_done(evsi_batcher *batcher, evsi_send *send);
/* One of a batch goes again, with the next batch of its topic and partition. */
void evsi_batcher_again(evsi_batcher *batcher, evsi_send *send);

/* Gives up one that waits. */
void evsi_batcher_remove(evsi_batcher *batcher, evsi_send *send);
/* What waits, a list after the other: start with *cursor NULL. NULL: that was the last. In between those that
 * it gave may be removed. */
evsi_send_list *evsi_batcher_next_list(evsi_batcher *batcher, void **cursor);
bool evsi_batcher_has_waiting(const evsi_batcher *batcher);

#endif
