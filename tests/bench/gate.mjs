// SPDX-License-Identifier: MIT
// gate.mjs - what gate.py measures of Node: publishing and handling many events on the Redis server whose URL is the
// first argument, and by how much a timer of the event loop comes late meanwhile. Prints one line of JSON.

import { createEventSystem } from 'libevents';

const EVENTS = 100_000;
const TASKS = 500; // so many publishes are awaited, or handlers run, at the same time
const TICK_MS = 10;

/** Seconds that `work` takes, its result, and the 99th percentile of a 10 ms timer's lateness, in milliseconds. */
async function measure(work) {
  const late = [];
  let due = performance.now() + TICK_MS;
  const tick = () => {
    const now = performance.now();
    late.push(Math.max(0, now - due));
    due = now + TICK_MS;
    timer = setTimeout(tick, TICK_MS);
  };
  let timer = setTimeout(tick, TICK_MS);
  const begun = performance.now();
  const events = await work();
  const seconds = (performance.now() - begun) / 1000;
  clearTimeout(timer);
  late.sort((a, b) => a - b);
  return { events, seconds, late99: late[Math.floor(late.length * 0.99)] ?? 0 };
}

/** Awaits every publish; gives how many were reported as stored. */
async function publishAll({ publisher }) {
  let next = 0;
  let stored = 0;
  const task = async () => {
    while (next < EVENTS) {
      const { outcome } = await publisher.publish('node.tick', { number: next++ });
      if (outcome === 'stored') stored++;
    }
  };
  await Promise.all(Array.from({ length: TASKS }, task));
  return stored;
}

/** Handles everything that is in the store; gives how many different events that were. */
async function handleAll(system) {
  const seen = new Set();
  let whenAll;
  const all = new Promise((resolve) => (whenAll = resolve));
  await system.consumer.subscribe('node.tick', async ({ body }) => {
    if (seen.add(body.number).size === EVENTS) whenAll();
  }, { concurrency: TASKS, from: 'earliest' });
  await all;
  await system.drain();
  return seen.size;
}

const system = createEventSystem({ service: 'gate', transports: { main: { type: 'redis-streams', url: process.argv[2] } } });
await system.connect();
console.log(JSON.stringify({ publish: await measure(() => publishAll(system)), handle: await measure(() => handleAll(system)) }));
await system.close();
