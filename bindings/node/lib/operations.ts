// SPDX-License-Identifier: MIT
// Bulk changes of dead letters as operations that survive their process, and the log of all changes: a part of
// system.dlq.

import { setTimeout as pause } from 'node:timers/promises';

import type { DeadLetterFilter } from './dlq.js';
import { checkOptions } from './event.js';
import type { RequestOptions, Runtime } from './runtime.js';

/** Which transport is asked; the first one that keeps events where none is named. */
export interface StoreOptions extends RequestOptions {
  readonly transport?: string;
}

export interface ChangeOptions extends StoreOptions {
  /** For whom: goes to the archive and to the log. */
  readonly actor?: string;
}

export interface Operation {
  readonly id: string;
  readonly kind: 'requeue' | 'discard' | 'restore';
  /** `stopped`: by a rule of its own, which `stopped` names; `dry`: nothing was begun. */
  readonly state: 'running' | 'paused' | 'done' | 'aborted' | 'stopped' | 'dry';
  readonly done: number;
  readonly skipped: number;
  readonly failed: number;
  readonly remaining: number | null;
  /** Died again of what was requeued; null where nobody looks at it. */
  readonly again: number | null;
  readonly stopped: { readonly rule: 'canary' | 'outcomeTimeout' | 'share'; readonly message: string } | null;
  readonly [member: string]: unknown;
}

/** Whereto, and how often: of requeueing. */
export interface RedriveOptions extends ChangeOptions {
  /** Send the event to every group, not only to the one that failed. */
  readonly allGroups?: boolean;
  /** Another topic, or one of its partitions: `<topic>:<partition>`. */
  readonly to?: string;
  /** That topic may be new. */
  readonly create?: boolean;
  /** What came back so often is refused (10), unless with `force`. */
  readonly maxRedrives?: number;
  readonly force?: boolean;
  /** Only say what would be done. */
  readonly dryRun?: boolean;
}

export interface StartOptions extends RedriveOptions {
  /** Letters a second; absent: no limit. */
  readonly rate?: number;
  /** The same key is the same operation, whoever asks again. */
  readonly key?: string;
  readonly reason?: string;
  /** The first ones have to succeed within `outcomeTimeout` milliseconds (60,000) before the rest goes. */
  readonly canary?: { readonly count: number; readonly outcomeTimeout?: number };
  /** It stops itself when more than this share of at least so many letters (20) dies again. */
  readonly stop?: { readonly share: number; readonly least?: number };
}

export interface OperationChange extends ChangeOptions {
  readonly state?: 'running' | 'paused' | 'aborted';
  /** null: no limit. */
  readonly rate?: number | null;
}

const WATCH_MS = 250;

/** Splits what a caller gives into arguments of the request and how to wait for its answer. */
export function split(options: unknown, what: string): { params: object; wait: RequestOptions } {
  const { timeout, signal, ...params } = checkOptions(options, what) as RequestOptions;
  return { params, wait: { ...(timeout !== undefined && { timeout }), ...(signal && { signal }) } };
}

export class Operations {
  readonly #runtime: Runtime;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /**
   * Begins to requeue, discard or restore all that the filter selects now. It goes on when this process ends, in
   * any other that looks at operations.
   */
  start(kind: Operation['kind'], filter: DeadLetterFilter, options: StartOptions = {}): Promise<Operation> {
    return this.ask('operations.start', { ...checkOptions(options, 'operations.start'), kind, filter });
  }

  /** All operations, the newest first. */
  async operations(options: StoreOptions = {}): Promise<Operation[]> {
    return (await this.ask<{ operations: Operation[] }>('operations.list', options)).operations;
  }

  /** One operation with its progress; NotFound when there is none of this id. */
  operation(id: string, options: StoreOptions = {}): Promise<Operation> {
    return this.ask('operations.get', { ...checkOptions(options, 'operations.get'), id });
  }

  /** Pauses it, lets it go on or aborts it, or changes its rate. */
  changeOperation(id: string, change: OperationChange): Promise<Operation> {
    return this.ask('operations.set', { ...checkOptions(change, 'operations.set'), id });
  }

  /** Gives the operation every `interval` milliseconds, the last time when it has ended. */
  async *watch(id: string, options: StoreOptions & { readonly interval?: number } = {}): AsyncGenerator<Operation, void> {
    const { interval = WATCH_MS, ...wait } = options;
    for (;;) {
      const current = await this.operation(id, wait);
      yield current;
      if (current.state !== 'running' && current.state !== 'paused') return;
      await pause(interval, undefined, wait.signal ? { signal: wait.signal } : {});
    }
  }

  /** Who changed what, the newest first. */
  log(
    options: StoreOptions & { readonly limit?: number; readonly cursor?: string } = {},
  ): Promise<{ items: Record<string, unknown>[]; next: string | null }> {
    return this.ask('audit', options);
  }

  protected async ask<Answer>(method: string, options: object): Promise<Answer> {
    const { params, wait } = split(options, method);
    return this.#runtime.ask<Answer>(method, params, wait);
  }
}
