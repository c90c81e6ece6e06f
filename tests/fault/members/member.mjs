// SPDX-License-Identifier: MIT
// member.mjs - the member program in Node: reads its job (tests/fault/README.md), writes its ledger, publishes or
// handles events until it is told to stop. It does the same as c/member.c and member.py.

import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { createEventSystem } from 'libevents';

class Refused extends Error {
  name = 'Refused';
}

// What `throw` throws, one after the other.
const THROWN = [new Refused('an error'), 'a text', undefined, null, 42, Object.create(null)];
const JSON_TYPE = 'application/json';
const SIGNALS = { segv: 'SIGSEGV', abort: 'SIGABRT', kill: 'SIGKILL' };

const job = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const consume = job.consume;
const ledger = openSync(join(job.folder, `${job.name}.ledger`), 'a', 0o600);
let runs = 0;

const now = () => Number(process.hrtime.bigint()) / 1e9;

function write(what, fields = {}) {
  const line = Buffer.from(`${JSON.stringify({ what, ...fields, t: now() })}\n`);
  if (writeSync(ledger, line) !== line.length) throw new Error('a line of the ledger was written in part');
}

/** Leaves a mark that outlives the process; false where it was there. */
function mark(id, number) {
  try {
    closeSync(openSync(join(job.folder, 'marks', `${id}.${number}`), 'wx', 0o600));
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    return false;
  }
  return true;
}

/** Does the action concern this attempt? Its number says how many do, -1 all. */
function isDue(what, name, attempt) {
  const times = what[name] ?? 0;
  return times < 0 || attempt <= times;
}

/** Ends the process at this moment of a run, as often as the event says. */
function die(what, moment, id) {
  if (!what.die || (what.at ?? 'start') !== moment) return;
  for (let time = 1; time <= what.times; time++) {
    if (!mark(id, time)) continue;
    process.kill(process.pid, SIGNALS[what.die]);
    for (;;); // until the signal is there
  }
}

async function handle(message, { attempt, deliveries }) {
  if (consume.cheat) return;
  const what = message.body.do ?? {};
  const run = ++runs;
  write('start', { run, id: message.id, attempt, deliveries, body: message.bodyText });
  const delay = (consume.delay ?? 0) + (what.sleep ?? 0);
  if (delay) await pause(delay);
  die(what, 'start', message.id);
  if (isDue(what, 'hang', attempt)) await new Promise(() => {});
  for (const name of ['fail', 'throw']) {
    if (!isDue(what, name, attempt)) continue;
    write('end', { run, ok: false });
    throw name === 'fail' ? new Refused('on purpose') : THROWN[(attempt - 1) % THROWN.length];
  }
  for (let time = 1; time <= (what.fail_in_all ?? 0); time++) {
    if (!mark(message.id, time)) continue;
    write('end', { run, ok: false });
    throw new Refused('once more');
  }
  const isDone = Boolean(consume.inbox) && !mark(message.id, 0);
  write('end', { run, ok: true, skipped: isDone });
  if (!isDone) die(what, 'end', message.id);
}

/** Sends once; gives back those whose outcome nobody knows. */
async function send(system, batch) {
  for (const line of batch) write('sending', line);
  const receipts = await system.publisher.publishBatch(
    batch.map(({ body, type, id, key }) => ({ type, body: Buffer.from(body), contentType: JSON_TYPE, id, key })),
  );
  receipts.forEach(({ outcome, error }, at) => {
    write('sent', { id: batch[at].id, outcome, message: String(error ?? '') });
  });
  return batch.filter((_, at) => receipts[at].outcome === 'unknown');
}

async function publish(system, { events, batch: size, pause: ms, again }) {
  const lines = readFileSync(events, 'utf8').split('\n').filter(Boolean);
  for (let at = 0; at < lines.length && !isStopping; at += size) {
    let batch = lines.slice(at, at + size).map((line) => JSON.parse(line));
    do batch = await send(system, batch);
    while (again && batch.length > 0 && !isStopping);
    if (ms) await pause(ms);
  }
  write('done');
}

let isStopping = false;
const stopping = new Promise((resolve) => process.once('SIGTERM', resolve)).then(() => (isStopping = true));

const system = createEventSystem(job.config);
if (consume) await system.consumer.subscribe(consume.pattern, handle, consume.options);
await system.connect({ timeout: 60_000 });
await system.ready({ timeout: 60_000 });
write('ready', { pid: process.pid });
if (job.publish) await publish(system, job.publish);
if (consume) await stopping;
write('stats', { asked: now(), stats: system.stats() });
await system.close(job.closeDeadline);
write('closed');
process.exit(0); // a handler that hangs would keep the process
