// SPDX-License-Identifier: MIT
// libevents/testing: a clock in the test's hands, what went through, and what a test says of it.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ConfigurationError, TransportError, Unsupported, ValidationError } from 'libevents';
import { MemoryHarness } from 'libevents/testing';

import { openSystem } from './support/systems.mjs';

const RETRY = { consumer: { retry: { maxRetries: 3, baseDelay: 1000, maxDelay: 60_000 } } };

function open(t, config, options) {
  const harness = new MemoryHarness(config, options);
  t.after(() => harness.close());
  return harness;
}

/** A handler that fails so many times. */
async function failing(harness, times) {
  const seen = [];
  await harness.system.consumer.subscribe('order.*', (_message, { attempt }) => {
    seen.push([harness.now, attempt]);
    if (seen.length <= times) throw new Error('not yet');
  });
  return seen;
}

test('retries come at their exact time and without waiting', async (t) => {
  const harness = open(t, RETRY);
  const seen = await failing(harness, 3);
  await harness.publish('order.placed', { id: 7 });
  await harness.advance(999);
  assert.deepEqual(seen, [[0, 1]]);
  await harness.advance(1);
  assert.deepEqual(seen, [[0, 1], [1000, 2]]);
  await harness.advance(3_600_000);
  assert.deepEqual(seen, [[0, 1], [1000, 2], [3000, 3], [7000, 4]]);
  assert.deepEqual(harness.handled().map(({ outcome }) => outcome), ['failed', 'failed', 'failed', 'done']);
  assert.equal(harness.now, 3_601_000);
});

test('the same schedule runs the same way each time', async (t) => {
  const run = async () => {
    const harness = open(t, { ...RETRY, publisher: { batching: { maxWaitMs: 25, maxSize: 3 } } });
    await failing(harness, 5);
    await harness.settle();
    for (let number = 0; number < 10; number++) {
      void harness.system.publisher.publish('order.placed', number);
      await harness.advance(7);
    }
    await harness.advance(60_000);
    return harness.handled().map(({ body, attempt, outcome, at }) => [body, attempt, outcome, at]);
  };
  const first = await run();
  assert.equal(first.length, 15);
  for (let again = 0; again < 3; again++) assert.deepEqual(await run(), first);
});

test('a batch waits for its time', async (t) => {
  const harness = open(t, { publisher: { batching: { strategy: 'time', maxWaitMs: 200 } } });
  await harness.settle();
  const sent = harness.system.publisher.publish('order.placed', 1);
  await harness.advance(199);
  assert.deepEqual(await harness.published(), []);
  await harness.advance(1);
  assert.equal((await sent).outcome, 'stored');
  assert.deepEqual((await harness.published()).map(({ at }) => at), [200]);
});

test('a rate limit lets pass what it says', async (t) => {
  const harness = open(t, { publisher: { rateLimiting: { maxRequests: 2, timeWindow: 1000 } } });
  await harness.settle();
  const waits = [1, 2, 3, 4, 5, 6].map((each) => harness.system.publisher.publish('order.placed', each));
  await harness.advance(10_000);
  await Promise.all(waits);
  assert.deepEqual((await harness.published()).map(({ at }) => at), [0, 0, 1000, 1000, 2000, 2000]);
});

test('a handler that hangs fails at its time limit', async (t) => {
  const harness = open(t, { consumer: { handlerTimeout: 30_000, ...RETRY.consumer } });
  const ended = [];
  await harness.system.consumer.subscribe(
    'order.*',
    (_message, { signal }) =>
      new Promise((resolve) =>
        signal.addEventListener('abort', () => {
          ended.push(harness.now);
          resolve();
        }),
      ),
  );
  await harness.publish('order.placed');
  await harness.advance(29_999);
  assert.deepEqual(ended, []);
  await harness.advance(1);
  assert.deepEqual(ended, [30_000]);
  assert.deepEqual(harness.handled().map(({ outcome, error }) => [outcome, error.name]), [['failed', 'Timeout']]);
});

test('handlers sleep by the clock', async (t) => {
  const harness = open(t);
  await harness.system.consumer.subscribe('order.*', () => harness.sleep(5000));
  await harness.publish('order.placed');
  await harness.advance(4999);
  assert.deepEqual(harness.handled(), []);
  await harness.advance(60_000);
  assert.deepEqual(harness.handled('order.placed').map(({ at }) => at), [5000]);
});

