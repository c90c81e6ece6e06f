// SPDX-License-Identifier: MIT
// Delivers an event twice and compares what the handler left behind after each time.

import { inspect, isDeepStrictEqual } from 'node:util';

import type { Notes, Published } from './notes.js';

const DIFFERENCES_SHOWN = 10;

interface Look {
  readonly snapshot: unknown;
  readonly published: readonly Published[];
}

export class Twice {
  readonly #looks: Look[] = [];
  #seen = 0;

  constructor(
    private readonly notes: Notes,
    private readonly snapshot: (() => unknown) | undefined,
  ) {}

  get count(): number {
    return this.#looks.length;
  }

  /** What is there when the first delivery begins belongs to none. */
  async skip(): Promise<void> {
    this.#seen = (await this.notes.published('*')).length;
  }

  /** Once a delivery was handled. */
  async look(): Promise<void> {
    const snapshot: unknown = structuredClone(await this.snapshot?.());
    const all = await this.notes.published('*');
    this.#looks.push({ snapshot, published: all.slice(this.#seen) });
    this.#seen = all.length;
  }

  /** Throws what the second delivery changed. */
  judge(type: string): void {
    const [first, second] = this.#looks;
    if (!first || !second) {
      throw new Error(`${type} was handled ${this.count} times, not twice: does the handler's pattern match it?`);
    }
    const known = new Set(first.published.map(({ id }) => id));
    const found = [
      ...differences(first.snapshot, second.snapshot),
      ...second.published
        .filter(({ id }) => !known.has(id))
        .map(
          (event) =>
            `published ${event.type} ${inspect(event.body)} as a new event ${event.id}: give it an id that follows ` +
            'from the event that is handled',
        ),
    ];
    if (found.length === 0) return;
    const rows = found.slice(0, DIFFERENCES_SHOWN).join('\n  ');
    throw new Error(`the handler of ${type} is not idempotent; its second delivery\n  ${rows}`);
  }
}

/** What changed, each with its place. */
export function differences(first: unknown, second: unknown, path = ''): string[] {
  if (isDeepStrictEqual(first, second)) return [];
  if (isRecord(first) && isRecord(second) && Array.isArray(first) === Array.isArray(second)) {
    const keys = new Set([...Object.keys(first), ...Object.keys(second)]);
    return [...keys].flatMap((key) => member(first, second, key, path ? `${path}.${key}` : key));
  }
  return [`changed ${path || 'the snapshot'} from ${inspect(first)} to ${inspect(second)}`];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && (Array.isArray(value) || isPlain(value));
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function member(first: Record<string, unknown>, second: Record<string, unknown>, key: string, path: string): string[] {
  if (!(key in second)) return [`removed ${path}, which was ${inspect(first[key])}`];
  if (!(key in first)) return [`added ${path} = ${inspect(second[key])}`];
  return differences(first[key], second[key], path);
}
