// SPDX-License-Identifier: MIT
// Publishing: receipts, batches, options, room, giving up.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  Closed,
  PublishTimeout,
  QueueFull,
  RateLimited,
  TransportError,
  ValidationError,
  createEventSystem,
  createEventSystemBuilder,
  rawJson,
} from 'libevents';

import { openSystem, recorder } from './support/systems.mjs';
import { until } from './support/until.mjs';

/** A system that goes on trying to connect to a server that is not there. */
async function connecting(t, config = {}) {
  const away = { type: 'redis-streams', host: '127.0.0.1', port: 1 };
  const system = createEventSystem({ service: 'shop', transports: { main: away }, ...config });
  t.after(() => system.close(0));
  await assert.rejects(system.connect({ timeout: 20 }), TransportError);
  return system;
}

test('publish gives the receipt of a stored event', async (t) => {
  const system = await openSystem(t);
  const receipt = await system.publisher.publish('order.placed', { id: 7 }, { key: '7' });
  assert.match(receipt.id, /^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  assert.deepEqual(
    { ...receipt, id: '', offset: '' },
    { id: '', outcome: 'stored', transport: 'main', topic: 'order-events', partition: null, offset: '',
      attempts: 1, acknowledgement: 'stored', duplicate: false },
  );
});

test('line ends in a type or a body are those of the event', async (t) => {
  const system = await openSystem(t);
  const { seen, handler } = recorder();
  await system.consumer.subscribe('order.*', handler);
  const body = rawJson('{\n"id": 1\n}');
  const outcomes = await system.publisher.publishBatch([
    { type: 'order.placed', body }, { type: 'order\n.paid', body: 2 }, { type: 'order.sent', body: 'a\nb' },
  ]);
  assert.deepEqual(outcomes.map(({ outcome }) => outcome), ['stored', 'refused', 'stored']);
  assert.ok(outcomes[1].error instanceof ValidationError);
  await system.publisher.publishBatch([{ type: 'order.left', body: null }, { type: '', body: 1 }]);
  await until(() => seen.length === 3);
  assert.deepEqual(seen.map(({ body: given }) => given), [{ id: 1 }, 'a\nb', null]);
});

test('options travel with the event', async (t) => {
  const system = await openSystem(t);
  const { seen, handler } = recorder();
  await system.consumer.subscribe('order.placed', handler);
  const timestamp = new Date('2026-01-31T12:00:00.123Z');
  await system.publisher.publish('ORDER.Placed', null, {
    id: 'mine',
    timestamp,
    version: '2.1.0',
    headers: { colour: 'blue' },
    correlationId: 'c1',
    causationId: 'c0',
    traceId: 't1',
  });
  await until(() => seen.length === 1, 'the event came');
  const [{ message, metadata }] = seen;
  assert.deepEqual(message.header, {
    id: 'mine',
    type: 'order.placed',
    origin: 'shop',
    timestamp: '2026-01-31T12:00:00.123Z',
    hash: '74234e98afe7498fb5daf1f36ac2d78acc339464f950703b8c019892f982b90b',
    version: '2.1.0',
  });
  assert.deepEqual(metadata.headers, { colour: 'blue', correlationId: 'c1', causationId: 'c0', traceId: 't1' });
  assert.deepEqual([metadata.correlationId, metadata.causationId, metadata.traceId], ['c1', 'c0', 't1']);
  assert.equal(metadata.timestamp, timestamp.getTime());
});

test('the trace id is also read out of traceparent', async (t) => {
  const system = await openSystem(t);
  const { seen, handler } = recorder();
  await system.consumer.subscribe('a.b', handler);
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  await system.publisher.publish('a.b', 1, { headers: { traceparent } });
  await until(() => seen.length === 1, 'the event came');
  assert.equal(seen[0].metadata.traceId, '0af7651916cd43dd8448eb211c80319c');
});

test('an explicit partition and a key choose the partition', async (t) => {
  const routing = { routes: [{ pattern: 'order.*', transport: 'main', partitions: 4 }] };
  const system = await openSystem(t, { routing });
  assert.equal((await system.publisher.publish('order.placed', 1, { partition: 3 })).partition, 3);
  const keyed = await system.publisher.publishBatch('order.placed', [1, 2], { partitionKey: 'k' });
  assert.equal(keyed[0].partition, keyed[1].partition);
});

test('a batch is taken in all three forms, and gives a receipt for each event in order', async (t) => {
  const system = await openSystem(t);
  const forms = [
    ['order.placed', [{ n: 1 }, { n: 2 }], { headers: { a: 'b' } }],
    [[{ eventType: 'order.placed', body: { n: 1 } }, { eventType: 'order.paid', body: 2 }]],
    [[{ type: 'order.placed', body: 1, key: 'k', id: 'x' }, { type: 'not a type' }]],
  ];
  const outcomes = [];
  for (const form of forms) {
    outcomes.push((await system.publisher.publishBatch(...form)).map((receipt) => receipt.outcome));
  }
  assert.deepEqual(outcomes, [['stored', 'stored'], ['stored', 'stored'], ['stored', 'refused']]);
  assert.deepEqual(await system.publisher.publishBatch([]), []);
});

test('an event of a batch that cannot be written is named, and nothing of the batch is sent', async (t) => {
  const system = await openSystem(t);
  await assert.rejects(
    system.publisher.publishBatch('order.placed', [1, { a: [NaN] }]),
    (error) => error instanceof ValidationError && error.path === '/1/body/a/0' && /event 1/.test(error.message),
  );
  assert.equal(system.publisher.getStats().totalMessagesSent, 0);
});

test('a refused event rejects with its reason and its receipt', async (t) => {
  const system = await openSystem(t);
  await assert.rejects(system.publisher.publish('no type!', {}), (error) => {
    assert.ok(error instanceof ValidationError);
    assert.deepEqual([error.code, error.retriable, error.receipt.outcome], ['EVS_VALIDATION', false, 'refused']);
    return true;
  });
});

test('more events than there is room for wait for room', async (t) => {
  const system = await openSystem(t, { publisher: { maxInFlight: 10 } });
  const receipts = await Promise.all(Array.from({ length: 500 }, (_, n) => system.publisher.publish('a.b', n)));
  assert.ok(receipts.every((receipt) => receipt.outcome === 'stored'));
});

test('what finds no room within its timeout is refused', async (t) => {
  const system = await connecting(t, { publisher: { maxInFlight: 1 } });
  const first = system.publisher.publish('a.b', 1, { timeout: 5000 }).catch((error) => error);
  await assert.rejects(system.publisher.publish('a.b', 2, { timeout: 20 }), QueueFull);
  await system.close(0);
  assert.ok((await first) instanceof Error);
});

test('a publish without an answer is unknown or refused, and says so', async (t) => {
  const system = await connecting(t);
  await assert.rejects(system.publisher.publish('a.b', 1, { timeout: 50 }), (error) => {
    assert.ok(error instanceof PublishTimeout || error instanceof TransportError, error);
    assert.ok(['unknown', 'refused'].includes(error.receipt.outcome));
    return true;
  });
});

test('a signal gives up waiting', async (t) => {
  const system = await connecting(t);
  const controller = new AbortController();
  const waiting = system.publisher.publish('a.b', 1, { signal: controller.signal });
  controller.abort(new Error('enough'));
  await assert.rejects(waiting, /enough/);
  await assert.rejects(system.publisher.publish('a.b', 1, { signal: controller.signal }), /enough/);
});

test('flush waits until everything has its outcome', async (t) => {
  const system = await openSystem(t);
  const ended = [];
  for (let n = 0; n < 50; n++) void system.publisher.publish('a.b', n).then(() => ended.push(n));
  await system.flush();
  await system.publisher.forceFlush();
  assert.equal(ended.length, 50);
});

test('flush sends what waits for a batch', async (t) => {
  const system = await openSystem(t, { publisher: { batching: { maxWaitMs: 60_000 } } });
  const { seen, handler } = recorder();
  await system.consumer.subscribe('a.*', handler);
  const published = [system.publisher.publish('a.b', 1, { batchKey: 'x' }), system.publisher.publish('a.b', 2)];
  await system.publisher.forceFlush();
  assert.deepEqual((await Promise.all(published)).map(({ outcome }) => outcome), ['stored', 'stored']);
  await until(() => seen.length === 2, 'both came');
  assert.equal((await system.publisher.getStats()).totalBatchesSent, 2);
});

test('closing sends what waits for a batch, and refuses what a limit holds up', async (t) => {
  const publisher = { batching: { maxWaitMs: 60_000 }, rateLimiting: { maxRequests: 1, timeWindow: 86_400_000 } };
  const system = await openSystem(t, { publisher });
  const [first, second] = [system.publisher.publish('a.b', 1), system.publisher.publish('a.b', 2)];
  const refused = assert.rejects(second, Closed);
  await system.close(50);
  assert.equal((await first).outcome, 'stored');
  await refused;
});

test('an event past a rate limit rejects with RateLimited', async (t) => {
  const rateLimiting = { maxRequests: 1, timeWindow: 86_400_000, onLimit: 'reject' };
  const system = await openSystem(t, { publisher: { rateLimiting } });
  await system.publisher.publish('a.b', 1);
  const error = await system.publisher.publish('a.b', 2).catch((caught) => caught);
  assert.ok(error instanceof RateLimited && error.retriable, String(error));
  assert.equal(error.receipt.outcome, 'refused');
  assert.equal((await system.publisher.getStats()).rateLimitedMessages, 1);
});

test('the builder switches batching, limits and compression on', async (t) => {
  const system = createEventSystemBuilder()
    .service('shop')
    .withMemoryTransport()
    .enablePublisherBatching({ maxSize: 2, strategy: 'partition', compression: 'zstd' })
    .enablePublisherRateLimiting({ maxRequests: 10, timeWindow: 10, strategy: 'token-bucket', scope: 'topic' })
    .enablePublisherCompression({ minBytes: 10 })
    .build();
  t.after(() => system.close(0));
  await system.connect();
  const { seen, handler } = recorder();
  await system.consumer.subscribe('a.b', handler);
  const text = 'a zebra, '.repeat(100);
  await system.publisher.publishBatch('a.b', [text, text, text]);
  await until(() => seen.length === 3, 'all came');
  assert.deepEqual(seen.map(({ body }) => body), [text, text, text]);
});

test('statistics have the published names', async (t) => {
  const system = await openSystem(t);
  await system.publisher.publishBatch('order.placed', [1, 2]);
  await system.publisher.publish('!', 1).catch(() => undefined);
  const stats = await system.publisher.getStats();
  assert.deepEqual(
    [stats.totalMessagesSent, stats.totalMessagesSentByType, stats.totalMessagesSentByTransport, stats.failedMessages],
    [2, { 'order.placed': 2 }, { main: 2 }, 1],
  );
  assert.ok(stats.totalBatchesSent >= 1);
  assert.equal(typeof stats.averageLatency, 'number');
  assert.equal(typeof stats.lastError, 'string');
});

test('publishing after close rejects with Closed', async (t) => {
  const system = await openSystem(t);
  await system.close();
  await assert.rejects(system.publisher.publish('a.b'), Closed);
  await assert.rejects(system.publisher.publishBatch('a.b', [1]), Closed);
  await assert.rejects(system.publisher.flush(), Closed);
});
