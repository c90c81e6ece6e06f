// SPDX-License-Identifier: MIT
// system.router, and routers without a system: what would become of an event. The code that routes answers.

import { Engine } from './engine.js';
import { ConfigurationError } from './errors.js';
import { encodeJson } from './json.js';
import { matchesPattern, normalizePattern, validateEventType } from './pure.js';
import { CAPABILITIES, FEATURES } from './capabilities.js';
import type { TransportCapabilities } from './capabilities.js';

export type ValidationMode = 'strict' | 'warn' | 'ignore';

export type Ordering = 'none' | 'per-key' | 'per-partition' | 'strict';
export type OnDeadLetter = 'block' | 'skip' | 'park-key';

export interface EventRoute {
  readonly name?: string;
  readonly pattern: string;
  readonly transport?: string;
  readonly transports?: readonly string[];
  readonly priority?: number;
  readonly topic?: string;
  readonly partitions?: number;
  readonly partitionKey?: 'keyed' | 'roundRobin';
  /** Order in which the events of its topics are handled. */
  readonly ordering?: Ordering;
  /** What a dead letter of an ordered topic means for the events behind it. */
  readonly onDeadLetter?: OnDeadLetter;
  readonly enabled?: boolean;
  /** The published shape; its members count as the route's own. */
  readonly options?: {
    readonly topic?: string;
    readonly partition?: number;
    readonly ordering?: Ordering;
    readonly retention?: { readonly maxAge?: number; readonly maxSize?: number; readonly maxMessages?: number };
  };
}

export interface RoutingConfig {
  readonly routes?: readonly EventRoute[];
  readonly validationMode?: ValidationMode;
  readonly originPrefix?: string;
  /** Pattern to topic word; the first that matches at any origin wins. */
  readonly topicMapping?: Readonly<Record<string, string>>;
  readonly defaultTopicStrategy?: 'namespace' | 'custom';
  readonly customTopicWord?: string;
  readonly topicSuffix?: string;
  readonly extendedTypes?: boolean;
  readonly defaultTransport?: string | null;
  readonly enablePatternRouting?: boolean;
  readonly enableBatching?: boolean;
  readonly enablePartitioning?: boolean;
  readonly enableConsumerGroups?: boolean;
}

export interface Explanation {
  readonly type: string;
  readonly fullType: string;
  readonly topic: string;
  readonly topicRule: string;
  readonly transports: readonly string[];
  readonly partition: number | null;
  readonly schema: string | null;
  readonly routes: readonly {
    readonly name: string | null;
    readonly pattern: string;
    readonly matched: boolean;
    readonly reason: string;
  }[];
  readonly subscriptions: readonly { readonly name: string; readonly group: string }[];
}

export interface ExplainOptions {
  readonly originPrefix?: string;
  /** Judges subscriptions with a filter of headers; without it they are told with their `filter`. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly key?: string;
}

export interface RoutingValidationResult {
  readonly valid: boolean;
  readonly warnings: readonly string[];
  readonly errors: readonly string[];
  readonly unsupportedFeatures: readonly string[];
}

/** What the routes are worth, by their places in the configuration (docs/requests.md#coverage). */
export interface RouteCoverage {
  readonly neverHit: readonly number[];
  readonly shadowed: readonly { readonly route: number; readonly by: number; readonly because: string }[];
  readonly overlapping: readonly { readonly route: number; readonly with: number; readonly decidedBy: string }[];
  /** Type → how many events of it no route took. */
  readonly unmatched: Readonly<Record<string, number>>;
  readonly examined: number;
  readonly routes: readonly Record<string, unknown>[];
}

export class EventRouter {
  readonly #engine: Engine;
  #config: RoutingConfig;
  readonly #originPrefix: string;
  readonly #capabilities: Map<string, TransportCapabilities>;

  /** Made by the system, or by createEventRouter(). */
  constructor(
    engine: Engine,
    config: RoutingConfig,
    originPrefix: string,
    capabilities: ReadonlyMap<string, TransportCapabilities>,
  ) {
    this.#engine = engine;
    this.#config = config;
    this.#originPrefix = originPrefix;
    this.#capabilities = new Map(capabilities);
  }

  /** Called by the system when it works by another configuration. */
  follow(config: RoutingConfig): void {
    this.#config = config;
  }

