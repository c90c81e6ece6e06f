// SPDX-License-Identifier: MIT
// The AsyncAPI document of a system, held against the schema of such documents by two validators.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';

import Ajv from 'ajv';
import { Schema } from 'libevents';

import { openSystem } from './support/systems.mjs';

const { resolve } = createRequire(import.meta.url);
const meta = readFileSync(resolve('@asyncapi/specs/schemas/3.0.0-without-$id.json'), 'utf8');

const ORDER = { type: 'object', required: ['id'], properties: { id: { type: 'integer', maximum: 9007199254740991 } } };
const CONFIG = {
  originPrefix: 'eu.de',
  routing: {
    routes: [
      { name: 'orders', pattern: 'order.*', transport: 'main', partitions: 4, ordering: 'per-key' },
      { pattern: 'user.created', transport: 'main', topic: 'people' },
    ],
  },
  schemas: { types: { 'order.placed': { '1.0.0': ORDER, '1.1.0': { ...ORDER, title: 'x' } }, 'order.sent': { '1.0.0': true } } },
};

/** Follows a reference of the document into itself. */
function followed(document, { $ref }) {
  const parts = $ref.slice(2).split('/');
  return parts.reduce((at, part) => at[part.replace(/~1/g, '/').replace(/~0/g, '~')], document);
}

test('the document says which types go where, in which versions, and who reads them', async (t) => {
  const system = await openSystem(t, CONFIG);
  await system.consumer.subscribe('order.*', () => undefined, { name: 'all', group: 'billing' });
  await system.consumer.subscribe('stock.low', () => undefined, { name: 'stock' });
  const document = await system.schemas.asyncapi();
  assert.deepEqual(Object.keys(document.channels).sort(), ['order-events', 'people-events', 'stock-events']);
  const orders = document.channels['order-events'];
  assert.deepEqual(Object.keys(orders.messages).sort(), ['order.placed-1.0.0', 'order.placed-1.1.0', 'order.sent-1.0.0']);
  assert.equal(orders['x-libevents-partitions'], 4);
  assert.equal(orders['x-libevents-ordering'], 'per-key');
  for (const message of Object.values(orders.messages)) assert.ok(followed(document, message).payload.schema);
  const { payload, ...placed } = document.components.messages['order.placed-1.0.0'];
  assert.deepEqual(payload.schema, ORDER);
  assert.equal(placed['x-libevents-latest'], false);
  assert.equal(document.components.messages['user.created'].payload, undefined);
  const operations = Object.values(document.operations);
  const [billing] = operations.filter((operation) => operation['x-libevents-group'] === 'billing');
  assert.equal(billing.action, 'receive');
  assert.equal(followed(document, billing.channel), orders);
  assert.equal(operations.filter(({ action }) => action === 'send').length, 3);
  assert.equal(operations.filter(({ action }) => action === 'receive').length, 2);
});

test('it is valid by the schema of AsyncAPI 3 documents, and a broken one is not', async (t) => {
  const system = await openSystem(t, CONFIG);
  await system.consumer.subscribe('order.*', () => undefined);
  const document = await system.schemas.asyncapi();
  const ours = new Schema(meta);
  const ajv = new Ajv.default({ strict: false, validateFormats: false, logger: false }).compile(JSON.parse(meta));
  assert.deepEqual(ours.validate(document), []);
  assert.ok(ajv(document), JSON.stringify(ajv.errors));
  for (const broken of [{ ...document, asyncapi: '2.0.0' }, { ...document, channels: { a: { address: 5 } } }]) {
    assert.ok(!ours.isValid(broken) && !ajv(broken));
  }
});

test('an empty system has a document too', async (t) => {
  const system = await openSystem(t);
  const document = await system.schemas.asyncapi();
  assert.deepEqual([document.channels, document.operations], [{}, {}]);
  assert.deepEqual(new Schema(meta).validate(document), []);
});
