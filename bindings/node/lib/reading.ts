// SPDX-License-Identifier: MIT
// How a subscription sees the bodies that it asked for: in the version it named, as the value its schema makes.
// Up-casters are functions of the program, so this is done here and not in the core.

import { ValidationError } from './errors.js';
import { show } from './event.js';
import { kindOf } from './json.js';
import type { Delivery, Seen } from './message.js';
import { isStandard } from './schema.js';
import type { StandardIssue, StandardSchema } from './schema.js';

/** Makes the body of the next version out of one of this version. */
export type Upcaster = (body: any) => unknown;
/** Prepares a delivery before its handler sees it; throws Unreadable. */
export type Reader = (delivery: Delivery) => Seen | undefined;

const VERSION = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/;
const PROBLEMS_SHOWN = 3;

/** The body cannot be had in the form that was asked for, and never will be: a dead letter at once. */
export class Unreadable extends Error {
  constructor(
    message: string,
    readonly errorClass = 'ValidationError',
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
  }
}

export function checkVersion(version: unknown, name: string): string {
  if (typeof version !== 'string' || !VERSION.test(version)) {
    throw new ValidationError(`${name} is ${show(version)}, expected a version such as '1.2.0'`, { path: `/${name}` });
  }
  return version;
}

/** The up-casters of one system. */
export class Casts {
  readonly #steps = new Map<string, Map<string, Upcaster>>();

  add(type: string, from: string, to: string, upcaster: Upcaster): void {
    if (typeof upcaster !== 'function') {
      throw new ValidationError(`the up-caster is ${kindOf(upcaster)}, expected a function`, { path: '/upcaster' });
    }
    const key = keyOf(type, checkVersion(from, 'from'));
    const steps = this.#steps.get(key) ?? new Map<string, Upcaster>();
    if (steps.has(checkVersion(to, 'to')) || to === from) {
      throw new ValidationError(`${type}: there is an up-caster from ${from} to ${to} already`, { path: '/to' });
    }
    this.#steps.set(key, steps.set(to, upcaster));
  }

  /** Is there one that makes bodies of this version, of any type? */
  lead(to: string): boolean {
    return [...this.#steps.values()].some((steps) => steps.has(to));
  }

  /** The shortest way from a version to another one. */
  path(type: string, from: string, to: string): Upcaster[] | undefined {
    const ways: [version: string, way: Upcaster[]][] = [[from, []]];
    const visited = new Set([from]);
    for (const [version, way] of ways) {
      if (version === to) return way;
      for (const [next, upcaster] of this.#steps.get(keyOf(type, version)) ?? []) {
        if (!visited.has(next)) ways.push([next, [...way, upcaster]]);
        visited.add(next);
      }
    }
    return undefined;
  }
}

function keyOf(type: string, version: string): string {
  return `${type.toLowerCase()} ${version}`;
}

/**
 * The reader of a subscription, if it needs one. Of a version that there are no up-casters to, the core takes care:
 * then `version` is to be given to it.
 */
export function readerOf(casts: Casts, version: string | undefined, schema: unknown): Reader | undefined {
  if (version === undefined && schema === undefined) return undefined;
  if (schema !== undefined && !isStandard(schema)) {
    throw new ValidationError(`schema is ${kindOf(schema)}, expected a Zod schema`, { path: '/schema' });
  }
  return (delivery) => {
    if (typeof delivery.raw !== 'string') throw new Unreadable(`${delivery.type}: the body is no JSON`);
    const cast = version === undefined ? undefined : inVersion(casts, delivery, version);
    if (schema === undefined) return cast;
    const body = cast ? cast.body : (JSON.parse(delivery.raw) as unknown);
    return { body: made(schema, body), version: cast?.version ?? delivery.version };
  };
}

/** The body in that version; undefined: as it was published. */
function inVersion(casts: Casts, delivery: Delivery, version: string): Seen | undefined {
  const { type, version: published } = delivery;
  const way = casts.path(type, published, version);
  if (!way) {
    // Of the same major version: who reads one reads the other.
    if (published.split('.')[0] === version.split('.')[0]) return undefined;
    throw new Unreadable(`${type}: there is no up-caster from version ${published} to ${version}`, 'NotFound');
  }
  if (way.length === 0) return undefined;
  let body = JSON.parse(delivery.raw as string) as unknown;
  for (const upcast of way) {
    try {
      body = upcast(body);
    } catch (cause) {
      const message = `${type}: an up-caster failed on version ${published}: ${String((cause as Error)?.message ?? cause)}`;
      throw new Unreadable(message, kindOf(cause), cause);
    }
  }
  return { body, version };
}

function made(schema: StandardSchema, body: unknown): unknown {
  const result = schema['~standard'].validate(body);
  if (result instanceof Promise) {
    result.catch(() => undefined);
    throw new Unreadable('the schema answers with a promise: parse in the handler instead', 'Unsupported');
  }
  if (result.issues === undefined) return result.value;
  throw new Unreadable(`the body is not what the schema says: ${told(result.issues)}`);
}

/** Paths and reasons, without the values. */
export function told(issues: readonly StandardIssue[]): string {
  const lines = issues.map(({ path = [], message }) => {
    const parts = path.map((part) => String(typeof part === 'object' ? part.key : part));
    return `/${parts.join('/')}: ${message}`;
  });
  const more = lines.length > PROBLEMS_SHOWN ? ` and ${lines.length - PROBLEMS_SHOWN} more` : '';
  return lines.slice(0, PROBLEMS_SHOWN).join('; ') + more;
}
