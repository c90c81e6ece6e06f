// SPDX-License-Identifier: MIT
// Transports that a program writes itself: an object with publish() and subscribe(). The core keeps groups, retries
// and order; it says in records what it wants of the object, and hears of it by the request `transport.tell`
// (docs/plugins.md). All calls are made on the event loop of the program.

import type { TransportCapabilities } from './capabilities.js';
import type { Engine } from './engine.js';
import { Closed, ConfigurationError, EventsError, Timeout, Unsupported, ValidationError } from './errors.js';
import { encodeJson, textOf } from './json.js';
import type { Log } from './log.js';
import type { EventHeader } from './message.js';

const RETRY_MS = [100, 5000] as const;

interface Envelope {
  readonly header: EventHeader;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** An event as a transport stores it. */
export class StoredMessage {
  #envelope: Envelope | undefined;

  constructor(
    /** The envelope's exact text: what is to be stored, since numbers read and written again may change. */
    readonly data: string,
    /** In base64: a body that is no JSON, or is compressed. It belongs to `data`. */
    readonly raw?: string,
  ) {}

  get header(): EventHeader {
    return this.#read().header;
  }

  get headers(): Readonly<Record<string, string>> {
    return this.#read().headers ?? {};
  }

  get body(): unknown {
    return this.#read().body;
  }

  /** {data, raw}, which the handler of a subscription takes back. */
  toJSON(): { data: string; raw?: string } {
    return { data: this.data, ...(this.raw !== undefined && { raw: this.raw }) };
  }

  #read(): Envelope {
    return (this.#envelope ??= JSON.parse(this.data) as Envelope);
  }
}

/** What a transport may give back: what it was given, that as JSON, the text alone, or an envelope of its own. */
export type GivenMessage = StoredMessage | { readonly data: string; readonly raw?: string } | { readonly header: object } | string;

/** Where a message was, when the subscription is to all topics (`*`) or the topic has partitions. */
export interface MessagePlace {
  readonly topic?: string;
  readonly partition?: number;
}

/** Resolves when the message was handled for good; rejects when it is handed back: give it to somebody else, or again. */
export type OwnHandler = (message: GivenMessage, place?: MessagePlace) => Promise<void>;

export interface OwnPublishOptions {
  readonly id: string;
  /** With the origin prefix. */
  readonly type: string;
  readonly partition?: number;
}

export interface OwnSubscribeOptions {
  /** Members of a group share its messages; each group gets all. */
  readonly group: string;
  readonly groupId: string;
  /** Where a group that is new to the transport begins. */
  readonly from: 'earliest' | 'new';
}

/** A transport of one's own. What is not there it cannot do. */
export interface OwnTransport {
  readonly capabilities?: Partial<TransportCapabilities>;
  connect?(): unknown;
  /** Stored when it resolves; it may give {offset}. */
  publish?(topic: string, message: StoredMessage, options: OwnPublishOptions): unknown;
  /** `*` is every topic, asked for with supportsPatternRouting only. */
  subscribe?(topic: string, handler: OwnHandler, options: OwnSubscribeOptions): unknown;
  unsubscribe?(topic: string, options: { readonly group: string }): unknown;
  disconnect?(): unknown;
  close?(): unknown;
}

const WORDS: readonly (readonly [string, keyof TransportCapabilities])[] = [
  ['patternRouting', 'supportsPatternRouting'],
  ['batching', 'supportsBatching'],
  ['partitioning', 'supportsPartitioning'],
  ['consumerGroups', 'supportsConsumerGroups'],
];

export function isOwnTransport(value: unknown): value is OwnTransport {
  if (typeof value !== 'object' || value === null) return false;
  const { publish, subscribe } = value as Record<string, unknown>;
  return typeof publish === 'function' || typeof subscribe === 'function';
}

/** Its part of a configuration. */
export function ownDocument(transport: OwnTransport, settings: object = {}): Record<string, unknown> {
  const { capabilities = {} } = transport;
  const can = WORDS.filter(([, name]) => capabilities[name] === true).map(([word]) => word);
  if (typeof transport.publish === 'function' && capabilities.supportsPublishing !== false) can.push('publish');
  if (typeof transport.subscribe === 'function' && capabilities.supportsSubscription !== false) can.push('subscribe');
  if (can.length === 0) throw new ConfigurationError('the transport can neither publish nor subscribe', { path: '/capabilities' });
  return { ...settings, type: 'bridge', capabilities: can };
}

/** A configuration as the core takes it, and the objects that were in it. */
export function takeOwn(config: unknown): { document: unknown; transports: Map<string, OwnTransport> } {
  const transports = new Map<string, OwnTransport>();
  const given = (config as { transports?: unknown } | null)?.transports;
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return { document: config, transports };
  const documents = Object.entries(given).map(([name, value]: [string, unknown]) => {
    const { transport = value, ...settings } = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
    if (!isOwnTransport(transport)) return [name, value];
    transports.set(name, transport);
    return [name, ownDocument(transport, transport === value ? {} : settings)];
  });
  if (transports.size === 0) return { document: config, transports };
  return { document: { ...(config as object), transports: Object.fromEntries(documents) as unknown }, transports };
}

interface Call {
  readonly call: string;
  readonly events: readonly (OwnPublishOptions & { token: number; topic: string; data: string; raw?: string })[];
  readonly subscription: number;
  readonly topic: string;
  readonly group: string;
  readonly from: 'earliest' | 'new';
  readonly delivery: number;
  readonly outcome: 'handled' | 'returned';
}

/** Serves one such object for one system. */
export class OwnDriver {
  readonly #engine: Engine;
  readonly #name: string;
  readonly #transport: OwnTransport;
  readonly #limitMs: number;
  readonly #log: Log;
  readonly #waiting = new Map<number, { resolve(): void; reject(error: Error): void }>();
  readonly #groups = new Map<number, string>();
  readonly #lanes = new Map<string, Promise<void>>();
  #news: Record<string, unknown[]> = {};
  #isTelling = false;
  #isOpen = false;
  #nextDelivery = 1;

