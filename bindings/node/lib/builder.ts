// SPDX-License-Identifier: MIT
// EventSystemBuilder: the configuration document by method calls, with the published names and argument orders.
// It only assembles; the core checks everything at once when the system is built.

import { ConfigurationError } from './errors.js';
import { checkOptions } from './event.js';
import { kindOf } from './json.js';
import { isOwnTransport, takeOwn } from './own.js';
import type { OwnTransport } from './own.js';
import { checkConfig } from './pure.js';
import type { ConfigCheck } from './pure.js';
import type { LogLevel, Logger } from './log.js';
import type { RoutingConfig, ValidationMode } from './router.js';
import type { SystemOptions } from './runtime.js';
import { EventSystem } from './system.js';
import { Transport, createTransportFactory } from './transports.js';
import type { TransportOptions } from './transports.js';
import type { PoisonMessageHandler } from './turn.js';

export interface BatchingConfig {
  readonly enabled?: boolean;
  readonly maxSize?: number;
  readonly maxBytes?: number;
  readonly maxWaitMs?: number;
  readonly maxConcurrentBatches?: number;
  readonly strategy?: 'time' | 'size' | 'partition';
  /** The same as `compression.algorithm` of the publisher. */
  readonly compression?: 'none' | 'zstd' | 'lz4';
}

export interface CompressionConfig {
  readonly algorithm?: 'none' | 'zstd' | 'lz4';
  readonly minBytes?: number;
  readonly level?: number;
}

export interface RetryConfig {
  readonly maxRetries?: number;
  readonly backoffStrategy?: 'fixed' | 'exponential' | 'fibonacci';
  readonly baseDelay?: number;
  readonly maxDelay?: number;
  readonly jitter?: number;
}

export interface RateLimitingConfig {
  readonly enabled?: boolean;
  readonly maxRequests?: number;
  readonly timeWindow?: number;
  readonly strategy?: 'sliding-window' | 'token-bucket';
  readonly onLimit?: 'wait' | 'reject';
  readonly scope?: 'system' | 'type' | 'topic';
}

/** A whole configuration: the document, with the published forms of transports and poison handler. */
export interface EventSystemConfig {
  readonly service: string;
  readonly transports:
    | ReadonlyMap<string, Transport | OwnTransport>
    | Readonly<Record<string, TransportOptions | Transport | OwnTransport>>;
  readonly routing?: RoutingConfig;
  readonly publisher?: {
    readonly batching?: BatchingConfig;
    readonly retry?: RetryConfig;
    readonly rateLimiting?: RateLimitingConfig;
    readonly compression?: CompressionConfig;
    readonly validationMode?: ValidationMode;
    readonly [key: string]: unknown;
  };
  readonly consumer?: {
    readonly enablePatternRouting?: boolean;
    readonly enableConsumerGroups?: boolean;
    readonly poisonMessageHandler?: PoisonMessageHandler;
    readonly validationMode?: ValidationMode;
    readonly [key: string]: unknown;
  };
  readonly validationMode?: ValidationMode;
  readonly originPrefix?: string;
  readonly origins?: readonly string[];
  readonly [key: string]: unknown;
}

type Section = Record<string, unknown>;

const factory = createTransportFactory();

/** Every method gives the builder back; build() makes a system. */
export class EventSystemBuilder {
  readonly #config: Section = {};
  readonly #transports: Record<string, TransportOptions> = {};
  #poisonHandler: PoisonMessageHandler | undefined;
  #logger: Logger | undefined;

  /** The service's name: `origin` of what it publishes, and its consumer group by default. */
  service(name: string): this {
    return this.#set('service', name);
  }

  /** The same as service(). */
  withService(name: string): this {
    return this.service(name);
  }

  /** Region or organisation, such as `eu.de`. */
  originPrefix(prefix: string): this {
    return this.#set('originPrefix', prefix);
  }

  /** The origin prefixes that subscriptions receive; '' are events without one. */
  origins(origins: readonly string[]): this {
    return this.#set('origins', origins);
  }

  /**
   * Adds a transport that a factory or a plugin made, or one that the program wrote (docs/plugins.md). `settings` are of
   * the latter: groupId, retry and so on.
   */
  addTransport(name: string, transport: Transport | OwnTransport, settings: TransportOptions = {}): this {
    if (transport instanceof Transport) return this.#addTransport(name, transportDocument(transport));
    if (!isOwnTransport(transport)) {
      throw new ConfigurationError(
        `a transport is ${kindOf(transport)}, expected one that a factory made, or an object with publish() or subscribe()`,
        { path: '/transports' },
      );
    }
    return this.#addTransport(name, { ...checkOptions(settings, 'settings'), transport });
  }

  /** Adds a transport of a type ('memory', 'file', 'redis-streams') under a name. */
  addTransportFromFactory(name: string, type: string, config: TransportOptions = {}): this {
    return this.addTransport(name, factory.createTransport({ type, options: config }));
  }

  withRedisTransport(url?: string, config: TransportOptions = {}, name = 'redis'): this {
    return this.addTransportFromFactory(name, 'redis-streams', url === undefined ? config : { ...config, url });
  }

  withFileTransport(path?: string, config: TransportOptions = {}, name = 'file'): this {
    return this.addTransportFromFactory(name, 'file', path === undefined ? config : { ...config, path });
  }

  withMemoryTransport(config: TransportOptions = {}, name = 'memory'): this {
    return this.addTransportFromFactory(name, 'memory', config);
  }

  /** Routes, topic words and what happens to events without a route. */
  routing(config: RoutingConfig): this {
    return this.#set('routing', config);
  }

