// SPDX-License-Identifier: MIT
// Transports by the published names: descriptions that the builder takes, and those of a running system, each of
// which can be used by itself. What goes through a transport itself asks no routes; all else is as everywhere.

import { CAPABILITIES, capabilitiesOf } from './capabilities.js';
import type { TransportCapabilities } from './capabilities.js';
import type { SubscribeOptions, Subscription } from './consumer.js';
import { ConfigurationError, Unsupported, ValidationError } from './errors.js';
import { checkOptions, show } from './event.js';
import type { PublishOptions } from './event.js';
import { encodeJson, kindOf } from './json.js';
import { Message } from './message.js';
import type { EventHeader, Receipt } from './message.js';
import { isOwnTransport } from './own.js';
import type { OwnTransport } from './own.js';
import { bodyHash, checkConfig, version } from './pure.js';
import type { RequestOptions } from './runtime.js';
import type { RawStatus, SystemStats, TransportStatus } from './stats.js';
import type { EventSystem } from './system.js';
import type { MessageHandler } from './turn.js';

const VERSION = version();

export type TransportOptions = Readonly<Record<string, unknown>>;

export interface TransportMetrics {
  readonly messagesPublished: number;
  readonly messagesReceived: number;
  /** Milliseconds, of the whole system. */
  readonly publishLatency: number;
  readonly receiveLatency: number;
  /** Failed publishes among all, from 0 to 1. */
  readonly errorRate: number;
  /** Published messages a second since the system was opened. */
  readonly throughput: number;
}

/** What goes through a transport itself: an envelope, or a body alone. */
export interface EnvelopeLike {
  readonly header: Partial<EventHeader> & { readonly type: string };
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/**
 * One transport of a system; or, not part of one, its description, which has a connection of its own once it is
 * connected.
 */
export class Transport {
  #system: EventSystem | undefined;
  readonly #isPart: boolean;
  readonly #subscriptions = new Map<string, Subscription[]>();

  constructor(
    readonly name: string,
    readonly type: string,
    /** As the configuration takes them. */
    readonly options: TransportOptions = {},
    system?: EventSystem,
  ) {
    this.#system = system;
    this.#isPart = system !== undefined;
    // A password among the options must not come into logs by the way.
    Object.defineProperty(this, 'options', { enumerable: false });
  }

  get capabilities(): TransportCapabilities {
    return capabilitiesOf(this.type, this.options);
  }

  isConnected(): boolean {
    return this.#status().connected;
  }

  async getStatus(): Promise<TransportStatus> {
    const { connected, since, lastError, nextTry, heldBack } = this.#status();
    const uptime = this.#system ? this.#stats().uptime : 0;
    return {
      connected,
      healthy: connected && !heldBack,
      ...(typeof lastError === 'string' && { lastError }),
      since,
      nextTry,
      ...(heldBack && { heldBack }),
      uptime,
      version: VERSION,
    };
  }

  async getMetrics(): Promise<TransportMetrics> {
    const { publisher, consumer, uptime } = this.#stats();
    const messagesPublished = publisher.totalMessagesSentByTransport[this.name] ?? 0;
    const tried = publisher.totalMessagesSent + publisher.failedMessages;
    return {
      messagesPublished,
      messagesReceived: consumer.totalMessagesReceivedByTransport[this.name] ?? 0,
      publishLatency: publisher.averageLatency,
      receiveLatency: consumer.endToEnd.mean,
      errorRate: tried > 0 ? publisher.failedMessages / tried : 0,
      throughput: uptime > 0 ? messagesPublished / uptime : 0,
    };
  }

  /** Connects this transport, and none of the others of its system; again after disconnect(). */
  async connect(options?: RequestOptions): Promise<void> {
    await this.#open().request('connect', { transport: this.name }, options);
  }

  /**
   * Ends its connection while the others of its system go on. Handlers may end within `deadline` milliseconds; what
   * was not handled is handed back, and what is published to it waits until it is connected again.
   */
  async disconnect(deadline?: number): Promise<void> {
    const system = this.#system;
    if (!system) return;
    if (this.#isPart) {
      const wait = { timeout: (deadline ?? DISCONNECT_MS) + GRACE_MS };
      await system.request('disconnect', { transport: this.name, ...(deadline !== undefined && { deadline }) }, wait);
    } else {
      this.#system = undefined;
      this.#subscriptions.clear();
      await system.close(deadline);
    }
  }

  /** The same as disconnect(). */
  close(deadline?: number): Promise<void> {
    return this.disconnect(deadline);
  }

  /**
   * Publishes to a topic of this transport, without routes. `message` is an envelope ({header, body}), whose id, time,
   * origin and headers stay, or a body alone, whose type is then that of the topic (`user` of `user-events`).
   */
  async publish(topic: string, message: unknown, options: PublishOptions = {}): Promise<Receipt> {
    const [type, body, own] = isEnvelope(message) ? partsOf(message) : [typeOf(topic), message, {}];
    return this.#open().publisher.publish(type, body, { ...own, ...options, topic, transport: this.name });
  }

