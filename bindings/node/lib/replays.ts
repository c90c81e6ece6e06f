// SPDX-License-Identifier: MIT
// Replays: what is stored comes again, to a handler of its own, without the groups that had it noticing.

import { setTimeout as pause } from 'node:timers/promises';

import { checkOptions } from './event.js';
import { split } from './operations.js';
import type { ChangeOptions, OperationChange, StoreOptions } from './operations.js';
import type { Runtime } from './runtime.js';

/** All that are given must hold; none selects everything. */
export interface ReplayFilter {
  readonly topic?: string;
  /** A type, or a pattern. */
  readonly type?: string;
  /** When it was stored, by the server's clock: milliseconds since 1970, both included. */
  readonly since?: number;
  readonly until?: number;
  /** Offsets as receipts have them, both included. */
  readonly fromOffset?: string;
  readonly toOffset?: string;
}

export interface Replay {
  readonly id: string;
  /** The group that gets it: its own, unless a new one was named. */
  readonly group: string;
  readonly state: 'running' | 'paused' | 'done' | 'aborted';
  readonly done: number;
  readonly skipped: number;
  readonly remaining: number | null;
  /** Of get(): brought, and not handled yet. */
  readonly unhandled?: number | null;
  readonly [member: string]: unknown;
}

export interface ReplayOptions extends ChangeOptions {
  readonly group?: string;
  /** Events a second; absent: no limit. */
  readonly rate?: number;
  /** The same key is the same replay, whoever asks again. */
  readonly key?: string;
  readonly reason?: string;
}

const WATCH_MS = 250;

export class Replays {
  readonly #runtime: Runtime;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /**
   * Begins to bring again what the filter selects now, to whoever subscribes with `replay: id`. It goes on when this
   * process ends, in any other that looks at replays.
   */
  start(filter: ReplayFilter = {}, options: ReplayOptions = {}): Promise<Replay> {
    return this.#ask('replay.start', { ...checkOptions(options, 'replay.start'), filter });
  }

  /** All replays, the newest first. */
  async list(options: StoreOptions = {}): Promise<Replay[]> {
    return (await this.#ask<{ replays: Replay[] }>('replay.list', options)).replays;
  }

  /** One replay with its progress; NotFound when there is none of this id. */
  get(id: string, options: StoreOptions = {}): Promise<Replay> {
    return this.#ask('replay.get', { ...checkOptions(options, 'replay.get'), id });
  }

  /** Pauses it, lets it go on or aborts it, or changes its rate; handlers get nothing more within a second. */
  change(id: string, change: OperationChange): Promise<Replay> {
    return this.#ask('replay.set', { ...checkOptions(change, 'replay.set'), id });
  }

  /** Gives the replay every `interval` milliseconds, the last time when it has ended. */
  async *watch(id: string, options: StoreOptions & { readonly interval?: number } = {}): AsyncGenerator<Replay, void> {
    const { interval = WATCH_MS, ...wait } = options;
    for (;;) {
      const current = await this.get(id, wait);
      yield current;
      if (current.state !== 'running' && current.state !== 'paused') return;
      await pause(interval, undefined, wait.signal ? { signal: wait.signal } : {});
    }
  }

  async #ask<Answer = Replay>(method: string, options: object): Promise<Answer> {
    const { params, wait } = split(options, method);
    return this.#runtime.ask<Answer>(method, params, wait);
  }
}
