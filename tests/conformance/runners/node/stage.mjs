// SPDX-License-Identifier: MIT
// stage.mjs - one scenario while it is played: its systems, its handlers and what these were given.

import { setTimeout as pause } from 'node:timers/promises';

import { Closed, EventSystem, Reject, RetryLater } from 'libevents';

import { Ledger } from './ledger.mjs';

export const LOOK_AGAIN_MS = 5;

/** Does what its plan says: word n for the n-th run of an event, the last word for all that follow. */
class Handler {
  #plans;
  #runs = new Map();
  subscription;

  constructor(name, plan) {
    this.name = name;
    this.#plans = Array.isArray(plan) ? { '*': plan } : plan;
  }

  nextWord(message) {
    const plan = this.#plans[message.type] ?? this.#plans['*'] ?? [];
    const run = this.#runs.get(message.id) ?? 0;
    this.#runs.set(message.id, run + 1);
    return plan[Math.min(run, plan.length - 1)] ?? 'succeed';
  }
}

export class Stage {
  systems = new Map();
  ledgers = new Map();
  transports = new Map();
  handlers = new Map();
  runs = [];
  listed = [];
  lines = [];
  operation = '';
  #transport;
  #hasEnded = false;
  /** How many handlers of each system were to hang. */
  #hangs = new Map();

  /** `transport` gives the configuration of the transport under test, by the name that it has in a scenario. */
  constructor(transport) {
    this.#transport = transport;
  }

  /** The configuration of a system of this name. */
  document(name, config, transports) {
    const chosen = Object.entries(transports).map(([each, more]) => [each, { ...this.#transport(each), ...more }]);
    return { service: name, transports: Object.fromEntries(chosen), ...config };
  }

  create(name, config, transports) {
    const system = new EventSystem(this.document(name, config, transports));
    this.systems.set(name, system);
    this.ledgers.set(name, new Ledger(config));
    this.transports.set(name, Object.keys(transports));
    return system;
  }

  async subscribe(at, pattern, { name = pattern, plan = [], options }) {
    const handler = new Handler(name, plan);
    const given = pattern.startsWith('/') ? new RegExp(pattern.slice(1, -1)) : pattern;
    const handle = (message, metadata) => this.#handle(at, handler, message, metadata);
    const inLists = async (messages, metadata) =>
      (await Promise.allSettled(messages.map((message, i) => handle(message, metadata[i])))).map(({ reason }) => reason);
    const chosen = options?.batch === undefined ? handle : inLists;
    handler.subscription = await this.systems.get(at).consumer.subscribe(given, chosen, options);
    this.handlers.set(name, handler);
  }

  async #handle(at, handler, message, metadata) {
    const word = handler.nextWord(message);
    const run = runOf(message, metadata);
    this.ledgers.get(at).ran(run, word);
    this.runs.push({ handler: handler.name, at, ...run });
    if (word === 'hang') await this.#hang(at, metadata);
    else perform(word);
  }

  /**
   * Until its time limit was counted, it is cancelled or the scenario ends. The limit may be over before this has begun:
   * what counts is how many limits there were, not whether there is one more.
   */
  async #hang(at, { signal }) {
    const number = (this.#hangs.get(at) ?? 0) + 1;
    this.#hangs.set(at, number);
    while (!this.#hasEnded && !signal.aborted && this.#timedOut(at) < number) await pause(LOOK_AGAIN_MS);
    signal.throwIfAborted();
  }

  #timedOut(at) {
    try {
      return this.systems.get(at).stats().consumer.timedOutMessages;
    } catch (error) {
      if (error instanceof Closed) return Infinity;
      throw error;
    }
  }

  /** Groups that still have something to do. */
  async unsettled(at) {
    const system = this.systems.get(at);
    const rows = await Promise.all(this.transports.get(at).map((transport) => system.groups({ transport })));
    return rows.flat().filter(({ lag, pending }) => lag || pending);
  }

  async close() {
    this.#hasEnded = true;
    for (const system of this.systems.values()) await system.close(2000);
  }
}

function perform(word) {
  const { fail, reject, later } = word === 'fail' ? { fail: {} } : word;
  if (reject !== undefined) throw new Reject(reject);
  if (later !== undefined) throw new RetryLater(later);
  if (fail === undefined) return;
  const { class: name = 'Failed', message = 'it failed' } = fail;
  const Kind = { [name]: class extends Error {} }[name];
  throw new Kind(message);
}

/** Everything that a handler was given. */
export function runOf(message, metadata) {
  const { id, type, header, headers, contentType } = message;
  const { attempt, transport, topic, partition, group, requeue, replay, matchedPattern: pattern } = metadata;
  const { origin, originPrefix, timestamp, version, hash } = header; // hash: '' where there is none
  const isJson = contentType === 'application/json';
  const content = isJson
    ? { text: message.bodyText, body: message.body }
    : { bytes: Buffer.from(message.body).toString('hex') };
  return {
    ...content,
    ...{ id, type, origin, originPrefix, timestamp, version, hash: hash || null, headers, contentType },
    ...{ attempt, transport, topic, partition, group, requeue, replay, pattern },
  };
}

/** An error as scenarios see it. */
export function errorOf({ code, message, path, problems, receipt }) {
  return { code, message, path, problems, outcome: receipt?.outcome };
}

/** A receipt as scenarios see it. */
export function receiptOf({ error, ...receipt }) {
  return { ...receipt, error: error && errorOf(error) };
}

/** An event of a scenario as arguments of publish(). */
export function eventOf({ type, body, text, bytes, ...options }) {
  if (text !== undefined) return [type, Buffer.from(text), { ...options, contentType: 'application/json' }];
  if (bytes !== undefined) return [type, Buffer.from(bytes, 'hex'), options];
  return [type, body, options];
}