  /** Subscribes to a topic of this transport: to all that is in it, or to a type or pattern. */
  async subscribe<Body = any>(
    topic: string,
    handler: MessageHandler<Body>,
    options: SubscribeOptions<Body> = {},
    eventType = '*',
  ): Promise<Subscription> {
    const system = this.#open();
    const chosen = { ...options, transport: this.name, topics: [topic] };
    const subscription = await system.consumer.subscribe<Body>(eventType, handler, chosen);
    this.#subscriptions.set(topic, [...(this.#subscriptions.get(topic) ?? []), subscription]);
    if (this.isConnected()) await system.request('ready', { transport: this.name });
    return subscription;
  }

  /** Ends what subscribe() began on a topic; one without any is fine. */
  async unsubscribe(topic: string): Promise<void> {
    const subscriptions = this.#subscriptions.get(topic) ?? [];
    this.#subscriptions.delete(topic);
    for (const subscription of subscriptions) subscription.unsubscribe();
  }

  /** The system that it is part of; without one, that of its own connection. */
  #open(): EventSystem {
    if (!this.#system) {
      // Only here, since each of the two needs the other.
      const { EventSystem } = require('./system.js') as typeof import('./system.js');
      const transports = { [this.name]: { ...this.options, type: this.type } };
      this.#system = new EventSystem({ service: 'transport', transports });
    }
    return this.#system;
  }

  #status(): RawStatus {
    if (!this.#system || this.#system.isClosed()) return { connected: false };
    return this.#system.rawStatus().transports[this.name] ?? { connected: false };
  }

  #stats(): SystemStats {
    if (!this.#system) throw new Unsupported('a transport that was never connected has counted nothing');
    return this.#system.stats();
  }
}

const DISCONNECT_MS = 10_000;
const GRACE_MS = 5000;

function isEnvelope(message: unknown): message is EnvelopeLike | Message {
  if (message instanceof Message) return true;
  const header = (message as { header?: unknown } | null | undefined)?.header;
  return typeof header === 'object' && header !== null && 'type' in header;
}

/** An envelope as arguments of publish(); a message's own text stays as it is. */
function partsOf(message: EnvelopeLike | Message): [type: string, body: unknown, options: PublishOptions] {
  const { id, type, origin, originPrefix, timestamp, version, hash } = message.header;
  const { headers = {} } = message;
  const options = {
    ...(id && { id }),
    ...(timestamp && { timestamp }),
    ...(version && { version }),
    ...(origin && { origin, originPrefix: originPrefix ?? '' }),
    headers,
  };
  if (message instanceof Message) {
    const isJson = message.contentType === 'application/json';
    const body = isJson ? Buffer.from(message.bodyText) : message.body;
    return [type, body, { ...options, contentType: message.contentType }];
  }
  checkHash(message.body, hash);
  return [type, message.body, options];
}

function checkHash(body: unknown, hash: string | undefined): void {
  if (!hash || bodyHash(encodeJson(body ?? null, 'body')) === hash) return;
  throw new ValidationError('header.hash is not the SHA-256 of the body: leave it out, or publish the message itself', {
    path: '/header/hash',
  });
}

/** `order-line-events` → `order.line`. */
function typeOf(topic: string): string {
  if (typeof topic !== 'string') throw new ValidationError(`topic is ${kindOf(topic)}, expected a string`, { path: '/topic' });
  return topic.replace(/-events$/, '').replaceAll('-', '.');
}

/** What makes transports of one type; docs/plugins.md. */
export interface Plugin {
  readonly name: string;
  readonly version?: string;
  readonly capabilities?: Partial<TransportCapabilities>;
  createTransport(options?: TransportOptions): Transport | OwnTransport;
  validateConfig?(options?: TransportOptions): { valid: boolean; errors: string[] };
  getDefaultConfig?(): TransportOptions;
  getPluginStructure?(): object;
  onRegister?(): void;
  onUnregister?(): void;
}

/** What makes transports of one type. */
export class TransportPlugin implements Plugin {
  readonly version = VERSION;

  constructor(readonly name: string) {}

  get capabilities(): TransportCapabilities {
    return CAPABILITIES[this.name]!;
  }

  /** A description that the builder takes; ConfigurationError with every fault of the options. */
  createTransport(options: TransportOptions = {}): Transport {
    const transport = new Transport(this.name, this.name, this.coreOptions(options));
    refuse(problemsOf(transport.type, transport.options));
    return transport;
  }

  validateConfig(options: TransportOptions = {}): { valid: boolean; errors: string[] } {
    try {
      const problems = problemsOf(this.name, this.coreOptions(options));
      return { valid: problems.length === 0, errors: problems.map((problem) => `${problem.path}: ${problem.message}`) };
    } catch (problem) {
      return { valid: false, errors: [(problem as Error).message] };
    }
  }

