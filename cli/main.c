/* SPDX-License-Identifier: MIT
 * main.c - the command `events`: the table of its verbs, and from argv to an exit code. */
#include "cli.h"
#include "options.h"
#include "output.h"
#include "session.h"

static const cli_verb verbs[] = {
    {"publish", "TYPE [BODY|-]\n--lines", "publish one event, or many from stdin",
     "Publish an event. BODY is JSON text, null when left out; - reads it from stdin (write -- before a body "
     "that begins with a minus). Prints a receipt once the store has the event.\n\n"
     "With --lines (or - as TYPE) each line of stdin is one event: {\"type\": …, \"body\": …} and, where "
     "wanted, "
     "\"key\", \"headers\", \"id\", \"version\". A bad line is reported with its number and the rest go on; "
     "--json prints one outcome per line, in the order of the input.\v"
     "Examples:\n"
     "  events publish order.placed '{\"id\":7}' --key 7 --header correlationId=42\n"
     "  events publish order.remind '{\"id\":7}' --delay 3600000 --ack replicated\n"
     "  events publish --lines --json < orders.jsonl",
     CLI_STORE | CLI_BIT(DELAY) | CLI_BIT(ACK) | CLI_BIT(KEY) | CLI_BIT(HEADER) | CLI_BIT(ID) |
         CLI_BIT(VERSION) | CLI_BIT(LINES),
     0, 2, cmd_publish},
    {"tail", "[PATTERN]", "watch events as they are stored",
     "Print events as they are stored, until Ctrl-C. Reads beside the consumer groups: nothing is taken from "
     "them. PATTERN is matched against the full type; default *.\v"
     "Example:\n  events tail 'order.*' --from-start --count 10 --json",
     CLI_STORE | CLI_BIT(FROM_START) | CLI_BIT(COUNT) | CLI_BIT(TOPIC) | CLI_BIT(ORIGIN_PREFIX), 0, 1,
     cmd_tail},
    {"delayed cancel", "ID...", "take back events before they are due",
     "Take back delayed events by the ids that `events delayed` shows. Ends with 5 when one of them does not "
     "wait any more.\v"
     "Example:\n  events delayed cancel main/order-events/@0000000000000007",
     CLI_STORE, 1, 1000, cmd_delayed_cancel},
    {"delayed", "", "list events that are to be delivered later",
     "List events that wait until they are due, the earliest first.\v"
     "Example:\n  events delayed --topic order-events",
     CLI_STORE | CLI_BIT(TOPIC) | CLI_BIT(LIMIT) | CLI_BIT(CURSOR), 0, 0, cmd_delayed},
    {"dlq list", "", "list dead letters",
     "List dead letters, one page, or all with --all. A page that is not the last one ends with a cursor.\v"
     "Example:\n  events dlq list --topic order-events --text 503 --limit 20",
     CLI_STORE | CLI_SELECT | CLI_BIT(LIMIT) | CLI_BIT(CURSOR) | CLI_BIT(ALL) | CLI_BIT(NEWEST), 0, 0,
     cmd_dlq_list},
    {"dlq groups", "", "count dead letters by kind of failure",
     "Group dead letters by fingerprint: consumer group, type, error class, and message without its numbers, "
     "ids and quoted parts. The other dlq commands select a group by --fingerprint.\v"
     "Example:\n  events dlq groups --topic order-events",
     CLI_STORE | CLI_BIT(TOPIC), 0, 0, cmd_dlq_groups},
    {"dlq show", "ID", "show one dead letter whole",
     "Show a dead letter: event, error with stack, and each failed attempt; with --archived what the archive "
     "kept of it.\v"
     "Example:\n  events dlq show main/order-events/1763920000000-0",
     CLI_STORE | CLI_BIT(ARCHIVED), 1, 1, cmd_dlq_show},
    {"dlq requeue", "ID...\n--all", "send dead letters to their consumers again",
     "Requeue dead letters to the consumer group that failed. Requeueing one twice gives one event. With "
     "--edit "
     "one is sent with another body; its original stays in the archive. With --all and --rate it is an "
     "operation: "
     "this command waits for it, Ctrl-C aborts it, and when the process dies another one goes on.\v"
     "Examples:\n  events dlq requeue main/order-events/1763920000000-0\n"
     "  events dlq requeue main/order-events/1763920000000-0 --edit fixed.json\n"
     "  events dlq requeue --all --topic order-events --canary 5 --rate 50 --stop-at 20",
     CLI_STORE | CLI_SELECT | CLI_BIT(ALL) | CLI_BIT(LIMIT) | CLI_BIT(ALL_GROUPS) | CLI_BIT(EDIT) |
         CLI_BIT(RATE) | CLI_BIT(REASON) | CLI_BIT(TO) | CLI_BIT(CREATE) | CLI_BIT(MAX_REDRIVES) |
         CLI_BIT(FORCE) | CLI_BIT(DRY_RUN) | CLI_BIT(CANARY) | CLI_BIT(OUTCOME_TIMEOUT) | CLI_BIT(STOP_AT),
     0, 1 << 20, cmd_dlq_requeue},
    {"dlq discard", "ID...\n--all", "move dead letters to the archive",
     "Discard dead letters: they are moved to the archive, from where `dlq restore` brings them back until "
     "they "
     "are too old.\v"
     "Example:\n  events dlq discard --all --topic order-events --text 'card expired' --reason 'cards of "
     "May'",
     CLI_STORE | CLI_SELECT | CLI_BIT(ALL) | CLI_BIT(LIMIT) | CLI_BIT(RATE) | CLI_BIT(REASON) |
         CLI_BIT(DRY_RUN),
     0, 1 << 20, cmd_dlq_discard},
    {"dlq purge", "ID...\n--all", "remove dead letters for good",
     "Purge dead letters, past the archive: their events are gone.\v"
     "Example:\n  events dlq purge --all --topic order-events --dry-run",
     CLI_STORE | CLI_SELECT | CLI_BIT(ALL) | CLI_BIT(LIMIT) | CLI_BIT(REASON) | CLI_BIT(DRY_RUN), 0, 1 << 20,
     cmd_dlq_purge},
    {"dlq note", "TEXT ID...", "write a note on dead letters",
     "Write a note on dead letters, which list and show give, and which goes along into the archive. An "
     "empty TEXT "
     "takes it away.\v"
     "Example:\n  events dlq note 'waits for the bank' main/order-events/1763920000000-0",
     CLI_STORE, 2, 1 << 20, cmd_dlq_note},
    {"dlq export", "", "write dead letters as JSON Lines",
     "Write all dead letters that the options select, one line each, with all that is stored of them.\v"
     "Example:\n  events dlq export --topic order-events > letters.jsonl",
     CLI_SOURCE | CLI_BIT(TRANSPORT) | CLI_BIT(TIMEOUT) | CLI_SELECT | CLI_BIT(LIMIT), 0, 0, cmd_dlq_export},
    {"dlq import", "[FILE|-]", "make dead letters of exported lines",
     "Make dead letters of lines of `dlq export` again, or with --into-stream store their events again, for "
     "the "
     "group that failed or with --all-groups for all. The same line is taken once. A wrong line is reported "
     "with its "
     "number and the rest go on.\v"
     "Example:\n  events dlq import letters.jsonl",
     CLI_STORE | CLI_BIT(INTO_STREAM) | CLI_BIT(ALL_GROUPS), 0, 1, cmd_dlq_import},
    {"dlq archive", "", "list what was requeued, edited or discarded",
     "List the archive of dead letters, the newest first.\v"
     "Example:\n  events dlq archive --topic order-events --limit 20",
     CLI_STORE | CLI_SELECT | CLI_BIT(LIMIT) | CLI_BIT(CURSOR) | CLI_BIT(ALL), 0, 0, cmd_dlq_archive},
    {"dlq restore", "ID...\n--all", "make discarded dead letters dead letters again",
     "Restore discarded dead letters from the archive, by the ids that they had. What was sent again stays "
     "there: "
     "it is in its topic.\v"
     "Example:\n  events dlq restore main/order-events/1763920000000-0",
     CLI_STORE | CLI_SELECT | CLI_BIT(ALL) | CLI_BIT(RATE) | CLI_BIT(REASON), 0, 1 << 20, cmd_dlq_restore},
    {"dlq log", "", "who changed dead letters, and how",
     "List the log of changes, the newest first.\v"
     "Example:\n  events dlq log --limit 20",
     CLI_STORE | CLI_BIT(LIMIT) | CLI_BIT(CURSOR), 0, 0, cmd_dlq_log},
    {"route explain", "TYPE", "say where an event would go, and why",
     "Explain the routing decision for a type: every route and why it won or lost, the topic and by which "
     "rule. "
     "Touches no store. Ends with 1 when no transport takes the event.\v"
     "Example:\n  events --config shop.json route explain order.placed --key 7",
     CLI_SOURCE | CLI_BIT(JSON) | CLI_BIT(ORIGIN_PREFIX) | CLI_BIT(HEADER) | CLI_BIT(KEY), 1, 1,
     cmd_route_explain},
    {"route coverage", "", "say which routes can never be taken, and which meet",
     "Compare the routes of a configuration with each other: which can never be taken since another one "
     "takes "
     "all of theirs, and which match some types of each other. Touches no store. Ends with 1 when one can "
     "never "
     "be taken.\v"
     "Example:\n  events --config shop.json route coverage",
     CLI_SOURCE | CLI_BIT(JSON), 0, 0, cmd_route_coverage},
    {"pattern test", "PATTERN TYPE", "say whether a pattern matches a type",
     "Test a pattern against a full type (with its origin prefix, where it has one), for a system whose own "
     "prefix is --origin-prefix. Ends with 1 when it does not match. Touches no store.\v"
     "Example:\n  events pattern test 'user.*' eu.de.user.created --origin-prefix eu.de",
     CLI_BIT(JSON) | CLI_BIT(ORIGIN_PREFIX), 2, 2, cmd_pattern_test},
    {"stats", "", "what the store holds",
     "Count entries and dead letters of each topic, and what each consumer group has still to do.\v"
     "Example:\n  events stats --json | jq .totals",
     CLI_STORE, 0, 0, cmd_stats},
    {"topics remove", "TOPIC", "remove a topic with all that is kept of it",
     "Remove a topic for good: events, dead letters, archive, delayed events, groups. Refused while a member "
     "of a "
     "group is registered, unless --force says that they are dead.\v"
     "Example:\n  events topics remove bench-3f2a91c0",
     CLI_STORE | CLI_BIT(FORCE), 1, 1, cmd_topics_remove},
    {"groups pause", "GROUP", "let a consumer group take nothing",
     "Pause a consumer group: no process starts a handler of it until it is resumed, and those that run may "
     "end. The store keeps it, so it holds for processes that start later.\v"
     "Example:\n  events groups pause notifier --reason 'the mail server is down'",
     CLI_STORE | CLI_BIT(REASON), 1, 1, cmd_groups_pause},
    {"groups resume", "GROUP", "let a paused consumer group go on",
     "Resume a consumer group that was paused.\v"
     "Example:\n  events groups resume notifier",
     CLI_STORE, 1, 1, cmd_groups_resume},
    {"groups", "", "list consumer groups and their members",
     "List consumer groups: lag, pending (delivered, not settled), parked (waiting for a retry), members, "
     "and who paused it.\v"
     "Example:\n  events groups --topic order-events",
     CLI_STORE | CLI_BIT(TOPIC), 0, 0, cmd_groups},
    {"replay start", "", "bring stored events again",
     "Replay stored events to subscriptions that name the replay, without the groups that had them noticing. "
     "It goes "
     "on in any process that looks at replays.\v"
     "Example:\n  events replay start --topic order-events --type 'order.*' --since 1763920000000 --rate 100",
     CLI_STORE | CLI_BIT(TOPIC) | CLI_BIT(TYPE) | CLI_BIT(SINCE) | CLI_BIT(UNTIL) | CLI_BIT(FROM_OFFSET) |
         CLI_BIT(TO_OFFSET) | CLI_BIT(GROUP) | CLI_BIT(RATE) | CLI_BIT(KEY) | CLI_BIT(REASON),
     0, 0, cmd_replay_start},
    {"replay list", "", "list replays",
     "List replays and how far they are, the newest first.\v"
     "Example:\n  events replay list",
     CLI_STORE, 0, 0, cmd_replay_list},
    {"replay show", "ID", "show one replay",
     "Show a replay; with --json also what is brought and not handled yet.\v"
     "Example:\n  events replay show 4f6a9d21c08e7b35 --json | jq .unhandled",
     CLI_STORE, 1, 1, cmd_replay_show},
    {"replay pause", "ID", "let a replay wait",
     "Pause a replay: within a second its handlers get nothing more.\v"
     "Example:\n  events replay pause 4f6a9d21c08e7b35",
     CLI_STORE, 1, 1, cmd_replay_pause},
    {"replay resume", "ID", "let a paused replay go on",
     "Let a paused replay go on, with --rate at another rate.\v"
     "Example:\n  events replay resume 4f6a9d21c08e7b35 --rate 10",
     CLI_STORE | CLI_BIT(RATE), 1, 1, cmd_replay_resume},
    {"replay abort", "ID", "end a replay",
     "End a replay: within a second its handlers get nothing more, and the rest is not brought.\v"
     "Example:\n  events replay abort 4f6a9d21c08e7b35",
     CLI_STORE, 1, 1, cmd_replay_abort},
    {"retention", "", "say what streams keep, and what holds it",
     "For each topic: entries, how many are beyond its limits, which group holds them, and what was "
     "trimmed.\v"
     "Example:\n  events retention --topic order-events",
     CLI_STORE | CLI_BIT(TOPIC), 0, 0, cmd_retention},
    {"file check", "", "look whether a file of events is sound",
     "Looks through the whole file and says what is wrong in it.\v"
     "Example:\n  events file check --file events.db",
     CLI_STORE, 0, 0, cmd_file_check},
    {"file vacuum", "", "give back the space that a file does not need",
     "Writes the file anew. It takes as long as the file is large, and nobody else can write meanwhile.\v"
     "Example:\n  events file vacuum --file events.db",
     CLI_STORE, 0, 0, cmd_file_vacuum},
    {"file backup", "TO", "copy a file of events while others use it",
     "Copies all of one moment to a file that is not there yet.\v"
     "Example:\n  events file backup /backup/events.db --file events.db",
     CLI_STORE, 1, 1, cmd_file_backup},
    {"file copy", "TO", "copy everything of a store into another one",
     "Copies events with what is pending of them, delayed events, dead letters, archive, groups and their "
     "counters to TO, a path or redis://..., which has nothing of it yet. Stopped, the same command goes "
     "on.\v"
     "Examples:\n"
     "  events file copy redis://127.0.0.1 --file events.db\n"
     "  events file copy events.db --redis redis://127.0.0.1",
     CLI_STORE | CLI_BIT(FORCE), 1, 1, cmd_file_copy},
    {"audit", "", "check that every event is accounted for",
     "For each topic and group: is what was published acknowledged, dead, pending, unread or trimmed, to the "
     "last event? Ends with 1 when it is not. May be asked at any time.\v"
     "Example:\n  events audit --json | jq '.groups[] | select(.holds == false)'",
     CLI_STORE | CLI_BIT(TOPIC), 0, 0, cmd_audit},
    {"fleet", "", "list the systems that are connected",
     "List the systems that are connected to the store: where they run, since when, what they did, and by "
     "which configuration (equal where the configurations are).\v"
     "Example:\n  events fleet --json | jq '.instances[].stats.routes'",
     CLI_STORE, 0, 0, cmd_fleet},
    {"health", "SERVICE", "say whether the processes of a service are ready",
     "Say of each process of SERVICE that is connected to the store, or with --here of those on this host, "
     "whether it is ready: connected, subscribed, not draining or closing. Ends with 1 when one is not, or "
     "there is none.\v"
     "Example:\n  events health shop --here",
     CLI_STORE | CLI_BIT(HERE), 1, 1, cmd_health},
    {"doctor", "", "examine the store and say what it guarantees",
     "Ask the store about itself, without changing anything: version, what it can do, persistence, eviction, "
     "limits, clock, and whether its user may do what a role needs. Says in words what is guaranteed. Ends "
     "with "
     "1 when something must be put right.\v"
     "Example:\n  events doctor --config shop.json --role operator",
     CLI_STORE | CLI_BIT(ROLE), 0, 0, cmd_doctor},
    {"schema check", "FILE [BODY|-]\n--type TYPE BODY|-", "check a JSON Schema, or a body against one",
     "Check that FILE is a JSON Schema, and that the JSON text in BODY is valid by it. With --type the "
     "schema is "
     "the registered one, the latest or that of --version. Ends with 1 when something is wrong, and says "
     "what and "
     "where.\v"
     "Examples:\n  events schema check order.json order-7.json\n"
     "  events schema check --type order.placed order-7.json",
     CLI_REGISTRY | CLI_BIT(TYPE) | CLI_BIT(VERSION), 1, 2, cmd_schema_check},
    {"schema compat", "OLD NEW\n--type TYPE NEW", "say whether a schema may take the place of another one",
     "Compare two schemas, or with --type a schema with the registered versions, and give the reason for "
     "each "
     "place. --mode is backward by default (who reads by NEW takes what was written by OLD). Ends with 1 "
     "when it "
     "is not allowed.\v"
     "Example:\n  events schema compat order-1.json order-2.json --mode full --policy strict",
     CLI_REGISTRY | CLI_BIT(TYPE) | CLI_BIT(MODE) | CLI_BIT(POLICY), 1, 2, cmd_schema_compat},
    {"schema register", "TYPE FILE|-", "add a version of a type's schema",
     "Register the schema in FILE, as --version or as the version that follows from what changed. It is "
     "refused "
     "when it is not compatible with earlier ones. --mode and --policy are kept with the first version of a "
     "type.\v"
     "Example:\n  events schema register order.placed order.json --dry-run",
     CLI_REGISTRY | CLI_BIT(VERSION) | CLI_BIT(MODE) | CLI_BIT(POLICY) | CLI_BIT(DRY_RUN), 2, 2,
     cmd_schema_register},
    {"schema list", "[TYPE]", "list registered schemas",
     "List the versions of a type's schema, or of all.\v"
     "Example:\n  events schema list order.placed",
     CLI_REGISTRY, 0, 1, cmd_schema_list},
    {"schema show", "TYPE [VERSION]", "print a registered schema",
     "Print the text of a schema, of the latest version by default.\v"
     "Example:\n  events schema show order.placed 1.0.0",
     CLI_REGISTRY, 1, 2, cmd_schema_show},
    {"schema set", "TYPE", "say what later versions are held to",
     "Set the compatibility mode and the policy of a type.\v"
     "Example:\n  events schema set order.placed --mode full-transitive --policy strict",
     CLI_REGISTRY | CLI_BIT(MODE) | CLI_BIT(POLICY), 1, 1, cmd_schema_set},
    {"schema remove", "TYPE VERSION", "take a version out of use",
     "Remove a version: nothing is published by it any more. Its number stays taken, and what is stored is "
     "still "
     "validated by it.\v"
     "Example:\n  events schema remove order.placed 1.2.0",
     CLI_REGISTRY, 2, 2, cmd_schema_remove},
    {"schema diff", "TYPE FROM [TO|FILE]", "say what changed between two versions",
     "List what was added, removed and changed from a version to another one (the latest by default), or to "
     "a "
     "schema in a file, and whether they are compatible.\v"
     "Example:\n  events schema diff order.placed 1.0.0 2.0.0",
     CLI_REGISTRY, 2, 3, cmd_schema_diff},
    {"asyncapi", "", "print an AsyncAPI document of routes and schemas",
     "Print an AsyncAPI 3 document of the configuration's routes and the registered schemas.\v"
     "Example:\n  events --config shop.json asyncapi > asyncapi.json",
     CLI_REGISTRY, 0, 0, cmd_asyncapi},
    {"bench", "", "measure how many events a store takes and gives, and how fast",
     "Publish and consume events of its own at a --rate, or as many as can be, and tell how many there were, "
     "how "
     "long they took, and whether each arrived, once. Latencies are counted from when an event was due by "
     "the "
     "rate, not from when it was at last offered. Publishers and consumers are systems of their own, in this "
     "process. What was made in the store is removed at the end.\v"
     "Examples:\n"
     "  events bench --redis redis://127.0.0.1:6379 --rate 5000 --duration 30\n"
     "  events bench --file events.db --publishers 4 --size 100-4000 --chart bench.svg",
     CLI_STORE | CLI_BIT(MEMORY) | CLI_BIT(RATE) | CLI_BIT(COUNT) | CLI_BIT(DURATION) | CLI_BIT(SIZE) |
         CLI_BIT(TYPES) | CLI_BIT(PATTERN) | CLI_BIT(PUBLISHERS) | CLI_BIT(CONSUMERS) | CLI_BIT(ACK) |
         CLI_BIT(CHART),
     0, 0, cmd_bench},
    {"config check", "[FILE|-]", "check a configuration",
     "Check a configuration and report every fault at once. Touches no store.\v"
     "Example:\n  events config check shop.json",
     CLI_BIT(CONFIG) | CLI_BIT(JSON), 0, 1, cmd_config_check},
    {"serve", "", "serve the dashboard over a store",
     "Serve the dashboard until Ctrl-C. Prints its address as the first line. On an address that other "
     "machines "
     "can reach it asks for credentials: those of --user and --dashboard, else a token that it makes and "
     "prints.\v"
     "Examples:\n"
     "  events serve --redis redis://127.0.0.1:6379 --port 8080 --read-only\n"
     "  EVENTS_PASSWORD_ANA=… events serve --listen 0.0.0.0 --behind-proxy --user ana:operator",
     CLI_SOURCE | CLI_BIT(TIMEOUT) | CLI_BIT(LISTEN) | CLI_BIT(PORT) | CLI_BIT(BASE_PATH) |
         CLI_BIT(READ_ONLY) | CLI_BIT(USER) | CLI_BIT(DASHBOARD) | CLI_BIT(BEHIND_PROXY) |
         CLI_BIT(ALLOW_INSECURE),
     0, 0, cmd_serve},
    {0}};

int main(int argc, char **argv) {
  cli_call cli = {0};
  const cli_verb *verb = NULL;
  int code = options_parse(&cli, argc, argv, verbs, &verb);
  if (verb) {
    code = verb->run(&cli);
    session_close(&cli);
  }
  options_free(&cli);
  return output_finish(code);
}
