// SPDX-License-Identifier: MIT
// The shape of statistics and status; docs/statistics.md says what each number counts.

/** A number a second; while there was no whole minute, of what there was. */
export interface Rate {
  readonly second: number;
  readonly minute: number;
  readonly fiveMinutes: number;
}

/** Of one type, topic, transport or subscription; what was not counted is not there. */
export interface LabelStats {
  readonly rate?: Rate;
  readonly lastError?: string;
  readonly lastErrorTime?: number;
  readonly [count: string]: number | string | Rate | undefined;
}

export type Labels = Readonly<Record<string, LabelStats>>;

/** Times in milliseconds. */
export interface Latency {
  readonly count: number;
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

export interface PublisherStats {
  readonly totalMessagesSent: number;
  readonly totalMessagesSentByType: Readonly<Record<string, number>>;
  readonly totalMessagesSentByTopic: Readonly<Record<string, number>>;
  readonly totalMessagesSentByTransport: Readonly<Record<string, number>>;
  readonly totalBytesSent: number;
  readonly totalBatchesSent: number;
  readonly failedMessages: number;
  readonly retriedMessages: number;
  readonly invalidMessages: number;
  readonly rateLimitedMessages: number;
  readonly averageLatency: number;
  readonly latency: Latency;
  /** Events in what was handed to a transport at once. */
  readonly batchSizes: Latency;
  readonly byType: Labels;
  readonly byTopic: Labels;
  readonly byTransport: Labels;
  readonly rates: Readonly<Record<'sent' | 'failed', Rate>>;
  readonly lastError?: string;
  readonly lastErrorTime?: string;
}

export interface ConsumerStats {
  readonly totalMessagesReceived: number;
  readonly totalMessagesReceivedByType: Readonly<Record<string, number>>;
  readonly totalMessagesReceivedByTopic: Readonly<Record<string, number>>;
  readonly totalMessagesReceivedByTransport: Readonly<Record<string, number>>;
  readonly handledMessages: number;
  readonly acknowledgedMessages: number;
  readonly failedMessages: number;
  readonly retriedMessages: number;
  readonly timedOutMessages: number;
  readonly deadLetteredMessages: number;
  readonly poisonMessages: number;
  readonly filteredMessages: number;
  readonly unmatchedMessages: number;
  readonly averageProcessingTime: number;
  readonly processingTime: Latency;
  readonly endToEnd: Latency;
  readonly byType: Labels;
  readonly byTopic: Labels;
  readonly byTransport: Labels;
  readonly bySubscription: Labels;
  readonly rates: Readonly<Record<'received' | 'acknowledged' | 'failed' | 'retried' | 'deadLettered', Rate>>;
  readonly lastError?: string;
  readonly lastErrorTime?: string;
  readonly lastMessageTime?: string;
  readonly [counter: string]: unknown;
}

export interface SystemStats {
  readonly publisher: PublisherStats;
  readonly consumer: ConsumerStats;
  readonly inFlight: number;
  readonly health: SystemHealth;
  readonly uptime: number;
  readonly version: string;
  readonly [part: string]: unknown;
}

export interface TransportStatus {
  readonly connected: boolean;
  readonly healthy: boolean;
  readonly lastError?: string;
  readonly since?: unknown;
  readonly nextTry?: unknown;
  /** While the store takes no events: since when (ms since 1970), and why. */
  readonly heldBack?: { readonly since: number; readonly reason: string };
  readonly uptime: number;
  readonly version: string;
}

export interface SystemHealth {
  /** The I/O thread has its pulse. */
  readonly live: boolean;
  /** Events can be published and reach handlers. */
  readonly ready: boolean;
  /** Why not. */
  readonly reasons: readonly string[];
}

export interface EventSystemStatus extends SystemHealth {
  readonly connected: boolean;
  readonly healthy: boolean;
  readonly state: string;
  readonly transports: ReadonlyMap<string, TransportStatus>;
  readonly publisher: PublisherStats;
  readonly consumer: ConsumerStats;
  /** Seconds. */
  readonly uptime: number;
  readonly version: string;
}

/** Of one transport, as the core gives it. */
export interface RawStatus {
  readonly connected: boolean;
  readonly since?: unknown;
  readonly lastError?: unknown;
  readonly nextTry?: unknown;
  readonly heldBack?: TransportStatus['heldBack'];
}

export interface RawSystemStatus extends SystemHealth {
  readonly connected: boolean;
  readonly healthy: boolean;
  readonly state: string;
  readonly transports: Readonly<Record<string, RawStatus>>;
}
