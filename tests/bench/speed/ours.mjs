// SPDX-License-Identifier: MIT
// ours.mjs ROLE CONFIG COUNT PAYLOAD - what libevents does in Node, measured; CONFIG is the JSON of one transport.

import { createEventSystem } from 'libevents';

import { BATCH, LOOKS, ageMs, atRate, main, rssMib, tellGrowth, tellLatency, tellRate } from './program.mjs';

const UNDER_WAY = 32; // batches
const AT_ONCE = UNDER_WAY * BATCH;
const OPTIONS = { group: 'bench', concurrency: 1024, from: 'earliest' };

async function withSystem(transport, work) {
  const system = createEventSystem({ service: 'bench', transports: { main: transport } });
  await system.connect();
  await work(system);
  await system.close();
}

const onStore = (role) => ({ target, ...job }) => withSystem(JSON.parse(target), (system) => role(system, job));

/** Publishes batches of the body that the payload is the text of; several are under way. */
async function publishAll(system, { count, text }) {
  const body = JSON.parse(text);
  const waiting = [];
  for (let first = 0; first < count; first += BATCH) {
    const events = Array.from({ length: Math.min(BATCH, count - first) }, () => ({ type: 'bench.tick', body }));
    waiting.push(system.publisher.publishBatch(events));
    if (waiting.length >= UNDER_WAY) await waiting.shift();
  }
  await Promise.all(waiting);
}

/** Resolves when `count` events were handled by a handler that reads the body. */
function handled(system, count, note) {
  let seen = 0;
  return new Promise((resolve, reject) => {
    const handler = async ({ body }) => {
      note?.(body);
      if (body.at && ++seen === count) resolve();
    };
    system.consumer.subscribe('bench.tick', handler, OPTIONS).catch(reject);
  });
}

async function publish(system, job) {
  const begun = performance.now();
  await publishAll(system, job);
  tellRate(job.count, begun);
}

async function oneByOne(system, { count, text }) {
  const body = JSON.parse(text);
  const begun = performance.now();
  for (let i = 0; i < count; i++) await system.publisher.publish('bench.tick', body);
  tellRate(count, begun);
}

async function consume(system, { count }) {
  const begun = performance.now();
  await handled(system, count);
  await system.drain();
  tellRate(count, begun);
}

async function latency(system, { count, text }) {
  const body = JSON.parse(text);
  const ages = [];
  const all = handled(system, count, ({ at }) => ages.push(ageMs(at)));
  await system.ready();
  await atRate(count, (at) => system.publisher.publish('bench.tick', { ...body, at }));
  await all;
  tellLatency(ages);
}

async function memory({ count, text }) {
  await withSystem({ type: 'memory' }, async (system) => {
    const all = handled(system, count);
    await system.ready();
    const begun = performance.now();
    await Promise.all([publishAll(system, { count, text }), all]);
    tellRate(count, begun);
  });
}

/** What is kept of the events after the first tenth of them; none waits in a queue for long. */
async function memoryKept({ count, text }) {
  await withSystem({ type: 'memory' }, async (system) => {
    let seen = 0;
    const looks = [];
    const all = handled(system, count, () => {
      if (++seen % Math.floor(count / LOOKS) === 0) looks.push(rssMib());
    });
    await system.ready();
    const begun = performance.now();
    for (let first = 0; first < count; first += AT_ONCE) {
      const upTo = Math.min(first + AT_ONCE, count);
      await publishAll(system, { count: upTo - first, text });
      while (seen < upTo) await new Promise(setImmediate);
    }
    await all;
    tellGrowth(count, begun, looks);
  });
}

await main({ publish: onStore(publish), 'one-by-one': onStore(oneByOne), consume: onStore(consume), latency: onStore(latency), memory,
  'memory-kept': memoryKept });
