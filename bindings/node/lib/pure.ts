// SPDX-License-Identifier: MIT
// The functions that need no system: patterns, types, hashes, partitions, configuration checks.

import { ValidationError } from './errors.js';
import type { Problem } from './errors.js';
import { show } from './event.js';
import { encodeJson, loneSurrogate } from './json.js';
import { native } from './native.js';
import type { Normalized } from './runtime.js';

const STRATEGIES: Readonly<Record<string, number>> = {
  fixed: native.EVS_BACKOFF_FIXED,
  exponential: native.EVS_BACKOFF_EXPONENTIAL,
  fibonacci: native.EVS_BACKOFF_FIBONACCI,
};

export interface ConfigCheck {
  readonly valid: boolean;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
  readonly normalized: Normalized | null;
}

export interface PatternOptions {
  readonly originPrefix?: string | undefined;
  /** Also allow `_` and `-`. */
  readonly extendedTypes?: boolean | undefined;
}

function checkText(value: unknown, name: string): string {
  if (typeof value !== 'string' || loneSurrogate(value) >= 0) {
    throw new ValidationError(`${name} is ${show(value)}, expected a string of whole characters`, { path: `/${name}` });
  }
  return value;
}

function checkBytes(value: unknown, name: string): string | Uint8Array {
  return value instanceof Uint8Array ? value : checkText(value, name);
}

function checkCount(value: unknown, name: string, max = Number.MAX_SAFE_INTEGER): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > max) {
    throw new ValidationError(`${name} is ${show(value)}, expected a whole number from 0 to ${max}`, { path: `/${name}` });
  }
  return value;
}

/** The version of the loaded C library. */
export function version(): string {
  return native.version();
}

/** Does a pattern match the full type, for a system with this origin prefix? */
export function matchesPattern(eventType: string, pattern: string, options: PatternOptions = {}): boolean {
  return native.patternMatches(
    checkText(pattern, 'pattern'),
    checkText(eventType, 'type'),
    checkText(options.originPrefix ?? '', 'originPrefix'),
  );
}

/** The pattern in lower case; ValidationError names the position of an offence. */
export function normalizePattern(pattern: string, options: PatternOptions = {}): string {
  const prefix = checkText(options.originPrefix ?? '', 'originPrefix');
  return native.patternNormalize(checkText(pattern, 'pattern'), prefix, options.extendedTypes ?? false);
}

/** Is this a valid event type, given without origin prefix? */
export function validateEventType(type: string, options: PatternOptions = {}): boolean {
  if (typeof type !== 'string' || loneSurrogate(type) >= 0) return false;
  return native.typeCheck(type, options.extendedTypes ?? false);
}

/** Origin prefix and type joined. */
export function getFullEventType(type: string, originPrefix?: string): string {
  return native.fullType(checkText(type, 'type'), checkText(originPrefix ?? '', 'originPrefix'));
}

export interface OriginQuery {
  readonly pattern: string;
  readonly type: string;
  readonly eventPrefix?: string | null;
  readonly originPrefix?: string | null;
  readonly origins?: readonly string[] | null;
}

/** Would a subscription receive an event, judged by pattern and origins alone? */
export function originDelivered(query: OriginQuery): boolean {
  return native.originDelivered(encodeJson(query, 'query'));
}

/** Milliseconds before retry number `retry` (from 1), without jitter. */
export function retryDelay(strategy: string, baseDelay: number, maxDelay: number, retry: number): number {
  const known = Object.hasOwn(STRATEGIES, strategy) ? STRATEGIES[strategy] : undefined;
  if (known === undefined) {
    throw new ValidationError(
      `the backoff strategy is ${show(strategy)}, expected one of ${Object.keys(STRATEGIES).join(', ')}`,
    );
  }
  return native.retryDelay(
    known,
    checkCount(baseDelay, 'baseDelay'),
    checkCount(maxDelay, 'maxDelay'),
    checkCount(retry, 'retry', 0xffffffff),
  );
}

/** SHA-256 of the exact bytes (UTF-8 of a string), 64 lower-case hex digits. */
export function bodyHash(body: string | Uint8Array): string {
  return native.bodyHash(checkBytes(body, 'body'));
}

/** The partition of a key, by Kafka's default hash. */
export function partitionForKey(key: string | Uint8Array, partitions: number): number {
  return native.partitionForKey(checkBytes(key, 'key'), checkCount(partitions, 'partitions', 0xffffffff));
}

/** The slot of a Redis Cluster key. */
export function keySlot(key: string | Uint8Array): number {
  return native.keySlot(checkBytes(key, 'key'));
}

/** Checks a configuration document without opening anything. */
export function checkConfig(config: object | string): ConfigCheck {
  const text = typeof config === 'string' ? checkText(config, 'configuration') : encodeJson(config, 'configuration');
  return JSON.parse(native.configCheck(text)) as ConfigCheck;
}
