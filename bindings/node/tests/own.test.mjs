// SPDX-License-Identifier: MIT
// Transports and plugins that a program writes itself; the scenarios play through one as well.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';

import * as libevents from 'libevents';

import { until } from './support/until.mjs';

/** Notes what is asked of it, and hands on what is published. */
class Noting {
  capabilities = { supportsPublishing: true, supportsSubscription: true };
  calls = [];
  handlers = new Map();
  returned = [];

  connect() {
    this.calls.push('connect');
  }

  async publish(topic, message, options) {
    this.calls.push(['publish', topic, message.body, options.type]);
    this.handlers.get(topic)?.(message).catch((error) => this.returned.push(error));
    return { offset: 7 };
  }

  async subscribe(topic, handler, options) {
    this.calls.push(['subscribe', topic, options.group]);
    this.handlers.set(topic, handler);
  }

  unsubscribe(topic) {
    this.calls.push(['unsubscribe', topic]);
    this.handlers.delete(topic);
  }

  disconnect() {
    this.calls.push('disconnect');
  }
}

async function open(t, transport, settings, config = {}) {
  const system = libevents.createEventSystem({
    service: 'shop',
    transports: { main: { transport, retry: { baseDelay: 1, jitter: 0 }, ...settings } },
    ...config,
  });
  t.after(() => system.close(1000));
  await system.connect();
  return system;
}

test('the published methods are called with what they are about, and in order', async () => {
  const transport = new Noting();
  const system = libevents.createEventSystemBuilder().service('shop').addTransport('own', transport, { groupId: 'g' }).build();
  await system.connect();
  const seen = [];
  await system.consumer.subscribe('order.placed', ({ body }) => seen.push(body));
  const receipt = await system.publisher.publish('order.placed', { n: 1 });
  assert.equal(receipt.offset, '7');
  await until(() => seen.length === 1);
  assert.equal(system.transports.get('own').capabilities.supportsPersistence, false);
  await system.close();
  assert.deepEqual(transport.calls, [
    'connect',
    ['subscribe', 'order-events', 'g'],
    ['publish', 'order-events', { n: 1 }, 'order.placed'],
    ['unsubscribe', 'order-events'],
    'disconnect',
  ]);
  assert.deepEqual(transport.returned, []);
});

test('a handler that fails runs again, and the transport hears of it when all is done', async (t) => {
  const transport = new Noting();
  const system = await open(t, transport);
  let runs = 0;
  await system.consumer.subscribe('order.placed', () => {
    if (++runs < 3) throw new Error('not yet');
  });
  await system.publisher.publish('order.placed', 1);
  await until(() => runs === 3);
  assert.deepEqual(transport.returned, []);
});

test('what is not handled when the system closes is handed back', async () => {
  const transport = new Noting();
  const system = libevents.createEventSystem({ service: 'shop', transports: { main: transport } });
  await system.connect();
  let isRunning = false;
  await system.consumer.subscribe('order.placed', (_, { signal }) => {
    isRunning = true;
    return once(signal, 'abort').then(() => signal.throwIfAborted());
  });
  await system.publisher.publish('order.placed', 1);
  await until(() => isRunning);
  await system.close(0);
  assert.equal(transport.returned.length, 1);
  assert.ok(transport.returned[0] instanceof libevents.Closed);
});

test('a publish that throws is tried again; what throws for good is refused at once', async (t) => {
  let tries = 0;
  const transport = {
    publish(topic, message) {
      tries++;
      if (message.body === 'bad') throw new libevents.ValidationError('not this one');
      if (tries < 3) throw new Error('busy');
    },
  };
  const system = await open(t, transport, {}, { publisher: { retry: { baseDelay: 1, jitter: 0 } } });
  const receipt = await system.publisher.publish('a.b', 'good');
  assert.deepEqual([receipt.outcome, receipt.attempts], ['stored', 3]);
  const refused = await system.publisher.publish('a.b', 'bad').catch((error) => error);
  assert.equal(refused.receipt.outcome, 'refused');
  assert.match(refused.message, /not this one/);
});

