// SPDX-License-Identifier: MIT
// Routers, with a system and without; the functions that need none; factory, plugins, validator, envelope.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import {
  ConfigurationError,
  DefaultEventValidator,
  EventRouter,
  MemoryTransportPlugin,
  RedisStreamsPlugin,
  ValidationError,
  bodyHash,
  checkConfig,
  createBasicRoutingConfig,
  createEventEnvelope,
  createEventRouter,
  createEventValidator,
  createTransportFactory,
  defaultRoutingConfig,
  getFullEventType,
  keySlot,
  matchesPattern,
  normalizePattern,
  partitionForKey,
  retryDelay,
  validateEventType,
} from 'libevents';

import { openSystem } from './support/systems.mjs';

const routes = [
  { name: 'people', pattern: 'user.*', transport: 'main', priority: 2, options: { topic: 'people' } },
  { pattern: '*.deleted', transport: 'other' },
];

test('a router without a system answers as the published one', () => {
  const router = createEventRouter(createBasicRoutingConfig([], 'warn', undefined, { 'user.created': 'account' }), new Map());
  assert.ok(router instanceof EventRouter);
  assert.equal(router.resolveTopic('USER.CREATED'), 'account-events');
  assert.equal(router.resolveTopic('Order.Updated'), 'order-events');
  assert.equal(router.matchesPattern('eu.de.user.created', '*.user.*'), true);
  assert.equal(router.matchesPattern('order.created', '*.user.*'), false);
  assert.equal(router.validateEventType('user.created'), true);
  assert.equal(router.validateEventType('user-created'), false);
  assert.equal(router.validateEventType(5), false);
  assert.equal(router.validateAndNormalizePattern('USER.*'), 'user.*');
  assert.throws(() => router.validateAndNormalizePattern('user.**'), ValidationError);
  assert.equal(router.normalizeEventType('USER.Created'), 'user.created');
  assert.equal(router.resolveTopic(''), 'unroutable');
});

test('routes choose topic and transport, and explain says why', () => {
  const router = createEventRouter({ routes, originPrefix: 'eu.de' });
  const explained = router.explain('user.deleted', { key: 'k', body: { a: 1 } });
  assert.equal(explained.fullType, 'eu.de.user.deleted');
  assert.deepEqual([explained.topic, explained.transports], ['people-events', ['main']]);
  assert.deepEqual(explained.routes.map(({ name, matched }) => [name, matched]), [['people', true], [null, true]]);
  assert.deepEqual(router.getConfiguredTransports(), ['main', 'other']);
  assert.deepEqual(router.getRoutesForTransport('other'), [routes[1]]);
});

test('features are checked against the capabilities of transports', () => {
  const memory = new MemoryTransportPlugin().capabilities;
  const poor = { ...memory, supportsBatching: false };
  const router = createEventRouter({ routes }, new Map([['main', memory], ['other', poor]]));
  assert.deepEqual(router.validateTransportFeatures('main', ['patternRouting', 'batching']), {
    valid: true,
    warnings: [],
    errors: [],
    unsupportedFeatures: [],
  });
  const { valid, warnings, unsupportedFeatures } = router.validateTransportFeatures('other', ['batching', 'flying']);
  assert.deepEqual([valid, warnings.length, unsupportedFeatures], [false, 1, ['batching']]);
  assert.equal(router.validateTransportFeatures('nobody', []).valid, false);
  router.updateTransportCapabilities('other', memory);
  assert.equal(router.validateTransportFeatures('other', ['batching']).valid, true);
  router.removeTransportCapabilities('other');
  assert.equal(router.validateTransportFeatures('other', ['batching']).valid, false);
  const all = new Map([['main', poor], ['other', poor]]);
  assert.throws(() => createEventRouter({ routes, enableBatching: true }, all), ConfigurationError);
});

test('wrong routing is refused with every fault', () => {
  const wrong = { routes: [{ pattern: 'user.**', transport: 'main' }], topicMapping: { 'a..b': 'x' } };
  assert.throws(() => createEventRouter(wrong), (error) => error instanceof ConfigurationError && error.problems.length === 2);
});

