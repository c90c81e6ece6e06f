// SPDX-License-Identifier: MIT
// Transports by the published names: descriptions that the builder takes, and views of a running system's own.
// The C library does the work, so a transport publishes and subscribes through its system only.

import { CAPABILITIES } from './capabilities.js';
import type { TransportCapabilities } from './capabilities.js';
import { ConfigurationError, Unsupported } from './errors.js';
import { checkOptions, show } from './event.js';
import { checkConfig, version } from './pure.js';
import type { Runtime } from './runtime.js';
import type { SystemStats, TransportStatus } from './stats.js';

const VERSION = version();

export type TransportOptions = Readonly<Record<string, unknown>>;

interface RawStatus {
  readonly connected: boolean;
  readonly since?: unknown;
  readonly lastError?: unknown;
  readonly nextTry?: unknown;
  readonly heldBack?: TransportStatus['heldBack'];
}

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

/** One transport of a system, or, not yet part of one, its description. */
export class Transport {
  readonly #runtime: Runtime | undefined;

  constructor(
    readonly name: string,
    readonly type: string,
    /** As the configuration takes them. */
    readonly options: TransportOptions = {},
    runtime?: Runtime,
  ) {
    this.#runtime = runtime;
    // A password among the options must not come into logs by the way.
    Object.defineProperty(this, 'options', { enumerable: false });
  }

  get capabilities(): TransportCapabilities {
    return CAPABILITIES[this.type]!;
  }

  isConnected(): boolean {
    return this.#status().connected;
  }

  async getStatus(): Promise<TransportStatus> {
    const { connected, since, lastError, nextTry, heldBack } = this.#status();
    const uptime = this.#runtime ? this.#stats().uptime : 0;
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

  connect(): Promise<never> {
    return Promise.reject(throughSystem('connect'));
  }

  disconnect(): Promise<never> {
    return Promise.reject(throughSystem('close'));
  }

  close(): Promise<never> {
    return Promise.reject(throughSystem('close'));
  }

  publish(_topic: string, _message: unknown, _options?: unknown): Promise<never> {
    return Promise.reject(throughSystem('publisher.publish'));
  }

  subscribe(_topic: string, _handler: unknown, _options?: unknown): Promise<never> {
    return Promise.reject(throughSystem('consumer.subscribe'));
  }

  unsubscribe(_topic: string): Promise<never> {
    return Promise.reject(throughSystem('consumer.unsubscribe'));
  }

  #status(): RawStatus {
    if (!this.#runtime || this.#runtime.engine.isReleased) return { connected: false };
    const { transports } = JSON.parse(this.#runtime.engine.status()) as { transports: Record<string, RawStatus> };
    return transports[this.name] ?? { connected: false };
  }

  #stats(): SystemStats {
    if (!this.#runtime) throw throughSystem('stats');
    return JSON.parse(this.#runtime.engine.stats()) as SystemStats;
  }
}

function throughSystem(method: string): Unsupported {
  return new Unsupported(`a transport is used through its system: call system.${method}()`);
}

/** What makes transports of one type. */
export class TransportPlugin {
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
  readonly #plugins = new Map<string, TransportPlugin>();

  registerPlugin(plugin: TransportPlugin): void {
    if (!(plugin instanceof TransportPlugin)) {
      throw new Unsupported('plugins written in JavaScript are not built yet; there are memory, redis-streams and file');
    }
    this.#plugins.set(plugin.name, plugin);
  }

  unregisterPlugin(name: string): void {
    this.#plugins.delete(name);
  }

  getPlugin(name: string): TransportPlugin | undefined {
    return this.#plugins.get(name);
  }

  getAllPlugins(): TransportPlugin[] {
    return [...this.#plugins.values()];
  }

  getSupportedTypes(): string[] {
    return [...this.#plugins.keys()];
  }

  createTransport({ type, options }: { type: string; options?: TransportOptions }): Transport {
    return this.createTransportWithPlugin(type, options);
  }

  createTransportWithPlugin(name: string, options?: TransportOptions): Transport {
    const plugin = this.#plugins.get(name);
    if (!plugin) {
      const known = this.getSupportedTypes().join(', ');
      throw new ConfigurationError(`no transport of type ${show(name)}; there are: ${known}`, { path: '/type' });
    }
    return plugin.createTransport(options);
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
