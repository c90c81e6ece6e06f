// SPDX-License-Identifier: MIT
// The builder, configurations, status, closing, and use after it.

import assert from 'node:assert/strict';
import { subscribe as listen, unsubscribe as unlisten } from 'node:diagnostics_channel';
import { test } from 'node:test';

import {
  Closed,
  ConfigurationError,
  EventSystem,
  EventSystemBuilder,
  EventsError,
  MemoryTransportPlugin,
  NotFound,
  Timeout,
  Transport,
  Unsupported,
  checkConfig,
  createConsumer,
  createEventSystem,
  createEventSystemBuilder,
  createPublisher,
  version,
} from 'libevents';

import { openSystem, recorder } from './support/systems.mjs';
import { until } from './support/until.mjs';

test('every method of the builder gives the builder back', () => {
  const builder = createEventSystemBuilder();
  assert.ok(builder instanceof EventSystemBuilder);
  const transport = new MemoryTransportPlugin().createTransport({ enablePatternRouting: true, enableBatching: true });
  const calls = [
    ['service', 'shop'],
    ['withService', 'shop'],
    ['originPrefix', 'eu.de'],
    ['origins', ['eu.de', 'us.ca']],
    ['addTransport', 'first', transport],
    ['addTransportFromFactory', 'second', 'redis-streams', { url: 'redis://localhost:6379', consumerGroup: 'g' }],
    ['withRedisTransport', 'redis://localhost:6379', { enableDLQ: true, dlqStreamPrefix: 'dlq:', maxRetriesBeforeDLQ: 3 }],
    ['withMemoryTransport'],
    ['withFileTransport', '/tmp/events.db'],
    ['routing', { routes: [{ pattern: 'a.*', transport: 'first' }] }],
    ['enablePublisherRetry', { maxRetries: 1, backoffStrategy: 'fixed', baseDelay: 5, maxDelay: 10 }],
    ['enableConsumerPatternRouting'],
    ['enableConsumerGroups'],
    ['setPoisonMessageHandler', () => undefined],
    ['setValidationMode', 'strict'],
  ];
  for (const [method, ...argv] of calls) assert.equal(builder[method](...argv), builder, method);
  assert.deepEqual(builder.check().problems, []);
  const { transports, consumer, publisher, validationMode } = builder.config();
  assert.deepEqual(Object.keys(transports), ['first', 'second', 'redis', 'memory', 'file']);
  assert.deepEqual(transports.redis.maxRetriesBeforeDLQ, 3);
  assert.deepEqual(consumer, { enablePatternRouting: true, enableConsumerGroups: true });
  assert.deepEqual([publisher.retry.baseDelay, validationMode], [5, 'strict']);
});

test('build checks the service first, then the transports', () => {
  for (const service of [undefined, null, '', '  ']) {
    assert.throws(() => createEventSystemBuilder().service(service).build(), {
      name: 'ConfigurationError',
      message: 'Service name is required',
      code: 'EVS_CONFIG',
      path: '/service',
    });
  }
  assert.throws(() => createEventSystemBuilder().service('x').build(), { message: 'At least one transport is required' });
});

test('a transport has a name of its own, a known type and valid options', () => {
  const builder = createEventSystemBuilder().withMemoryTransport();
  assert.throws(() => builder.withMemoryTransport(), /twice/);
  assert.throws(() => builder.addTransportFromFactory('', 'memory'), ConfigurationError);
  assert.throws(() => builder.addTransportFromFactory('x', 'kafka', {}), /memory, redis-streams/);
  assert.throws(() => builder.addTransportFromFactory('x', 'redis-streams', { port: 70_000, ur: 'x' }), (error) => {
    assert.ok(error instanceof ConfigurationError);
    assert.deepEqual(error.problems.map(({ path }) => path).sort(), ['/port', '/ur']);
    return true;
  });
  assert.throws(() => builder.addTransport('own', { name: 'own' }), ConfigurationError);
  assert.throws(() => builder.setPoisonMessageHandler('x'), ConfigurationError);
});

