// SPDX-License-Identifier: MIT
// system.dlq: look at dead letters, send them back, throw them away.

import { ValidationError } from './errors.js';
import { checkOptions } from './event.js';
import type { EventHeader } from './message.js';
import type { RequestOptions, Runtime } from './runtime.js';

/** What selects dead letters. */
export interface DeadLetterFilter {
  readonly topic?: string;
  /** With or without origin prefix, or a pattern. */
  readonly type?: string;
  readonly group?: string;
  /** Contained in the event or its error. */
  readonly text?: string;
}

export interface ListOptions extends DeadLetterFilter, RequestOptions {
  readonly limit?: number;
  readonly cursor?: string;
  readonly transport?: string;
}

/** Either `ids`, or `filter`; the members of a filter may also stand beside `ids`' place directly. */
export interface Selection extends RequestOptions {
  readonly ids?: readonly string[];
  readonly filter?: DeadLetterFilter;
  readonly limit?: number;
  readonly transport?: string;
}

export interface RequeueOptions extends Selection {
  /** Send the event to every group, not only to the one that failed. */
  readonly allGroups?: boolean;
}

export interface DeadLetter {
  readonly id: string;
  readonly originalId: string;
  readonly topic: string;
  readonly partition: number | null;
  readonly group: string;
  readonly subscription: string;
  readonly header: EventHeader;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly error: { readonly class: string; readonly message: string; readonly stack: string };
  readonly attempts: number;
  readonly fingerprint: string;
  readonly requeueCount: number;
  readonly [member: string]: unknown;
}

export interface Settled {
  readonly id: string;
  readonly outcome: string;
  readonly offset?: string;
  readonly message?: string;
}

export class DeadLetters {
  readonly #runtime: Runtime;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** Dead letters that fit, a page at a time; `next` is the cursor of the page after it, or null. */
  list(options: ListOptions = {}): Promise<{ items: DeadLetter[]; next: string | null }> {
    return this.#ask('dlq.list', options);
  }

  /** One dead letter; NotFound when there is none of this id. */
  get(id: string, options: RequestOptions & { readonly transport?: string } = {}): Promise<DeadLetter> {
    return this.#ask('dlq.get', { ...options, id });
  }

  /** Sends dead letters back to the group that failed. */
  async requeue(options: RequeueOptions): Promise<{ requeued: number; results: Settled[] }> {
    return this.#ask('dlq.requeue', selected(options));
  }

  /** Throws dead letters away for good. */
  async discard(options: Selection): Promise<{ discarded: number; results: Settled[] }> {
    return this.#ask('dlq.discard', selected(options));
  }

  async #ask<Answer>(method: string, options: object): Promise<Answer> {
    const { timeout, signal, ...params } = checkOptions(options, method) as RequestOptions;
    return this.#runtime.ask<Answer>(method, params, {
      ...(timeout !== undefined && { timeout }),
      ...(signal && { signal }),
    });
  }
}

/** Without ids or filter every dead letter would be meant: that has to be said. */
function selected(options: Selection): Selection {
  const { ids, filter } = checkOptions(options, 'the selection');
  if ((ids === undefined) === (filter === undefined)) {
    throw new ValidationError('give either ids: […] or filter: {…} ({} for all)');
  }
  return options;
}
