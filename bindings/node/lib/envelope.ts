// SPDX-License-Identifier: MIT
// Envelopes made by hand, as the store holds them. publish() makes its own.

import { randomUUID } from 'node:crypto';

import { encodeJson } from './json.js';
import type { EventEnvelope } from './message.js';
import { bodyHash } from './pure.js';

const SCHEMA_VERSION = '1.0.0';

/** An envelope with a new id, the time of now and the hash of the body's JSON text. */
export function createEventEnvelope<Body>(
  type: string,
  body: Body,
  origin: string,
  originPrefix?: string,
): EventEnvelope<Body> {
  return {
    header: {
      id: randomUUID(),
      type,
      origin,
      ...(originPrefix && { originPrefix }),
      timestamp: new Date().toISOString(),
      hash: bodyHash(encodeJson(body, 'body')),
      version: SCHEMA_VERSION,
    },
    body,
  };
}