test('a publish that never ends is unknown after its time, and the next one goes on', async (t) => {
  let calls = 0;
  const transport = { publish: () => (++calls === 1 ? new Promise(() => undefined) : undefined) };
  const system = await open(t, transport, {}, { publisher: { timeout: 300, retry: { maxRetries: 0 } } });
  const hung = await system.publisher.publish('a.b', 1).catch((error) => error);
  assert.equal(hung.receipt.outcome, 'unknown');
  assert.equal((await system.publisher.publish('a.b', 2, { timeout: 20_000 })).outcome, 'stored');
});

test('connecting is tried again until it succeeds', async (t) => {
  let tries = 0;
  const transport = {
    connect() {
      if (++tries < 3) throw new Error('nobody there');
    },
    publish: () => undefined,
  };
  const system = await open(t, transport);
  assert.equal(tries, 3);
  assert.equal(system.isConnected(), true);
});

test('what a transport cannot do is refused with the reason', async (t) => {
  const system = await open(t, { publish: () => undefined });
  await assert.rejects(system.consumer.subscribe('a.b', () => 1), /takes no subscriptions/);
  const both = await open(t, new Noting());
  await assert.rejects(both.consumer.subscribe('a.*', () => 1), /no pattern routing/);
  const build = (transport) => () => libevents.createEventSystemBuilder().service('shop').addTransport('own', transport);
  assert.throws(build({ name: 'own' }), /expected one that a factory made, or an object with publish/);
  assert.throws(build(5), libevents.ConfigurationError);
  const nothing = { publish() {}, capabilities: { supportsPublishing: false } };
  assert.throws(() => build(nothing)().build(), /can neither publish nor subscribe/);
});

test('any text that is an envelope is taken from a transport, and what is none is dropped after its retries', async (t) => {
  const transport = new Noting();
  const system = await open(t, transport);
  const seen = [];
  await system.consumer.subscribe('a.b', (message) => seen.push(message.body));
  const envelope = libevents.createEventEnvelope('a.b', { n: 1 }, 'elsewhere');
  const handle = transport.handlers.get('a-events');
  await handle(envelope);
  await handle(JSON.stringify(envelope));
  await handle({ data: JSON.stringify(envelope) });
  await handle('no envelope at all');
  assert.deepEqual(seen, [{ n: 1 }, { n: 1 }, { n: 1 }]);
  assert.equal(system.consumer.getStats().deadLetteredMessages, 0);
});

test('a plugin registers, checks options and makes transports', async (t) => {
  const told = [];
  const plugin = {
    name: 'noting',
    version: '1.0.0',
    capabilities: { supportsPublishing: true },
    createTransport: (options) => Object.assign(new Noting(), { options }),
    validateConfig: ({ size = 1 } = {}) => ({ valid: size > 0, errors: size > 0 ? [] : ['size must be above 0'] }),
    onRegister: () => told.push('registered'),
    onUnregister: () => told.push('unregistered'),
  };
  const factory = libevents.createTransportFactory();
  factory.registerPlugin(plugin);
  assert.ok(factory.getSupportedTypes().includes('noting'));
  assert.equal(factory.getPlugin('noting'), plugin);
  const transport = factory.createTransport({ type: 'noting', options: { size: 2 } });
  assert.deepEqual(transport.options, { size: 2 });
  assert.throws(() => factory.createTransport({ type: 'noting', options: { size: 0 } }), /size must be above 0/);
  const system = await open(t, transport);
  await system.publisher.publish('a.b', 1);
  factory.unregisterPlugin('noting');
  assert.throws(() => factory.createTransport({ type: 'noting' }), /no transport of type 'noting'/);
  assert.deepEqual(told, ['registered', 'unregistered']);
  assert.throws(() => factory.registerPlugin({ name: 'own' }), /createTransport/);
});