test('a configuration is refused with all its faults at once', () => {
  const wrong = { service: 5, transports: { main: { type: 'memory', maxQueu: 1 } }, consumer: { concurrency: -1 } };
  assert.throws(() => createEventSystem(wrong), (error) => {
    assert.ok(error instanceof ConfigurationError && error instanceof EventsError && error instanceof Error);
    assert.deepEqual(
      error.problems.map(({ path }) => path).sort(),
      ['/consumer/concurrency', '/service', '/transports/main/maxQueu'],
    );
    assert.match(error.problems.find(({ path }) => path.endsWith('maxQueu')).suggestion, /maxQueue/);
    return true;
  });
  assert.equal(checkConfig(wrong).valid, false);
  assert.equal(checkConfig(JSON.stringify({ service: 'x', transports: { m: { type: 'memory' } } })).valid, true);
  for (const odd of [undefined, null, 5, 'x', [], () => 1]) assert.throws(() => createEventSystem(odd), EventsError);
  const cyclic = { service: 'x' };
  cyclic.transports = cyclic;
  assert.throws(() => createEventSystem(cyclic), /contains itself/);
});

test('transports are given as a Map, as the published library has them, or as plain objects', async (t) => {
  const transport = new MemoryTransportPlugin().createTransport();
  for (const transports of [new Map([['main', transport]]), { main: transport }, { main: { type: 'memory' } }]) {
    const system = createEventSystem({ service: 'shop', transports });
    t.after(() => system.close(0));
    assert.ok(system instanceof EventSystem);
    assert.deepEqual([...system.transports.keys()], ['main']);
    assert.ok(system.transports.get('main') instanceof Transport);
  }
});

test('status and statistics say how the system is', async (t) => {
  const system = createEventSystem({ service: 'shop', transports: { main: { type: 'memory' } } });
  t.after(() => system.close(0));
  assert.equal(system.isConnected(), false);
  await system.connect();
  assert.equal(system.isConnected(), true);
  await system.publisher.publish('a.b');
  const status = await system.getStatus();
  assert.deepEqual([status.connected, status.healthy, status.version], [true, true, version()]);
  assert.equal(status.transports.get('main').connected, true);
  assert.equal(status.publisher.totalMessagesSent, 1);
  assert.ok(status.uptime > 0);
  const main = system.transports.get('main');
  assert.equal((await main.getMetrics()).messagesPublished, 1);
  assert.equal((await main.getStatus()).healthy, true);
  assert.equal(main.isConnected(), true);
  assert.match(system.metrics(), /libevents_published_total/);
  assert.equal(system.stats().version, version());
});

test('requests are made by name, and what memory does not have it refuses', async (t) => {
  const system = await openSystem(t);
  assert.ok(Array.isArray(await system.groups()));
  await assert.rejects(system.topics(), Unsupported);
  await assert.rejects(system.dlq.list(), Unsupported);
  await assert.rejects(system.request('no.such'), NotFound);
  await assert.rejects(system.connect({ timeout: -1 }), EventsError);
});

test('drain waits for handlers, and rejects when they do not end in time', async (t) => {
  const system = await openSystem(t);
  const { seen, handler } = recorder(() => new Promise(() => undefined));
  await system.consumer.subscribe('a.b', handler, { handlerTimeout: 0 });
  await system.publisher.publish('a.b');
  await until(() => seen.length === 1, 'the handler runs');
  await assert.rejects(system.drain({ timeout: 30 }), Timeout);
  await assert.rejects(system.drain({ timeout: 0 }), EventsError);
});

test('a signal gives up a request', async (t) => {
  const away = { type: 'redis-streams', host: '127.0.0.1', port: 1 };
  const system = createEventSystem({ service: 'shop', transports: { main: away } });
  t.after(() => system.close(0));
  const controller = new AbortController();
  const connecting = system.connect({ signal: controller.signal });
  controller.abort(new Error('enough'));
  await assert.rejects(connecting, /enough/);
  await assert.rejects(system.connect({ timeout: 50 }), EventsError);
});