  /** Every option with its default. */
  getDefaultConfig(): TransportOptions {
    const { normalized } = checkConfig(documentOf(this.name, {}));
    return (normalized?.transports?.['transport'] ?? {}) as TransportOptions;
  }

  getPluginStructure(): object {
    const { name, capabilities } = this;
    return { name, version: VERSION, capabilities, options: Object.keys(this.getDefaultConfig()) };
  }

  /** Options in the spelling of the core. */
  protected coreOptions(options: TransportOptions): TransportOptions {
    return checkOptions(options, `the options of a ${this.name} transport`);
  }
}

export class RedisStreamsPlugin extends TransportPlugin {
  constructor() {
    super('redis-streams');
  }
}

export class FileTransportPlugin extends TransportPlugin {
  constructor() {
    super('file');
  }
}

export class MemoryTransportPlugin extends TransportPlugin {
  constructor() {
    super('memory');
  }

  /** Two published switches whose features are always on. */
  protected override coreOptions(options: TransportOptions): TransportOptions {
    const { enablePatternRouting = true, enableBatching = true, ...rest } = super.coreOptions(options);
    if (enablePatternRouting !== true || enableBatching !== true) {
      throw new Unsupported('pattern routing and batching of the memory transport are always on: leave them out');
    }
    return rest;
  }
}

function documentOf(type: string, options: TransportOptions): object {
  return { service: 'transport', transports: { transport: { ...options, type } } };
}

interface FoundProblem {
  readonly path: string;
  readonly message: string;
}

function problemsOf(type: string, options: TransportOptions): FoundProblem[] {
  const prefix = '/transports/transport';
  return checkConfig(documentOf(type, options)).problems.map((problem) => ({
    ...problem,
    path: problem.path.startsWith(prefix) ? problem.path.slice(prefix.length) : problem.path,
  }));
}

function refuse(problems: readonly FoundProblem[]): void {
  if (problems.length === 0) return;
  const listed = problems.map((problem) => `\n  ${problem.path || '/'}: ${problem.message}`).join('');
  throw new ConfigurationError(`the options of the transport are wrong:${listed}`, { problems });
}

export class TransportFactory {
  readonly #plugins = new Map<string, Plugin>();

  registerPlugin(plugin: Plugin): void {
    const { name, createTransport } = (plugin ?? {}) as Partial<Plugin>;
    if (typeof name !== 'string' || name === '' || typeof createTransport !== 'function') {
      throw new ConfigurationError(
        `a plugin is ${kindOf(plugin)}, expected an object with a name and createTransport(options)`,
        { path: '/plugin' },
      );
    }
    this.#plugins.get(name)?.onUnregister?.();
    this.#plugins.set(name, plugin);
    plugin.onRegister?.();
  }

  unregisterPlugin(name: string): void {
    const plugin = this.#plugins.get(name);
    this.#plugins.delete(name);
    plugin?.onUnregister?.();
  }

  getPlugin(name: string): Plugin | undefined {
    return this.#plugins.get(name);
  }

  getAllPlugins(): Plugin[] {
    return [...this.#plugins.values()];
  }

  getSupportedTypes(): string[] {
    return [...this.#plugins.keys()];
  }

  /** Of a built-in type a Transport, of another one what its plugin makes. */
  createTransport({ type, options }: { type: string; options?: TransportOptions }): Transport | OwnTransport {
    return this.createTransportWithPlugin(type, options);
  }

  createTransportWithPlugin(name: string, options?: TransportOptions): Transport | OwnTransport {
    const plugin = this.#plugins.get(name);
    if (!plugin) {
      const known = this.getSupportedTypes().join(', ');
      throw new ConfigurationError(`no transport of type ${show(name)}; there are: ${known}`, { path: '/type' });
    }
    const isOurs = plugin instanceof TransportPlugin; // it says more by itself
    const { valid = true, errors = [] } = (!isOurs && plugin.validateConfig?.(options)) || {};
    if (!valid) {
      throw new ConfigurationError(`the options of the ${name} transport are wrong: ${errors.join('; ')}`, { path: '/options' });
    }
    const transport = plugin.createTransport(options);
    if (transport instanceof Transport || isOwnTransport(transport)) return transport;
    throw new ConfigurationError(`plugin ${name} made ${kindOf(transport)}, expected a transport`, { path: '/plugin' });
  }
}

/** A factory that knows the built-in transports. */
export function createTransportFactory(): TransportFactory {
  const factory = new TransportFactory();
  factory.registerPlugin(new MemoryTransportPlugin());
  factory.registerPlugin(new RedisStreamsPlugin());
  factory.registerPlugin(new FileTransportPlugin());
  return factory;
}
