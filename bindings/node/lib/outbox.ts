// SPDX-License-Identifier: MIT
// Events between publish() and the core: collected while JavaScript runs, handed over in calls of many. When the
// publisher has no room, the rest stays here, in order, until reports say that there is room again.
//
// A token says which call handed an event over, and its place in it: no event has an entry of its own.

import type { Engine } from './engine.js';
import { Closed, Forked, QueueFull } from './errors.js';
import type { EventsError } from './errors.js';
import type { OutgoingEvent } from './event.js';
import { receiptOf } from './message.js';
import type { Receipt } from './message.js';

const EVENTS_PER_CALL = 512;
const EXPIRY_MS = 500;

/** Events that were published together, and who waits for their outcomes. */
class Group {
  readonly #receipts: Receipt[];
  #missing: number;
  readonly #begun = performance.now();
  /** Nobody has any interest left: what was not sent is not sent. */
  isGivenUp = false;
  /** The first of `events` that is still here. */
  first = 0;

  constructor(
    /** Without those that were refused while they waited; empty when all have left. */
    public events: (OutgoingEvent | undefined)[],
    private readonly resolve: (receipts: Receipt[]) => void,
  ) {
    this.#receipts = new Array<Receipt>(events.length);
    this.#missing = events.length;
  }

  get isOver(): boolean {
    return this.isGivenUp || this.first >= this.events.length;
  }

  isLate(event: OutgoingEvent, now: number, defaultTimeoutMs: number): boolean {
    return this.#begun + (event.options?.timeoutMs || defaultTimeoutMs) <= now;
  }

  /** Those before `end` were handed over or refused. */
  leave(end: number): void {
    this.first = end;
    while (this.first < this.events.length && !this.events[this.first]) this.first++;
    if (this.first === this.events.length) this.events = [];
  }

  refuse(index: number, error: EventsError): void {
    this.events[index] = undefined;
    if (index === this.first) this.leave(index + 1);
    this.put(index, receiptOf(error, 'refused'));
  }

  put(index: number, receipt: Receipt): void {
    this.#receipts[index] = receipt;
    if (--this.#missing === 0) this.resolve(this.#receipts);
  }
}

/** The events of one call: whose each is, and which of its group. */
class Call {
  readonly #groups: (Group | undefined)[] = [];
  readonly #indexes: number[] = [];
  #accepted = 0;
  #missing = 0;

  /** Adds what there is room for of a group; its events go to `events`. */
  add(group: Group, events: OutgoingEvent[]): void {
    for (let index = group.first; index < group.events.length && events.length < EVENTS_PER_CALL; index++) {
      const event = group.events[index];
      if (!event) continue;
      events.push(event);
      this.#groups.push(group);
      this.#indexes.push(index);
    }
  }

  /** The first `count` were taken; the rest stays where it is. */
  accept(count: number): void {
    this.#accepted = this.#missing = count;
    for (let place = 0; place < count; place++) {
      const group = this.#groups[place]!;
      if (place + 1 === count || this.#groups[place + 1] !== group) group.leave(this.#indexes[place]! + 1);
    }
  }

  refuse(place: number, error: EventsError): void {
    this.#groups[place]!.refuse(this.#indexes[place]!, error);
  }

  /** The outcome of one; true where it is the last. */
  put(place: number, receipt: Receipt): boolean {
    this.#groups[place]?.put(this.#indexes[place]!, receipt);
    this.#groups[place] = undefined;
    return --this.#missing === 0;
  }

  /** There will be no more reports. */
  end(error: EventsError): void {
    for (let place = 0; place < this.#accepted; place++) {
      this.#groups[place]?.put(this.#indexes[place]!, receiptOf(error, 'unknown'));
    }
  }
}

export class Outbox {
  readonly #engine: Engine;
  readonly #defaultTimeoutMs: number;
  /** Groups that have events here, from #head on. */
  #queue: Group[] = [];
  #head = 0;
  #calls = new Map<number, Call>();
  #nextCall = 1;
  #taken = 0;
  #isScheduled = false;
  #isBlocked = false;
  #expiry: NodeJS.Timeout | undefined;
  #whenEmpty: (() => void)[] = [];

  constructor(engine: Engine, defaultTimeoutMs: number) {
    this.#engine = engine;
    this.#defaultTimeoutMs = defaultTimeoutMs;
  }

  /** Publishes events and gives their receipts in order; rejects only when `signal` aborts. The list is taken over. */
  send(events: OutgoingEvent[], signal?: AbortSignal): Promise<Receipt[]> {
    if (events.length === 0) return Promise.resolve([]);
    return new Promise((resolve, reject) => {
      if (signal) this.#sendUntil(events, signal, resolve, reject);
      else this.#add(new Group(events, resolve));
    });
  }

