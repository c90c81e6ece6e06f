// SPDX-License-Identifier: MIT
// Publishes and handles so many events (the argument), and says how much memory it had early and at the end.
//
// Memory is what the operating system has to give to the process: its resident size, which holds JavaScript's heap,
// what the C library and the addon allocated, and what malloc keeps though nobody uses it. It breathes by a MiB
// or two, as the collector takes and returns pages and as malloc's free lists fill: so each look collects first,
// and a tenth of the run counts by the smallest of its ten looks. What is kept for good cannot hide from that.

import { createEventSystem } from 'libevents';

const EVENTS = Number(process.argv[2]);
const BATCH = 1000;
const LOOKS = 10;
const COLLECTIONS = 5; // what one collection has found to be garbage, a later one gives back

function look() {
  for (let count = 0; count < COLLECTIONS; count++) globalThis.gc();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { resident: rss, javascript: heapUsed + external };
}

function smallest(looks) {
  return looks.reduce((least, seen) => (seen.resident < least.resident ? seen : least));
}

const system = createEventSystem({ service: 'shop', transports: { main: { type: 'memory' } } });
await system.connect();
let handled = 0;
await system.consumer.subscribe('a.*', async () => void handled++, { concurrency: BATCH });

// Batch by batch, since a queue that was long once is memory that the C library's allocator keeps.
let published = 0;
async function tenth() {
  const looks = [];
  for (const end = published + EVENTS / 10; published < end; ) {
    await system.publisher.publishBatch('a.b', Array.from({ length: BATCH }, (_, index) => ({ index })));
    published += BATCH;
    while (handled < published) await new Promise((resolve) => setImmediate(resolve));
    if (published % (EVENTS / 10 / LOOKS) === 0) looks.push(look());
  }
  return smallest(looks);
}

await tenth();
const early = await tenth();
let late;
while (published < EVENTS) late = await tenth();
console.log(JSON.stringify({ handled, early, late }));
await system.close();
