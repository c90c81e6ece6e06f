// SPDX-License-Identifier: MIT
// What a harness has seen, and what it says where a test expected something else.

import { inspect, isDeepStrictEqual } from 'node:util';

import { Reject, RetryLater, ValidationError } from '../errors.js';
import { Message, Metadata } from '../message.js';
import type { Delivery, EventHeader, Settle } from '../message.js';
import { matchesPattern, normalizePattern } from '../pure.js';
import type { Runtime } from '../runtime.js';

const SHOWN = 20;
const HANDLED_AT_ONCE = 100_000;

export type PublishedOutcome = 'stored' | 'refused' | 'unknown';
export type HandledOutcome = 'done' | 'failed' | 'rejected' | 'later';
/** `refused` for good; `unreachable`, `full`: tried again; `unknown`: not stored; `lost`: stored, without an answer. */
export type Mishap = 'refused' | 'unreachable' | 'full' | 'unknown' | 'lost';

/**
 * `failed`: the attempt failed, behind what it did; `crashed`: its process ended before the event was acknowledged, so
 * it comes again, `attempt` as before and `deliveries` one more.
 */
export type HandlingMishap = 'failed' | 'crashed';

/** One event as it came to the transport. */
export interface Published {
  readonly type: string;
  /** undefined where it is no JSON. */
  readonly body: any;
  readonly id: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly topic: string;
  readonly partition: number | undefined;
  readonly outcome: PublishedOutcome;
  /** Milliseconds since the harness was made. */
  readonly at: number;
  readonly header: EventHeader;
  /** With the origin prefix. */
  readonly fullType: string;
}

/** One run of a handler. */
export interface Handled {
  readonly type: string;
  readonly body: any;
  readonly id: string;
  readonly attempt: number;
  readonly deliveries: number;
  readonly pattern: string;
  readonly group: string;
  readonly outcome: HandledOutcome;
  readonly error: Error | undefined;
  /** Milliseconds since the harness was made. */
  readonly at: number;
  readonly fullType: string;
}

interface Note {
  readonly type: string;
  readonly topic: string;
  readonly partition: number | null;
  readonly outcome: PublishedOutcome;
  readonly since: number;
  readonly event: { readonly header: EventHeader; readonly headers?: Record<string, string>; readonly body?: unknown };
}

interface Page {
  readonly events: readonly Note[];
  readonly next: number;
  readonly more: boolean;
}

/** Answer of the request testing.advance. */
export interface Moved {
  readonly now: number;
  readonly left: number;
  readonly next: number | null;
}

const UNSETTLED: Settle = { signal: new AbortController().signal, acknowledge: () => undefined };

/** The configuration with a memory transport, where it has none, and its clock held. */
export function rehearsalOf(config: object): object {
  const { testing, ...rest } = config as { testing?: object };
  return {
    service: 'test',
    transports: { main: { type: 'memory' } },
    ...rest,
    testing: { ...testing, holdClock: true },
  };
}

export class Notes {
  readonly #handled: Handled[] = [];
  readonly #published: Published[] = [];
  readonly #next: Map<string, number>;
  readonly #originPrefix: string;
  readonly #faults: { readonly outcome: HandlingMishap; readonly pattern: string; left: number }[] = [];
  now = 0;
  #nextDue: number | undefined;

  constructor(private readonly runtime: Runtime) {
    this.#originPrefix = runtime.normalized.originPrefix ?? '';
    this.#next = new Map(Object.keys(runtime.normalized.transports ?? {}).map((name) => [name, 0]));
  }

  // ---- time ---------------------------------------------------------------------------------------------

  /** How far the clock may go at once: to where something is due, in the library or for somebody else. */
  step(until: number, other = Infinity): number {
    return Math.max(0, Math.min(until, other, this.#nextDue ?? Infinity) - this.now);
  }

  /** Before the library is asked: its handlers may run before it has answered. */
  moves(ms: number): void {
    this.now += ms;
  }

  moved(answer: Moved): void {
    this.now = answer.now;
    this.#nextDue = answer.next === null ? undefined : answer.now + answer.next;
  }

  /** Handlers that publish what they handle never come to rest; `first`: how many had ended before. */
  checkEnd(first: number): void {
    if (this.count - first <= HANDLED_AT_ONCE) return;
    throw new Error(
      `${HANDLED_AT_ONCE} handlers ran while the clock stood still, and more wait: does one publish what it ` +
        `handles? The last was: ${shown(this.#handled.at(-1)!)}`,
    );
  }

  // ---- what was seen ------------------------------------------------------------------------------------

  get count(): number {
    return this.#handled.length;
  }

  observe(delivery: Delivery, error?: Error): void {
    const message = new Message(delivery);
    const { attempt, deliveries, matchedPattern, group } = new Metadata(delivery, UNSETTLED);
    const { originPrefix } = message.header;
    this.#handled.push({
      type: message.type,
      body: message.body,
      id: message.id,
      attempt,
      deliveries,
      pattern: matchedPattern,
      group,
      outcome: outcomeOf(error),
      error,
      at: this.now,
      fullType: originPrefix ? `${originPrefix}.${message.type}` : message.type,
    });
  }