  #sendUntil(
    events: OutgoingEvent[],
    signal: AbortSignal,
    resolve: (receipts: Receipt[]) => void,
    reject: (reason: Error) => void,
  ): void {
    const group = new Group(events, (receipts) => {
      signal.removeEventListener('abort', onAbort);
      resolve(receipts);
    });
    const onAbort = (): void => {
      group.isGivenUp = true;
      reject(signal.reason as Error);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    this.#add(group);
  }

  #add(group: Group): void {
    this.#queue.push(group);
    if (this.#isBlocked || this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => this.#handOver());
  }

  /** How many tokens were taken: for events that were handed over, and requests. */
  get taken(): number {
    return this.#taken;
  }

  /** A token for a request: they share the numbers of the events. */
  takeToken(): number {
    this.#taken++;
    return this.#nextCall++ * EVENTS_PER_CALL;
  }

  /** The outcome of one event. */
  onReceipt(token: number, receipt: Receipt): void {
    const number = Math.floor(token / EVENTS_PER_CALL);
    if (this.#calls.get(number)?.put(token % EVENTS_PER_CALL, receipt)) this.#calls.delete(number);
  }

  /** There may be room again. */
  reportsTaken(): void {
    if (!this.#isBlocked) return;
    this.#isBlocked = false;
    this.#handOver();
  }

  /** Resolves when everything collected so far was handed over or refused. */
  emptied(): Promise<void> {
    if (this.#queue.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenEmpty.push(resolve));
  }

  /** Ends every wait; after the system closed there will be no report. */
  failAll(error: EventsError): void {
    const calls = this.#calls;
    this.#calls = new Map();
    this.#refuseAll(error);
    for (const call of calls.values()) call.end(error);
    this.#isBlocked = false;
    this.#tellIfEmpty();
  }

  /** Offers everything, in calls of bounded size, until there is no room. */
  #handOver(): void {
    this.#isScheduled = false;
    for (this.#tidy(); this.#queue.length > 0 && !this.#isBlocked; this.#tidy()) this.#offer();
    this.#tellIfEmpty();
  }

  #offer(): void {
    const call = new Call();
    const events: OutgoingEvent[] = [];
    for (let at = this.#head; at < this.#queue.length && events.length < EVENTS_PER_CALL; at++) {
      if (!this.#queue[at]!.isOver) call.add(this.#queue[at]!, events);
    }
    const number = this.#nextCall++;
    this.#taken += events.length;
    const { accepted, error } = this.#engine.publish(events, number * EVENTS_PER_CALL);
    call.accept(accepted);
    if (accepted > 0) this.#calls.set(number, call);
    if (error) this.#onRefusal(call, accepted, error);
  }

  /** Why the event at `place` was not taken, and none after it. */
  #onRefusal(call: Call, place: number, error: EventsError): void {
    if (error instanceof Closed || error instanceof Forked) {
      this.#refuseAll(error);
    } else if (error instanceof QueueFull && this.#calls.size > 0) {
      this.#isBlocked = true;
      this.#watchExpiry();
    } else {
      // Nothing is in flight whose end could make room: the first event itself is the trouble.
      call.refuse(place, error);
    }
  }

  #refuseAll(error: EventsError): void {
    this.#refuseWhere(() => true, error);
    this.#tidy();
  }

  #refuseWhere(isMeant: (group: Group, event: OutgoingEvent) => boolean, error: EventsError): void {
    for (const group of this.#queue.slice(this.#head)) {
      if (group.isGivenUp) continue;
      for (let index = group.first; index < group.events.length; index++) {
        const event = group.events[index];
        if (event && isMeant(group, event)) group.refuse(index, error);
      }
    }
  }

  #watchExpiry(): void {
    this.#expiry ??= setTimeout(() => this.#expire(), EXPIRY_MS).unref();
  }

  /** Ends the wait of events that found no room within their timeout. */
  #expire(): void {
    this.#expiry = undefined;
    if (!this.#isBlocked) return;
    const now = performance.now();
    const error = new QueueFull(
      'the event found no room within its timeout and was not sent: too many events are in flight; publish ' +
        'slower, or raise publisher.maxInFlight',
    );
    this.#refuseWhere((group, event) => group.isLate(event, now, this.#defaultTimeoutMs), error);
    this.#tidy();
    this.#tellIfEmpty();
    if (this.#queue.length > 0) this.#watchExpiry();
  }

  /** Forgets the groups at the front that have nothing here any more, many at a time. */
  #tidy(): void {
    while (this.#head < this.#queue.length && this.#queue[this.#head]!.isOver) this.#head++;
    if (this.#head * 2 < this.#queue.length) return;
    this.#queue.splice(0, this.#head);
    this.#head = 0;
  }

  #tellIfEmpty(): void {
    if (this.#queue.length > 0) return;
    for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }
}
