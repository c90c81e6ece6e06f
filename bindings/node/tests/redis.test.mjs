// SPDX-License-Identifier: MIT
// Against a server: what is stored stays, dead letters, groups, outages; and the loop stays free under load.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { EventsError, NotFound, TransportError, createEventSystem, createEventSystemBuilder } from 'libevents';

import { run } from './support/program.mjs';
import { openOnRedis, openSnippet, recorder } from './support/systems.mjs';
import { startRedis } from './support/redis.mjs';
import { until } from './support/until.mjs';

let redis;
before(async () => (redis = await startRedis()));
after(() => redis.stop());

const openSystem = (t, options) => openOnRedis(t, redis, options);

test('the snippet of the published architecture runs as printed', async (t) => {
  const eventSystem = await openSnippet(t, createEventSystemBuilder, redis);
  assert.equal((await eventSystem.publisher.publish('user.created', { id: 1 })).transport, 'redis');
});

test('events wait for a subscriber that comes later', async (t) => {
  const writer = await openSystem(t);
  const receipt = await writer.publisher.publish('late.placed', { id: 7 });
  assert.match(receipt.offset, /^\d+-\d+$/);
  await writer.close();
  const reader = await openSystem(t);
  const { seen, handler } = recorder();
  await reader.consumer.subscribe('late.*', handler);
  await until(() => seen.length === 1, 'the event came');
  assert.equal(seen[0].metadata.offset, receipt.offset);
});

test('a replay brings again what is stored, and the books balance', async (t) => {
  const system = await openSystem(t);
  await system.consumer.subscribe('again.*', () => {});
  for (const body of [1, 2, 3]) await system.publisher.publish('again.placed', body);
  await system.drain();
  const { id, group } = await system.replays.start({ topic: 'again-events', type: '*.placed' }, { rate: 1000 });
  const { seen, handler } = recorder();
  await system.consumer.subscribe('again.*', handler, { replay: id });
  await until(() => seen.length === 3, 'they came again');
  assert.deepEqual(seen.map(({ metadata }) => [metadata.replay.id, metadata.group, metadata.requeue]), Array(3).fill([id, group, undefined]));
  for await (const { state } of system.replays.watch(id)) if (state === 'done') break;
  assert.equal((await system.replays.list())[0].done, 3);
  assert.equal((await system.conservation({ topic: 'again-events' })).holds, true);
  assert.equal((await system.retention({ topic: 'again-events' }))[0].state, 'withinLimits');
});

test('a dead letter keeps the error, is listed, requeued once, and discarded', async (t) => {
  const system = await openSystem(t, { consumer: { retry: { maxRetries: 1, baseDelay: 1 } } });
  let isBroken = true;
  const { seen, handler } = recorder(() => {
    if (isBroken) throw new RangeError('webhook down: 503');
  });
  await system.consumer.subscribe('dead.*', handler);
  await system.publisher.publish('dead.letter', { id: 2n ** 60n }, { headers: { a: 'b' } });
  const [letter] = await until(async () => {
    const { items } = await system.dlq.list({ topic: 'dead-events', limit: 50 });
    return items.length > 0 && items;
  }, 'there is a dead letter');
  assert.deepEqual([letter.error.class, letter.error.message], ['RangeError', 'webhook down: 503']);
  assert.match(letter.error.stack, /redis\.test\.mjs/);
  assert.deepEqual([letter.attempts, letter.headers, letter.requeueCount], [2, { a: 'b' }, 0]);
  assert.equal((await system.dlq.get(letter.id)).id, letter.id);
  isBroken = false;
  const ids = [letter.id];
  assert.equal((await system.dlq.requeue({ ids })).results[0].outcome, 'requeued');
  assert.equal((await system.dlq.requeue({ ids })).results[0].outcome, 'already_requeued');
  await until(() => seen.length === 3, 'it came again');
  assert.deepEqual([seen[2].attempt, seen[2].metadata.requeue.count], [1, 1]);
  assert.equal(seen[2].message.bodyText, '{"id":1152921504606846976}');
  await assert.rejects(system.dlq.get('main/dead-events/0-1'), NotFound);
});

