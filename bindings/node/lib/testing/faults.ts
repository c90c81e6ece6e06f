// SPDX-License-Identifier: MIT
// The entry `libevents/testing/faults`: what goes wrong between a program and its store, on demand. FaultProxy
// breaks connections, frozen() stops a process for a while, crashAfter() ends it between a handler and its
// acknowledgement, deliveredTwice() brings events again that were handled. See docs/testing.md.

import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { RetryLater } from '../errors.js';
import type { Message, Metadata } from '../message.js';
import type { MessageHandler } from '../turn.js';

export { FaultProxy } from './proxy.js';
export type { Cut, CutOptions, Incident } from './proxy.js';

const STOP_MS = 10_000;
const LOOK_MS = 1;

/** While `act` runs the process stands still, as one does that is swapped out; then it goes on. */
export async function frozen<Result>(pid: number, act: () => Result | Promise<Result>): Promise<Result> {
  process.kill(pid, 'SIGSTOP');
  try {
    await stopped(pid);
    return await act();
  } finally {
    resume(pid);
  }
}

async function stopped(pid: number): Promise<void> {
  const deadline = performance.now() + STOP_MS;
  while (!readdirSync(`/proc/${pid}/task`).every((task) => isStopped(`/proc/${pid}/task/${task}/stat`))) {
    if (performance.now() > deadline) throw new Error(`process ${pid} did not stop within ${STOP_MS} ms of SIGSTOP`);
    await sleep(LOOK_MS);
  }
}

function isStopped(path: string): boolean {
  const text = readFileSync(path, 'utf8');
  return /^ [Tt]/.test(text.slice(text.lastIndexOf(')') + 1));
}

function resume(pid: number): void {
  try {
    process.kill(pid, 'SIGCONT');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

type Condition = (message: Message, metadata: Metadata) => boolean;

/**
 * The handler, but the process is killed when it has ended well and before that is acknowledged. `when` says after
 * which events; by default, after any that is delivered for the first time.
 */
export function crashAfter(handler: MessageHandler, options: { readonly when?: Condition } = {}): MessageHandler {
  const { when = (_message, metadata) => metadata.deliveries <= 1 } = options;
  return followedBy(handler, (message, metadata) => {
    if (when(message, metadata)) process.kill(process.pid, 'SIGKILL');
  });
}

/**
 * The handler, but each event that it has handled comes again, as after an acknowledgement that was lost. An event
 * is delivered `times` times in all, however often it fails besides.
 */
export function deliveredTwice(handler: MessageHandler, options: { readonly times?: number } = {}): MessageHandler {
  const { times = 2 } = options;
  const handled = new Map<string, number>();
  return followedBy(handler, (message) => {
    const count = (handled.get(message.id) ?? 0) + 1;
    handled.set(message.id, count);
    if (count < times) throw new RetryLater(0);
  });
}

function followedBy(handler: MessageHandler, fault: (message: Message, metadata: Metadata) => void): MessageHandler {
  return async (message, metadata, matchedPattern) => {
    await handler(message, metadata, matchedPattern);
    fault(message, metadata);
  };
}
