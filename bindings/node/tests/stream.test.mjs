// SPDX-License-Identifier: MIT
// Messages by `for await`.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { openSystem } from './support/systems.mjs';
import { until } from './support/until.mjs';

test('a message counts as handled when the next one is asked for', async (t) => {
  const system = await openSystem(t);
  const stream = system.consumer.messages('order.*');
  await stream.ready();
  await system.publisher.publishBatch('order.placed', [1, 2, 3]);
  const bodies = [];
  for await (const [message, metadata] of stream) {
    bodies.push([message.body, metadata.topic]);
    if (bodies.length < 3) continue;
    stream.acknowledge();
    break;
  }
  await system.drain();
  assert.deepEqual(bodies, [[1, 'order-events'], [2, 'order-events'], [3, 'order-events']]);
  assert.equal(system.consumer.getStats().handledMessages, 3);
});

test('what a loop that is left had not acknowledged is handed back', async (t) => {
  const system = await openSystem(t);
  const stream = system.consumer.messages('a.b', { concurrency: 5 });
  await system.publisher.publishBatch('a.b', [1, 2, 3]);
  for await (const [message] of stream) {
    assert.equal(message.body, 1);
    break;
  }
  await until(() => system.consumer.getStats().releasedMessages === 3, 'all went back');
  assert.equal(system.consumer.getStats().handledMessages, 0);
});

test('a signal, the end of a block and the end of the system end the iteration', async (t) => {
  const system = await openSystem(t);
  const controller = new AbortController();
  const aborted = system.consumer.messages('a.b', { signal: controller.signal }).next();
  const disposed = system.consumer.messages('a.b');
  const left = disposed.next();
  const closed = system.consumer.messages('a.b').next();
  controller.abort();
  await disposed[Symbol.asyncDispose]();
  await system.close();
  for (const end of [aborted, left, closed]) assert.deepEqual(await end, { done: true, value: undefined });
});

test('next() may be called ahead', async (t) => {
  const system = await openSystem(t);
  const stream = system.consumer.messages('a.b', { concurrency: 2 });
  const ahead = [stream.next(), stream.next()];
  await system.publisher.publishBatch('a.b', [1, 2]);
  const bodies = (await Promise.all(ahead)).map(({ value: [message] }) => message.body);
  assert.deepEqual(bodies.sort(), [1, 2]);
  stream.acknowledge();
  await system.drain();
  assert.equal(system.consumer.getStats().handledMessages, 2);
});
