// SPDX-License-Identifier: MIT
// Consuming: handlers, attempts, time limits, concurrency, settling by hand, subscriptions.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Closed, Reject, RetryLater, Timeout, ValidationError, createEventSystem } from 'libevents';
import { MemoryHarness } from 'libevents/testing';

import { openSystem, recorder } from './support/systems.mjs';
import { until } from './support/until.mjs';

test('a handler gets message, metadata and the pattern that matched', async (t) => {
  const system = await openSystem(t, { originPrefix: 'eu.de' });
  const { seen, handler } = recorder();
  await system.consumer.subscribePattern('order.*', handler, { name: 'orders' });
  await system.publisher.publish('order.placed', { id: 7 });
  await until(() => seen.length === 1, 'the event came');
  const [{ message, metadata, pattern }] = seen;
  assert.equal(pattern, 'order.*');
  assert.deepEqual(message.body, { id: 7 });
  assert.equal(message.bodyText, '{"id":7}');
  assert.equal(message.header.originPrefix, 'eu.de');
  assert.equal(message.contentType, 'application/json');
  const { transport, topic, partition, group, attempt, deliveries, matchedPattern } = metadata;
  assert.deepEqual(
    { transport, topic, partition, group, attempt, deliveries, matchedPattern },
    {
      transport: 'main',
      topic: 'order-events',
      partition: undefined,
      group: 'shop',
      attempt: 1,
      deliveries: 1,
      matchedPattern: 'order.*',
    },
  );
  assert.ok(metadata.offset && metadata.consumer);
  assert.deepEqual(JSON.parse(JSON.stringify(message)).body, { id: 7 });
});

test('several handlers on one type all run, and the same one twice', async (t) => {
  const system = await openSystem(t);
  const { seen, handler } = recorder();
  await system.consumer.subscribe('a.b', handler);
  await system.consumer.subscribe('a.b', handler);
  await system.publisher.publish('a.b');
  await until(() => seen.length === 2, 'both ran');
});

test('a failed attempt is repeated, and the poison handler is told after the last', async (t) => {
  const told = [];
  const poisonMessageHandler = (message, error, metadata) => told.push([message.body, error, metadata.attempt]);
  const harness = new MemoryHarness({ consumer: { retry: { maxRetries: 2, baseDelay: 60_000, maxDelay: 3_600_000 } } }, { poisonMessageHandler });
  t.after(() => harness.close());
  const { seen, handler } = recorder(async () => {
    throw new TypeError('no');
  });
  await harness.system.consumer.subscribe('a.b', handler);
  await harness.publish('a.b', 5);
  await harness.advance(3_600_000);
  assert.deepEqual(harness.handled().map(({ at }) => at), [0, 60_000, 180_000]);
  assert.deepEqual(seen.map(({ attempt }) => attempt), [1, 2, 3]);
  const [[body, error, attempt]] = told;
  assert.deepEqual([body, error.constructor, error.message, attempt], [5, TypeError, 'no', 3]);
  assert.equal(harness.system.consumer.getStats().poisonMessages, 1);
});

test('handlers may unsubscribe themselves and publish from inside', async (t) => {
  const harness = new MemoryHarness();
  t.after(() => harness.close());
  const { system } = harness;
  const once = await system.consumer.subscribe('a.once', () => once.unsubscribe());
  await system.consumer.subscribe('a.count', async ({ body }) => {
    if (body < 50) await system.publisher.publish('a.count', body + 1);
  });
  for (let n = 0; n < 2; n++) await harness.publish('a.once', n);
  await harness.publish('a.count', 1);
  harness.assertHandled('a.once', { body: 0, times: 1 });
  assert.equal(harness.handled('a.once').length, 1);
  const counted = harness.assertHandled('a.count', { times: 50 });
  assert.deepEqual(counted.map(({ body }) => body), Array.from({ length: 50 }, (_, n) => n + 1));
});

test('a handler that throws at once has failed as well', async (t) => {
  const system = await openSystem(t);
  const { seen, handler } = recorder((_, { attempt }) => {
    if (attempt === 1) throw new Error('at once');
  });
  await system.consumer.subscribe('a.b', handler);
  await system.publisher.publish('a.b');
  await until(() => seen.length === 2, 'it ran again');
  await system.drain();
  assert.equal(system.consumer.getStats().handledMessages, 1);
});

