// SPDX-License-Identifier: MIT
// MemoryHarness: an EventSystem on memory whose clock stands still until the test moves it. Everything that is due
// at an instant runs to its end, handlers too, before the clock goes on: batches, retries, rate limits and handler
// timeouts happen at their exact time, without waiting.

import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises';

import { RetryLater } from '../errors.js';
import { milliseconds } from '../event.js';
import type { PublishOptions } from '../event.js';
import type { Message, Metadata, Receipt } from '../message.js';
import { runtimeOf } from '../runtime.js';
import type { Runtime, SystemOptions } from '../runtime.js';
import { EventSystem } from '../system.js';
import type { MessageHandler, Run } from '../turn.js';
import { Twice } from './idempotence.js';
import { Notes, expected, rehearsalOf } from './notes.js';
import type { Handled, HandledOutcome, HandlingMishap, Mishap, Moved, Published, PublishedOutcome } from './notes.js';

const QUIET_TURNS = 3;
const LOOK_MS = 1;
const PATIENCE_MS = 50;

export interface HarnessOptions extends SystemOptions {
  /**
   * Milliseconds of the real world that are given to handlers that wait for something else than this clock, before
   * it moves on; default 50.
   */
  readonly patience?: number;
}

export interface Expectation<Outcome> {
  readonly body?: unknown;
  /** How many; any where it is not given. */
  readonly times?: number;
  readonly outcome?: Outcome;
}

export interface IdempotenceOptions extends PublishOptions {
  /** Gives what the handler may change, as plain values. */
  readonly snapshot?: () => unknown;
}

interface Sleeper {
  readonly due: number;
  readonly wake: () => void;
}

export class MemoryHarness {
  readonly system: EventSystem;
  readonly #runtime: Runtime;
  readonly #notes: Notes;
  readonly #patience: number;
  readonly #sleepers: Sleeper[] = [];
  readonly #asleep = new Set<Run>();
  readonly #began = new Map<Run, number>();
  readonly #stuck = new Set<Run>();
  #isMoving = false;
  #moves = 0;

  /** `config` is as for EventSystem; every transport must be of type memory, which is the default. */
  constructor(config: object = {}, { patience = PATIENCE_MS, ...options }: HarnessOptions = {}) {
    this.system = new EventSystem(rehearsalOf(config), options);
    this.#runtime = runtimeOf(this.system);
    this.#patience = patience;
    this.#notes = new Notes(this.#runtime);
    this.#runtime.turn.mishap = (delivery) => this.#notes.mishap(delivery);
    this.#runtime.turn.observer = (delivery, error) => this.#notes.observe(delivery, error);
  }

  /** Ends the system; handlers that hang are aborted. */
  async close(): Promise<void> {
    for (const { wake } of this.#sleepers.splice(0)) wake();
    await this.system.close(0);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // ---- time ---------------------------------------------------------------------------------------------

  /** Milliseconds that the clock has gone since the harness was made. */
  get now(): number {
    return this.#notes.now;
  }

  /** Runs all that is due now, and what follows from it; the clock stands still. */
  async settle(): Promise<void> {
    await this.#connect();
    const first = this.#notes.count;
    for (let before = ''; before !== this.#done(); ) {
      before = this.#done();
      await this.#move(0);
      await this.#rest(first);
    }
  }

  /** Moves the clock, stopping wherever something is due, and lets it happen. */
  async advance(ms: number): Promise<void> {
    if (this.#isMoving) throw new Error('the clock is being moved already: await one advance() before the next');
    this.#isMoving = true;
    try {
      await this.#advance(milliseconds(ms, 'ms'));
    } finally {
      this.#isMoving = false;
    }
  }

  async #advance(ms: number): Promise<void> {
    await this.settle();
    const until = this.now + ms;
    while (this.now < until) {
      await this.#move(this.#notes.step(until, this.#sleepers[0]?.due));
      this.#wakeSleepers();
      this.#endLateHandlers();
      await this.settle();
    }
  }

  /** Waits by this clock: for handlers and fakes that take their time. */
  async sleep(ms: number): Promise<void> {
    const due = this.now + milliseconds(ms, 'ms');
    const run = this.#runtime.turn.currentRun();
    if (run) this.#asleep.add(run);
    await new Promise<void>((wake) => {
      const place = this.#sleepers.findIndex((each) => each.due > due);
      this.#sleepers.splice(place < 0 ? this.#sleepers.length : place, 0, { due, wake });
    });
    if (run) this.#asleep.delete(run);
  }

  async #connect(): Promise<void> {
    if (!this.system.isConnected()) await this.system.connect();
  }

  /** What the program has done so far: handlers that ended, and what it asked of the library. */
  #done(): string {
    return `${this.#notes.count} ${this.#runtime.outbox.taken - this.#moves}`;
  }