  failHandling(outcome: HandlingMishap, pattern: string, times: number): void {
    if (outcome !== 'failed' && outcome !== 'crashed') {
      throw new ValidationError(`outcome is ${inspect(outcome)}, expected 'failed' or 'crashed'`, { path: '/outcome' });
    }
    normalizePattern(pattern, { originPrefix: this.#originPrefix });
    this.#faults.push({ outcome, pattern, left: times });
  }

  /** A handler ended well; throws what the test wants to have come of it. */
  mishap(delivery: Delivery): void {
    const { type, header } = new Message(delivery);
    const fullType = header.originPrefix ? `${header.originPrefix}.${type}` : type;
    const fault = this.#faults.find(
      ({ left, pattern }) => left > 0 && matchesPattern(fullType, pattern, { originPrefix: this.#originPrefix }),
    );
    if (!fault) return;
    fault.left--;
    throw fault.outcome === 'crashed' ? new RetryLater(0) : new Error('failed, as the test asked (failHandling)');
  }

  handled(pattern: string, outcome?: HandledOutcome): Handled[] {
    return this.#handled.filter((each) => this.#fits(each, pattern, outcome));
  }

  async published(pattern: string, outcome?: PublishedOutcome): Promise<Published[]> {
    for (const transport of this.#next.keys()) await this.#take(transport);
    return this.#published.filter((each) => this.#fits(each, pattern, outcome));
  }

  async #take(transport: string): Promise<void> {
    for (let more = true; more; ) {
      const params = { transport, from: this.#next.get(transport)! };
      const page = await this.runtime.ask<Page>('testing.published', params);
      this.#next.set(transport, page.next);
      this.#published.push(...page.events.map(publishedOf));
      more = page.more;
    }
    this.#published.sort((a, b) => a.at - b.at);
  }

  #fits(each: Published | Handled, pattern: string, outcome?: string): boolean {
    if (outcome !== undefined && each.outcome !== outcome) return false;
    return matchesPattern(each.fullType, pattern, { originPrefix: this.#originPrefix });
  }
}

function publishedOf({ type, topic, partition, outcome, since, event }: Note): Published {
  const { header, headers = {}, body } = event;
  return {
    type: header.type,
    body,
    id: header.id,
    headers,
    topic,
    partition: partition ?? undefined,
    outcome,
    at: since,
    header,
    fullType: type,
  };
}

function outcomeOf(error?: Error): HandledOutcome {
  if (!error) return 'done';
  if (error instanceof RetryLater) return 'later';
  return error instanceof Reject ? 'rejected' : 'failed';
}

/** Those that are as wanted; throws, with all that there was, unless they are so many (or any). */
export function expected<Seen extends Published | Handled>(
  verb: string,
  pattern: string,
  { body, times }: { readonly body?: unknown; readonly times?: number },
  fitting: readonly Seen[],
  all: readonly Seen[],
): Seen[] {
  const found = fitting.filter((each) => body === undefined || isDeepStrictEqual(each.body, body));
  if (times === undefined ? found.length > 0 : found.length === times) return found;
  const wanted = times === undefined ? 'at least one event' : `${times} event${times === 1 ? '' : 's'}`;
  const what = body === undefined ? `'${pattern}'` : `'${pattern}' with body ${inspect(body)}`;
  const rows = all.slice(0, SHOWN).map((each) => `  ${shown(each)}`);
  if (all.length > SHOWN) rows.push(`  and ${all.length - SHOWN} more`);
  const seen = rows.length > 0 ? rows.join('\n') : '  nothing';
  const title = verb.charAt(0).toUpperCase() + verb.slice(1);
  throw new Error(
    `expected ${wanted} to be ${verb} that match ${what}; there are ${found.length}.\n${title} were:\n${seen}`,
  );
}

function shown(each: Published | Handled): string {
  const error = 'error' in each && each.error ? ` (${each.error.name}: ${each.error.message})` : '';
  const attempt = 'attempt' in each ? ` attempt ${each.attempt},` : '';
  return `${each.at} ms: ${each.fullType} ${inspect(each.body)},${attempt} ${each.outcome}${error}`;
}
