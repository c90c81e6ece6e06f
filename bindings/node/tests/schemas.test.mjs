// SPDX-License-Identifier: MIT
// Schemas in Node: by themselves, in the registry of a system, from Zod, and with up-casters.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Conflict, NotFound, Schema, ValidationError, createEventSystem, createEventValidator } from 'libevents';
import * as z from 'zod';

import { openSystem, recorder } from './support/systems.mjs';
import { until } from './support/until.mjs';

const ORDER = {
  type: 'object',
  required: ['id'],
  properties: { id: { type: 'integer', minimum: 1 }, note: { type: 'string' } },
};
const OrderPlaced = z.object({ id: z.int().min(1), at: z.string().optional().transform((at) => at && new Date(at)) });

/** A system that notes what was given up. */
async function openTold(t) {
  const told = [];
  const poisonMessageHandler = (_message, error) => told.push(error);
  return { told, system: await openSystem(t, { consumer: { poisonMessageHandler } }) };
}

test('a schema says what is wrong, where, and by which keyword', () => {
  const schema = new Schema(ORDER);
  assert.ok(schema.isValid({ id: 7 }));
  assert.deepEqual(schema.validate({ id: 7 }), []);
  const found = schema.validate({ id: 0, note: 5 });
  assert.deepEqual(
    found.map(({ instancePath, schemaPath, keyword }) => [instancePath, schemaPath, keyword]),
    [
      ['/id', '/properties/id/minimum', 'minimum'],
      ['/note', '/properties/note/type', 'type'],
    ],
  );
  assert.equal(schema.validate({ id: 0, note: 5 }, 1).length, 1);
});

test('text is judged by all its digits, and the standard output is there', () => {
  const schema = new Schema('{"const": 9007199254740993, "title": "exact"}');
  assert.ok(schema.isValidText('9007199254740993'));
  assert.ok(schema.isValid(9007199254740993n));
  assert.ok(!schema.isValidText(Buffer.from('9007199254740992')));
  assert.equal(schema.basicText('9007199254740992').errors[0].keywordLocation, '/const');
  assert.equal(schema.basicText('9007199254740993').annotations[0].annotation, 'exact');
});

test('a wrong schema names every fault and its place', () => {
  assert.throws(
    () => new Schema({ minLength: -1, properties: { a: { type: 'strin' } } }),
    (error) => {
      assert.ok(error instanceof ValidationError);
      assert.deepEqual(error.problems.map(({ path }) => path).sort(), ['/minLength', '/properties/a/type']);
      return true;
    },
  );
  assert.throws(() => new Schema('{'), ValidationError);
  assert.throws(() => new Schema(ORDER).validateText('{'), ValidationError);
  assert.throws(() => new Schema(ORDER).validateText(5), ValidationError);
});

test('references, formats, defaults and comparisons', () => {
  const documents = { 'https://example.org/id': { type: 'integer' } };
  assert.ok(!new Schema({ $ref: 'https://example.org/id' }, { documents }).isValid('1'));
  assert.ok(!new Schema({ format: 'uuid' }, { format: 'assertion' }).isValid('no'));
  const filled = new Schema({ required: ['a'], properties: { a: { default: 3 } } });
  assert.equal(filled.fillText('{"b": 1}'), '{"b": 1,"a":3}');
  assert.equal(filled.fillText('{"a": 1}'), '{"a": 1}');
  assert.equal(new Schema({ type: 'integer' }).compat({ type: 'number' }).verdict, 'compatible');
  const { verdict, reasons } = new Schema({ type: 'integer' }).compat({ type: 'number' }, { mode: 'forward' });
  assert.equal(verdict, 'incompatible');
  assert.equal(reasons[0].direction, 'forward');
});

