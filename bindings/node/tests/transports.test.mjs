// SPDX-License-Identifier: MIT
// A transport used by itself: as a part of a system, and without one.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as libevents from 'libevents';

import { until } from './support/until.mjs';

async function openTwo(t) {
  const system = libevents
    .createEventSystemBuilder()
    .service('shop')
    .originPrefix('eu.de')
    .withMemoryTransport({}, 'main')
    .withMemoryTransport({}, 'other')
    .routing(libevents.createBasicRoutingConfig([{ pattern: 'order.*', transport: 'other' }]))
    .build();
  t.after(() => system.close(1000));
  await system.connect();
  return system;
}

test('what is published to a topic of a transport asks no route', async (t) => {
  const system = await openTwo(t);
  const main = system.transports.get('main');
  const seen = [];
  await main.subscribe('audit-events', (message, { topic, transport }) => seen.push([message.type, message.body, topic, transport]));
  const envelope = libevents.createEventEnvelope('order.placed', { n: 1 }, 'shop', 'eu.de');
  const receipt = await main.publish('audit-events', envelope);
  assert.equal(receipt.id, envelope.header.id);
  assert.equal(receipt.topic, 'audit-events');
  await system.publisher.publish('order.placed', { n: 2 }); // goes to the other
  await main.publish('audit-line-events', { n: 3 }); // nobody subscribed to that topic
  await main.publish('audit-events', { n: 4 });
  await until(() => seen.length === 2);
  assert.deepEqual(seen, [
    ['order.placed', { n: 1 }, 'audit-events', 'main'],
    ['audit', { n: 4 }, 'audit-events', 'main'],
  ]);
  await main.unsubscribe('audit-events');
  await main.unsubscribe('audit-events');
  await main.publish('audit-events', { n: 5 });
  await system.drain();
  assert.equal(seen.length, 2);
});

test('the envelope is checked: type, hash and topic', async (t) => {
  const main = (await openTwo(t)).transports.get('main');
  const envelope = libevents.createEventEnvelope('a.b', { n: 1 }, 'shop');
  await assert.rejects(main.publish('audit-events', { ...envelope, body: { n: 2 } }), { code: 'EVS_VALIDATION', path: '/header/hash' });
  await assert.rejects(main.publish('audit-events', { header: { type: 'no type!' }, body: 1 }), { code: 'EVS_VALIDATION' });
  await assert.rejects(main.publish('Audit Events', envelope), { code: 'EVS_ROUTING', path: '/topic' });
});

test('a message that is passed on stays as it is, byte for byte', async (t) => {
  const system = await openTwo(t);
  const [main, other] = ['main', 'other'].map((name) => system.transports.get(name));
  const seen = [];
  await other.subscribe('audit-events', (message) => seen.push(message));
  await main.subscribe('in-events', (message) => other.publish('audit-events', message));
  const text = '{"n": 1.50}';
  const options = { contentType: 'application/json', headers: { a: 'b' } };
  const sent = await main.publish('in-events', { header: { type: 'a.b', origin: 'till', originPrefix: 'us.ca' }, body: Buffer.from(text) }, options);
  await until(() => seen.length === 1);
  const [{ header, headers, bodyText }] = seen;
  assert.equal(bodyText, text);
  assert.deepEqual([header.id, header.origin, header.originPrefix], [sent.id, 'till', 'us.ca']);
  assert.deepEqual(headers, { a: 'b' });
});

test('one is disconnected and connected again while the other goes on', async (t) => {
  const system = await openTwo(t);
  const [main, other] = ['main', 'other'].map((name) => system.transports.get(name));
  const seen = [];
  await main.subscribe('a-events', ({ body }) => seen.push(body));
  await other.subscribe('b-events', ({ body }) => seen.push(body));
  await main.disconnect(0);
  assert.deepEqual([main.isConnected(), other.isConnected(), system.isConnected()], [false, true, false]);
  const waits = main.publish('a-events', 1);
  await other.publish('b-events', 2);
  await until(() => seen.length === 1);
  await main.connect();
  await waits;
  await until(() => seen.length === 2);
  assert.deepEqual(seen, [2, 1]);
  assert.equal(system.isConnected(), true);
});

test('a transport of a factory has a connection of its own', async () => {
  const transport = libevents.createTransportFactory().createTransport({ type: 'memory' });
  assert.equal(transport.isConnected(), false);
  assert.equal((await transport.getStatus()).healthy, false);
  for (let round = 1; round <= 2; round++) {
    const seen = [];
    await transport.connect();
    assert.equal(transport.isConnected(), true);
    await transport.subscribe('user-events', async ({ type, body }) => seen.push([type, body.id]), {}, 'user.created');
    await transport.publish('user-events', libevents.createEventEnvelope('user.created', { id: round }, 'shop'));
    await transport.publish('user-events', libevents.createEventEnvelope('user.deleted', { id: round }, 'shop'));
    await until(() => seen.length === 1);
    assert.deepEqual(seen, [['user.created', round]]);
    assert.equal((await transport.getMetrics()).messagesPublished, 2);
    await transport.close();
    await transport.close();
    assert.equal(transport.isConnected(), false);
  }
});
