// SPDX-License-Identifier: MIT
// What a turn of the event loop does for one system: take records, run handlers, settle, all bounded.
//
// The addon calls once when records wait. A turn takes a bounded number of them in bounded time, then lets
// everything else on the loop run; when nothing is left it asks to be called again. Whatever ended since the
// last call goes to the core in one batch.

import { AsyncLocalStorage } from 'node:async_hooks';

import type { Engine, Failure } from './engine.js';
import { Closed, Timeout } from './errors.js';
import { errorOf, failureOf, released } from './failure.js';
import { textOf } from './json.js';
import type { Log, LogRecord } from './log.js';
import { Message, Metadata, deliveriesOf } from './message.js';
import type { Delivery, Settle } from './message.js';
import { native } from './native.js';
import type { Outbox } from './outbox.js';
import type { OwnDriver } from './own.js';
import type { Reader } from './reading.js';
import { Reports } from './reports.js';

const RECORDS_PER_POLL = 512;
const TURN_MS = 5;
const RECOVERY_MS = 100;

export type MessageHandler<Body = any> = (
  message: Message<Body>,
  metadata: Metadata,
  matchedPattern: string,
) => unknown;

export type PoisonMessageHandler = (message: Message, error: Error, metadata: Metadata) => unknown;

/** One subscription, as a turn needs it. */
export interface Consumer {
  token: number;
  readonly maxRetries: number;
  /** The program settles, not the handler's end. */
  readonly isManual: boolean;
  readonly handler: MessageHandler;
  /** Prepares each delivery, where the subscription asks for a version or a schema. */
  readonly reader?: Reader;
  /** Takes deliveries instead of the handler (iteration). */
  accept?: (delivery: Delivery) => void;
  isActive: boolean;
  messageCount: number;
  readonly whenEnded: (() => void)[];
}

export interface Waiter {
  resolve(detail: string): void;
  reject(error: Error): void;
}

/** How a delivery ended: handled, or with what went wrong. */
export type Observer = (delivery: Delivery, error?: Error) => void;

/** One delivery that a handler has. */
export class Run implements Settle {
  readonly deadline: number;
  isTimedOut = false;
  /** Told to stop since the system closes. */
  isCancelled = false;
  #controller: AbortController | undefined;
  #abortReason: Error | undefined;

  constructor(
    private readonly turn: Turn,
    readonly consumer: Consumer,
    readonly delivery: Delivery,
    now: number,
  ) {
    const limit = delivery.handlerTimeoutMs;
    this.deadline = limit > 0 ? now + limit : Infinity;
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#abortReason) this.#controller.abort(this.#abortReason);
    }
    return this.#controller.signal;
  }

  abort(reason: Error): void {
    this.#abortReason ??= reason;
    this.#controller?.abort(reason);
  }

  acknowledge(): void {
    this.turn.acknowledge(this);
  }

  /** Calls the handler. */
  begin(): unknown {
    const metadata = new Metadata(this.delivery, this);
    return this.consumer.handler(new Message(this.delivery), metadata, this.delivery.pattern);
  }
}

const begin = (run: Run): unknown => run.begin();

export class Turn {
  readonly #engine: Engine;
  readonly #outbox: Outbox;
  readonly #log: Log;
  readonly #poisonHandler: PoisonMessageHandler | undefined;
  readonly #current = new AsyncLocalStorage<Run>();
  readonly consumers = new Map<number, Consumer>();
  readonly requests = new Map<number, Waiter>();
  /** Of transports that the program wrote, by name. */
  readonly drivers = new Map<string, OwnDriver>();
  /** Resolves with the last record, or when there will be none. */
  readonly closed: Promise<string>;
  #resolveClosed!: (detail: string) => void;
  #inbox: Delivery[] = [];
  #acks: number[] = [];
  #failures: Failure[] = [];
  #poisoned: (() => void)[] = [];
  readonly #runs = new Set<Run>();
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Infinity;
  #isAttached = false;
  #isSettling = false;
  #isEnded = false;
  /** Milliseconds since 1970; 0 before the first message. */
  lastMessageAt = 0;
  /** Is told how each delivery ended (libevents/testing). */
  observer: Observer | undefined;
  /** Throws what shall become of a delivery whose handler ended well (libevents/testing). */
  mishap: ((delivery: Delivery) => void) | undefined;

