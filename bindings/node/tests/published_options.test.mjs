// SPDX-License-Identifier: MIT
// Options of the published library: those that it honours only here, and those that have no effect in either.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { EventsError, createEventSystem, createEventSystemBuilder } from 'libevents';
import * as logistically from 'libevents/logistically';

import { openOnRedis, recorder } from './support/systems.mjs';
import { startRedis } from './support/redis.mjs';
import { until } from './support/until.mjs';

let redis;
before(async () => (redis = await startRedis()));
after(() => redis.stop());

const bodies = (seen) => seen.map(({ body }) => body);

async function publish(system, type, count) {
  const receipts = [];
  for (let body = 0; body < count; body++) receipts.push(await system.publisher.publish(type, body));
  return receipts;
}

test('a group begins at an offset, or at a time', async (t) => {
  const system = await openOnRedis(t, redis);
  const receipts = await publish(system, 'place.made', 4);
  const { offset } = receipts[2];
  const ways = [
    { from: offset },
    { from: Number(offset.split('-')[0]) },
    { startOffset: offset },
    { autoOffsetReset: 'specific', startOffset: offset },
  ];
  for (const [number, options] of ways.entries()) {
    const { seen, handler } = recorder();
    await system.consumer.subscribe('place.made', handler, { group: `g${number}`, ...options });
    await until(() => seen.length >= 2, JSON.stringify(options));
    assert.deepEqual(bodies(seen).slice(-2), [2, 3]);
  }
});

test('the published default for new groups gives way to an offset', async (t) => {
  const system = logistically.createEventSystem({
    service: 'old',
    transports: { main: { type: 'redis-streams', url: redis.url, discoverInterval: 50 } },
  });
  t.after(() => system.close(0));
  await system.connect();
  const receipts = await publish(system, 'old.made', 3);
  const { seen, handler } = recorder();
  const options = { groupId: 'from-an-offset', autoOffsetReset: 'specific', startOffset: receipts[1].offset };
  await system.consumer.subscribe('old.made', handler, options);
  await until(() => seen.length === 2, 'two events came');
  assert.deepEqual(bodies(seen), [1, 2]);
});

test('a place that is none is refused with its path', async (t) => {
  const system = await openOnRedis(t, redis);
  await assert.rejects(system.consumer.subscribe('a.b', () => 1, { from: 'yesterday' }), (error) => {
    assert.ok(error instanceof EventsError);
    assert.equal(error.problems[0].path, '/from');
    return true;
  });
});

test('a route and a subscription name a partition', async (t) => {
  const routes = [{ pattern: 'part.*', transport: 'main', partitions: 3, options: { partition: 2 } }];
  const system = await openOnRedis(t, redis, { routing: { routes } });
  const { seen, handler } = recorder();
  await system.consumer.subscribe('part.*', handler, { partition: 2 });
  const other = recorder();
  await system.consumer.subscribe('part.*', other.handler, { group: 'others', partition: 0 });
  await system.publisher.publish('part.made', 'by the route');
  await system.publisher.publish('part.made', 'by itself', { partition: 0 });
  await until(() => seen.length === 1 && other.seen.length === 1, 'each came to its subscription');
  assert.deepEqual([...bodies(seen), ...bodies(other.seen)], ['by the route', 'by itself']);
});

test('options that have no effect in the published library are accepted', async (t) => {
  const system = createEventSystemBuilder()
    .service('quiet')
    .withRedisTransport(redis.url, {
      pollInterval: 5,
      enablePipelining: false,
      pipelineSize: 5,
      skipStreamGroupCheck: true,
      enableMetrics: false,
      connectionPool: { enabled: true, size: 5, maxConcurrentPublishers: 2 },
      staleConsumerDetection: { enabled: true, heartbeatInterval: 1000, staleThreshold: 2000, cleanupStrategy: 'aggressive' },
      partitioning: { enabled: true, strategy: 'hash' },
      replay: { enabled: true },
    })
    .build();
  t.after(() => system.close(0));
  await system.connect();
  const { seen, handler } = recorder();
  const options = { maxPollRecords: 5, sessionTimeout: 30_000, heartbeatInterval: 3000, autoCommitInterval: 1000 };
  await system.consumer.subscribe('quiet.made', handler, options);
  await system.publisher.publish('quiet.made', 1, { priority: 5, ttl: 60_000 });
  await until(() => seen.length === 1, 'the event came');
});

test('what such options hold is checked all the same', () => {
  const transports = { main: { type: 'redis-streams', pipelineSize: 'many', connectionPool: { sise: 5 } } };
  assert.throws(() => createEventSystem({ service: 'x', transports }), (error) => {
    const paths = error.problems.map(({ path }) => path);
    assert.deepEqual(paths.sort(), ['/transports/main/connectionPool/sise', '/transports/main/pipelineSize']);
    return true;
  });
});
