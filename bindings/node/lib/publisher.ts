// SPDX-License-Identifier: MIT
// system.publisher: events into the system.

import { ValidationError } from './errors.js';
import { checkOptions, encodeEvent } from './event.js';
import type { OutgoingEvent, PublishOptions } from './event.js';
import { kindOf } from './json.js';
import type { Receipt } from './message.js';
import type { RequestOptions, Runtime } from './runtime.js';
import type { PublisherStats } from './stats.js';

/** One event of a batch: `type` or `eventType`, `body`, and the options of publish(). */
export interface BatchEvent extends Omit<PublishOptions, 'signal'> {
  readonly type?: string;
  readonly eventType?: string;
  readonly body?: unknown;
}

/** What a publisher does beside publishing; the system it belongs to. */
export interface Owner {
  connect(options?: RequestOptions): Promise<void>;
  close(deadline?: number): Promise<void>;
}

export class EventPublisher {
  readonly #runtime: Runtime;
  readonly #owner: Owner;

  /** Made by the system, or by createPublisher(). */
  constructor(runtime: Runtime, owner: Owner) {
    this.#runtime = runtime;
    this.#owner = owner;
  }

  /**
   * Publishes one event and waits until it is stored; rejects where it is not, or may not be. Events that are
   * published together are sent together. When too many are in flight, this waits for room.
   */
  async publish(eventType: string, data?: unknown, options?: PublishOptions): Promise<Receipt> {
    const event = encodeEvent(eventType, data, options);
    options?.signal?.throwIfAborted();
    this.#runtime.use();
    if (this.#runtime.validator.isWaiting) await this.#runtime.registerDeclared();
    const [receipt] = await this.#runtime.outbox.send([event], options?.signal);
    if (receipt!.error) throw receipt!.error;
    return receipt!;
  }

  /**
   * Publishes many and gives their receipts in order; each says its own outcome and error. (From
   * libevents/logistically it rejects where one has failed, as programs that come from there expect.)
   */
  publishBatch(eventType: string, bodies: readonly unknown[], options?: PublishOptions): Promise<Receipt[]>;
  publishBatch(events: readonly BatchEvent[], options?: PublishOptions): Promise<Receipt[]>;
  async publishBatch(
    first: string | readonly BatchEvent[],
    second?: readonly unknown[] | PublishOptions,
    third?: PublishOptions,
  ): Promise<Receipt[]> {
    const [events, options] =
      typeof first === 'string'
        ? [bodiesOf(first, second, third), third]
        : [eventsOf(first, second as PublishOptions | undefined), second as PublishOptions | undefined];
    options?.signal?.throwIfAborted();
    this.#runtime.use();
    await this.#runtime.registerDeclared();
    const receipts = await this.#runtime.outbox.send(events, options?.signal);
    const failed = this.#runtime.published && receipts.find((receipt) => receipt.error);
    if (failed) throw failed.error!;
    return receipts;
  }

  /** Waits until everything published so far has its outcome. */
  async flush(options?: RequestOptions): Promise<void> {
    await this.#runtime.outbox.emptied();
    await this.#runtime.ask('flush', {}, options);
  }

  /** The published name of flush(). */
  forceFlush(): Promise<void> {
    return this.flush();
  }

  connect(options?: RequestOptions): Promise<void> {
    return this.#owner.connect(options);
  }

  /** Sends what is collected, then closes the whole system. */
  close(deadline?: number): Promise<void> {
    return this.#owner.close(deadline);
  }

  getStats(): PublisherStats {
    return (JSON.parse(this.#runtime.engine.stats()) as { publisher: PublisherStats }).publisher;
  }
}

function bodiesOf(type: string, bodies: unknown, options?: PublishOptions): OutgoingEvent[] {
  return encodeEach(bodies, (body) => encodeEvent(type, body, options));
}

function eventsOf(events: unknown, shared?: PublishOptions): OutgoingEvent[] {
  return encodeEach(events, (given) => {
    const event = checkOptions(given, 'an event of a batch');
    if (!shared && !hasOptions(event)) return encodeEvent(event['type'] ?? event['eventType'], event['body']);
    const { type, eventType, body, ...own } = event;
    const options = { ...shared, ...own };
    return encodeEvent(type ?? eventType, body, Object.keys(options).length > 0 ? options : undefined);
  });
}

/** Most events have none; to find that out costs less than to copy what is left of them. */
function hasOptions(event: object): boolean {
  for (const name in event) if (name !== 'type' && name !== 'body' && name !== 'eventType') return true;
  return false;
}

function encodeEach(values: unknown, encode: (value: unknown) => OutgoingEvent): OutgoingEvent[] {
  const list = listOf(values);
  const events: OutgoingEvent[] = [];
  try {
    for (const value of list) events.push(encode(value));
  } catch (problem) {
    throw atIndex(events.length, problem);
  }
  return events;
}

function listOf(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) {
    throw new ValidationError(
      `publishBatch: found ${kindOf(value)}, expected (type, [body, …]) or ([{type, body, …}, …])`,
    );
  }
  return value;
}

function atIndex(index: number, problem: unknown): unknown {
  if (!(problem instanceof ValidationError)) return problem;
  return new ValidationError(`event ${index}: ${problem.message}`, { path: `/${index}${problem.path}`, cause: problem });
}
