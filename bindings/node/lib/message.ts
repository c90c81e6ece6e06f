// SPDX-License-Identifier: MIT
// What a handler receives and what a publish gives back. Both are views over a copied record: texts are split
// when a field is asked for, the body is parsed at most once. Nothing here refers to memory of the C library.

import { withReceipt } from './errors.js';
import type { EventsError } from './errors.js';
import type { Batch } from './native.js';
import type { SchemaProblem } from './schema.js';

/** The texts of a message, in the order of message_texts() in ../src/bind_poll.c. */
const enum Field {
  Id,
  Type,
  Timestamp,
  Hash,
  Headers,
  Offset,
  Requeue,
  ContentType,
  Validation,
}

/** Those that most messages of a batch have in common, in the order of message_place() there. */
const enum Shared {
  Origin,
  OriginPrefix,
  Version,
  Transport,
  Topic,
  Group,
  Consumer,
  Pattern,
}

const MESSAGE_NUMBERS = 7;

/** What a handler sees in place of what was published. */
export interface Seen {
  readonly body: unknown;
  readonly version: string;
}

/** One delivery, shared by its Message and its Metadata. */
export class Delivery {
  readonly subscription: number;
  readonly id: number;
  readonly attempt: number;
  readonly deliveries: number;
  readonly handlerTimeoutMs: number;
  readonly partition: number;
  /** Where the subscription asked for it. */
  seen: Seen | undefined;
  #texts: string | string[];
  #headers: Readonly<Record<string, string>> | undefined;

  constructor(
    numbers: Float64Array,
    row: number,
    texts: string,
    readonly raw: string | Buffer,
    private readonly shared: readonly string[],
  ) {
    this.subscription = numbers[row]!;
    this.id = numbers[row + 1]!;
    this.attempt = numbers[row + 2]!;
    this.deliveries = numbers[row + 3]!;
    this.handlerTimeoutMs = numbers[row + 4]!;
    this.partition = numbers[row + 5]!;
    this.#texts = texts;
  }

  text(field: Field): string {
    if (typeof this.#texts === 'string') this.#texts = this.#texts.split('\0');
    return this.#texts[field]!;
  }

  common(field: Shared): string {
    return this.shared[field]!;
  }

  get type(): string {
    return this.text(Field.Type);
  }

  get version(): string {
    return this.common(Shared.Version);
  }

  get pattern(): string {
    return this.common(Shared.Pattern);
  }

  get headers(): Readonly<Record<string, string>> {
    this.#headers ??= JSON.parse(this.text(Field.Headers) || '{}') as Record<string, string>;
    return this.#headers;
  }
}

/** The header of an event's envelope. */
export interface EventHeader {
  readonly id: string;
  /** Without the origin prefix. */
  readonly type: string;
  /** The publisher's service. */
  readonly origin: string;
  readonly originPrefix?: string;
  /** RFC 3339, as the publisher set it. */
  readonly timestamp: string;
  /** SHA-256 of the body's bytes. */
  readonly hash: string;
  /** Schema version of the body; the one that the subscription asked for, where it did. */
  readonly version: string;
}

export interface EventEnvelope<Body = any> {
  readonly header: EventHeader;
  readonly body: Body;
}

const UNPARSED = Symbol('unparsed');

/** One event: its header and its body. */
export class Message<Body = any> implements EventEnvelope<Body> {
  readonly #delivery: Delivery;
  #body: unknown = UNPARSED;
  #header: EventHeader | undefined;

  constructor(delivery: Delivery) {
    this.#delivery = delivery;
  }

  get header(): EventHeader {
    return (this.#header ??= this.#readHeader());
  }

  #readHeader(): EventHeader {
    const delivery = this.#delivery;
    const originPrefix = delivery.common(Shared.OriginPrefix);
    return {
      id: delivery.text(Field.Id),
      type: delivery.text(Field.Type),
      origin: delivery.common(Shared.Origin),
      ...(originPrefix && { originPrefix }),
      timestamp: delivery.text(Field.Timestamp),
      hash: delivery.text(Field.Hash),
      version: delivery.seen?.version ?? delivery.version,
    };
  }

  /**
   * The JSON value, parsed once; the bytes themselves where a content type other than JSON is set. In the version and
   * form that the subscription asked for, where it did.
   */
  get body(): Body {
    if (this.#body === UNPARSED) {
      const { raw, seen } = this.#delivery;
      if (seen) this.#body = seen.body;
      else this.#body = typeof raw === 'string' ? JSON.parse(raw) : raw;
    }
    return this.#body as Body;
  }

  /** The exact JSON text of the body as it was published, with all digits of its numbers; of other content, the bytes as UTF-8. */
  get bodyText(): string {
    const { raw } = this.#delivery;
    return typeof raw === 'string' ? raw : raw.toString();
  }

  get id(): string {
    return this.#delivery.text(Field.Id);
  }

  get type(): string {
    return this.#delivery.text(Field.Type);
  }

  get headers(): Readonly<Record<string, string>> {
    return this.#delivery.headers;
  }

  get contentType(): string {
    return this.#delivery.text(Field.ContentType) || 'application/json';
  }