test('a Zod schema is a schema; one that cannot say its form is refused', () => {
  const schema = new Schema(OrderPlaced);
  assert.ok(schema.isValid({ id: 7 }));
  assert.deepEqual(schema.validate({ id: 0 }).map(({ instancePath }) => instancePath), ['/id']);
  const mute = { '~standard': { version: 1, vendor: 'other', validate: () => ({ value: 1 }) } };
  assert.throws(() => new Schema(mute), /does not say its JSON Schema/);
});

test('compiled schemas are given back', async () => {
  for (let round = 0; round < 2000; round++) new Schema({ enum: [round] }).isValid(1);
  globalThis.gc?.();
});

test('the registry keeps versions and refuses what is not compatible', async (t) => {
  const { schemas } = await openSystem(t);
  assert.equal((await schemas.register('order.placed', ORDER)).version, '1.0.0');
  assert.equal((await schemas.register('order.placed', ORDER)).outcome, 'unchanged');
  const wider = { ...ORDER, properties: { ...ORDER.properties, code: { type: 'string' } } };
  assert.equal((await schemas.register('order.placed', wider, { dryRun: true })).outcome, 'would_be_registered');
  const { version } = await schemas.register('order.placed', wider);
  await assert.rejects(schemas.register('order.placed', { ...wider, required: ['id', 'code'] }), (error) => {
    assert.ok(error instanceof Conflict && error.problems.length > 0, String(error));
    return true;
  });
  assert.deepEqual((await schemas.list('order.placed')).map((item) => item.version), ['1.0.0', version]);
  assert.deepEqual((await schemas.get('order.placed', '1.0.0')).schema, ORDER);
  assert.ok((await schemas.validate('order.placed', { id: 7 })).valid);
  const wrong = await schemas.validate('order.placed', { id: 0 }, { version: '1.0.0' });
  assert.equal(wrong.errors[0].instancePath, '/id');
  assert.equal((await schemas.compat('order.placed', { type: 'string' })).verdict, 'incompatible');
  const { changes } = await schemas.diff('order.placed', '1.0.0', version);
  assert.deepEqual(changes.map(({ path }) => path), ['/properties/code']);
  await schemas.configure('order.placed', { compatibility: 'none' });
  await schemas.remove('order.placed', version);
  assert.equal((await schemas.get('order.placed')).version, '1.0.0');
  await assert.rejects(schemas.get('user.created'), NotFound);
});

test('strict mode refuses a body that its declared schema does not take', async (t) => {
  const system = await openSystem(t, { validationMode: 'strict' });
  system.validator.registerSchema('order.placed', OrderPlaced);
  assert.equal(system.validator.getSchema('Order.Placed'), OrderPlaced);
  assert.equal(system.validator.validate('order.placed', { id: 7 }).valid, true);
  const { valid, error } = system.validator.validate('order.placed', { id: 0 });
  assert.equal(valid, false);
  assert.match(error, /\/id/);
  assert.deepEqual(system.validator.validate('nobody.knows', 5), { valid: true });
  await system.publisher.publish('order.placed', { id: 7 });
  await assert.rejects(system.publisher.publish('order.placed', { id: 0 }), ValidationError);
});

test('a declared schema that is refused stops connecting and publishing', async (t) => {
  const schemas = { types: { 'order.placed': { '1.0.0': ORDER } } };
  const system = createEventSystem({ service: 'shop', transports: { main: { type: 'memory' } }, schemas });
  t.after(() => system.close(0));
  system.validator.registerSchema('order.placed', { type: 'string' }, '2.0.0');
  await assert.rejects(system.connect(), Conflict);
  await assert.rejects(system.publisher.publish('order.placed', { id: 1 }), Conflict);
});

test('a validator of its own validates', () => {
  const validator = createEventValidator();
  validator.registerSchema('a.b', { type: 'string' });
  assert.equal(validator.validate('a.b', 5).valid, false);
  assert.equal(validator.validate('a.b', 'five').valid, true);
});

