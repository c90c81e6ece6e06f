// SPDX-License-Identifier: MIT
// What the caller gives to publish() becomes the numbers and texts that the C side takes. Checks only what JSON
// and the border need; everything that is a rule of events is left to the core.

import { ValidationError } from './errors.js';
import { encodeJson, encodeLoosely, kindOf, loneSurrogate } from './json.js';
import { native } from './native.js';
import type { Ordering } from './router.js';

const JSON_TYPE = 'application/json';
const MAX_UINT32 = 0xffffffff;
const MAX_PARTITION = 0x7ffffffe;

export type Acknowledgement =
  'none' | 'stored' | 'fsynced' | { readonly replicated: number; readonly timeout?: number };

export interface PublishOptions {
  /** Partition key: events with the same key keep their order within a partition. */
  readonly key?: string;
  /** The same as `key`. */
  readonly partitionKey?: string;
  readonly partition?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Shorthands for headers. */
  readonly correlationId?: string;
  readonly causationId?: string;
  readonly traceId?: string;
  /** Own event id; a UUID version 7 is made where there is none. */
  readonly id?: string;
  readonly timestamp?: string | Date;
  /** Schema version of the body. */
  readonly version?: string;
  /** Of a body of bytes; `application/json` publishes the bytes as JSON text as it is. */
  readonly contentType?: string;
  /** Name of a transport, in place of what the routes say. */
  readonly transport?: string;
  /** With `transport`: it goes to this topic there, and no route is asked. */
  readonly topic?: string;
  /** With `topic`, of an event that is passed on: whose it is. */
  readonly origin?: string;
  readonly originPrefix?: string;
  /** Milliseconds until an outcome that is not known is `unknown`. */
  readonly timeout?: number;
  /** Delivered so many milliseconds after the store took it, by the store's clock. */
  readonly delay?: number;
  /** What the receipt waits for, in place of the transport's `acknowledgement`; times in milliseconds. */
  readonly acknowledgement?: Acknowledgement;
  /** Of the published library, where it does nothing either: the order is that of the topic, set by its route. */
  readonly ordering?: Ordering;
  /** Gives up waiting; an event that was handed over may be stored all the same. */
  readonly signal?: AbortSignal;
  /** Accepted for programs that come from the published library, where these have no effect either. */
  readonly priority?: number;
  readonly ttl?: number;
  /** Where batching is on: events of different batch keys are in no batch together. */
  readonly batchKey?: string;
}

/** Number of the level, replicas, how long these are waited for. */
type Level = readonly [number, number, number];

/** What publish() was told beside the type and the body. */
interface EncodedOptions {
  /** partition + 1 (0: none given), timeout in ms (0: that of the configuration), delay in ms, and the three of the level. */
  readonly numbers: readonly number[];
  readonly timeoutMs: number;
  /** contentType, headers, key, id, timestamp, version, transport, batchKey, topic, origin, originPrefix. */
  readonly texts: readonly string[];
}

/** One event, ready for the border. */
export interface OutgoingEvent {
  readonly type: string;
  /** As encodeLoosely() gives it, or bytes of another content type. */
  readonly body: string | Uint8Array;
  readonly options: EncodedOptions | undefined;
}

const KNOWN = new Set([
  'key',
  'partitionKey',
  'partition',
  'headers',
  'correlationId',
  'causationId',
  'traceId',
  'id',
  'timestamp',
  'version',
  'contentType',
  'transport',
  'topic',
  'origin',
  'originPrefix',
  'timeout',
  'delay',
  'acknowledgement',
  'ordering',
  'signal',
  'priority',
  'ttl',
  'batchKey',
]);

const ORDERINGS = new Set(['none', 'per-key', 'per-partition', 'strict']);

/** A mapping of options, or a ValidationError. */
export function checkOptions(options: unknown, what: string): Readonly<Record<string, unknown>> {
  if (options === undefined || options === null) return {};
  if (typeof options !== 'object' || Array.isArray(options)) {
    throw new ValidationError(`${what}: found ${kindOf(options)}, expected an object`, { path: '/options' });
  }
  return options as Readonly<Record<string, unknown>>;
}

export function encodeEvent(type: unknown, body: unknown, given?: PublishOptions): OutgoingEvent {
  const typeText = text(type, 'type');
  if (given === undefined) return { type: typeText, body: encodeBody(body), options: undefined };
  const options = checkOptions(given, 'the options of publish');
  refuseUnknown(options);
  const contentType = optional(options, 'contentType');
  checkOrdering(optional(options, 'ordering'));
  return { type: typeText, body: encodeBody(body, contentType), options: encodeOptions(options, contentType) };
}

function encodeOptions(options: Readonly<Record<string, unknown>>, contentType: string): EncodedOptions {
  const partition = partitionNumber(options['partition']);
  const timeoutMs = milliseconds(options['timeout'], 'timeout', { min: 1 });
  const delayMs = milliseconds(options['delay'], 'delay', { max: Number.MAX_SAFE_INTEGER });
  return {
    numbers: [partition, timeoutMs, delayMs, ...levelOf(options['acknowledgement'])],
    timeoutMs,
    texts: [
      contentType === JSON_TYPE ? '' : contentType,
      encodeHeaders(options),
      partitionKey(options),
      optional(options, 'id'),
      timestampText(options['timestamp']),
      optional(options, 'version'),
      optional(options, 'transport'),
      optional(options, 'batchKey'),
      optional(options, 'topic'),
      optional(options, 'origin'),
      optional(options, 'originPrefix'),
    ],
  };
}