  toJSON(): { header: EventHeader; headers: Readonly<Record<string, string>>; body: Body } {
    return { header: this.header, headers: this.headers, body: this.body };
  }
}

/** {group, from, count} of an event that an operator requeued. */
export interface Requeue {
  readonly group?: string;
  readonly from: string;
  readonly count: number;
}

/** Why a body is not valid, where validationMode `warn` lets it through. */
export interface Validation {
  readonly type: string;
  readonly version: string;
  readonly errors: readonly SchemaProblem[];
  readonly [member: string]: unknown;
}

/** How an event came here. */
export class Metadata {
  readonly #delivery: Delivery;
  readonly #settle: Settle;

  constructor(delivery: Delivery, settle: Settle) {
    this.#delivery = delivery;
    this.#settle = settle;
  }

  get transport(): string {
    return this.#delivery.common(Shared.Transport);
  }

  get topic(): string {
    return this.#delivery.common(Shared.Topic);
  }

  get partition(): number | undefined {
    return this.#delivery.partition >= 0 ? this.#delivery.partition : undefined;
  }

  /** The store's position of the entry. */
  get offset(): string {
    return this.#delivery.text(Field.Offset);
  }

  /** When it was published, in milliseconds since 1970. */
  get timestamp(): number {
    return Date.parse(this.#delivery.text(Field.Timestamp));
  }

  get headers(): Readonly<Record<string, string>> {
    return this.#delivery.headers;
  }

  /** The subscription's pattern, as the library normalised it. */
  get matchedPattern(): string {
    return this.#delivery.pattern;
  }

  get correlationId(): string | undefined {
    return this.headers['correlationId'];
  }

  get causationId(): string | undefined {
    return this.headers['causationId'];
  }

  get traceparent(): string | undefined {
    return this.headers['traceparent'];
  }

  get traceId(): string | undefined {
    return this.headers['traceId'] ?? this.traceparent?.split('-')[1];
  }

  get group(): string {
    return this.#delivery.common(Shared.Group);
  }

  get consumer(): string {
    return this.#delivery.common(Shared.Consumer);
  }

  /** From 1: failures so far + 1. A crash does not raise it. */
  get attempt(): number {
    return this.#delivery.attempt;
  }

  /** Deliveries of the entry as the store counts them. */
  get deliveries(): number {
    return this.#delivery.deliveries;
  }

  get requeue(): Requeue | undefined {
    const came = this.#cameAgain();
    return came && 'replay' in came ? undefined : came;
  }

  /** Of an event that a replay brought: which, and where the event is stored. */
  get replay(): { readonly id: string; readonly offset: string } | undefined {
    const came = this.#cameAgain();
    return came && 'replay' in came ? { id: came.replay, offset: came.offset } : undefined;
  }

  /** What is wrong with the body by its schema; undefined: nothing, or nothing was checked. */
  get validation(): Validation | undefined {
    const text = this.#delivery.text(Field.Validation);
    return text ? (JSON.parse(text) as Validation) : undefined;
  }

  #cameAgain(): Requeue | { readonly replay: string; readonly offset: string } | undefined {
    const text = this.#delivery.text(Field.Requeue);
    return text ? (JSON.parse(text) as Requeue | { replay: string; offset: string }) : undefined;
  }

  /** Aborted when the handler's time is up, and when closing has reached its deadline. */
  get signal(): AbortSignal {
    return this.#settle.signal;
  }

  /** With `ack: 'manual'`: the event was handled. Later calls change nothing. */
  acknowledge(): void {
    this.#settle.acknowledge();
  }
}

/** How one delivery ends; see turn.ts. */
export interface Settle {
  readonly signal: AbortSignal;
  acknowledge(): void;
}

export type Outcome = 'stored' | 'refused' | 'unknown';

export type AcknowledgementLevel = 'none' | 'stored' | 'replicated' | 'fsynced';

/** The outcome of one published event. */
export interface Receipt {
  readonly id: string;
  readonly outcome: Outcome;
  readonly transport: string;
  readonly topic: string;
  readonly partition: number | null;
  readonly offset: string;
  readonly attempts: number;
  /** What was reached; null where nothing is known. */
  readonly acknowledgement: AcknowledgementLevel | null;
  /** The store had an event of this id already, at this offset. */
  readonly duplicate: boolean;
  readonly error?: EventsError;
}

/** The receipt of an event that never left this process, or whose outcome nobody will report. */
export function receiptOf(error: EventsError, outcome: Outcome): Receipt {
  const nowhere = { transport: '', topic: '', partition: null, offset: '' };
  const receipt = { id: '', outcome, ...nowhere, attempts: 0, acknowledgement: null, duplicate: false };
  return { ...receipt, error: withReceipt(error, receipt) };
}

export function deliveriesOf(batch: Batch): Delivery[] {
  const { messageNumbers: numbers, messageTexts: texts } = batch;
  const places = batch.messagePlaces.map((joined) => joined.split('\0'));
  const deliveries: Delivery[] = [];
  for (let index = 0, row = 0; row < numbers.length; index += 2, row += MESSAGE_NUMBERS) {
    const shared = places[numbers[row + MESSAGE_NUMBERS - 1]!]!;
    deliveries.push(new Delivery(numbers, row, texts[index] as string, texts[index + 1]!, shared));
  }
  return deliveries;
}