for (const [outcome, handled] of [['refused', 1], ['unknown', 1], ['lost', 2]]) {
  test(`a publish fails as the test asks: ${outcome}`, async (t) => {
    const harness = open(t);
    await harness.system.consumer.subscribe('order.*', () => undefined);
    await harness.settle();
    await harness.failPublish('order.*', { outcome });
    await assert.rejects(harness.publish('order.placed', 1), TransportError);
    await harness.publish('order.placed', 2);
    const wanted = outcome === 'lost' ? 'unknown' : outcome;
    assert.deepEqual((await harness.published()).map((each) => each.outcome), [wanted, 'stored']);
    assert.equal(harness.handled().length, handled);
  });
}

for (const outcome of ['unreachable', 'full']) {
  test(`what can pass is tried again by the clock: ${outcome}`, async (t) => {
    const harness = open(t, { publisher: { retry: { baseDelay: 1000, maxRetries: 3 } } });
    await harness.settle();
    await harness.failPublish('order.*', { outcome, times: 2 });
    const sent = harness.system.publisher.publish('order.placed', 1);
    await harness.advance(10_000);
    assert.equal((await sent).attempts, 3);
    assert.deepEqual(
      (await harness.published()).map((each) => [each.outcome, each.at]),
      [['refused', 0], ['refused', 1000], ['stored', 3000]],
    );
  });
}

test('what handlers did was for nothing as the test asks', async (t) => {
  const harness = open(t, { originPrefix: 'eu', ...RETRY });
  const seen = [];
  await harness.system.consumer.subscribe('order.*', (_, { attempt, deliveries }) => void seen.push([attempt, deliveries]));
  harness.failHandling('order.*');
  harness.failHandling('order.placed', { outcome: 'crashed', times: 2 });
  await harness.publish('order.placed');
  await harness.advance(60_000);
  assert.deepEqual(seen, [[1, 1], [2, 2], [2, 3], [2, 4]]);
  assert.deepEqual(harness.handled().map(({ outcome }) => outcome), ['failed', 'later', 'later', 'done']);
  assert.throws(() => harness.failHandling('*', { outcome: 'sometimes' }), ValidationError);
});

test('an assertion says what there was', async (t) => {
  const harness = open(t, { originPrefix: 'eu.de' });
  await harness.publish('order.placed', { id: 7 }, { headers: { tenant: 'a' } });
  const [event] = await harness.assertPublished('order.*', { body: { id: 7 }, times: 1 });
  assert.deepEqual([event.headers, event.fullType], [{ tenant: 'a' }, 'eu.de.order.placed']);
  await assert.rejects(harness.assertPublished('order.paid'), {
    message:
      "expected at least one event to be published that match 'order.paid'; there are 0.\n" +
      'Published were:\n  0 ms: eu.de.order.placed { id: 7 }, stored',
  });
  assert.throws(
    () => harness.assertHandled('order.*', { times: 2 }),
    /expected 2 events to be handled .*\nHandled were:\n {2}nothing/,
  );
});

test('a handler that counts twice is found', async (t) => {
  const harness = open(t);
  const paid = { sum: 0 };
  const pays = (message) => void (paid.sum += message.body.amount);
  const forwards = () => harness.system.publisher.publish('invoice.sent', 1);
  await assert.rejects(
    harness.assertIdempotent(pays, 'order.placed', { amount: 5 }, { snapshot: () => paid }),
    /changed sum from 5 to 10/,
  );
  await assert.rejects(
    harness.assertIdempotent(forwards, 'order.placed', { amount: 5 }),
    /published invoice\.sent 1 as a new event/,
  );
});

test('a handler that keeps what it did passes', async (t) => {
  const harness = open(t);
  const paid = {};
  const pays = async (message) => {
    paid[message.id] ??= message.body.amount;
    await harness.system.publisher.publish('invoice.sent', 1, { id: `${message.id}/invoice` });
  };
  await harness.assertIdempotent(pays, 'order.placed', { amount: 5 }, { snapshot: () => paid });
  const breaks = () => {
    throw new RangeError('its own error');
  };
  await assert.rejects(harness.assertIdempotent(breaks, 'order.placed'), RangeError);
});

test('only memory goes by a held clock', () => {
  const transports = { main: { type: 'redis-streams', url: 'redis://localhost:1' } };
  assert.throws(() => new MemoryHarness({ transports }), ConfigurationError);
});

test('a system whose clock goes is not moved', async (t) => {
  const system = await openSystem(t);
  await assert.rejects(system.request('testing.advance', { ms: 1 }), Unsupported);
  await assert.rejects(system.request('testing.published'), Unsupported);
});