test('two members of a group share its events, and groups and topics show them', async (t) => {
  const [one, two] = await Promise.all([0, 1].map(() => openSystem(t, { service: 'sharing' })));
  const seen = [];
  for (const [member, system] of [one, two].entries()) {
    await system.consumer.subscribe('share.*', async ({ body }) => void seen.push([member, body]), { concurrency: 1, prefetch: 1 });
  }
  await one.publisher.publishBatch('share.it', Array.from({ length: 200 }, (_, n) => n));
  await until(() => seen.length >= 200, 'all came');
  assert.equal(new Set(seen.map(([, body]) => body)).size, 200);
  const [group] = await one.groups({ topic: 'share-events' });
  assert.deepEqual([group.group, group.members.length], ['sharing', 2]);
  assert.ok((await one.topics()).some(({ topic }) => topic === 'share-events'));
});

test('a process that ends gives back what it held, long before it would count as dead', async (t) => {
  const transport = { type: 'redis-streams', url: redis.url, discoverInterval: 50, sessionTimeout: 3_600_000 };
  const file = fileURLToPath(new URL('./lifecycle/exit_holding.cjs', import.meta.url));
  assert.deepEqual(await run(file, JSON.stringify(transport)), { status: 0, signal: null, output: '' });
  const system = await openSystem(t, { service: 'life', transport });
  const { seen, handler } = recorder();
  await system.consumer.subscribe('life.held', handler);
  await until(() => seen.length === 1, 'the event came');
  assert.equal(seen[0].attempt, 1);
});

test('a server that is away is named, and connecting goes on', async (t) => {
  const away = await startRedis();
  await away.stop();
  const system = createEventSystem({
    service: 'away',
    transports: { main: { type: 'redis-streams', url: away.url } },
  });
  t.after(() => system.close(0));
  await assert.rejects(system.connect({ timeout: 200 }), TransportError);
  const status = await system.getStatus();
  assert.equal(status.connected, false);
  assert.equal(typeof status.transports.get('main').lastError, 'string');
  await assert.rejects(system.publisher.publish('a.b', 1, { timeout: 100 }), EventsError);
});

test('a hundred thousand events are published and consumed while the loop stays free', async (t) => {
  const EVENTS = 100_000;
  const system = await openSystem(t);
  let handled = 0;
  await system.consumer.subscribe('load.*', async () => void handled++, { concurrency: 1000, prefetch: 10_000 });
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  t.after(() => clearInterval(timer));
  let published = 0;
  while (published < EVENTS) {
    const some = Array.from({ length: 1000 }, () => system.publisher.publish('load.test', { n: published++ }));
    await Promise.all(some);
  }
  await until(() => handled === EVENTS, 'all were handled');
  // A loop that is held until all is done turns once; how often a free one turns is the machine's affair.
  assert.ok(turns > 10, `the loop turned ${turns} times`);
});

test('a delayed event is listed, taken back, or delivered when it is due', async (t) => {
  const system = await openSystem(t);
  const { seen, handler } = recorder();
  await system.consumer.subscribe('later.*', handler);
  const receipt = await system.publisher.publish('later.soon', 1, { delay: 200 });
  assert.match(receipt.offset, /^@\d+$/);
  await system.publisher.publish('later.never', 2, { delay: 3_600_000, id: 'never' });
  const { items } = await system.delayed({ topic: 'later-events', limit: 50 });
  const never = items.find(({ eventId }) => eventId === 'never');
  assert.equal((await system.cancelDelayed([never.id])).cancelled, 1);
  await until(() => seen.length === 1, 'it came');
  assert.equal(seen[0].message.type, 'later.soon');
});

test('a receipt says what was reached and what was there already', async (t) => {
  const main = { type: 'redis-streams', url: redis.url, idempotent: true };
  const system = await openSystem(t, { transports: { main } });
  const [first, second] = [
    await system.publisher.publish('once.placed', 1, { id: 'once' }),
    await system.publisher.publish('once.placed', 1, { id: 'once' }),
  ];
  assert.deepEqual([first.acknowledgement, first.duplicate, second.duplicate], ['stored', false, true]);
  assert.equal(first.offset, second.offset);
  const unconfirmed = await system.publisher.publish('once.placed', 1, { acknowledgement: 'none' });
  assert.deepEqual([unconfirmed.outcome, unconfirmed.acknowledgement], ['unknown', 'none']);
  const acknowledgement = { replicated: 1, timeout: 50 };
  await assert.rejects(system.publisher.publish('once.placed', 1, { acknowledgement }), (error) => {
    assert.deepEqual([error.receipt.outcome, error.receipt.acknowledgement], ['unknown', 'stored']);
    return true;
  });
  await assert.rejects(system.publisher.publish('once.placed', 1, { acknowledgement: 'some' }), /acknowledgement is 'some'/);
});
