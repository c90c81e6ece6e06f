// SPDX-License-Identifier: MIT
// What each type of transport can do, in the published form.

export interface TransportCapabilities {
  readonly supportsPublishing: boolean;
  readonly supportsSubscription: boolean;
  readonly supportsBatching: boolean;
  readonly supportsPartitioning: boolean;
  readonly supportsOrdering: boolean;
  readonly supportsPatternRouting: boolean;
  readonly supportsConsumerGroups: boolean;
  readonly supportsDeadLetterQueues: boolean;
  readonly supportsMessageRetention: boolean;
  readonly supportsMessageCompression: boolean;
  /** Bytes. */
  readonly maxMessageSize: number;
  readonly maxBatchSize: number;
  readonly maxTopics: number;
  readonly maxPartitions: number;
  readonly maxConsumerGroups: number;
  readonly supportsPersistence: boolean;
  readonly supportsReplication: boolean;
  readonly supportsFailover: boolean;
  readonly supportsTransactions: boolean;
  readonly supportsMetrics: boolean;
  readonly supportsTracing: boolean;
  readonly supportsHealthChecks: boolean;
}

const MAX_BODY = 64 * 1024 * 1024;
const MAX_PARTITIONS = 1024;

const MEMORY: TransportCapabilities = {
  supportsPublishing: true,
  supportsSubscription: true,
  supportsBatching: true,
  supportsPartitioning: true,
  supportsOrdering: true,
  supportsPatternRouting: true,
  supportsConsumerGroups: true,
  supportsDeadLetterQueues: false,
  supportsMessageRetention: false,
  supportsMessageCompression: true,
  maxMessageSize: MAX_BODY,
  maxBatchSize: Infinity,
  maxTopics: Infinity,
  maxPartitions: MAX_PARTITIONS,
  maxConsumerGroups: Infinity,
  supportsPersistence: false,
  supportsReplication: false,
  supportsFailover: false,
  supportsTransactions: false,
  supportsMetrics: true,
  supportsTracing: true,
  supportsHealthChecks: true,
};

/** By type of transport. */
export const CAPABILITIES: Readonly<Record<string, TransportCapabilities>> = {
  memory: MEMORY,
  file: { ...MEMORY, supportsDeadLetterQueues: true, supportsMessageRetention: true, supportsPersistence: true },
  'redis-streams': { ...MEMORY, supportsDeadLetterQueues: true, supportsMessageRetention: true, supportsPersistence: true },
};

/** Words of a configuration, where it says itself what a transport can do. */
const WORDS: Readonly<Record<string, keyof TransportCapabilities>> = {
  publish: 'supportsPublishing',
  subscribe: 'supportsSubscription',
  patternRouting: 'supportsPatternRouting',
  batching: 'supportsBatching',
  partitioning: 'supportsPartitioning',
  consumerGroups: 'supportsConsumerGroups',
  ordering: 'supportsOrdering',
  persistence: 'supportsPersistence',
  dlq: 'supportsDeadLetterQueues',
  retention: 'supportsMessageRetention',
  durability: 'supportsReplication',
};

/** What a transport of this type, with these options, can do. */
export function capabilitiesOf(type: string, options: object): TransportCapabilities {
  const known = CAPABILITIES[type];
  if (known) return known;
  const { capabilities } = options as { capabilities?: readonly string[] | null };
  const can = new Set((capabilities ?? ['publish', 'subscribe']).map((word) => WORDS[word]));
  const said = Object.values(WORDS).map((name) => [name, can.has(name)]);
  return { ...MEMORY, ...(Object.fromEntries(said) as Partial<TransportCapabilities>) };
}

/** Names of features, as routing configurations and validateTransportFeatures() have them. */
export const FEATURES: Readonly<Record<string, keyof TransportCapabilities>> = {
  patternRouting: 'supportsPatternRouting',
  batching: 'supportsBatching',
  partitioning: 'supportsPartitioning',
  consumerGroups: 'supportsConsumerGroups',
  retention: 'supportsMessageRetention',
};