test('the router of a system uses its prefix and routes', async (t) => {
  const { router } = await openSystem(t, { originPrefix: 'eu.de', routing: { routes: [{ pattern: 'a.*', transport: 'main', topic: 'first' }] } });
  assert.equal(router.resolveTopic('a.b'), 'first-events');
  assert.equal(router.matchesPattern('eu.de.user.created', 'user.*'), true);
  assert.equal(router.matchesPattern('us.ca.user.created', 'user.*'), false);
  assert.equal(router.validateTransportFeatures('main', ['consumerGroups']).valid, true);
});

test('createBasicRoutingConfig has the published defaults and order of arguments', () => {
  assert.deepEqual(createBasicRoutingConfig([]), { ...defaultRoutingConfig });
  assert.deepEqual(createBasicRoutingConfig([], 'strict', 'eu.de', { 'a.*': 'b' }, 'custom', 'word'), {
    ...defaultRoutingConfig,
    validationMode: 'strict',
    originPrefix: 'eu.de',
    topicMapping: { 'a.*': 'b' },
    defaultTopicStrategy: 'custom',
    customTopicWord: 'word',
  });
});

test('functions that need no system check their arguments', () => {
  assert.equal(getFullEventType('user.created', 'eu.de'), 'eu.de.user.created');
  assert.equal(getFullEventType('user.created'), 'user.created');
  for (const call of [
    () => matchesPattern(5, 'a'),
    () => matchesPattern('a', '\ud800'),
    () => normalizePattern(null),
    () => getFullEventType(undefined),
    () => retryDelay('linear', 1, 1, 1),
    () => retryDelay('__proto__', 1, 1, 1),
    () => retryDelay('fixed', -1, 1, 1),
    () => bodyHash(5),
    () => partitionForKey('k', 1.5),
    () => partitionForKey(undefined, 1),
    () => keySlot({}),
  ]) {
    assert.throws(call, ValidationError, String(call));
  }
  assert.equal(validateEventType('\ud800'), false);
  assert.equal(bodyHash('{}'), bodyHash(Buffer.from('{}')));
});

test('factory and plugins describe the built-in transports', () => {
  const factory = createTransportFactory();
  assert.deepEqual(factory.getSupportedTypes().sort(), ['file', 'memory', 'redis-streams']);
  const redis = factory.getPlugin('redis-streams');
  assert.ok(redis instanceof RedisStreamsPlugin);
  assert.equal(redis.capabilities.supportsDeadLetterQueues, true);
  assert.deepEqual(redis.validateConfig({ url: 'redis://localhost' }), { valid: true, errors: [] });
  assert.equal(redis.validateConfig({ blockTime: -1 }).valid, false);
  assert.equal(redis.validateConfig(5).valid, false);
  assert.equal(redis.getDefaultConfig().streamPrefix, 'stream:');
  assert.equal(redis.getPluginStructure().name, 'redis-streams');
  const transport = factory.createTransport({ type: 'redis-streams', options: { url: 'redis://:secret@localhost' } });
  assert.equal(transport.type, 'redis-streams');
  assert.ok(!JSON.stringify(transport).includes('secret'));
  factory.unregisterPlugin('memory');
  assert.throws(() => factory.createTransport({ type: 'memory' }), ConfigurationError);
  factory.registerPlugin(new MemoryTransportPlugin());
  assert.equal(factory.getAllPlugins().length, 3);
});

test('each wrong value of a configuration is told word for word', () => {
  const path = new URL('../../../tests/unit/config/problems.json', import.meta.url);
  const cases = Object.entries(JSON.parse(readFileSync(path, 'utf8'))).filter(([, { config }]) => config);
  assert.ok(cases.length > 500);
  for (const [name, { config, problems }] of cases) assert.deepEqual(checkConfig(config).problems, problems, name);
});

test('the validator takes everything until it has a schema', () => {
  const validator = createEventValidator();
  assert.ok(validator instanceof DefaultEventValidator);
  assert.deepEqual(validator.validate('a.b', {}), { valid: true });
  assert.equal(validator.getSchema('a.b'), undefined);
  validator.registerSchema('a.b', { type: 'string' });
  assert.equal(validator.validate('a.b', {}).valid, false);
});

test('an envelope is made by hand as the store holds it', () => {
  const { header, body } = createEventEnvelope('user.created', { id: 1 }, 'shop', 'eu.de');
  assert.deepEqual(body, { id: 1 });
  assert.equal(header.hash, bodyHash('{"id":1}'));
  assert.deepEqual(Object.keys(header), ['id', 'type', 'origin', 'originPrefix', 'timestamp', 'hash', 'version']);
});