  constructor(engine: Engine, outbox: Outbox, log: Log, poisonHandler: PoisonMessageHandler | undefined) {
    this.#engine = engine;
    this.#outbox = outbox;
    this.#log = log;
    this.#poisonHandler = poisonHandler;
    this.closed = new Promise((resolve) => (this.#resolveClosed = resolve));
  }

  /** From the first use on the system is served, and keeps the process from ending. */
  attach(): void {
    if (this.#isAttached) return;
    this.#isAttached = true;
    this.#engine.attach(() => this.#onWake());
    this.#engine.hold(true);
  }

  /** Is the caller a handler of this system that has not ended? */
  isInHandler(): boolean {
    return this.currentRun() !== undefined;
  }

  /** The handler that the caller is, or is called by, while it has not ended. */
  currentRun(): Run | undefined {
    const run = this.#current.getStore();
    return run && this.#runs.has(run) ? run : undefined;
  }

  /** Handlers that have not ended. */
  get runs(): ReadonlySet<Run> {
    return this.#runs;
  }

  /** Is nothing taken and not yet handed to its handler, or settled and not yet sent? */
  isAtRest(): boolean {
    return [this.#inbox, this.#acks, this.#failures, this.#poisoned].every((list) => list.length === 0);
  }

  // ---- taking -------------------------------------------------------------------------------------------

  #onWake(): void {
    this.#step(performance.now() + TURN_MS);
  }

  /** Runs what was taken, settles what has ended, takes more. Between two steps handlers and publishers go on. */
  #step(end: number): void {
    const isEmpty = this.#runInbox(end);
    this.#settle();
    if (this.#isEnded) return;
    if (!isEmpty || performance.now() > end) setImmediate(() => this.#onWake());
    else if (this.#take() > 0) queueMicrotask(() => this.#step(end));
  }

  /** Polls once; gives the number of records. With none the next record wakes up again. */
  #take(): number {
    try {
      const batch = this.#engine.poll(RECORDS_PER_POLL);
      if (!batch) {
        this.#engine.rearm();
        return 0;
      }
      this.#inbox = deliveriesOf(batch);
      const reports = new Reports(batch);
      while (reports.next()) this.#onReport(reports);
      if (reports.count > 0) this.#outbox.reportsTaken();
      return this.#inbox.length + reports.count;
    } catch (problem) {
      if (problem instanceof Closed) {
        this.end();
      } else {
        this.#log.say('error', `records could not be taken: ${(problem as Error).message}`);
        setTimeout(() => this.#onWake(), RECOVERY_MS);
      }
      return 0;
    }
  }

  #onReport(report: Reports): void {
    switch (report.kind) {
      case native.EVS_REPORT_PUBLISH:
        return this.#outbox.onReceipt(report.token, report.receipt());
      case native.EVS_REPORT_REQUEST:
        return this.#onAnswer(report);
      case native.EVS_REPORT_UNSUBSCRIBED:
        return this.#onUnsubscribed(report.token);
      case native.EVS_REPORT_CLOSED:
        return this.end(report.detail);
      case native.EVS_REPORT_LOG:
        return this.#log.tell(JSON.parse(report.detail) as LogRecord);
      case native.EVS_REPORT_TRANSPORT:
        return this.drivers.get(report.transport)?.onCall(report.detail);
      default: // of a newer library
    }
  }

  #onAnswer(report: Reports): void {
    const waiter = this.requests.get(report.token);
    this.requests.delete(report.token);
    if (report.status === native.EVS_OK) waiter?.resolve(report.detail);
    else waiter?.reject(report.error());
  }

  #onUnsubscribed(token: number): void {
    const consumer = this.consumers.get(token);
    if (!consumer) return;
    this.consumers.delete(token);
    consumer.isActive = false;
    for (const resolve of consumer.whenEnded.splice(0)) resolve();
  }

  /** The last record was taken, or there will be none; nobody must wait for another. */
  end(detail = '{}'): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    clearTimeout(this.#timer);
    const error = new Closed('the system was closed');
    this.#outbox.failAll(error);
    for (const waiter of this.requests.values()) waiter.reject(error);
    this.requests.clear();
    for (const token of [...this.consumers.keys()]) this.#onUnsubscribed(token);
    for (const driver of this.drivers.values()) driver.end(error);
    this.#resolveClosed(detail);
  }

  // ---- handlers -----------------------------------------------------------------------------------------

  /** Runs handlers until the inbox is empty (true) or the time is up (false). */
  #runInbox(end: number): boolean {
    const inbox = this.#inbox;
    if (inbox.length > 0) this.lastMessageAt = Date.now();
    let index = 0;
    for (let now = performance.now(); index < inbox.length && now <= end; now = performance.now()) {
      this.#deliver(inbox[index++]!, now);
    }
    this.#inbox = inbox.slice(index);
    return this.#inbox.length === 0;
  }

  #deliver(delivery: Delivery, now: number): void {
    const consumer = this.consumers.get(delivery.subscription);
    if (!consumer?.isActive) {
      this.#failures.push(released(delivery.id));
      return;
    }
    consumer.messageCount++;
    const run = new Run(this, consumer, delivery, now);
    if (consumer.reader && !this.#canRead(consumer.reader, run)) return;
    if (consumer.accept) consumer.accept(delivery);
    else this.#start(run);
  }

  #canRead(read: Reader, run: Run): boolean {
    try {
      run.delivery.seen = read(run.delivery);
      return true;
    } catch (thrown) {
      this.#runs.add(run);
      this.#failed(run, thrown);
      return false;
    }
  }

