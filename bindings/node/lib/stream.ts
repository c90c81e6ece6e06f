// SPDX-License-Identifier: MIT
// Messages for `for await`: one counts as handled when the loop asks for the next one. A loop that is left
// early has not said so of its last message, which is then delivered again; call acknowledge() before `break`
// where it was handled.

import { Closed } from './errors.js';
import { Message, Metadata } from './message.js';
import type { Delivery } from './message.js';
import type { Turn } from './turn.js';

type Item<Body> = [message: Message<Body>, metadata: Metadata];

interface Waiter<Body> {
  resolve(result: IteratorResult<Item<Body>, undefined>): void;
  reject(error: unknown): void;
}

/** A subscription, as a stream needs it. */
interface Source {
  readonly isActive: boolean;
  unsubscribe(): void;
  ended(): Promise<void>;
}

const NEVER_ABORTED = new AbortController().signal;

export class MessageStream<Body = any> implements AsyncIterableIterator<Item<Body>> {
  readonly #turn: Turn;
  readonly #signal: AbortSignal;
  #source: Source | undefined;
  #ready: Promise<void> = Promise.resolve();
  #deliveries: Delivery[] = [];
  #waiters: Waiter<Body>[] = [];
  /** Those that next() gave and nobody has acknowledged: one, unless next() is called ahead. */
  #given: Delivery[] = [];
  #isEnded = false;

  constructor(turn: Turn, signal: AbortSignal | undefined) {
    this.#turn = turn;
    this.#signal = signal ?? NEVER_ABORTED;
  }

  /** Called once, by the consumer. `ready` fails when the store refuses the subscription. */
  begin(source: Source, ready: Promise<void>): void {
    this.#source = source;
    this.#ready = ready;
    this.#ready.catch((error: unknown) => this.#fail(error));
    this.#signal.addEventListener('abort', () => this.#end(), { once: true });
    void source.ended().then(() => this.#end());
  }

  /** Resolves when the store has the subscription. */
  ready(): Promise<void> {
    return this.#ready;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Item<Body>, undefined>> {
    this.acknowledge();
    const delivery = this.#deliveries.shift();
    if (delivery) return Promise.resolve(this.#give(delivery));
    if (this.#isEnded) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  /** Ends the iteration; what was not acknowledged is handed back. */
  return(): Promise<IteratorResult<Item<Body>, undefined>> {
    this.#end();
    return Promise.resolve({ done: true, value: undefined });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  /** Says that what the loop was given so far was handled. */
  acknowledge(): void {
    for (const delivery of this.#given.splice(0)) this.#turn.acknowledgeDelivery(delivery);
  }

  /** A delivery for this stream. */
  accept(delivery: Delivery): void {
    const waiter = this.#waiters.shift();
    if (waiter) waiter.resolve(this.#give(delivery));
    else this.#deliveries.push(delivery);
  }

  #give(delivery: Delivery): IteratorResult<Item<Body>, undefined> {
    this.#given.push(delivery);
    const settle = { signal: this.#signal, acknowledge: () => this.#acknowledgeOne(delivery) };
    return { done: false, value: [new Message<Body>(delivery), new Metadata(delivery, settle)] };
  }

  #acknowledgeOne(delivery: Delivery): void {
    const index = this.#given.indexOf(delivery);
    if (index >= 0) this.#turn.acknowledgeDelivery(this.#given.splice(index, 1)[0]!);
  }

  #end(): void {
    this.#isEnded = true;
    this.#source?.unsubscribe();
    for (const delivery of [...this.#given.splice(0), ...this.#deliveries.splice(0)]) this.#turn.handBack(delivery);
    for (const waiter of this.#waiters.splice(0)) waiter.resolve({ done: true, value: undefined });
  }

  /** The store refused the subscription. Closing and giving up are ends like others. */
  #fail(error: unknown): void {
    const isEnd = error instanceof Closed || this.#signal.aborted;
    if (!isEnd) for (const waiter of this.#waiters.splice(0, 1)) waiter.reject(error);
    this.#end();
  }
}
