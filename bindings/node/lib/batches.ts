// SPDX-License-Identifier: MIT
// Handlers that take a list of events. For the turn of the loop each event has a handler of its own, which ends
// with the outcome that the list gave it: so time limits, retries and dead letters are those of single events.

import { ValidationError } from './errors.js';
import type { Message, Metadata } from './message.js';
import type { MessageHandler } from './turn.js';

/**
 * Gets messages and their metadata, in lists of the same length. What it gives is nothing where all were handled, or
 * a list: an error (also Reject, RetryLater) for each event that was not, anything else for those that were. When it
 * throws, all have failed.
 */
export type BatchHandler<Body = any> = (messages: Message<Body>[], metadata: Metadata[]) => unknown;

interface Item {
  readonly message: Message;
  readonly metadata: Metadata;
  resolve(): void;
  reject(error: unknown): void;
}

/** The handler of single events that collects what comes in one turn, up to `size`. */
export function inBatches(handler: BatchHandler, size: number, concurrency: number): MessageHandler {
  const waiting: Item[] = [];
  let running = 0;
  let isScheduled = false;

  async function run(items: Item[]): Promise<void> {
    try {
      settle(items, await handler(items.map(({ message }) => message), items.map(({ metadata }) => metadata)));
    } catch (error) {
      for (const item of items) item.reject(error);
    } finally {
      running--;
      begin();
    }
  }

  function begin(): void {
    isScheduled = false;
    while (waiting.length > 0 && running < concurrency) {
      running++;
      void run(waiting.splice(0, size));
    }
  }

  return (message, metadata) =>
    new Promise<void>((resolve, reject) => {
      waiting.push({ message, metadata, resolve, reject });
      if (isScheduled) return;
      isScheduled = true;
      queueMicrotask(begin);
    });
}

function settle(items: readonly Item[], outcomes: unknown): void {
  if (outcomes !== undefined && outcomes !== null && (!Array.isArray(outcomes) || outcomes.length !== items.length)) {
    throw new ValidationError(`a handler of ${items.length} events gave no list of ${items.length} outcomes`);
  }
  items.forEach((item, index) => {
    const outcome: unknown = (outcomes as readonly unknown[] | undefined | null)?.[index];
    if (outcome instanceof Error) item.reject(outcome);
    else item.resolve();
  });
}