const AS_CONFIGURED: Level = [0, 0, 0];
export const NO_OPTIONS = { texts: new Array<string>(11).fill('') };
const LEVELS: Readonly<Record<string, number>> = {
  none: native.EVS_ACKNOWLEDGE_NONE,
  stored: native.EVS_ACKNOWLEDGE_STORED,
  fsynced: native.EVS_ACKNOWLEDGE_FSYNCED,
};

function levelOf(given: unknown): Level {
  if (given === undefined || given === null) return AS_CONFIGURED;
  if (typeof given === 'string' && Object.hasOwn(LEVELS, given)) return [LEVELS[given]!, 0, 0];
  if (typeof given === 'object') {
    const { replicated, timeout, ...unknown } = given as Record<string, unknown>;
    const fits = Number.isInteger(replicated) && (replicated as number) >= 1 && (replicated as number) <= 100;
    if (fits && Object.keys(unknown).length === 0) {
      const wait = milliseconds(timeout, 'acknowledgement.timeout', { max: 300000 });
      return [native.EVS_ACKNOWLEDGE_REPLICATED, replicated as number, wait];
    }
  }
  throw new ValidationError(
    `acknowledgement is ${show(given)}, expected 'none', 'stored', 'fsynced' or {replicated: 1 to 100, timeout}`,
    { path: '/acknowledgement' },
  );
}

/** Whole milliseconds; 0 where none are given. */
export function milliseconds(
  value: unknown,
  name: string,
  { min = 0, max = MAX_UINT32 }: { min?: number; max?: number } = {},
): number {
  if (value === undefined || value === null) return 0;
  if (typeof value !== 'number' || !(value >= min && value <= max)) {
    throw new ValidationError(`${name} is ${show(value)}, expected milliseconds from ${min} to ${max}`, {
      path: `/${name}`,
    });
  }
  return Math.ceil(value);
}

/** A value in a message: short, and never a failure itself. */
export function show(value: unknown): string {
  if (typeof value === 'string') return `'${value.slice(0, 40).replace(/[^\x20-\x7e]/g, '?')}'`;
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  return kindOf(value);
}

function refuseUnknown(options: Readonly<Record<string, unknown>>): void {
  for (const name of Object.keys(options)) {
    if (KNOWN.has(name) || options[name] === undefined) continue;
    throw new ValidationError(`publish knows no option '${name}'; it has ${[...KNOWN].join(', ')}`, {
      path: `/options/${name}`,
    });
  }
}

function checkOrdering(word: string): void {
  if (word === '' || ORDERINGS.has(word)) return;
  throw new ValidationError(`ordering is ${show(word)}, expected ${[...ORDERINGS].join(', ')}`, {
    path: '/options/ordering',
  });
}

function encodeBody(body: unknown, contentType = ''): string | Uint8Array {
  if (body instanceof Uint8Array) return bytesOf(body, contentType);
  if (contentType !== '' && contentType !== JSON_TYPE) {
    throw new ValidationError(`the body is ${kindOf(body)}, but the content type ${show(contentType)} needs bytes`, {
      path: '/body',
    });
  }
  return body === undefined ? 'null' : encodeLoosely(body, 'body');
}

/** A copy: the caller may go on writing into its buffer. */
function bytesOf(body: Uint8Array, contentType: string): Uint8Array {
  if (contentType === '') {
    throw new ValidationError(
      `the body is ${kindOf(body)}; say what the bytes are with contentType (of JSON text: ${JSON_TYPE})`,
      { path: '/body' },
    );
  }
  if (isDetached(body)) {
    throw new ValidationError('the body is a detached buffer: its bytes were transferred away', { path: '/body' });
  }
  return Uint8Array.from(body);
}

function isDetached(bytes: Uint8Array): boolean {
  if (bytes.byteLength > 0) return false;
  try {
    bytes.buffer.slice(0, 0);
    return false;
  } catch {
    return true;
  }
}

function text(value: unknown, name: string): string {
  if (typeof value !== 'string') {
    throw new ValidationError(`${name} is ${kindOf(value)}, expected a string`, { path: `/${name}` });
  }
  const position = loneSurrogate(value);
  if (position >= 0) {
    throw new ValidationError(`${name} has a lone surrogate at position ${position}, which UTF-8 cannot carry`, {
      path: `/${name}`,
    });
  }
  return value;
}

function optional(options: Readonly<Record<string, unknown>>, name: string): string {
  const value = options[name];
  return value === undefined || value === null ? '' : text(value, name);
}

function partitionKey(options: Readonly<Record<string, unknown>>): string {
  const key = optional(options, 'key');
  const published = optional(options, 'partitionKey');
  if (key && published && key !== published) {
    throw new ValidationError('key and partitionKey mean the same, and differ', { path: '/options/partitionKey' });
  }
  return key || published;
}

function encodeHeaders(options: Readonly<Record<string, unknown>>): string {
  const shorthands = ['correlationId', 'causationId', 'traceId'].filter((name) => optional(options, name) !== '');
  const given = options['headers'];
  if ((given === undefined || given === null) && shorthands.length === 0) return '';
  const headers = { ...checkOptions(given, 'headers') };
  for (const name of shorthands) headers[name] = options[name];
  return Object.keys(headers).length === 0 ? '' : encodeJson(headers, 'headers');
}

function timestampText(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (!(value instanceof Date)) return text(value, 'timestamp');
  if (Number.isNaN(value.getTime())) {
    throw new ValidationError('timestamp is an invalid Date', { path: '/timestamp' });
  }
  return value.toISOString();
}

function partitionNumber(value: unknown): number {
  if (value === undefined || value === null) return 0;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > MAX_PARTITION) {
    throw new ValidationError(`partition is ${show(value)}, expected a whole number from 0 on`, { path: '/partition' });
  }
  return value + 1;
}
