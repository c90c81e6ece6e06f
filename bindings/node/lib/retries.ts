// SPDX-License-Identifier: MIT
// How often a subscription is retried; the core decides, this only tells when an attempt was the last one.

import type { Normalized } from './runtime.js';

const DEFAULT_RETRIES = 3;

interface Level {
  readonly maxRetries?: unknown;
  readonly retry?: { readonly maxRetries?: unknown };
}

/** The subscription's own option, else the consumer's, else its transport's. */
export function maxRetriesOf(normalized: Normalized, options: Readonly<Record<string, unknown>>): number {
  const transports = normalized.transports ?? {};
  const transport = String(options['transport'] ?? Object.keys(transports)[0] ?? '');
  const levels = [options, normalized.consumer, transports[transport]] as (Level | undefined)[];
  for (const level of levels) {
    for (const value of [level?.maxRetries, level?.retry?.maxRetries]) {
      if (typeof value === 'number') return value;
    }
  }
  return DEFAULT_RETRIES;
}
