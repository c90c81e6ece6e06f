#!/usr/bin/env node
// SPDX-License-Identifier: MIT
// Forwards selected events to the webhook, by one HTTP request each; the demo's program in Node.
//
// A refused connection or an answer other than 2xx is a failed attempt: the library retries it, and after the
// last attempt the event is a dead letter. Each attempt is in handled-forwarder.jsonl. Its name and the types that
// it takes are in the plan that the orchestrator wrote.

import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { createEventSystemBuilder } from 'libevents';

import { Ledger, monotonic, writeState } from './ledger.mjs';

const TIMEOUT_MS = 5000;
// Small, so that dead letters come about while the webhook is still down: 3 attempts within a second.
const OPTIONS = { concurrency: 8, maxRetries: 2, retry: { backoffStrategy: 'exponential', baseDelay: 200 } };

/** The webhook answered, but not with success. */
class WebhookError extends Error {
  name = 'WebhookError';
}

/** The status of the answer; rejects when there was none. */
function post(url, id, content) {
  const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(content), 'X-Event-Id': id };
  // A connection each: one that was kept could be closed by the webhook just when it is used again.
  const options = { method: 'POST', headers, agent: false, signal: AbortSignal.timeout(TIMEOUT_MS) };
  return new Promise((resolve, reject) => {
    const sent = request(url, options, (answer) => {
      answer.resume().once('error', reject).once('end', () => resolve(answer.statusCode));
    });
    sent.once('error', reject).end(content);
  });
}

/** A handler that sends to `url` and records each attempt. */
function forwardTo(url, ledger) {
  return async ({ id, type, body }, { attempt }) => {
    const about = { id, type, attempt, started: monotonic() };
    let status;
    try {
      status = await post(url, id, JSON.stringify({ id, type, body }));
    } catch (error) {
      ledger.write({ ...about, error: error.code ?? error.name, outcome: 'failed' });
      throw error;
    }
    const isSuccess = status >= 200 && status <= 299;
    ledger.write({ ...about, status, outcome: isSuccess ? 'ok' : 'failed' });
    if (!isSuccess) throw new WebhookError(`webhook down: ${status}`);
  };
}

/** Resolves when this program is to stop: on SIGTERM, and when the orchestrator is gone (its standard input ends). */
function toldToStop() {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, resolve);
    if (!process.stdin.isTTY) process.stdin.once('end', resolve).resume();
  });
}

const { values } = parseArgs({ options: { dir: { type: 'string' }, store: { type: 'string' }, webhook: { type: 'string' } } });
const stop = toldToStop();
const plan = JSON.parse(readFileSync(join(values.dir, 'demo.json'), 'utf8'));
const { ledger, types } = plan.groups[plan.forwarder];
const handler = forwardTo(values.webhook, new Ledger(join(values.dir, ledger)));

const builder = createEventSystemBuilder().service(plan.forwarder);
const isServer = values.store.startsWith('redis://');
const system = (isServer ? builder.withRedisTransport(values.store) : builder.withFileTransport(values.store)).build();
await system.connect();
for (const type of types) await system.consumer.subscribe(type, handler, OPTIONS);
await system.ready();
writeState(values.dir, 'forwarder', { ready: true });
await stop;
await system.close();
process.stdin.destroy(); // else it keeps the process