test('Reject ends the attempts, RetryLater does not count as one', async (t) => {
  const told = [];
  const system = await openSystem(t, { consumer: { poisonMessageHandler: (message) => told.push(message.type) } });
  const rejected = recorder(() => {
    throw new Reject('never');
  });
  const later = recorder(() => {
    if (later.seen.length < 3) throw new RetryLater(1);
  });
  await system.consumer.subscribe('a.rejected', rejected.handler);
  await system.consumer.subscribe('a.later', later.handler);
  await system.publisher.publishBatch([{ type: 'a.rejected' }, { type: 'a.later' }]);
  await until(() => later.seen.length === 3 && told.length === 1, 'both have ended');
  assert.deepEqual(later.seen.map(({ attempt }) => attempt), [1, 1, 1]);
  assert.deepEqual([rejected.seen.length, told], [1, ['a.rejected']]);
  assert.throws(() => new RetryLater(-1), RangeError);
});

test('past its time limit a handler has failed; its result is ignored, its slot stays taken', async (t) => {
  const told = [];
  const system = await openSystem(t, { consumer: { poisonMessageHandler: (_, error) => told.push(error) } });
  const waiting = [];
  const { seen, handler } = recorder(() => new Promise((resolve) => waiting.push(resolve)));
  await system.consumer.subscribe('a.b', handler, { handlerTimeout: 20, maxRetries: 0, concurrency: 1 });
  await system.publisher.publishBatch('a.b', [1, 2]);
  await until(() => told.length === 1, 'the time was up');
  assert.ok(told[0] instanceof Timeout);
  assert.ok(seen[0].metadata.signal.aborted);
  assert.equal(seen.length, 1); // the one slot is taken
  waiting[0]();
  await until(() => seen.length === 2, 'the slot is free');
  waiting[1]();
  await system.drain();
  const { failedMessages, handledMessages } = system.consumer.getStats();
  assert.ok(failedMessages >= 1 && handledMessages <= 1);
});

test('no more handlers run at a time than concurrency allows', async (t) => {
  const system = await openSystem(t);
  let running = 0;
  let most = 0;
  let handled = 0;
  const handler = async () => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setImmediate(resolve));
    running--;
    handled++;
  };
  await system.consumer.subscribe('a.b', handler, { concurrency: 3 });
  await system.publisher.publishBatch('a.b', Array.from({ length: 60 }, (_, n) => n));
  await until(() => handled === 60, 'all were handled');
  assert.equal(most, 3);
});

test('with manual acknowledgement the end of the handler settles nothing', async (t) => {
  const system = await openSystem(t);
  const { seen, handler } = recorder();
  await system.consumer.subscribe('a.b', handler, { ack: 'manual', concurrency: 2 });
  await system.publisher.publishBatch('a.b', [1, 2]);
  await until(() => seen.length === 2, 'both came');
  assert.equal(system.consumer.getStats().handledMessages, 0);
  for (const { metadata } of seen) {
    metadata.acknowledge();
    metadata.acknowledge();
  }
  await system.drain();
  assert.deepEqual(
    [system.consumer.getStats().handledMessages, system.consumer.getStats().staleSettlements],
    [2, 0],
  );
});

test('unsubscribe ends all subscriptions of a name, and unknown names are fine', async (t) => {
  const system = await openSystem(t);
  const { seen, handler } = recorder();
  await system.consumer.subscribe('a.b', handler);
  await system.consumer.subscribe('A.B', handler);
  await system.consumer.subscribePattern('a.*', handler);
  await system.consumer.unsubscribe('a.b');
  await system.consumer.unsubscribe('nobody.knows');
  await system.publisher.publish('a.b');
  await until(() => seen.length === 1, 'the pattern is left');
  await system.consumer.unsubscribePattern('a.*');
  assert.deepEqual(system.consumer.getSubscriptions(), []);
});

test('a subscription ends by itself, by a signal, and with its block', async (t) => {
  const system = await openSystem(t);
  const subscription = await system.consumer.subscribe('a.b', () => undefined);
  assert.ok(subscription.isActive);
  subscription.unsubscribe();
  subscription.unsubscribe();
  await subscription.ended();
  assert.ok(!subscription.isActive);
  const controller = new AbortController();
  const aborted = await system.consumer.subscribe('a.b', () => undefined, { signal: controller.signal });
  controller.abort();
  assert.ok(!aborted.isActive);
  await assert.rejects(system.consumer.subscribe('a.b', () => undefined, { signal: controller.signal }));
  const disposed = await system.consumer.subscribe('a.b', () => undefined);
  await disposed[Symbol.asyncDispose]();
  assert.ok(!disposed.isActive);
});

