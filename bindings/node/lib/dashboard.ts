// SPDX-License-Identifier: MIT
// The dashboard of a system: a web page and a REST interface within this process. The library that serves it,
// libevents-dashboard, is loaded when the first one is started.

import { existsSync } from 'node:fs';
import { join } from 'node:path';

import type { Engine } from './engine.js';
import { EventsError, Unsupported } from './errors.js';
import { checkOptions, milliseconds } from './event.js';

const LIBRARY = 'libevents-dashboard.so.0';
const STOP_MS = 10_000;

/** Options of docs/dashboard.md; the library checks them, and names every fault at once. */
export interface DashboardOptions {
  readonly host?: string;
  /** 0: a free one. */
  readonly port?: number;
  readonly basePath?: string;
  readonly title?: string;
  readonly readOnly?: boolean;
  readonly environment?: { readonly name: string; readonly color?: string };
  readonly auth?: object;
  readonly behindProxy?: boolean;
  readonly allowInsecure?: boolean;
  readonly allowedHosts?: readonly string[];
  readonly redact?: readonly string[];
  readonly [option: string]: unknown;
}

/** One that is running; it stops with its system, or by stop(). */
export class Dashboard {
  readonly #engine: Engine;
  readonly #id: number;

  constructor(
    engine: Engine,
    id: number,
    /** Where the page is. */
    readonly url: string,
  ) {
    this.#engine = engine;
    this.#id = id;
  }

  /** Stops serving; rejects with Timeout where requests are still under way after `timeout` ms. Twice is fine. */
  stop(timeout = STOP_MS): Promise<void> {
    return this.#engine.dashboardStop(this.#id, milliseconds(timeout, 'timeout'));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

export function startDashboard(engine: Engine, options: DashboardOptions): Dashboard {
  const given = checkOptions(options, 'the options of the dashboard');
  const beside = join(__dirname, '..', LIBRARY);
  try {
    const { dashboard, url } = engine.dashboardStart(existsSync(beside) ? beside : LIBRARY, given);
    return new Dashboard(engine, dashboard, url);
  } catch (cause) {
    if (cause instanceof EventsError) throw cause;
    throw new Unsupported(
      `this installation has no dashboard (${(cause as Error).message}); build libevents with civetweb (Debian: ` +
        `libcivetweb-dev) and -DEVS_DASHBOARD=ON, or install the package that has ${LIBRARY}`,
      { cause },
    );
  }
}
