// SPDX-License-Identifier: MIT
// One opened system of the C library: a guarded number and calls in batches. Knows nothing of handlers.

import { Closed, installStatuses, makeError } from './errors.js';
import type { EventsError } from './errors.js';
import { NO_OPTIONS } from './event.js';
import type { OutgoingEvent } from './event.js';
import { native } from './native.js';
import type { Accepted, Batch, StartedDashboard } from './native.js';
import { encodeJson, escapeControls } from './json.js';

const NUMBERS_OF_EVENT = 6;
const NUMBERS_OF_FAILURE = 3;
export const MAX_UINT32 = 0xffffffff;

/** A delivery that was not handled; see evs_failure. */
export interface Failure {
  readonly delivery: number;
  readonly kind: number;
  readonly delayMs?: number;
  readonly errorClass?: string;
  readonly message?: string;
  readonly stack?: string;
}

/** What became of events that were offered: `error` says why the rest was not taken. */
interface Offer {
  readonly accepted: number;
  readonly error?: EventsError;
}

installStatuses(native.statusList());
const wakers = new Map<number, () => void>();
native.install((id) => wakers.get(id)?.(), makeError, (...items) => items);
// What is open then hands back what it holds, so that others need not wait until this process counts as dead.
process.once('exit', () => native.shutdown());

/** Frees the systems that nobody closed and nobody can reach any more. */
const abandoned = new FinalizationRegistry<number>((id) => void native.release(id));

export class Engine {
  readonly #id: number;
  #isReleased = false;

  /** Throws ConfigurationError with every fault. */
  constructor(config: string) {
    this.#id = native.open(config);
    abandoned.register(this, this.#id, this);
  }

  get isReleased(): boolean {
    return this.#isReleased;
  }

  #open(): number {
    if (this.#isReleased) throw new Closed('the system is closed; open a new one');
    return this.#id;
  }

  /** From now on `onWake` is called when records wait, once until rearm(). */
  attach(onWake: () => void): void {
    wakers.set(this.#open(), onWake);
    this.rearm();
  }

  rearm(): void {
    native.rearm(this.#open());
  }

  /** Whether the open system keeps the process from ending by itself. */
  hold(holds: boolean): void {
    if (!this.#isReleased) native.hold(this.#id, holds);
  }

  beginClose(deadlineMs: number): void {
    native.close(this.#open(), Math.min(deadlineMs, MAX_UINT32));
  }

  /** Frees the system; resolves when its thread has ended. Twice is fine. */
  async release(): Promise<void> {
    if (this.#isReleased) return;
    this.#isReleased = true;
    abandoned.unregister(this);
    wakers.delete(this.#id);
    await native.release(this.#id);
  }

  // ---- batches ------------------------------------------------------------------------------------------

  /** Offers events with tokens counting up from `firstToken`; `error` says why the rest was not taken. */
  publish(events: readonly OutgoingEvent[], firstToken: number): Offer {
    try {
      const id = this.#open();
      const offer =
        publishLines(id, events, firstToken) ??
        publishRows(id, events, firstToken) ??
        publishRows(id, events.map(withoutControls), firstToken);
      return offer as Offer;
    } catch (problem) {
      return { accepted: 0, error: problem as EventsError };
    }
  }

  /** What waits, at most `limit` messages and as many reports; throws Closed after the last. */
  poll(limit: number): Batch | undefined {
    return native.poll(this.#open(), limit);
  }

  ack(deliveries: readonly number[]): void {
    if (deliveries.length > 0) native.ack(this.#open(), deliveries.length, new Float64Array(deliveries));
  }

  fail(failures: readonly Failure[]): void {
    if (failures.length === 0) return;
    const numbers = new Float64Array(failures.length * NUMBERS_OF_FAILURE);
    const texts: string[] = [];
    failures.forEach((failure, index) => {
      numbers.set([failure.delivery, failure.kind, failure.delayMs ?? 0], index * NUMBERS_OF_FAILURE);
      texts.push(failure.errorClass ?? '', failure.message ?? '', failure.stack ?? '');
    });
    native.fail(this.#open(), failures.length, numbers, texts);
  }

  // ---- rare calls ---------------------------------------------------------------------------------------

  subscribe(options: object): number {
    return native.subscribe(this.#open(), encodeJson(options, 'options'));
  }

  unsubscribe(token: number): void {
    native.unsubscribe(this.#open(), token);
  }

  request(method: string, params: object, timeoutMs: number, token: number): void {
    native.request(this.#open(), method, encodeJson(params, 'params'), timeoutMs, token);
  }

  explain(query: object): string {
    return native.explain(this.#open(), encodeJson(query, 'query'));
  }

  dashboardStart(library: string, options: object): StartedDashboard {
    return native.dashboardStart(this.#open(), library, encodeJson(options, 'options'));
  }

  /** Nothing once the system is released: that has stopped it. */
  async dashboardStop(dashboard: number, deadlineMs: number): Promise<void> {
    if (!this.#isReleased) await native.dashboardStop(this.#id, dashboard, deadlineMs);
  }

  stats(): string {
    return native.stats(this.#open());
  }

  metrics(): string {
    return native.metrics(this.#open());
  }

  status(): string {
    return native.status(this.#open());
  }
}

/** A line for each text, where no body is bytes; without options, of the type and the body alone. */
function publishLines(id: number, events: readonly OutgoingEvent[], firstToken: number): Accepted | undefined {
  const numbers = events.some(({ options }) => options) ? numbersOf(events) : undefined;
  let lines = '';
  for (const { type, body, options } of events) {
    if (typeof body !== 'string') return undefined;
    lines += type + '\n' + body + '\n';
    if (numbers) lines += (options ?? NO_OPTIONS).texts.join('\n') + '\n';
  }
  return native.publishLines(id, events.length, firstToken, numbers, lines);
}

function publishRows(id: number, events: readonly OutgoingEvent[], firstToken: number): Accepted | undefined {
  const texts: unknown[] = [];
  for (const { type, body, options } of events) texts.push(type, body, options?.texts);
  return native.publish(id, events.length, firstToken, numbersOf(events), texts);
}

function numbersOf(events: readonly OutgoingEvent[]): Float64Array {
  const numbers = new Float64Array(events.length * NUMBERS_OF_EVENT);
  events.forEach(({ options }, index) => {
    if (options) numbers.set(options.numbers, index * NUMBERS_OF_EVENT);
  });
  return numbers;
}

function withoutControls(event: OutgoingEvent): OutgoingEvent {
  return typeof event.body === 'string' ? { ...event, body: escapeControls(event.body) } : event;
}