test('a handler gets what the Zod schema of its subscription makes of the body', async (t) => {
  const system = await openSystem(t);
  const { seen, handler } = recorder();
  await system.consumer.subscribe('order.placed', handler, { schema: OrderPlaced });
  await system.publisher.publish('order.placed', { id: 7, at: '2026-11-26T10:00:00Z', more: 1 });
  await until(() => seen.length === 1, 'the event came');
  assert.deepEqual(seen[0].body, { id: 7, at: new Date('2026-11-26T10:00:00Z') });
  assert.match(seen[0].message.bodyText, /"more":1/);
});

test('a body that the Zod schema does not take is given up at once, without its values', async (t) => {
  const { system, told } = await openTold(t);
  const { seen, handler } = recorder();
  await system.consumer.subscribe('order.placed', handler, { schema: OrderPlaced });
  await system.publisher.publish('order.placed', { id: 'secret' });
  await until(() => told.length === 1, 'it was given up');
  assert.match(told[0].message, /\/id/);
  assert.doesNotMatch(told[0].message, /secret/);
  assert.equal(seen.length, 0);
});

function addUpcasters({ schemas }) {
  schemas
    .upcast('order.placed', '1.0.0', '2.0.0', (body) => ({ id: body.number.valueOf() }))
    .upcast('order.placed', '2.0.0', '3.0.0', (body) => ({ order: body }));
}

test('events come in the version that was asked for', async (t) => {
  const system = await openSystem(t);
  addUpcasters(system);
  const [newest, published] = [recorder(), recorder()];
  await system.consumer.subscribe('order.placed', newest.handler, { version: '3.0.0' });
  await system.consumer.subscribe('order.placed', published.handler);
  await system.publisher.publish('order.placed', { number: 7 }, { version: '1.0.0' });
  await system.publisher.publish('order.placed', { id: 8 }, { version: '2.0.0' });
  await system.publisher.publish('order.placed', { order: { id: 9 } }, { version: '3.0.0' });
  await until(() => newest.seen.length === 3 && published.seen.length === 3, 'all came');
  assert.deepEqual(newest.seen.map(({ body }) => body), [7, 8, 9].map((id) => ({ order: { id } })));
  assert.deepEqual(newest.seen.map(({ message }) => message.header.version), ['3.0.0', '3.0.0', '3.0.0']);
  assert.deepEqual(published.seen.map(({ message }) => message.header.version), ['1.0.0', '2.0.0', '3.0.0']);
});

test('a stream has the asked version, and skips what cannot be had in it', async (t) => {
  const { system, told } = await openTold(t);
  addUpcasters(system);
  const stream = system.consumer.messages('order.placed', { version: '2.0.0' });
  await stream.ready();
  await system.publisher.publish('order.placed', { no: 'number' }, { version: '1.0.0' });
  await system.publisher.publish('order.placed', { x: 1 }, { version: '3.0.0' });
  await system.publisher.publish('order.placed', { number: 7 }, { version: '1.0.0' });
  for await (const [message] of stream) {
    assert.deepEqual(message.body, { id: 7 });
    stream.acknowledge();
    break;
  }
  assert.equal(told.length, 2);
  assert.match(told[0].message, /failed on version 1\.0\.0/);
  assert.match(told[1].message, /from version 3\.0\.0 to 2\.0\.0/);
});

test('mistakes in versions, up-casters and schemas are told', async (t) => {
  const { schemas, consumer } = await openSystem(t);
  addUpcasters({ schemas });
  const cast = (body) => body;
  assert.throws(() => schemas.upcast('a.b', '1', '2.0.0', cast), ValidationError);
  assert.throws(() => schemas.upcast('a.b', '1.0.0', '1.0.0', cast), ValidationError);
  assert.throws(() => schemas.upcast('order.placed', '1.0.0', '2.0.0', cast), ValidationError);
  assert.throws(() => schemas.upcast('a.b', '1.0.0', '2.0.0', 5), ValidationError);
  await assert.rejects(consumer.subscribe('a.b', cast, { version: 'two' }), ValidationError);
  await assert.rejects(consumer.subscribe('a.b', cast, { schema: {} }), ValidationError);
});