  /**
   * The whole decision for an event: topic and by which rule, transports, partition, every route and why it won
   * or lost, the subscriptions of this process that would receive it.
   */
  explain(type: string, options: ExplainOptions = {}): Explanation {
    return JSON.parse(this.#engine.explain({ ...options, type })) as Explanation;
  }

  resolveTopic(eventType: string): string {
    return this.explain(eventType).topic;
  }

  /** Does a pattern of this system match the full type? */
  matchesPattern(eventType: string, pattern: string): boolean {
    return matchesPattern(eventType, pattern, { originPrefix: this.#originPrefix });
  }

  validateEventType(eventType: string): boolean {
    return validateEventType(eventType, { extendedTypes: this.#config.extendedTypes });
  }

  /** The pattern in lower case, or a ValidationError that names the position of an offence. */
  validateAndNormalizePattern(pattern: string): string {
    const { extendedTypes } = this.#config;
    return normalizePattern(pattern, { originPrefix: this.#originPrefix, extendedTypes });
  }

  normalizeEventType(eventType: string): string {
    return eventType.toLowerCase();
  }

  getRoutesForTransport(transport: string): EventRoute[] {
    return (this.#config.routes ?? []).filter((route) => transportsOf(route).includes(transport));
  }

  getConfiguredTransports(): string[] {
    return [...new Set((this.#config.routes ?? []).flatMap(transportsOf))];
  }

  updateTransportCapabilities(transport: string, capabilities: TransportCapabilities): void {
    this.#capabilities.set(transport, capabilities);
  }

  removeTransportCapabilities(transport: string): void {
    this.#capabilities.delete(transport);
  }

  /** Has a transport these features: patternRouting, batching, partitioning, consumerGroups? */
  validateTransportFeatures(transport: string, features: readonly string[]): RoutingValidationResult {
    const capabilities = this.#capabilities.get(transport);
    if (!capabilities) {
      const errors = [`no transport '${transport}'; there are: ${[...this.#capabilities.keys()].join(', ')}`];
      return { valid: false, warnings: [], errors, unsupportedFeatures: [...features] };
    }
    const warnings = features.filter((feature) => !(feature in FEATURES)).map((feature) => `unknown feature '${feature}'`);
    const unsupportedFeatures = features.filter((feature) => feature in FEATURES && !capabilities[FEATURES[feature]!]);
    const errors = unsupportedFeatures.map((feature) => `the transport '${transport}' has no ${feature}`);
    return { valid: errors.length === 0, warnings, errors, unsupportedFeatures };
  }
}

function transportsOf(route: EventRoute): readonly string[] {
  return route.transports ?? (route.transport === undefined ? [] : [route.transport]);
}

/**
 * A router of its own. It asks an unconnected system that has the named transports, which is freed when nobody
 * can reach the router any more.
 */
export function createEventRouter(
  config: RoutingConfig,
  transportCapabilities: ReadonlyMap<string, TransportCapabilities> = new Map(),
): EventRouter {
  const { originPrefix, ...routing } = config;
  const named = [...transportCapabilities.keys(), ...(routing.routes ?? []).flatMap(transportsOf)];
  if (routing.defaultTransport) named.push(routing.defaultTransport);
  const names = named.length > 0 ? new Set(named) : ['default'];
  const transports = Object.fromEntries([...names].map((name) => [name, { type: 'memory' }]));
  const prefix = originPrefix === undefined ? {} : { originPrefix };
  const engine = new Engine(encodeJson({ service: 'router', transports, routing, ...prefix }, 'configuration'));
  const capabilities = new Map([...names].map((name) => [name, CAPABILITIES['memory']!]));
  for (const [name, given] of transportCapabilities) capabilities.set(name, given);
  const router = new EventRouter(engine, config, originPrefix ?? '', capabilities);
  checkFeatures(router, config);
  return router;
}

/** A feature that is asked for and that no routed transport has is an error. */
function checkFeatures(router: EventRouter, config: RoutingConfig): void {
  const wanted = Object.keys(FEATURES).filter((feature) => {
    const option = `enable${feature[0]!.toUpperCase()}${feature.slice(1)}` as keyof RoutingConfig;
    return config[option] === true;
  });
  const transports = router.getConfiguredTransports();
  const missing = wanted.filter(
    (feature) =>
      transports.length > 0 && !transports.some((name) => router.validateTransportFeatures(name, [feature]).valid),
  );
  if (missing.length > 0) {
    throw new ConfigurationError(`Invalid routing configuration: no routed transport has ${missing.join(', ')}`, {
      path: '/routing',
      problems: missing.map((feature) => ({ path: '/routing', message: `no routed transport has ${feature}` })),
    });
  }
}

/** A routing configuration with the published defaults. */
export function createBasicRoutingConfig(
  routes: readonly EventRoute[],
  validationMode: ValidationMode = 'warn',
  originPrefix?: string,
  topicMapping: Readonly<Record<string, string>> = {},
  defaultTopicStrategy: 'namespace' | 'custom' = 'namespace',
  customTopicWord?: string,
): RoutingConfig {
  return {
    ...defaultRoutingConfig,
    routes,
    validationMode,
    ...(originPrefix !== undefined && { originPrefix }),
    topicMapping,
    defaultTopicStrategy,
    ...(customTopicWord !== undefined && { customTopicWord }),
  };
}

export const defaultRoutingConfig: RoutingConfig = Object.freeze({
  routes: [],
  validationMode: 'warn',
  topicMapping: {},
  defaultTopicStrategy: 'namespace',
  enablePatternRouting: false,
  enableBatching: false,
  enablePartitioning: false,
  enableConsumerGroups: false,
});
