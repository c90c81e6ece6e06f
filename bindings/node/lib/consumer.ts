// SPDX-License-Identifier: MIT
// system.consumer: handlers on types and patterns.

import { inBatches } from './batches.js';
import type { BatchHandler } from './batches.js';
import { Closed, ConfigurationError, ValidationError } from './errors.js';
import { checkOptions, show } from './event.js';
import { kindOf } from './json.js';
import type { Owner } from './publisher.js';
import { checkVersion, readerOf } from './reading.js';
import { maxRetriesOf } from './retries.js';
import type { EventRouter, OnDeadLetter, Ordering } from './router.js';
import type { RequestOptions, Runtime } from './runtime.js';
import type { StandardSchema } from './schema.js';
import type { ConsumerStats } from './stats.js';
import { MessageStream } from './stream.js';
import type { Consumer, MessageHandler } from './turn.js';

/** A type, a pattern such as `order.*`, or a regular expression that is searched for in the type. */
export type Pattern = string | RegExp;

/** Names of headers; `header.origin` and so on are members of the envelope's header. */
export type HeaderFilter = Readonly<Record<string, string | readonly string[] | null>>;

export interface RetryOptions {
  readonly maxRetries?: number;
  readonly backoffStrategy?: 'fixed' | 'exponential' | 'fibonacci';
  readonly baseDelay?: number;
  readonly maxDelay?: number;
  readonly jitter?: number;
}

/** Options of a subscription; docs/configuration.md says what each does. Times in milliseconds. */
export interface SubscribeOptions<Body = any> {
  /** The version that the handler sees; what was published with another one goes through up-casters. */
  readonly version?: string;
  /** A Zod schema: bodies are parsed by it, and the handler gets what it makes of them. */
  readonly schema?: StandardSchema<Body>;
  readonly group?: string;
  readonly groupId?: string;
  readonly consumer?: string;
  readonly consumerId?: string;
  readonly name?: string;
  readonly transport?: string;
  readonly topics?: readonly string[];
  /** Id of a replay: its events are received, and no others. */
  readonly replay?: string;
  /** Where a new group begins: also the offset of an event, or milliseconds since 1970. */
  readonly from?: 'earliest' | 'new' | (string & {}) | number;
  readonly concurrency?: number;
  readonly prefetch?: number;
  /** `manual`: the handler's end settles nothing; metadata.acknowledge() does. */
  readonly ack?: 'auto' | 'manual';
  readonly handlerTimeout?: number;
  readonly maxRetries?: number;
  readonly retry?: RetryOptions;
  /** `none` does without the order of the topic; another one must be the topic's. */
  readonly ordering?: Ordering;
  /** Of this handler, where the topic is ordered. */
  readonly onDeadLetter?: OnDeadLetter;
  readonly origins?: readonly string[];
  readonly onUnmatched?: 'ack' | 'dlq';
  /** Headers that an event must have: the text, one of several texts, or null where it must not be there. */
  readonly filter?: HeaderFilter;
  /** The handler gets a list of up to so many events, see subscribeBatch(). `concurrency` counts lists. */
  readonly batch?: number;
  /** Unsubscribes when it aborts. */
  readonly signal?: AbortSignal;
  /** Only this partition, of topics that have partitions. */
  readonly partition?: number;
  /** How often the process may end while it handles an event, until that is a dead letter. */
  readonly maxCrashes?: number;
  /**
   * Names of the published library: `latest` is from: 'new', `specific` is from: startOffset, false is
   * ack: 'manual', maxPollRecords is prefetch. The last three have no effect, as they had none there.
   */
  readonly autoOffsetReset?: 'earliest' | 'latest' | 'specific';
  readonly startOffset?: string;
  readonly enableAutoCommit?: boolean;
  readonly maxPollRecords?: number;
  readonly autoCommitInterval?: number;
  readonly sessionTimeout?: number;
  readonly heartbeatInterval?: number;
}

export interface SubscriptionInfo {
  readonly eventType: string;
  /** Of a pattern: the pattern. */
  readonly resolvedTopic: string;
  readonly transport: string;
  readonly handler: MessageHandler;
  readonly options: SubscribeOptions;
  readonly isPattern: boolean;
  /** RFC 3339. */
  readonly createdAt: string;
  readonly messageCount: number;
}