test('getSubscriptions says what there is', async (t) => {
  const system = await openSystem(t);
  const { seen, handler } = recorder();
  await system.consumer.subscribe('order.placed', handler, { concurrency: 2 });
  await system.consumer.subscribePattern('order.*', handler);
  await system.publisher.publish('order.placed');
  await until(() => seen.length === 2, 'both came');
  const [exact, pattern] = system.consumer.getSubscriptions();
  assert.deepEqual(
    { ...exact, createdAt: '' },
    {
      eventType: 'order.placed',
      resolvedTopic: 'order-events',
      transport: 'main',
      handler,
      options: { concurrency: 2 },
      isPattern: false,
      createdAt: '',
      messageCount: 1,
    },
  );
  assert.deepEqual([pattern.isPattern, pattern.resolvedTopic], [true, 'order.*']);
  assert.ok(Date.parse(exact.createdAt) > 0);
  assert.ok(Date.parse(system.consumer.getStats().lastMessageTime) > 0);
});

test('subscriptions made before connect are served after it', async (t) => {
  const system = createEventSystem({ service: 'shop', transports: { main: { type: 'memory' } } });
  t.after(() => system.close(0));
  const { seen, handler } = recorder();
  await system.consumer.subscribe('a.b', handler);
  await system.connect();
  await system.publisher.publish('a.b');
  await until(() => seen.length === 1, 'the event came');
});

test('published names of options have their effect', async (t) => {
  const system = await openSystem(t, { transport: { type: 'memory', name: 'bus-of-options' } });
  const { seen, handler } = recorder();
  await system.consumer.subscribe('a.b', handler, {
    groupId: 'mine',
    autoOffsetReset: 'latest',
    enableAutoCommit: false,
  });
  await system.publisher.publish('a.b');
  await until(() => seen.length === 1, 'the event came');
  assert.equal(seen[0].metadata.group, 'mine');
  assert.equal(system.consumer.getStats().handledMessages, 0);
  seen[0].metadata.acknowledge();
  await system.drain();
});

test('wrong arguments are refused with what was found', async (t) => {
  const system = await openSystem(t);
  const { consumer } = system;
  for (const [pattern, handler, options] of [
    [undefined, () => undefined],
    [5, () => undefined],
    ['a..b', () => undefined],
    ['a.b', undefined],
    ['a.b', 'handler'],
    ['a.b', () => undefined, 5],
    ['a.b', () => undefined, { pattern: 'c.d' }],
  ]) {
    await assert.rejects(consumer.subscribe(pattern, handler, options), ValidationError);
  }
  await assert.rejects(consumer.subscribe('a.b', () => undefined, { concurency: 1 }), /concurrency/);
});

test('close within a handler only begins, and the process goes on', async (t) => {
  const system = await openSystem(t);
  let ended = false;
  await system.consumer.subscribe('a.b', async () => {
    await system.close();
    ended = true;
  });
  await system.publisher.publish('a.b');
  await until(() => ended, 'the handler went on');
  await system.close();
  await assert.rejects(system.consumer.subscribe('a.b', () => undefined), Closed);
});

const FOREVER_MS = 2 ** 30;
for (const [when, isTimerLate] of [['whoever sees it first', false], ['also when the timer is late', true]]) {
  test(`what never ends is aborted at the deadline of closing, ${when}`, async (t) => {
    const system = await openSystem(t);
    const { seen, handler } = recorder(() => new Promise(() => undefined));
    await system.consumer.subscribe('a.b', handler);
    await system.publisher.publish('a.b');
    await until(() => seen.length === 1, 'the handler runs');
    const { signal } = seen[0].metadata;
    const { setTimeout } = globalThis;
    if (isTimerLate) t.mock.method(globalThis, 'setTimeout', (call) => setTimeout(call, FOREVER_MS).unref());
    await system.close(10);
    assert.ok(signal.aborted && signal.reason instanceof Closed);
  });
}