  /** Collects events before they are sent. */
  enablePublisherBatching(config: BatchingConfig = {}): this {
    return this.#merge('publisher', 'batching', { enabled: true, ...checkOptions(config, 'batching') });
  }

  /** Tries again what could not be stored. */
  enablePublisherRetry(config: RetryConfig = {}): this {
    return this.#merge('publisher', 'retry', { ...checkOptions(config, 'retry') });
  }

  /** Bounds how many events are published in a time. */
  enablePublisherRateLimiting(config: RateLimitingConfig = {}): this {
    return this.#merge('publisher', 'rateLimiting', { enabled: true, ...checkOptions(config, 'rateLimiting') });
  }

  /** Stores bodies compressed, by `algorithm`: 'zstd' (the default here) or 'lz4'. */
  enablePublisherCompression(config: CompressionConfig = {}): this {
    return this.#merge('publisher', 'compression', { algorithm: 'zstd', ...checkOptions(config, 'compression') });
  }

  /** Kept for programs that move over: patterns always work. */
  enableConsumerPatternRouting(): this {
    return this.#merge('consumer', 'enablePatternRouting', true);
  }

  /** Kept for programs that move over: groups always work. */
  enableConsumerGroups(): this {
    return this.#merge('consumer', 'enableConsumerGroups', true);
  }

  /** Called with (message, error, metadata) after a message's last failed attempt. */
  setPoisonMessageHandler(handler: PoisonMessageHandler): this {
    this.#poisonHandler = checkPoisonHandler(handler);
    return this;
  }

  /** Gets what the library has to say beside its results: `console`, or a logger of that form. */
  setLogger(logger: Logger): this {
    this.#logger = checkLogger(logger);
    return this;
  }

  setValidationMode(mode: ValidationMode): this {
    return this.#set('validationMode', mode);
  }

  /** The document so far. */
  config(): Section {
    return { ...this.#config, transports: { ...this.#transports } };
  }

  /** What checkConfig() says of the document so far. */
  check(): ConfigCheck {
    return checkConfig(takeOwn(this.config()).document as object);
  }

  /** ConfigurationError lists every fault. */
  build(): EventSystem {
    const { service } = this.#config;
    if (service === undefined || service === null || (typeof service === 'string' && service.trim() === '')) {
      throw new ConfigurationError('Service name is required', { path: '/service' });
    }
    if (Object.keys(this.#transports).length === 0) {
      throw new ConfigurationError('At least one transport is required', { path: '/transports' });
    }
    return new EventSystem(this.config(), this.systemOptions({ poisonMessageHandler: this.#poisonHandler, logger: this.#logger }));
  }

  /** What a system has beside the document; another entry of the package may add to it. */
  protected systemOptions(options: SystemOptions): SystemOptions {
    return options;
  }

  #addTransport(name: string, document: TransportOptions): this {
    if (typeof name !== 'string' || name === '') {
      throw new ConfigurationError('a transport needs a name', { path: '/transports' });
    }
    if (Object.hasOwn(this.#transports, name)) {
      throw new ConfigurationError(`the transport '${name}' is there twice; give each its own name`, {
        path: `/transports/${name}`,
      });
    }
    this.#transports[name] = document;
    return this;
  }

  #set(key: string, value: unknown): this {
    this.#config[key] = value;
    return this;
  }

  #merge(section: string, key: string, value: unknown): this {
    this.#config[section] = { ...(this.#config[section] as Section | undefined), [key]: value };
    return this;
  }
}

export function createEventSystemBuilder(): EventSystemBuilder {
  return new EventSystemBuilder();
}

/** A system from one object. */
export function createEventSystem(config: EventSystemConfig): EventSystem {
  return new EventSystem(...assemble(config));
}

/** The document of a configuration in the published form, and its poison handler apart. */
export function assemble(config: EventSystemConfig): [document: Section, options: SystemOptions] {
  const { transports, consumer, ...rest } = checkOptions(config, 'the configuration') as unknown as EventSystemConfig;
  const { poisonMessageHandler, ...consumerRest } = consumer ?? {};
  if (poisonMessageHandler !== undefined) checkPoisonHandler(poisonMessageHandler);
  const document = {
    ...rest,
    transports: transportsOf(transports),
    ...(consumer && { consumer: consumerRest }),
  };
  return [document, { poisonMessageHandler }];
}

function transportsOf(transports: EventSystemConfig['transports']): unknown {
  if (typeof transports !== 'object' || transports === null) return transports;
  const entries = transports instanceof Map ? [...transports] : Object.entries(transports);
  return Object.fromEntries(
    entries.map(([name, transport]: [string, unknown]) => [
      name,
      transport instanceof Transport ? transportDocument(transport) : transport,
    ]),
  );
}

function transportDocument(transport: Transport): TransportOptions {
  return { ...transport.options, type: transport.type };
}

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

function checkLogger(logger: unknown): Logger {
  const lacks = LEVELS.find((level) => typeof (logger as Partial<Logger> | undefined)?.[level] !== 'function');
  if (lacks) throw new ConfigurationError(`the logger has no method ${lacks}`, { path: '/logger' });
  return logger as Logger;
}

function checkPoisonHandler(handler: unknown): PoisonMessageHandler {
  if (typeof handler !== 'function') {
    throw new ConfigurationError(`the poison message handler is ${kindOf(handler)}, expected a function`, {
      path: '/consumer/poisonMessageHandler',
    });
  }
  return handler as PoisonMessageHandler;
}