  constructor(engine: Engine, name: string, transport: OwnTransport, limitMs: number, log: Log) {
    this.#engine = engine;
    this.#name = name;
    this.#transport = transport;
    this.#limitMs = limitMs;
    this.#log = log;
  }

  /** A record of the core; never throws. */
  onCall(detail: string): void {
    const call = JSON.parse(detail) as Call;
    switch (call.call) {
      case 'connect':
        return void this.#connect();
      case 'publish':
        return this.#publish(call);
      case 'subscribe':
        return void this.#subscribe(call);
      case 'unsubscribe':
        return void this.#unsubscribe(call);
      case 'settle':
        return this.#settle(call);
      case 'close':
        return void this.#close();
      default: // of a newer library
    }
  }

  /** There will be no further record. */
  end(error: Error): void {
    this.#isOpen = false;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  // ---- life ---------------------------------------------------------------------------------------------

  async #connect(): Promise<void> {
    this.#isOpen = true;
    for (let pause: number = RETRY_MS[0]; this.#isOpen; pause = Math.min(2 * pause, RETRY_MS[1])) {
      try {
        await this.#inTime('connect()', () => this.#transport.connect?.());
        if (this.#isOpen) this.#tellState({ connected: true });
        return;
      } catch (thrown) {
        this.#tellState({ connected: false, error: textOf(thrown) });
      }
      await new Promise((resolve) => setTimeout(resolve, pause).unref());
    }
  }

  async #close(): Promise<void> {
    this.end(new Closed('the transport was closed; the message is handed back'));
    this.#groups.clear();
    try {
      await this.#inTime('disconnect()', () => (this.#transport.disconnect ?? this.#transport.close)?.call(this.#transport));
    } catch (thrown) {
      this.#log.say('error', `transport ${this.#name} could not be closed: ${textOf(thrown)}`);
    }
    this.#send({ closed: true });
  }

  // ---- publishing: in order within a topic --------------------------------------------------------------

