// SPDX-License-Identifier: MIT
// libevents: publish, route, consume, retry, dead-letter and requeue events.

export { EventSystemBuilder, createEventSystem, createEventSystemBuilder } from './builder.js';
export type { BatchingConfig, CompressionConfig, EventSystemConfig, RateLimitingConfig, RetryConfig } from './builder.js';
export type { TransportCapabilities } from './capabilities.js';
export { EventConsumer, Subscription } from './consumer.js';
export type { RetryOptions, SubscribeOptions, SubscriptionInfo } from './consumer.js';
export { Dashboard } from './dashboard.js';
export type { DashboardOptions } from './dashboard.js';
export { DeadLetters } from './dlq.js';
export { Replays } from './replays.js';
export type { Replay, ReplayFilter, ReplayOptions } from './replays.js';
export type {
  Count,
  DeadLetter,
  DeadLetterFilter,
  DiscardOptions,
  FailureGroup,
  GetOptions,
  ListOptions,
  Page,
  RequeueOptions,
  Selection,
  Settled,
} from './dlq.js';
export { createEventEnvelope } from './envelope.js';
export {
  ArgumentError,
  Closed,
  ConfigurationError,
  Conflict,
  EventsError,
  Forked,
  InternalError,
  NotFound,
  OutOfMemory,
  PublishTimeout,
  QueueFull,
  RateLimited,
  Reject,
  RetryLater,
  RoutingError,
  Timeout,
  TransportError,
  Unsupported,
  ValidationError,
} from './errors.js';
export type { ErrorDetails, Problem } from './errors.js';
export type { Acknowledgement, PublishOptions } from './event.js';
export { rawJson } from './json.js';
export type { BatchHandler } from './batches.js';
export type { LogLevel, LogRecord, Logger } from './log.js';
export { Message, Metadata } from './message.js';
export type { AcknowledgementLevel, EventEnvelope, EventHeader, Outcome, Receipt, Requeue, Validation } from './message.js';
export type {
  ChangeOptions,
  Operation,
  OperationChange,
  RedriveOptions,
  StartOptions,
  StoreOptions,
} from './operations.js';
export type { ImportedLine, ImportOptions } from './transfer.js';
export { StoredMessage } from './own.js';
export type {
  GivenMessage,
  MessagePlace,
  OwnHandler,
  OwnPublishOptions,
  OwnSubscribeOptions,
  OwnTransport,
} from './own.js';
export { EventPublisher } from './publisher.js';
export type { BatchEvent } from './publisher.js';
export {
  bodyHash,
  checkConfig,
  getFullEventType,
  keySlot,
  matchesPattern,
  normalizePattern,
  originDelivered,
  partitionForKey,
  retryDelay,
  validateEventType,
  version,
} from './pure.js';
export type { ConfigCheck, OriginQuery, PatternOptions } from './pure.js';
export { EventRouter, createBasicRoutingConfig, createEventRouter, defaultRoutingConfig } from './router.js';
export type {
  EventRoute,
  ExplainOptions,
  Explanation,
  OnDeadLetter,
  Ordering,
  RoutingConfig,
  RoutingValidationResult,
  ValidationMode,
} from './router.js';
export type { Upcaster } from './reading.js';
export type { RequestOptions, SystemOptions } from './runtime.js';
export { Schema } from './schema.js';
export type {
  BasicOutput,
  CompatOptions,
  CompatReason,
  Compatibility,
  SchemaDocument,
  SchemaOptions,
  SchemaProblem,
  SchemaSource,
  StandardSchema,
} from './schema.js';
export { Schemas } from './schemas.js';
export type {
  BodyVerdict,
  CompatibilityMode,
  RegisterOptions,
  Registration,
  SchemaVersion,
  TypeRules,
  ValidateOptions,
} from './schemas.js';
export { createConsumer, createPublisher } from './standalone.js';
export type {
  ConsumerStats,
  EventSystemStatus,
  LabelStats,
  Labels,
  Latency,
  PublisherStats,
  Rate,
  SystemHealth,
  SystemStats,
  TransportStatus,
} from './stats.js';
export { MessageStream } from './stream.js';
export { EventSystem } from './system.js';
export type {
  CancelledDelayed,
  Conservation,
  DelayedEvent,
  DelayedPage,
  DoctorOptions,
  DoctorReport,
  Finding,
  Paused,
} from './system.js';
export {
  FileTransportPlugin,
  MemoryTransportPlugin,
  RedisStreamsPlugin,
  Transport,
  TransportFactory,
  TransportPlugin,
  createTransportFactory,
} from './transports.js';
export type { EnvelopeLike, Plugin, TransportMetrics, TransportOptions } from './transports.js';
export type { MessageHandler, PoisonMessageHandler } from './turn.js';
export { DefaultEventValidator, createEventValidator } from './validator.js';
export type { EventValidator, ValidationResult } from './validator.js';
