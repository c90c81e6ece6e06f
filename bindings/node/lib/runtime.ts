// SPDX-License-Identifier: MIT
// What the faces of one system share: the engine, what is on its way out and in, requests, and closing.

import { Engine } from './engine.js';
import { Closed } from './errors.js';
import { milliseconds } from './event.js';
import { encodeJson } from './json.js';
import { Log } from './log.js';
import type { Logger } from './log.js';
import { native } from './native.js';
import { Outbox } from './outbox.js';
import { OwnDriver, takeOwn } from './own.js';
import { Casts } from './reading.js';
import { Turn } from './turn.js';
import type { PoisonMessageHandler } from './turn.js';
import { createEventValidator } from './validator.js';
import type { EventValidator } from './validator.js';

const CLOSE_GRACE_MS = 5000;
const DEFAULT_CLOSE_MS = 10_000;
const DEFAULT_PUBLISH_MS = 30_000;

/** A configuration as the core normalised it: every default filled in. */
export interface Normalized {
  readonly service?: string;
  readonly originPrefix?: string;
  readonly routing?: { readonly extendedTypes?: boolean };
  readonly publisher?: { readonly timeout?: number };
  readonly consumer?: { readonly closeDeadline?: number; readonly concurrency?: number };
  readonly transports?: Readonly<Record<string, { readonly type: string }>>;
}

/** What a system has beside its configuration. */
export interface SystemOptions {
  readonly poisonMessageHandler?: PoisonMessageHandler | undefined;
  /** Takes log records; without one they go to the diagnostics channel alone. */
  readonly logger?: Logger | undefined;
  /** How the published library behaves where ours does not; see logistically.ts. */
  readonly published?: Published;
}

export interface Published {
  /** Options of subscriptions that do not give them. */
  readonly subscription: Readonly<Record<string, unknown>>;
  /** subscribePattern() without enableConsumerPatternRouting() is an error. */
  readonly refusesPatterns: boolean;
}

export interface RequestOptions {
  /** Milliseconds; that of the request itself where none is given. */
  readonly timeout?: number;
  readonly signal?: AbortSignal;
}

export class Runtime {
  readonly engine: Engine;
  readonly normalized: Normalized;
  readonly outbox: Outbox;
  readonly turn: Turn;
  readonly published: Published | undefined;
  readonly hasPoisonHandler: boolean;
  readonly casts = new Casts();
  readonly validator: EventValidator = createEventValidator();
  #closing: Promise<void> | undefined;

  constructor(config: object, options: SystemOptions = {}) {
    const own = takeOwn(config);
    const text = encodeJson(own.document, 'configuration');
    this.engine = new Engine(text);
    const checked = JSON.parse(native.configCheck(text)) as { normalized?: Normalized };
    this.normalized = checked.normalized ?? {};
    this.outbox = new Outbox(this.engine, this.normalized.publisher?.timeout ?? DEFAULT_PUBLISH_MS);
    const log = new Log(options.logger);
    this.turn = new Turn(this.engine, this.outbox, log, options.poisonMessageHandler);
    const limit = this.normalized.publisher?.timeout ?? DEFAULT_PUBLISH_MS;
    for (const [name, transport] of own.transports) {
      this.turn.drivers.set(name, new OwnDriver(this.engine, name, transport, limit, log));
    }
    this.published = options.published;
    this.hasPoisonHandler = options.poisonMessageHandler !== undefined;
  }

  /** To be called before anything that ends with a record. */
  use(): void {
    if (this.#closing || this.engine.isReleased) throw new Closed('the system is closing or closed; open a new one');
    this.turn.attach();
  }

  /** Makes a request and gives its answer. */
  async ask<Answer>(method: string, params: object = {}, options: RequestOptions = {}): Promise<Answer> {
    const timeoutMs = milliseconds(options.timeout, 'timeout');
    options.signal?.throwIfAborted();
    this.use();
    const token = this.outbox.takeToken();
    const answer = new Promise<string>((resolve, reject) => this.turn.requests.set(token, { resolve, reject }));
    const onAbort = (): void => this.turn.requests.get(token)?.reject(options.signal!.reason as Error);
    options.signal?.addEventListener('abort', onAbort, { once: true });
    try {
      this.engine.request(method, params, timeoutMs, token);
      return JSON.parse(await answer) as Answer;
    } finally {
      options.signal?.removeEventListener('abort', onAbort);
      this.turn.requests.delete(token);
    }
  }

  /** Registers the schemas that the program declared since the last time. */
  registerDeclared(): Promise<void> {
    return this.validator.register((declaration) => this.ask('schemas.register', declaration));
  }

  isConnected(): boolean {
    if (this.engine.isReleased) return false;
    return (JSON.parse(this.engine.status()) as { connected?: boolean }).connected === true;
  }

  /**
   * Sends what is collected, lets handlers end, hands the rest back, and frees everything, within `deadline`
   * milliseconds. Within a handler it only begins, since it would wait for the handler itself.
   */
  async close(deadline?: number): Promise<void> {
    const limit = deadline === undefined ? undefined : milliseconds(deadline, 'deadline');
    if (this.engine.isReleased && !this.#closing) return;
    if (!this.#closing) this.#closing = this.#close(limit ?? this.normalized.consumer?.closeDeadline ?? DEFAULT_CLOSE_MS);
    else if (limit !== undefined && !this.engine.isReleased) this.engine.beginClose(limit);
    if (!this.turn.isInHandler()) await this.#closing;
  }

  async #close(deadlineMs: number): Promise<void> {
    const end = performance.now() + deadlineMs;
    this.turn.attach();
    if (!(await inTime(this.outbox.emptied(), deadlineMs))) {
      this.outbox.failAll(new Closed('the system was closed before the event could be sent'));
    }
    const left = Math.max(0, Math.ceil(end - performance.now()));
    this.engine.beginClose(left);
    const timer = setTimeout(() => this.turn.abortHandlers(), left);
    await inTime(this.turn.closed, left + CLOSE_GRACE_MS);
    clearTimeout(timer);
    this.turn.abortHandlers(); // the core's deadline may have come before the timer
    this.turn.end();
    await this.engine.release();
  }
}

const runtimes = new WeakMap<object, Runtime>();

/** Lets the parts of the package that are not its face reach what a system is made of. */
export function exposeRuntime(system: object, runtime: Runtime): Runtime {
  runtimes.set(system, runtime);
  return runtime;
}

export function runtimeOf(system: object): Runtime {
  return runtimes.get(system)!;
}

/** Waits for a promise at most `ms`; false when the time was up. */
async function inTime(promise: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => (timer = setTimeout(() => resolve(false), ms)));
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
