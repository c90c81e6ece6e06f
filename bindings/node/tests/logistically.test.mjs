// SPDX-License-Identifier: MIT
// The compatible entry on memory; over Redis: logistically_redis.test.mjs.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as ours from 'libevents';
import * as published from 'libevents/logistically';

import { recorder } from './support/systems.mjs';
import { until } from './support/until.mjs';

async function open(t, enable = (builder) => builder) {
  const builder = published.createEventSystemBuilder().service('shop').addTransportFromFactory('memory', 'memory', {});
  const system = enable(builder).build();
  t.after(() => system.close(0));
  await system.connect();
  return system;
}

test('it has every export of the other entry', () => {
  const missing = Object.keys(ours).filter((name) => !(name in published));
  assert.deepEqual(missing, []);
  assert.equal(published.EventSystem, ours.EventSystem);
});

test('the consumer group is default-group, unless one is named', async (t) => {
  const system = await open(t);
  const { seen, handler } = recorder();
  await system.consumer.subscribe('a.b', handler);
  await system.consumer.subscribe('a.b', handler, { groupId: 'mine' });
  await system.publisher.publish('a.b');
  await until(() => seen.length === 2, 'both came');
  assert.deepEqual(seen.map(({ metadata }) => metadata.group).sort(), ['default-group', 'mine']);
  const config = published.createEventSystemBuilder().withMemoryTransport({ consumerGroup: 'named' }).config();
  assert.deepEqual(config.transports.memory, { groupId: 'named', type: 'memory' });
});

test('patterns need enableConsumerPatternRouting', async (t) => {
  const without = await open(t);
  await assert.rejects(without.consumer.subscribePattern('a.*', () => undefined), /not enabled/);
  const system = await open(t, (builder) => builder.enableConsumerPatternRouting());
  const { seen, handler } = recorder();
  await system.consumer.subscribePattern('a.*', handler);
  await system.publisher.publish('a.b');
  await until(() => seen.length === 1, 'the event came');
  assert.equal(seen[0].pattern, 'a.*');
});

test('publishBatch rejects where an event failed', async (t) => {
  const { publisher } = await open(t);
  await publisher.publishBatch('a.b', [1, 2]);
  await assert.rejects(publisher.publishBatch([{ type: 'a.b' }, { type: '!' }]), ours.ValidationError);
});

test('createEventSystem, createPublisher and createConsumer have the same defaults', async (t) => {
  const transports = new Map([['m', new published.MemoryTransportPlugin().createTransport()]]);
  const system = published.createEventSystem({ service: 'shop', transports });
  t.after(() => system.close(0));
  await assert.rejects(system.consumer.subscribePattern('a.*', () => undefined), /not enabled/);
  const publisher = published.createPublisher(transports, { service: 'shop' });
  const consumer = published.createConsumer(transports, { service: 'shop' });
  t.after(() => Promise.all([publisher.close(0), consumer.close(0)]));
  await assert.rejects(consumer.subscribePattern('a.*', () => undefined), /not enabled/);
  assert.throws(() => published.createEventSystem({ service: 'x' }), ours.ConfigurationError);
});
