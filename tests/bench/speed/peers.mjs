// SPDX-License-Identifier: MIT
// peers.mjs ROLE URL COUNT ENTRY - the same jobs by ioredis, node-redis and BullMQ, set as their documentation says for
// speed, and what emitters of events and expressions do in memory; ENTRY is the text of one stored event.

import { Queue, Worker } from 'bullmq';
import eventemitter2 from 'eventemitter2';
import { EventEmitter as EventEmitter3 } from 'eventemitter3';
import { Redis } from 'ioredis';
import { createClient } from 'redis';

import { BATCH, ageMs, atRate, main, tellLatency, tellRate } from './program.mjs';

const STREAM = 'stream:{bench-events}';
const GROUP = 'bench-ioredis';
const UNDER_WAY = 4; // pipelines
const READ_COUNT = 500;
const BLOCK_MS = 10_000;

const withIo = (role) => async ({ target, ...job }) => {
  const redis = new Redis(target);
  await role(redis, job);
  redis.disconnect();
};

/** Awaits `send(size)` for batches of the whole, several under way at a time. */
async function inBatches(count, send) {
  const waiting = [];
  for (let first = 0; first < count; first += BATCH) {
    waiting.push(send(Math.min(BATCH, count - first)));
    if (waiting.length >= UNDER_WAY) await waiting.shift();
  }
  await Promise.all(waiting);
}

async function ioPublish(redis, { count, text }) {
  const begun = performance.now();
  await inBatches(count, async (size) => {
    const pipeline = redis.pipeline();
    for (let i = 0; i < size; i++) pipeline.xadd(STREAM, '*', 'data', text);
    for (const [error] of await pipeline.exec()) if (error) throw error;
  });
  tellRate(count, begun);
}

async function ioOneByOne(redis, { count, text }) {
  const begun = performance.now();
  for (let i = 0; i < count; i++) await redis.xadd(STREAM, '*', 'data', text);
  tellRate(count, begun);
}

/** Reads, parses, handles and acknowledges until `count` were handled. */
async function ioConsumeAll(redis, count, handler) {
  for (let seen = 0; seen < count;) {
    const answer = await redis.xreadgroup('GROUP', GROUP, 'c', 'COUNT', READ_COUNT, 'BLOCK', BLOCK_MS, 'STREAMS', STREAM, '>');
    const entries = answer[0][1];
    for (const [, fields] of entries) await handler(JSON.parse(fields[1]).body);
    await redis.xack(STREAM, GROUP, ...entries.map(([id]) => id));
    seen += entries.length;
  }
}

async function ioConsume(redis, { count }) {
  await redis.xgroup('CREATE', STREAM, GROUP, '0', 'MKSTREAM');
  let read = 0;
  const begun = performance.now();
  await ioConsumeAll(redis, count, async (body) => { read += body.at.length; });
  if (read !== 20 * count) throw new Error('not all bodies were read');
  tellRate(count, begun);
}

async function ioLatency(redis, { count, text }) {
  const other = redis.duplicate();
  const ages = [];
  await redis.xgroup('CREATE', STREAM, GROUP, '0', 'MKSTREAM');
  const all = ioConsumeAll(other, count, async ({ at }) => { ages.push(ageMs(at)); });
  await atRate(count, (at) => { redis.xadd(STREAM, '*', 'data', text.replace(/"at":"\d+"/, `"at":"${at}"`)); });
  await all;
  tellLatency(ages);
  other.disconnect();
}

async function nodeRedisPublish({ target, count, text }) {
  const redis = createClient({ url: target });
  await redis.connect();
  const begun = performance.now();
  // It writes what one turn of the loop asks for in one piece: its documented pipelining.
  await inBatches(count, (size) => Promise.all(Array.from({ length: size }, () => redis.xAdd(STREAM, '*', { data: text }))));
  tellRate(count, begun);
  redis.destroy();
}

const bull = (target) => ({ connection: { host: new URL(target).hostname, port: Number(new URL(target).port), maxRetriesPerRequest: null } });

async function bullPublish({ target, count, text }) {
  const queue = new Queue('bench', bull(target));
  const data = JSON.parse(text);
  const begun = performance.now();
  await inBatches(count, (size) => queue.addBulk(Array.from({ length: size }, () => ({ name: 'bench.tick', data }))));
  tellRate(count, begun);
  await queue.close();
}

async function bullConsume({ target, count }) {
  let seen = 0;
  const begun = performance.now();
  await new Promise((resolve) => {
    const options = { ...bull(target), concurrency: 100, removeOnComplete: { count: 0 } };
    new Worker('bench', async ({ data }) => { if (data.body.at && ++seen === count) resolve(); }, options);
  });
  tellRate(count, begun);
  process.exit(0);
}

/** One listener, which is called at once. */
function emit({ count, text }) {
  const emitter = new EventEmitter3();
  const { body } = JSON.parse(text);
  let seen = 0;
  emitter.on('bench.tick', ({ at }) => { seen += at.length > 0; });
  const begun = performance.now();
  for (let i = 0; i < count; i++) emitter.emit('bench.tick', body);
  if (seen !== count) throw new Error(`${seen} were handled`);
  tellRate(count, begun);
}

const area = (number, i) => `area${(i * 619) % number}.order`;

/** Each type matches one of `number` patterns with a wildcard. */
function emitByWildcard({ count, number }) {
  const emitter = new eventemitter2.EventEmitter2({ wildcard: true, maxListeners: 0 });
  let seen = 0;
  for (let i = 0; i < number; i++) emitter.on(`area${i}.order.*`, () => { seen++; });
  const begun = performance.now();
  for (let i = 0; i < count; i++) emitter.emit(`${area(number, i)}.created`);
  if (seen !== count) throw new Error(`${seen} were handled`);
  tellRate(count, begun);
}

function matchExpressions({ count, number }) {
  const expressions = Array.from({ length: number }, (_, i) => new RegExp(`^area${i}\\.order\\.[^.]+$`));
  let found = 0;
  const begun = performance.now();
  for (let i = 0; i < count; i++) {
    const type = `${area(number, i)}.created`;
    for (const expression of expressions) found += expression.test(type);
  }
  if (found !== count) throw new Error(`${found} matched`);
  tellRate(count, begun);
}

await main({
  'ioredis-publish': withIo(ioPublish), 'ioredis-one-by-one': withIo(ioOneByOne), 'ioredis-consume': withIo(ioConsume),
  'ioredis-latency': withIo(ioLatency), 'node-redis-publish': nodeRedisPublish, 'bullmq-publish': bullPublish, 'bullmq-consume': bullConsume,
  eventemitter3: emit, eventemitter2: emitByWildcard, expressions: matchExpressions,
});