/** One handler on one type or pattern. */
export class Subscription {
  readonly createdAt = new Date().toISOString();

  constructor(
    private readonly runtime: Runtime,
    readonly pattern: string,
    readonly options: SubscribeOptions,
    private readonly consumer: Consumer,
  ) {}

  get isActive(): boolean {
    return this.consumer.isActive;
  }

  get isPattern(): boolean {
    return this.pattern.includes('*') || this.pattern.startsWith('/');
  }

  get handler(): MessageHandler {
    return this.consumer.handler;
  }

  get messageCount(): number {
    return this.consumer.messageCount;
  }

  /** Nothing new is delivered after this; handlers that run may end. Twice is fine. */
  unsubscribe(): void {
    if (!this.consumer.isActive) return;
    this.consumer.isActive = false;
    try {
      this.runtime.engine.unsubscribe(this.consumer.token);
    } catch (problem) {
      if (!(problem instanceof Closed)) throw problem;
    }
  }

  /** After unsubscribe(): waits until the last message was settled. Not within its own handler. */
  ended(): Promise<void> {
    if (!this.runtime.turn.consumers.has(this.consumer.token)) return Promise.resolve();
    return new Promise((resolve) => this.consumer.whenEnded.push(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.unsubscribe();
    await this.ended();
  }
}

export class EventConsumer {
  readonly #runtime: Runtime;
  readonly #router: EventRouter;
  readonly #owner: Owner;
  #subscriptions: Subscription[] = [];

  /** Made by the system, or by createConsumer(). */
  constructor(runtime: Runtime, router: EventRouter, owner: Owner) {
    this.#runtime = runtime;
    this.#router = router;
    this.#owner = owner;
  }

  /**
   * Subscribes a handler to a type, a pattern with `*`, or a regular expression. Before connect() it is remembered; after it, this
   * waits until the store has the subscription. The handler may be async; when it ends, the event was handled.
   */
  async subscribe<Body = any>(
    eventType: Pattern,
    handler: MessageHandler<Body>,
    options: SubscribeOptions<Body> = {},
  ): Promise<Subscription> {
    const subscription = this.#subscribe(eventType, handler as MessageHandler, options);
    await this.#ready(options.signal);
    return subscription;
  }

  /** The same with the published name; the handler gets the matched pattern as its third argument. */
  async subscribePattern<Body = any>(
    pattern: Pattern,
    handler: MessageHandler<Body>,
    options: SubscribeOptions<Body> = {},
  ): Promise<Subscription> {
    if (this.#runtime.published?.refusesPatterns) {
      throw new ConfigurationError('pattern routing is not enabled: call enableConsumerPatternRouting()');
    }
    return this.subscribe(pattern, handler, options);
  }

  /**
   * Subscribes a handler that gets a list of what is there, at most `batch` events, and may give an outcome for each.
   * The same as subscribe() with the option `batch`.
   */
  subscribeBatch<Body = any>(
    pattern: Pattern,
    handler: BatchHandler<Body>,
    options: SubscribeOptions & { readonly batch: number },
  ): Promise<Subscription> {
    return this.subscribe(pattern, handler as unknown as MessageHandler<Body>, options);
  }

  /** Messages for `for await (const [message, metadata] of consumer.messages('order.*'))`. */
  messages<Body = any>(pattern: Pattern, options: SubscribeOptions<Body> = {}): MessageStream<Body> {
    const stream = new MessageStream<Body>(this.#runtime.turn, options.signal);
    const subscription = this.#subscribe(pattern, () => undefined, options, (delivery) => stream.accept(delivery));
    stream.begin(subscription, this.#ready(options.signal));
    return stream;
  }

  /** Ends all subscriptions of a type; a name without any is fine. */
  async unsubscribe(eventType: Pattern): Promise<void> {
    const name = String(eventType).toLowerCase();
    for (const subscription of this.#active()) {
      if (subscription.pattern.toLowerCase() === name) subscription.unsubscribe();
    }
  }

  /** The same for a pattern. */
  unsubscribePattern(pattern: Pattern): Promise<void> {
    return this.unsubscribe(pattern);
  }

  getSubscriptions(): SubscriptionInfo[] {
    return this.#active().map((subscription) => {
      const { pattern, options, isPattern, handler, createdAt, messageCount } = subscription;
      const transport = options.transport ?? Object.keys(this.#runtime.normalized.transports ?? {})[0] ?? '';
      const resolvedTopic = isPattern ? pattern : this.#router.resolveTopic(pattern);
      return { eventType: pattern, resolvedTopic, transport, handler, options, isPattern, createdAt, messageCount };
    });
  }

  getStats(): ConsumerStats {
    const stats = (JSON.parse(this.#runtime.engine.stats()) as { consumer: ConsumerStats }).consumer;
    const { lastMessageAt } = this.#runtime.turn;
    return lastMessageAt === 0 ? stats : { ...stats, lastMessageTime: new Date(lastMessageAt).toISOString() };
  }

  connect(options?: RequestOptions): Promise<void> {
    return this.#owner.connect(options);
  }

  /** Closes the whole system. */
  close(deadline?: number): Promise<void> {
    return this.#owner.close(deadline);
  }

  #active(): Subscription[] {
    this.#subscriptions = this.#subscriptions.filter((subscription) => subscription.isActive);
    return this.#subscriptions;
  }

  async #ready(signal: AbortSignal | undefined): Promise<void> {
    if (this.#runtime.isConnected()) await this.#runtime.ask('ready', {}, signal ? { signal } : {});
  }

  #subscribe(
    pattern: unknown,
    handler: MessageHandler,
    given: SubscribeOptions,
    accept?: Consumer['accept'],
  ): Subscription {
    const { signal, version, schema, ...options } = coreOptions(checkOptions(given, 'the options of subscribe'));
    const { casts } = this.#runtime;
    const own = version !== undefined && casts.lead(checkVersion(version, 'version')) ? (version as string) : undefined;
    const reader = readerOf(casts, own, schema);
    if (own === undefined && version !== undefined) options['version'] = version;
    const { published, hasPoisonHandler } = this.#runtime;
    const document = {
      pattern: checkPattern(pattern),
      ...(hasPoisonHandler && { poisonHandler: true }),
      ...published?.subscription,
      ...options,
    };
    if (typeof handler !== 'function') {
      throw new ValidationError(`the handler is ${kindOf(handler)}, expected a function`, { path: '/handler' });
    }
    given.signal?.throwIfAborted();
    const { engine, turn, normalized } = this.#runtime;
    this.#runtime.use();
    const { batch, concurrency = normalized.consumer?.concurrency ?? 1 } = given;
    const isBatch = typeof batch === 'number' && !accept;
    const consumer: Consumer = {
      token: engine.subscribe(document),
      maxRetries: maxRetriesOf(normalized, options),
      isManual: options['ack'] === 'manual',
      handler: isBatch ? inBatches(handler as unknown as BatchHandler, batch, concurrency) : handler,
      ...(reader && { reader }),
      ...(accept && { accept }),
      isActive: true,
      messageCount: 0,
      whenEnded: [],
    };
    turn.consumers.set(consumer.token, consumer);
    const subscription = new Subscription(this.#runtime, document.pattern, given, consumer);
    this.#subscriptions.push(subscription);
    given.signal?.addEventListener('abort', () => subscription.unsubscribe(), { once: true });
    return subscription;
  }
}

function checkPattern(pattern: unknown): string {
  if (pattern instanceof RegExp) return String(pattern);
  if (typeof pattern !== 'string') {
    throw new ValidationError(`pattern is ${show(pattern)}, expected a string such as 'order.*'`, { path: '/pattern' });
  }
  return pattern;
}

/**
 * Options in the spelling of the core, where published names would meet the defaults of `libevents/logistically`.
 */
function coreOptions(given: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { autoOffsetReset, startOffset, enableAutoCommit, ...rest } = given;
  const options: Record<string, unknown> = rest;
  if ('pattern' in options) throw new ValidationError('the pattern is given twice', { path: '/pattern' });
  if (autoOffsetReset === 'earliest') options['from'] ??= 'earliest';
  else if (autoOffsetReset === 'latest') options['from'] ??= 'new';
  else if (startOffset !== undefined && (autoOffsetReset ?? 'specific') === 'specific') options['from'] ??= startOffset;
  else if (autoOffsetReset !== undefined) options['autoOffsetReset'] = autoOffsetReset;
  if (enableAutoCommit === false) options['ack'] ??= 'manual';
  return options;
}