  #start(run: Run): void {
    this.#runs.add(run);
    try {
      const result = this.#current.run(run, begin, run);
      if (isThenable(result)) {
        this.#watch(run);
        Promise.resolve(result).then(
          () => this.#succeeded(run),
          (thrown: unknown) => this.#failed(run, thrown),
        );
        return;
      }
    } catch (thrown) {
      this.#failed(run, thrown);
      return;
    }
    this.#succeeded(run);
  }

  #succeeded(run: Run): void {
    try {
      this.mishap?.(run.delivery);
    } catch (thrown) {
      this.#failed(run, thrown);
      return;
    }
    if (run.consumer.isManual) this.#watch(run);
    else this.acknowledge(run);
  }

  /** Past its time limit a handler has failed, whatever comes of it: this gives its slot back. */
  acknowledge(run: Run): void {
    if (!this.#runs.delete(run)) return;
    if (run.isTimedOut) this.#failures.push(failureOf(run.delivery.id, lateness(run)));
    else {
      this.#acks.push(run.delivery.id);
      this.observer?.(run.delivery);
    }
    this.settleSoon();
  }

  #failed(run: Run, thrown: unknown): void {
    if (!this.#runs.delete(run)) return;
    const found = failureOf(run.delivery.id, thrown);
    // Not the handler's failure: it was told to stop.
    const isHandedBack = run.isCancelled && found.kind === native.EVS_FAIL_RETRY;
    const failure = isHandedBack ? released(run.delivery.id) : found;
    this.#failures.push(failure);
    if (!run.isTimedOut) this.observer?.(run.delivery, errorOf(thrown));
    const isLast =
      failure.kind === native.EVS_FAIL_REJECT ||
      (failure.kind === native.EVS_FAIL_RETRY && run.delivery.attempt > run.consumer.maxRetries);
    if (isLast && !run.isTimedOut) this.#poison(run, errorOf(thrown));
    this.settleSoon();
  }

  // ---- time limits: the core has counted the attempt as failed; here the handler and others are told --------

  #watch(run: Run): void {
    if (run.deadline >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = run.deadline;
    this.#timer = setTimeout(() => this.#onTime(), Math.max(1, run.deadline - performance.now())).unref();
  }

  #onTime(): void {
    const now = performance.now();
    this.#timerAt = Infinity;
    for (const run of this.#runs) {
      if (run.isTimedOut) continue;
      if (run.deadline <= now) this.timeOut(run);
      else this.#watch(run);
    }
    this.settleSoon();
  }

  timeOut(run: Run): void {
    if (run.isTimedOut) return;
    run.isTimedOut = true;
    const error = lateness(run);
    this.observer?.(run.delivery, error);
    run.abort(error);
    if (run.delivery.attempt > run.consumer.maxRetries) this.#poison(run, error);
  }

  /** The deadline of closing has come. */
  abortHandlers(): void {
    const error = new Closed('the system is closing and its deadline has come');
    for (const run of this.#runs) {
      run.isCancelled = true;
      run.abort(error);
    }
  }

  // ---- settling -----------------------------------------------------------------------------------------

  acknowledgeDelivery(delivery: Delivery): void {
    this.#acks.push(delivery.id);
    this.observer?.(delivery);
    this.settleSoon();
  }

  handBack(delivery: Delivery): void {
    this.#failures.push(released(delivery.id));
    this.settleSoon();
  }

  settleSoon(): void {
    if (this.#isSettling || this.#isEnded) return;
    this.#isSettling = true;
    queueMicrotask(() => {
      this.#isSettling = false;
      this.#settle();
    });
  }

  /** Sends everything that was settled since the last time. */
  #settle(): void {
    const [acks, failures] = [this.#acks, this.#failures];
    [this.#acks, this.#failures] = [[], []];
    try {
      this.#engine.ack(acks);
      this.#engine.fail(failures);
    } catch (problem) {
      // Closed meanwhile: what is unsettled goes back to the store and will come again.
      this.#log.say('debug', `${acks.length + failures.length} messages could not be settled: ${(problem as Error).message}`);
    }
    for (const tell of this.#poisoned.splice(0)) tell();
  }

  /** Told once the failure itself is on its way. */
  #poison(run: Run, error: Error): void {
    const { delivery } = run;
    const message = new Message(delivery);
    this.#log.say('warn', `${message.type} ${message.id} failed in its last attempt: ${textOf(error)}`);
    const handler = this.#poisonHandler;
    if (!handler) return;
    const complain = (problem: unknown): void =>
      this.#log.say('error', `the poison message handler failed: ${textOf(problem)}`);
    this.#poisoned.push(() => {
      try {
        Promise.resolve(handler(message, error, new Metadata(delivery, run))).catch(complain);
      } catch (problem) {
        complain(problem);
      }
    });
  }
}

function lateness(run: Run): Timeout {
  return new Timeout(`the handler did not end within ${run.delivery.handlerTimeoutMs} ms; its result is ignored`);
}

function isThenable(result: unknown): result is PromiseLike<unknown> {
  const isObject = (typeof result === 'object' && result !== null) || typeof result === 'function';
  return isObject && typeof (result as { then?: unknown }).then === 'function';
}
