// SPDX-License-Identifier: MIT
// verbs.mjs - the steps of a scenario: one function per verb, from a step to what it gives.

import { repeated } from './match.mjs';
import { eventOf, receiptOf } from './stage.mjs';

/** Verbs whose result is looked at until it is as expected. */
export const POLLED = new Set([
  ...['handled', 'stats', 'groups', 'topics', 'deadLetters', 'deadLetterGroups', 'deadLetterCount', 'archive'],
  ...['operation', 'log', 'retention', 'conservation', 'replay', 'coverage'],
]);
/** Verbs that give a list without an order. */
export const WITHOUT_ORDER = new Set(['handled', 'groups', 'topics', 'retention', 'deadLetters', 'archive']);

const CONNECT_MS = 30_000;

const VERBS = {
  async open({ stage, at }, { config = {}, transports = { main: {} }, connect = true }) {
    const system = stage.create(at, config, transports);
    if (connect) await system.connect({ timeout: CONNECT_MS });
  },
  reload: ({ stage, at, system }, { config = {}, transports = { main: {} } }) =>
    system.reload(stage.document(at, config, transports)),
  coverage: ({ system }) => system.coverage(),
  connect: ({ system }) => system.connect({ timeout: CONNECT_MS }),
  close: ({ system }, { deadline = 10_000 }) => system.close(deadline),
  subscribe: ({ stage, at }, { pattern, handler, plan, options, replayed }) =>
    stage.subscribe(at, pattern, { name: handler, plan, options: replayed ? { ...options, replay: stage.operation } : options }),
  async unsubscribe({ stage }, { handler }) {
    const { subscription } = stage.handlers.get(handler);
    subscription.unsubscribe();
    await subscription.ended();
  },
  async publish({ stage, at, system }, event) {
    const ledger = stage.ledgers.get(at);
    try {
      const receipt = receiptOf(await system.publisher.publish(...eventOf(event)));
      ledger.published(receipt, false);
      return receipt;
    } catch (error) {
      if (error.receipt) ledger.published(error.receipt, true);
      throw error;
    }
  },
  async publishBatch({ stage, at, system }, { events }) {
    const batch = repeated(events).map((event) => {
      const [type, body, options] = eventOf(event);
      return { type, body, ...options };
    });
    const receipts = (await system.publisher.publishBatch(batch)).map(receiptOf);
    for (const receipt of receipts) stage.ledgers.get(at).published(receipt, Boolean(receipt.error));
    return receipts;
  },
  flush: ({ system }) => system.flush({ timeout: CONNECT_MS }),
  drain: ({ system }) => system.drain({ timeout: CONNECT_MS }),
  handled: ({ stage }) => [...stage.runs],
  explain: ({ system }, { type, ...query }) => system.router.explain(type, query),
  stats: ({ system }) => system.stats(),
  groups: ({ system }, { topic }) => system.groups({ topic }),
  topics: ({ system }) => system.topics(),
  pause: ({ system }, { group, ...options }) => system.pauseGroup(group, options),
  resume: ({ system }, { group, ...options }) => system.resumeGroup(group, options),
  async deadLetters({ stage, system }, selection) {
    const { items } = await system.dlq.list(selection);
    stage.listed = items.map(({ id }) => id);
    return items;
  },
  deadLetter: ({ stage, system }, { id }) => system.dlq.get(id === 'listed' ? stage.listed[0] : id),
  deadLetterGroups: ({ system }, options) => system.dlq.groups(options),
  deadLetterCount: ({ system }, { filter }) => system.dlq.count(filter),
  requeue: ({ stage, system }, selection) => system.dlq.requeue(named(stage, selection)),
  discard: ({ stage, system }, selection) => system.dlq.discard(named(stage, selection)),
  note: ({ stage, system }, { note, ...selection }) => {
    const { ids, ...options } = named(stage, selection);
    return system.dlq.note(ids, note, options);
  },
  async exportLetters({ stage, system }, selection) {
    stage.lines = [];
    for await (const line of system.dlq.export(selection)) stage.lines.push(line);
    return stage.lines.map((line) => JSON.parse(line));
  },
  importLetters: ({ stage, system }, options) => system.dlq.import(stage.lines, options),
  archive: async ({ system }, selection) => (await system.dlq.archive(selection)).items,
  restore: ({ stage, system }, selection) => {
    const { ids, ...options } = named(stage, selection);
    return system.dlq.restore(ids, options);
  },
  async startOperation({ stage, system }, { kind, filter, ...options }) {
    const started = await system.dlq.start(kind, filter, options);
    stage.operation = started.id;
    return started;
  },
  operation: ({ stage, system }) => system.dlq.operation(stage.operation),
  changeOperation: ({ stage, system }, change) => system.dlq.changeOperation(stage.operation, change),
  log: async ({ system }, options) => (await system.dlq.log(options)).items,
  retention: ({ system }, options) => system.retention(options),
  conservation: ({ system }, options) => system.conservation(options),
  async startReplay({ stage, system }, { filter, ...options }) {
    const started = await system.replays.start(filter, options);
    stage.operation = started.id;
    return started;
  },
  replay: ({ stage, system }) => system.replays.get(stage.operation),
  changeReplay: ({ stage, system }, change) => system.replays.change(stage.operation, change),
};

/** `listed`: those that the last step `deadLetters` listed. */
function named(stage, selection) {
  return selection.ids === 'listed' ? { ...selection, ids: stage.listed } : selection;
}

/** Does one step and gives its result, or throws an EventsError. */
export async function play(stage, { do: verb, at = 'shop', gives, fails, inOrder, ...given }) {
  return VERBS[verb]({ stage, at, system: stage.systems.get(at) }, given);
}