  async #move(ms: number): Promise<void> {
    this.#moves++;
    this.#notes.moves(ms);
    this.#notes.moved(await this.#runtime.ask<Moved>('testing.advance', { ms }));
  }

  #wakeSleepers(): void {
    while (this.#sleepers.length > 0 && this.#sleepers[0]!.due <= this.now) this.#sleepers.shift()!.wake();
  }

  /** Their time is up by this clock: the library has counted the attempt as failed just now. */
  #endLateHandlers(): void {
    for (const run of this.#runtime.turn.runs) {
      const limit = run.delivery.handlerTimeoutMs;
      if (limit > 0 && this.now >= (this.#began.get(run) ?? this.now) + limit) this.#runtime.turn.timeOut(run);
    }
  }

  /** Waits until nothing goes on any more unless the clock does; `first`: handlers that had ended before. */
  async #rest(first: number): Promise<void> {
    const { turn: served } = this.#runtime;
    let began = performance.now();
    for (let quiet = 0; quiet < QUIET_TURNS; ) {
      this.#notes.checkEnd(first);
      const before = `${this.#done()} ${served.runs.size}`;
      await turn();
      const waiting = this.#awake();
      if (`${this.#done()} ${served.runs.size}` !== before || !served.isAtRest()) [began, quiet] = [performance.now(), 0];
      else if (waiting.length === 0) quiet++;
      else if (performance.now() - began > this.#patience) waiting.forEach((run) => this.#stuck.add(run));
      else await pause(LOOK_MS);
    }
  }

  /** Handlers that may go on although the clock stands; notes when they began. */
  #awake(): Run[] {
    const { runs } = this.#runtime.turn;
    for (const known of this.#began.keys()) {
      if (runs.has(known)) continue;
      this.#began.delete(known);
      this.#stuck.delete(known);
    }
    for (const run of runs) if (!this.#began.has(run)) this.#began.set(run, this.now);
    return [...runs].filter((run) => !this.#asleep.has(run) && !this.#stuck.has(run));
  }

  // ---- what went through it -----------------------------------------------------------------------------

  /**
   * system.publisher.publish(), then settle(). Where it waits for the clock (batches, rate limits), use the
   * publisher without awaiting it, and advance().
   */
  async publish(type: string, body?: unknown, options?: PublishOptions): Promise<Receipt> {
    await this.#connect();
    const receipt = await this.system.publisher.publish(type, body, options);
    await this.settle();
    return receipt;
  }

  /** What came to the transports, in order. */
  published(pattern = '*', { outcome }: { readonly outcome?: PublishedOutcome } = {}): Promise<Published[]> {
    return this.#notes.published(pattern, outcome);
  }

  /** Runs of handlers, in the order of their end. */
  handled(pattern = '*', { outcome }: { readonly outcome?: HandledOutcome } = {}): Handled[] {
    return this.#notes.handled(pattern, outcome);
  }

  /** The next so many events that match do not get through; default: one, refused. */
  async failPublish(
    pattern = '*',
    options: { readonly outcome?: Mishap; readonly times?: number; readonly transport?: string } = {},
  ): Promise<void> {
    await this.#runtime.ask('testing.fail', { outcome: 'refused', ...options, pattern });
  }

  /** The next so many handlers of events that match have run, and yet it was for nothing; default: one, failed. */
  failHandling(pattern = '*', options: { readonly outcome?: HandlingMishap; readonly times?: number } = {}): void {
    this.#notes.failHandling(options.outcome ?? 'failed', pattern, options.times ?? 1);
  }

  /** Throws, with all that was published, unless so many (or any) are as described. */
  async assertPublished(pattern: string, wanted: Expectation<PublishedOutcome> = {}): Promise<Published[]> {
    const fitting = await this.published(pattern, { outcome: wanted.outcome ?? 'stored' });
    return expected('published', pattern, wanted, fitting, await this.published());
  }

  /** Throws, with all that was handled, unless so many (or any) are as described. */
  assertHandled(pattern: string, wanted: Expectation<HandledOutcome> = {}): Handled[] {
    const fitting = this.handled(pattern, { outcome: wanted.outcome ?? 'done' });
    return expected('handled', pattern, wanted, fitting, this.handled());
  }

  /**
   * Publishes the event, delivers it twice, and compares what the handler left behind after each: the `snapshot`, and
   * events that it published. Throws what the second delivery changed, or the handler's own error.
   */
  async assertIdempotent(
    handler: MessageHandler,
    type: string,
    body?: unknown,
    { snapshot, ...options }: IdempotenceOptions = {},
  ): Promise<void> {
    const twice = new Twice(this.#notes, snapshot);
    let failure: { readonly error: unknown } | undefined;
    const delivered = async (message: Message, metadata: Metadata, pattern: string): Promise<void> => {
      if (twice.count === 0) await twice.skip();
      try {
        await handler(message, metadata, pattern);
      } catch (error) {
        failure = { error };
        return;
      }
      await twice.look();
      if (twice.count < 2) throw new RetryLater(0);
    };
    await this.#connect();
    const subscription = await this.system.consumer.subscribe(type, delivered, { group: 'assert-idempotent' });
    await this.publish(type, body, options);
    await this.advance(LOOK_MS);
    subscription.unsubscribe();
    if (failure) throw failure.error;
    twice.judge(type);
  }
}