test('close may be called often, ends with the block, and afterwards everything says Closed', async () => {
  const system = createEventSystem({ service: 'shop', transports: { main: { type: 'memory' } } });
  await system.connect();
  await Promise.all([system.close(), system.close(), system[Symbol.asyncDispose]()]);
  await system.close();
  for (const call of [() => system.stats(), () => system.metrics(), () => system.router.explain('a.b')]) {
    assert.throws(call, Closed);
  }
  for (const call of [() => system.connect(), () => system.drain(), () => system.groups(), () => system.getStatus()]) {
    await assert.rejects(call(), Closed);
  }
  assert.equal(system.isConnected(), false);
  assert.equal(system.transports.get('main').isConnected(), false);
  system.unref().ref();
});

test('a system that was never used closes too', async () => {
  await createEventSystem({ service: 'shop', transports: { main: { type: 'memory' } } }).close();
});

test('a publisher and a consumer can have systems of their own', async (t) => {
  const transports = { main: { type: 'memory', name: 'bus-of-their-own' } };
  const consumer = createConsumer(transports, { service: 'reader' });
  const publisher = createPublisher(transports, { service: 'writer' });
  t.after(() => Promise.all([consumer.close(0), publisher.close(0)]));
  await Promise.all([consumer.connect(), publisher.connect()]);
  const { seen, handler } = recorder();
  await consumer.subscribe('a.b', handler);
  await publisher.publish('a.b', 1);
  await until(() => seen.length === 1, 'the event came');
  assert.equal(seen[0].message.header.origin, 'writer');
});

test('health says why it is not ready', async (t) => {
  const system = new EventSystem({ service: 'shop', transports: { main: { type: 'memory' } } });
  t.after(() => system.close(0));
  assert.deepEqual(system.health(), { live: true, ready: false, reasons: ['the system was not connected yet'] });
  await system.connect();
  let release;
  const held = new Promise((resolve) => (release = resolve));
  await system.consumer.subscribe('a.b', () => held);
  await system.publisher.publish('a.b');
  assert.deepEqual(system.health(), { live: true, ready: true, reasons: [] });
  const draining = system.drain();
  await until(() => !system.health().ready, 'it is not ready');
  assert.deepEqual(system.health(), { live: true, ready: false, reasons: ['the system is being drained'] });
  release();
  await draining;
  assert.equal((await system.getStatus()).ready, true);
  await system.close();
  assert.deepEqual(system.health(), { live: false, ready: false, reasons: ['the system is closed'] });
});

test('a logger gets records with fields, and one that fails harms nobody', async (t) => {
  const said = [];
  const take = (text, record) => {
    said.push([text, record]);
    throw new Error('full');
  };
  const logger = { debug: take, info: take, warn: take, error: take };
  const warned = [];
  const onWarning = (warning) => warned.push(warning.message);
  process.on('warning', onWarning);
  t.after(() => process.off('warning', onWarning));
  const system = createEventSystemBuilder().service('shop').addTransportFromFactory('main', 'memory', {}).setLogger(logger).build();
  t.after(() => system.close());
  await system.connect();
  await system.consumer.subscribe('a.b', () => { throw new Error('no'); }, { maxRetries: 0 });
  const { id } = await system.publisher.publish('a.b');
  await until(() => said.some(([, record]) => record.fields), 'it was said');
  const [text, { level, component, fields, repeated }] = said.find(([, record]) => record.fields);
  assert.deepEqual({ level, component, fields, repeated },
    { level: 'error', component: 'consume', fields: { group: 'shop', topic: 'a-events', type: 'a.b', id, error: 'no' }, repeated: 0 });
  assert.match(text, /^libevents: consume: an event failed for good/);
  await until(() => warned.includes('the logger failed: full'), 'the failure was told');
  assert.throws(() => createEventSystemBuilder().setLogger({ info: take }), /no method debug/);
});

test('what the library has to say goes to the diagnostics channel', async (t) => {
  const said = [];
  const onLog = (entry) => said.push(entry);
  listen('libevents', onLog);
  t.after(() => unlisten('libevents', onLog));
  const system = await openSystem(t, { consumer: { retry: { maxRetries: 0 } } });
  await system.consumer.subscribe('a.b', () => {
    throw new Error('no');
  });
  await system.publisher.publish('a.b');
  await until(() => said.some(({ level, message }) => level === 'warn' && /last attempt/.test(message)), 'it was said');
});