  #publish({ events }: Call): void {
    for (const { token, topic, data, raw, ...options } of events) {
      const before = this.#lanes.get(topic) ?? Promise.resolve();
      const done = before.then(() => this.#store(token, topic, new StoredMessage(data, raw), options));
      this.#lanes.set(topic, done);
      void done.then(() => {
        if (this.#lanes.get(topic) === done) this.#lanes.delete(topic);
      });
    }
  }

  async #store(token: number, topic: string, message: StoredMessage, options: OwnPublishOptions): Promise<void> {
    try {
      const given = await this.#inTime('publish()', () => this.#transport.publish!(topic, message, options));
      const offset = (given as { offset?: unknown } | undefined)?.offset;
      this.#tell('published', { token, ...(offset !== undefined && { offset: String(offset) }) });
    } catch (thrown) {
      const isFinal = thrown instanceof ValidationError || thrown instanceof Unsupported;
      this.#tell('published', { token, error: textOf(thrown), transient: !isFinal, notStored: isFinal });
    }
  }

  // ---- subscribing --------------------------------------------------------------------------------------

  async #subscribe({ subscription, topic, group, from }: Call): Promise<void> {
    this.#groups.set(subscription, group);
    const handler: OwnHandler = (message, place) => this.#deliver(subscription, message, place);
    try {
      await this.#inTime('subscribe()', () =>
        this.#transport.subscribe!(topic, handler, { group, groupId: group, from }),
      );
      this.#tell('subscribed', { subscription });
    } catch (thrown) {
      this.#tell('subscribed', { subscription, error: textOf(thrown) });
    }
  }

  async #unsubscribe({ subscription, topic }: Call): Promise<void> {
    const group = this.#groups.get(subscription) ?? '';
    this.#groups.delete(subscription);
    try {
      await this.#inTime('unsubscribe()', () => this.#transport.unsubscribe?.(topic, { group }));
    } catch (thrown) {
      this.#log.say('error', `transport ${this.#name} could not unsubscribe from ${topic}: ${textOf(thrown)}`);
    }
    this.#tell('unsubscribed', subscription);
  }

  #deliver(subscription: number, message: GivenMessage, place: MessagePlace = {}): Promise<void> {
    if (!this.#isOpen || !this.#groups.has(subscription)) {
      return Promise.reject(new Closed('nobody is subscribed any more; the message is handed back'));
    }
    const delivery = this.#nextDelivery++;
    const entry = { subscription, delivery, ...contentOf(message), ...place };
    const settled = new Promise<void>((resolve, reject) => this.#waiting.set(delivery, { resolve, reject }));
    settled.catch(() => undefined); // a transport that does not look has its message handed back all the same
    this.#tell('entries', entry);
    return settled;
  }

  #settle({ delivery, outcome }: Call): void {
    const waiter = this.#waiting.get(delivery);
    this.#waiting.delete(delivery);
    if (outcome === 'handled') waiter?.resolve();
    else waiter?.reject(new Closed('the message was not handled here; it is handed back'));
  }

  // ---- telling: what came up in a turn of the loop goes together -----------------------------------------

  #tell(what: string, news: unknown): void {
    (this.#news[what] ??= []).push(news);
    if (this.#isTelling) return;
    this.#isTelling = true;
    queueMicrotask(() => {
      this.#isTelling = false;
      const all = this.#news;
      this.#news = {};
      this.#send(all);
    });
  }

  #tellState(state: object): void {
    this.#send({ state });
  }

  #send(news: object): void {
    try {
      this.#engine.request('transport.tell', { transport: this.#name, ...news }, 0, 0);
    } catch (problem) {
      // The system ended meanwhile: its events have their outcome, and nothing is delivered any more.
      this.end(problem instanceof EventsError ? problem : new Closed(textOf(problem)));
    }
  }

  async #inTime<Result>(what: string, call: () => Result): Promise<Awaited<Result>> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const error = new Timeout(`${what} of transport ${this.#name} did not end within ${this.#limitMs} ms`);
      timer = setTimeout(() => reject(error), this.#limitMs).unref();
    });
    try {
      return await Promise.race([call(), late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

function contentOf(message: GivenMessage): { data: string; raw?: string } {
  if (typeof message === 'string') return { data: message };
  if (message instanceof StoredMessage) return message.toJSON();
  if ('data' in message) return { data: message.data, ...(message.raw !== undefined && { raw: message.raw }) };
  return { data: encodeJson(message, 'message') };
}
