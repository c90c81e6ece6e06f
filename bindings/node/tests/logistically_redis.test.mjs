// SPDX-License-Identifier: MIT
// The compatible entry over Redis: services that moved over and services that did not, on one store.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Reject } from 'libevents';
import { createEventSystemBuilder } from 'libevents/logistically';

import { PublishedService } from './support/published_service.mjs';
import { startRedis } from './support/redis.mjs';
import { openSnippet, recorder } from './support/systems.mjs';
import { until } from './support/until.mjs';

let redis;
before(async () => (redis = await startRedis()));
after(() => redis.stop());

async function open(t, service, options = {}) {
  const system = createEventSystemBuilder()
    .service(service)
    .withRedisTransport(redis.url, { discoverInterval: 50, ...options })
    .enableConsumerPatternRouting()
    .build();
  t.after(() => system.close(0));
  await system.connect();
  return system;
}

test('the snippet of the published architecture runs as printed, with its keys, group and dead letters', async (t) => {
  const eventSystem = await openSnippet(t, createEventSystemBuilder, redis);
  const { seen, handler } = recorder(() => {
    throw new Error('no such mailbox');
  });
  await eventSystem.consumer.subscribe('snippet.created', handler, { retry: { baseDelay: 1, jitter: 0 } });
  await eventSystem.publisher.publish('snippet.created', { id: 1 });
  const other = new PublishedService(redis, 'looking');
  await until(() => other.command('EXISTS', 'dlq:stream:snippet-events'), 'there is a dead letter');
  assert.deepEqual(seen.map(({ attempt }) => attempt), [1, 2, 3, 4]);
  assert.equal(seen[0].metadata.group, 'default-group');
  const { names, values } = await other.newest('dlq:stream:snippet-events');
  assert.deepEqual(names, ['originalId', 'originalStream', 'error', 'timestamp', 'data', 'timestamp', 'topic', 'dead', 'fp']);
  assert.deepEqual([values.originalStream, values.error], ['stream:snippet-events', 'no such mailbox']);
  assert.equal((await eventSystem.dlq.list()).items.length, 1);
});

test('what a published service writes is handled, from subscribing on', async (t) => {
  const other = new PublishedService(redis, 'legacy');
  await other.publish('legacy.placed', { id: 1 });
  const system = await open(t, 'moved');
  const { seen, handler } = recorder();
  await system.consumer.subscribePattern('*.legacy.*', handler);
  await other.publish('legacy.placed', { id: 2 });
  await until(() => seen.length === 1, 'the second came');
  assert.deepEqual([seen[0].body, seen[0].message.header.origin], [{ id: 2 }, 'legacy']);
});

test('a published service reads what is published here', async (t) => {
  const other = new PublishedService(redis, 'reader');
  await other.subscribe('mine.placed', 'default-group');
  const system = await open(t, 'moved');
  await system.publisher.publish('mine.placed', { id: 7 }, { headers: { tenant: 'north' } });
  const [{ fields, envelope }] = await other.read('mine.placed', 'default-group');
  assert.deepEqual(fields, ['data', 'timestamp', 'topic']);
  const { id, timestamp, ...header } = envelope.header;
  const { hash } = other.envelope('mine.placed', { id: 7 }).header;
  assert.deepEqual(header, { type: 'mine.placed', origin: 'moved', hash, version: '1.0.0' });
  assert.match(id, /^[0-9a-f-]{36}$/);
  assert.match(timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.deepEqual([envelope.body, envelope.headers, 'v' in envelope], [{ id: 7 }, { tenant: 'north' }, false]);
});

test('two services share the default group without taking from each other', async (t) => {
  const other = new PublishedService(redis, 'orders');
  await other.subscribe('theirs.placed', 'default-group');
  const system = await open(t, 'moved');
  const { seen, handler } = recorder();
  await system.consumer.subscribePattern('ours.*', handler);
  await other.publish('theirs.placed', 1);
  await other.publish('ours.placed', 2);
  await until(() => seen.length === 1, 'ours came');
  assert.deepEqual((await other.read('theirs.placed', 'default-group')).map(({ envelope }) => envelope.body), [1]);
});

test('dead letters of a published service are listed, and requeued to every group', async (t) => {
  const other = new PublishedService(redis, 'legacy');
  await other.bury('buried.placed', { id: 3 }, 'mail is down');
  const system = await open(t, 'moved');
  const [letter] = await until(async () => {
    const { items } = await system.dlq.list({ topic: 'buried-events' });
    return items.length > 0 && items;
  }, 'it is listed');
  assert.deepEqual([letter.error.message, letter.originalId, letter.group, letter.attempts], ['mail is down', '1-1', null, 0]);
  const { seen, handler } = recorder();
  await system.consumer.subscribe('buried.placed', handler);
  await other.command('XGROUP', 'CREATE', 'stream:buried-events', 'another', '$', 'MKSTREAM');
  assert.equal((await system.dlq.requeue({ ids: [letter.id] })).requeued, 1);
  await until(() => seen.length === 1, 'it came again');
  assert.deepEqual(seen[0].body, { id: 3 });
  const [{ fields, envelope }] = await other.read('buried.placed', 'another');
  assert.deepEqual([fields, envelope.body], [['data', 'timestamp', 'topic', 'requeue'], { id: 3 }]);
});

test('prefixes of keys are put together as published', async (t) => {
  const system = await open(t, 'moved', { streamPrefix: 'app:', dlqStreamPrefix: 'lost:' });
  await system.consumer.subscribe('hopeless.case', () => {
    throw new Reject('never');
  });
  await system.publisher.publish('hopeless.case', 1);
  const other = new PublishedService(redis, 'looking');
  await until(() => other.command('EXISTS', 'lost:app:hopeless-events'), 'it is dead');
  assert.equal((await other.newest('lost:app:hopeless-events')).values.error, 'never');
});
