// SPDX-License-Identifier: MIT
// Events between publish() and the core: collected while JavaScript runs, handed over in one call. When the
// publisher has no room, the rest stays here, in order, until reports say that there is room again.

import type { Engine } from './engine.js';
import { Closed, Forked, QueueFull } from './errors.js';
import type { EventsError } from './errors.js';
import type { OutgoingEvent } from './event.js';
import { receiptOf } from './message.js';
import type { Receipt, Report } from './message.js';

const EVENTS_PER_CALL = 512;
const EXPIRY_MS = 500;

/** Who waits for the outcomes of events that were published together. */
class Group {
  readonly #receipts: Receipt[];
  #missing: number;
  /** Nobody has any interest left: what was not sent is not sent. */
  isGivenUp = false;

  constructor(
    count: number,
    private readonly resolve: (receipts: Receipt[]) => void,
  ) {
    this.#receipts = new Array<Receipt>(count);
    this.#missing = count;
  }

  put(index: number, receipt: Receipt): void {
    this.#receipts[index] = receipt;
    if (--this.#missing === 0) this.resolve(this.#receipts);
  }
}

interface Sender {
  readonly group: Group;
  readonly index: number;
}

interface Entry extends Sender {
  readonly event: OutgoingEvent;
  readonly deadline: number;
}

export class Outbox {
  readonly #engine: Engine;
  readonly #defaultTimeoutMs: number;
  #entries: Entry[] = [];
  #waiting = new Map<number, Sender>();
  #nextToken = 1;
  #isScheduled = false;
  #isBlocked = false;
  #expiry: NodeJS.Timeout | undefined;
  #whenEmpty: (() => void)[] = [];

  constructor(engine: Engine, defaultTimeoutMs: number) {
    this.#engine = engine;
    this.#defaultTimeoutMs = defaultTimeoutMs;
  }

  /** Publishes events and gives their receipts in order; rejects only when `signal` aborts. */
  send(events: readonly OutgoingEvent[], signal?: AbortSignal): Promise<Receipt[]> {
    if (events.length === 0) return Promise.resolve([]);
    return new Promise((resolve, reject) => {
      const group = new Group(events.length, (receipts) => {
        signal?.removeEventListener('abort', onAbort);
        resolve(receipts);
      });
      const onAbort = (): void => {
        group.isGivenUp = true;
        reject(signal!.reason as Error);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      const now = performance.now();
      events.forEach((event, index) => {
        this.#entries.push({ group, index, event, deadline: now + (event.timeoutMs || this.#defaultTimeoutMs) });
      });
      if (!this.#isBlocked) this.#schedule();
    });
  }

  /** How many tokens were taken: for events that were handed over, and requests. */
  get taken(): number {
    return this.#nextToken - 1;
  }

  /** A token for a request: they share the numbers of the events. */
  takeToken(): number {
    return this.#nextToken++;
  }

  /** The outcome of one event. */
  onReport(report: Report): void {
    const sender = this.#waiting.get(report.token);
    this.#waiting.delete(report.token);
    sender?.group.put(sender.index, report.receipt());
  }

  /** There may be room again. */
  reportsTaken(): void {
    if (!this.#isBlocked) return;
    this.#isBlocked = false;
    this.#handOver();
  }

  /** Resolves when everything collected so far was handed over or refused. */
  emptied(): Promise<void> {
    if (this.#entries.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenEmpty.push(resolve));
  }

  /** Ends every wait; after the system closed there will be no report. */
  failAll(error: EventsError): void {
    const waiting = this.#waiting;
    this.#waiting = new Map();
    this.#refuse(this.#entries.splice(0), error);
    for (const { group, index } of waiting.values()) group.put(index, receiptOf(error, 'unknown'));
    this.#isBlocked = false;
    this.#tellIfEmpty();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => this.#handOver());
  }

  /** Offers everything, in calls of bounded size, until there is no room. */
  #handOver(): void {
    this.#isScheduled = false;
    while (this.#entries.length > 0 && !this.#isBlocked) {
      const chunk = this.#entries.splice(0, EVENTS_PER_CALL).filter((entry) => !entry.group.isGivenUp);
      if (chunk.length > 0) this.#offer(chunk);
    }
    this.#tellIfEmpty();
  }

  #offer(chunk: Entry[]): void {
    const first = this.#nextToken;
    this.#nextToken += chunk.length;
    let accepted = 0;
    let error: EventsError | undefined;
    try {
      ({ accepted, error } = { error: undefined, ...this.#engine.publish(chunk.map((entry) => entry.event), first) });
    } catch (problem) {
      error = problem as EventsError;
    }
    for (let index = 0; index < accepted; index++) this.#waiting.set(first + index, chunk[index]!);
    if (error) this.#onRefusal(chunk.slice(accepted), error);
  }

  #onRefusal(rest: Entry[], error: EventsError): void {
    if (error instanceof Closed || error instanceof Forked) {
      this.#refuse([...rest, ...this.#entries.splice(0)], error);
      return;
    }
    if (error instanceof QueueFull && this.#waiting.size > 0) {
      this.#isBlocked = true;
      this.#watchExpiry();
    } else {
      // Nothing is in flight whose end could make room: the first event itself is the trouble.
      this.#refuse(rest.splice(0, 1), error);
    }
    this.#entries = [...rest, ...this.#entries];
  }

  #refuse(entries: readonly Entry[], error: EventsError): void {
    for (const { group, index } of entries) group.put(index, receiptOf(error, 'refused'));
  }

  #watchExpiry(): void {
    this.#expiry ??= setTimeout(() => this.#expire(), EXPIRY_MS).unref();
  }

  /** Ends the wait of events that found no room within their timeout. */
  #expire(): void {
    this.#expiry = undefined;
    if (!this.#isBlocked) return;
    const now = performance.now();
    const late = this.#entries.filter((entry) => entry.deadline <= now);
    this.#entries = this.#entries.filter((entry) => entry.deadline > now);
    const error = new QueueFull(
      'the event found no room within its timeout and was not sent: too many events are in flight; publish ' +
        'slower, or raise publisher.maxInFlight',
    );
    this.#refuse(late, error);
    this.#tellIfEmpty();
    if (this.#entries.length > 0) this.#watchExpiry();
  }

  #tellIfEmpty(): void {
    if (this.#entries.length > 0) return;
    for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }
}
