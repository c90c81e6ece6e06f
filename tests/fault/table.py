# SPDX-License-Identifier: MIT
"""table.py - all rows of the fault table. What is not here is not tested, and table_test.py says so."""

from __future__ import annotations

from kit.row import Row
from rows import network, processes, server

AOF = ("--appendonly", "yes", "--appendfsync", "everysec")
AOF_ALWAYS = ("--appendonly", "yes", "--appendfsync", "always")
HELD = "what the members held"

ROWS = [
    Row(1, "consumers are killed while their handlers run, 20 times", processes.kill_consumers_at_work,
        "what the killed one held, each time", in_every_run=True),
    Row(1, "kill-9 storm: 5 consumers, 3 publishers, a kill every 2 s for a minute", processes.storm,
        "what the killed one held, each time", variant="storm"),
    Row(2, "a consumer is killed between handler and acknowledgement", processes.kill_between_handler_and_acknowledgement,
        "exactly the event that it had just handled", in_every_run=True),
    Row(2, "a consumer is killed between handler and acknowledgement", processes.kill_before_acknowledgement_with_a_table_of_ids,
        "none: the handler keeps a table of ids", variant="with_inbox", in_every_run=True),
    Row(3, "a consumer is killed before the first handler of what it was given", processes.kill_before_the_first_handler,
        "none", in_every_run=True),
    Row(4, "publishers are killed with events under way", processes.kill_publishers_at_work, "none", in_every_run=True),
    Row(5, "redis-server is killed, AOF everysec", server.kill_server, HELD, in_every_run=True, server=AOF),
    Row(6, "redis-server is killed, AOF always", server.kill_server, HELD, variant="aof_always", in_every_run=True,
        server=AOF_ALWAYS),
    Row(7, "redis-server is killed, no persistence", server.kill_server_that_keeps_nothing, "what was under way to the store", in_every_run=True),
    Row(8, "redis-server stands still", server.freeze_server, HELD, in_every_run=True),
    Row(9, "consumers stand still for longer than their session", processes.freeze_consumers, "what they held",
        in_every_run=True),
    Row(10, "publishers stand still for longer than their time limits", processes.freeze_publishers, "none",
        in_every_run=True),
    Row(11, "the disk is full, AOF everysec", server.fill_disk, HELD),
    Row(12, "the disk is full, AOF always", server.fill_disk_that_is_synced_always, HELD),
    Row(13, "saving fails, so the server takes no writes", server.refuse_writes_after_a_failed_save, HELD),
    Row(14, "the memory is full, nothing is evicted", server.fill_memory, "none", in_every_run=True),
    Row(15, "the memory is full, anything is evicted", server.evict_everything, "none"),
    Row(16, "the answer to a publisher is cut off", network.cut_answers_to_publishers, "none", in_every_run=True),
    Row(17, "the answer to a reader is cut off", network.cut_answers_to_readers, "none", in_every_run=True),
    Row(18, "the answer to an acknowledgement is cut off", network.cut_answers_to_acknowledgements, "none",
        in_every_run=True),
    Row(19, "the answer to a move to the dead letters is cut off", network.cut_answers_to_dead_letters, "none",
        in_every_run=True),
]

# Rows whose faults come with a part of the library that is not there yet.
COMES_WITH = {30: "cluster", 31: "cluster", 32: "cluster", 50: "schema registry"}
NUMBERS = range(1, 56)
EVERY_RUN = {*range(1, 11), 14, 16, 17, 18, 19, 23, 27, 35, 38, 39, 40, 41, 44, 45}
