// SPDX-License-Identifier: MIT
// system.dlq: look at dead letters, send them back, edit them, throw them away and get them back. What every
// request does: docs/requests.md. Bulk changes that survive their process: operations.ts.

import { ValidationError } from './errors.js';
import { checkOptions, show } from './event.js';
import type { EventHeader } from './message.js';
import type { ChangeOptions, RedriveOptions, StoreOptions } from './operations.js';
import type { Runtime } from './runtime.js';
import { Transfer } from './transfer.js';

/** What selects dead letters: all that is given must hold. */
export interface DeadLetterFilter {
  readonly topic?: string;
  /** With or without origin prefix, or a pattern. */
  readonly type?: string;
  readonly group?: string;
  readonly subscription?: string;
  /** Contained in the event or its error. */
  readonly text?: string;
  /** One kind of failure. */
  readonly fingerprint?: string;
  /** Of the last failure, milliseconds since 1970, both included. */
  readonly since?: number;
  readonly until?: number;
  readonly minAttempts?: number;
  /** true: those that were requeued before; false: the others. */
  readonly requeued?: boolean;
}

export interface ListOptions extends DeadLetterFilter, StoreOptions {
  readonly limit?: number;
  readonly cursor?: string;
  readonly order?: 'oldest' | 'newest';
  /** false: each has its `size` in place of body, stack and history. */
  readonly body?: boolean;
}

export interface GetOptions extends StoreOptions {
  /** Of a body of more bytes only its beginning is given. */
  readonly maxBody?: number;
  /** Look into the archive. */
  readonly archived?: boolean;
}

/** Either `ids`, or a `filter`; {} is all. */
export interface Selection extends ChangeOptions {
  readonly ids?: readonly string[];
  readonly filter?: DeadLetterFilter;
  readonly limit?: number;
}

export interface RequeueOptions extends Selection, RedriveOptions {
  /** Another body for the only one of `ids`: JSON text, or bytes. The original stays in the archive. */
  readonly edit?: string | Uint8Array;
}

export interface DiscardOptions extends Selection {
  readonly reason?: string;
  /** For good, past the archive. */
  readonly purge?: boolean;
  /** Only say what would be done. */
  readonly dryRun?: boolean;
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
  /** Only where events behind it wait until it is requeued or discarded. */
  readonly holds?: 'lane' | 'key';
  readonly note: { readonly text: string; readonly by: string; readonly at: number } | null;
  readonly [member: string]: unknown;
}

/** A part of a list; `next` is the cursor of the part after it. Only an `exhausted` list has nothing more. */
export interface Page {
  readonly items: readonly DeadLetter[];
  readonly next: string | null;
  readonly scanned: number;
  readonly exhausted: boolean;
}

export interface FailureGroup {
  readonly fingerprint: string;
  readonly count: number;
  readonly type: string;
  readonly group: string;
  readonly errorClass: string;
  readonly message: string;
  readonly lastId: string;
  readonly [member: string]: unknown;
}

export interface Count {
  readonly count: number;
  /** false: looking ended at its budget. */
  readonly exact: boolean;
  readonly byType: Readonly<Record<string, number>>;
  readonly byGroup: Readonly<Record<string, number>>;
  readonly [member: string]: unknown;
}

export interface Settled {
  readonly id: string;
  readonly outcome: string;
  readonly offset?: string;
  readonly newId?: string;
  /** Where it is, when that is not its own topic. */
  readonly topic?: string;
  readonly message?: string;
}

export class DeadLetters extends Transfer {
  /** Made by the system. */
  constructor(runtime: Runtime) {
    super(runtime);
  }

  /** Dead letters that fit, a page at a time. */
  list(options: ListOptions = {}): Promise<Page> {
    return this.ask('dlq.list', options);
  }

  /** One dead letter; NotFound when there is none of this id. */
  get(id: string, options: GetOptions = {}): Promise<DeadLetter> {
    return this.ask('dlq.get', { ...checkOptions(options, 'dlq.get'), id });
  }

  /** Kinds of failures, the newest first, counted. */
  groups(
    options: StoreOptions & { readonly topic?: string; readonly limit?: number } = {},
  ): Promise<{ groups: FailureGroup[]; groupCount: number; total: number; unindexed: number }> {
    return this.ask('dlq.groups', options);
  }

  /** How many a filter selects, by type and group. */
  count(filter: DeadLetterFilter = {}, options: StoreOptions = {}): Promise<Count> {
    return this.ask('dlq.count', { ...checkOptions(options, 'dlq.count'), filter });
  }

  /** Sends dead letters back to the group that failed; the events keep their ids, attempts start anew. */
  async requeue(options: RequeueOptions): Promise<{ requeued: number; wouldBe?: number; results: Settled[] }> {
    const { edit, ...rest } = selected(options) as RequeueOptions;
    return this.ask('dlq.requeue', edit === undefined ? rest : { ...rest, edit: editOf(edit) });
  }

  /** Moves dead letters to the archive, from where restore() brings them back; with `purge` for good. */
  async discard(options: DiscardOptions): Promise<{ discarded: number; wouldBe?: number; results: Settled[] }> {
    return this.ask('dlq.discard', selected(options));
  }

  /** What was requeued, edited or discarded, the newest first. */
  archive(options: Omit<ListOptions, 'order'> = {}): Promise<Page> {
    return this.ask('dlq.archive', options);
  }

  /** Makes discarded ones dead letters again, named by the ids that they had. */
  restore(ids: readonly string[], options: ChangeOptions = {}): Promise<{ restored: number; results: Settled[] }> {
    return this.ask('dlq.restore', { ...checkOptions(options, 'dlq.restore'), ids });
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

function editOf(edit: unknown): { body: string } | { raw: string } {
  if (typeof edit === 'string') return { body: edit };
  if (edit instanceof Uint8Array) return { raw: Buffer.from(edit).toString('base64') };
  throw new ValidationError(`edit is ${show(edit)}, expected JSON text or a Uint8Array`, { path: '/edit' });
}

