// SPDX-License-Identifier: MIT
// Bodies: written exactly or refused with the place of the fault; nothing is lost on the way.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ValidationError, rawJson } from 'libevents';

import { openSystem, recorder } from './support/systems.mjs';
import { until } from './support/until.mjs';

async function echo(t) {
  const system = await openSystem(t);
  const { seen, handler } = recorder();
  await system.consumer.subscribe('a.b', handler);
  return async (body, options) => {
    const before = seen.length;
    await system.publisher.publish('a.b', body, options);
    await until(() => seen.length > before, 'the event came back');
    return seen.at(-1).message;
  };
}

const cyclic = { list: [] };
cyclic.list.push(cyclic);
const detached = new Uint8Array([1, 2, 3]);
structuredClone(detached, { transfer: [detached.buffer] });
const deep = [];
for (let inner = deep, n = 0; n < 200_000; n++) inner.push((inner = []));

const LINES = 'A long text of several lines,\n\twith a bell \u0007 and a nul \0 in it: \u001f';

const EXACT = [
  [null, 'null'],
  [undefined, 'null'],
  [true, 'true'],
  ['', '""'],
  ['quote " backslash \\ newline \n nul \0 emoji 😀', JSON.stringify('quote " backslash \\ newline \n nul \0 emoji 😀')],
  [LINES, JSON.stringify(LINES)],
  [{ [LINES]: LINES + '"' }, `{${JSON.stringify(LINES)}:${JSON.stringify(LINES + '"')}}`],
  [[LINES + ' ü', LINES + ' 😀'], JSON.stringify([LINES + ' ü', LINES + ' 😀'])],
  [[LINES, rawJson('{\n\t"n": 1\n}')], `[${JSON.stringify(LINES)},{\n\t"n": 1\n}]`],
  [-0, '0'],
  [1e21, '1e+21'],
  [0.1, '0.1'],
  [12345678901234567890123n, '12345678901234567890123'],
  [{ n: -9007199254740993n }, '{"n":-9007199254740993}'],
  [rawJson('{"n": 1.00000000000000000001}'), '{"n": 1.00000000000000000001}'],
  [{ n: [rawJson('1e400')] }, '{"n":[1e400]}'],
  [{ a: undefined, b: [{}], c: new Date(0) }, '{"b":[{}],"c":"1970-01-01T00:00:00.000Z"}'],
  [{ '"\\': { nested: 'ü' } }, '{"\\"\\\\":{"nested":"ü"}}'],
  [[new Number(1), new String('s'), new Boolean(false), Object(2n)], '[1,"s",false,2]'],
  [Object.assign(Object.create(null), { a: 1 }), '{"a":1}'],
  [{ toJSON: () => ({ replaced: true }) }, '{"replaced":true}'],
  [{ shared: [cyclic.none, 1].slice(1), again: 1 }, '{"shared":[1],"again":1}'],
];

test('what JSON can hold comes back exactly as it was written', async (t) => {
  const send = await echo(t);
  for (const [body, text] of EXACT) assert.equal((await send(body)).bodyText, text);
});

test('control characters are written as JSON wants them beside options and in batches', async (t) => {
  const system = await openSystem(t);
  const { seen, handler } = recorder();
  await system.consumer.subscribe('a.b', handler);
  const bodies = ['plain', LINES, rawJson('[\n1\n]'), LINES + '"'];
  await system.publisher.publishBatch('a.b', bodies);
  await system.publisher.publishBatch('a.b', bodies, { headers: { colour: 'blue' } });
  await until(() => seen.length === 8, 'all came');
  const texts = ['"plain"', JSON.stringify(LINES), '[\n1\n]', JSON.stringify(LINES + '"')];
  assert.deepEqual(seen.map(({ message }) => message.bodyText), [...texts, ...texts]);
});

test('integers past 2^53 are exact in the text of the body', async (t) => {
  const send = await echo(t);
  const message = await send({ id: 2n ** 64n });
  assert.equal(message.bodyText, '{"id":18446744073709551616}');
  assert.equal(message.body.id, 2 ** 64);
});

const REFUSED = [
  [NaN, '/body', /NaN is not a JSON number/],
  [{ a: { 'x/y~z': -Infinity } }, '/body/a/x~1y~0z', /-Infinity/],
  [cyclic, '/body/list/0', /contains itself/],
  [deep, '/body', /nested too deeply/],
  ['\ud800', '/body', /lone surrogate/],
  [{ a: ['ok', '\udc00x'] }, '/body/a/1', /lone surrogate/],
  [{ a: 'a text that is long enough, and \ud800' }, '/body/a', /lone surrogate/],
  [{ '\ud800': 1 }, '/body/\ufffd', /lone surrogate/],
  [Symbol('s'), '/body', /symbol is not a JSON type/],
  [() => 1, '/body', /function is not a JSON type/],
  [{ a: () => 1 }, '/body/a', /function/],
  [[undefined], '/body/0', /undefined/],
  [new Map([[1, 2]]), '/body', /Map is not a JSON type/],
  [{ a: new Set() }, '/body/a', /Set/],
  [{ a: new Uint8Array(3) }, '/body/a', /Uint8Array/],
  [{ a: Buffer.from('x') }, '/body/a', /Buffer/],
  [new Float64Array(1), '/body', /Float64Array/],
  [new ArrayBuffer(1), '/body', /ArrayBuffer/],
  [{ a: Promise.resolve(1) }, '/body/a', /await/],
  [{ get a() { throw new Error('no getter'); } }, '/body/a', /no getter/],
  [{ toJSON() { throw new Error('no toJSON'); } }, '/body', /no toJSON/],
  [new Proxy({}, { ownKeys() { throw new Error('no keys'); } }), '/body', /no keys/],
  [new Proxy({}, { get() { throw null; } }), '/body', /null/],
];

test('what JSON cannot hold is refused with its place and the reason', async (t) => {
  const system = await openSystem(t);
  for (const [body, path, reason] of REFUSED) {
    await assert.rejects(system.publisher.publish('a.b', body), (error) => {
      assert.ok(error instanceof ValidationError, String(error));
      assert.equal(error.path, path);
      assert.match(error.message, reason);
      return true;
    });
  }
  assert.equal(system.publisher.getStats().totalMessagesSent, 0);
});

test('raw text that is not JSON is refused by the core', async (t) => {
  const system = await openSystem(t);
  await assert.rejects(system.publisher.publish('a.b', rawJson('{"n": ')), ValidationError);
  assert.throws(() => rawJson(5), ValidationError);
});

test('bytes travel as they are, with their content type', async (t) => {
  const send = await echo(t);
  const bytes = Uint8Array.from([0, 255, 128, 10, 0]);
  const message = await send(bytes, { contentType: 'application/octet-stream' });
  assert.deepEqual(message.body, Buffer.from(bytes));
  assert.equal(message.contentType, 'application/octet-stream');
  const empty = await send(new Uint8Array(0), { contentType: 'image/png' });
  assert.equal(empty.body.length, 0);
});

test('bytes of JSON text are published as that text', async (t) => {
  const send = await echo(t);
  const message = await send(Buffer.from('{"n": 18446744073709551616 }'), { contentType: 'application/json' });
  assert.equal(message.bodyText, '{"n": 18446744073709551616 }');
  assert.equal(message.contentType, 'application/json');
});

test('a buffer may be changed or given away after publish was called', async (t) => {
  const send = await echo(t);
  const bytes = new Uint8Array([1, 2, 3]);
  const sending = send(bytes, { contentType: 'a/b' });
  bytes.fill(9);
  structuredClone(bytes, { transfer: [bytes.buffer] });
  assert.deepEqual([...(await sending).body], [1, 2, 3]);
});

test('bytes without a content type, and detached ones, are refused', async (t) => {
  const system = await openSystem(t);
  for (const [body, options, reason] of [
    [new Uint8Array(1), undefined, /contentType/],
    [detached, { contentType: 'a/b' }, /detached/],
    [{ a: 1 }, { contentType: 'image/png' }, /needs bytes/],
  ]) {
    await assert.rejects(system.publisher.publish('a.b', body, options), reason);
  }
});

test('a body larger than the limit is refused, one of the limit comes through', async (t) => {
  const system = await openSystem(t, { limits: { bodyBytes: 1024 } });
  await system.publisher.publish('a.b', 'x'.repeat(1022));
  await assert.rejects(system.publisher.publish('a.b', 'x'.repeat(1023)), ValidationError);
});

test('wrong options of publish are refused by name', async (t) => {
  const { publisher } = await openSystem(t);
  const refused = [
    [undefined, {}],
    [5, {}],
    ['\ud800', {}],
    ['a.b', { partition: -1 }],
    ['a.b', { partition: 1.5 }],
    ['a.b', { partition: '1' }],
    ['a.b', { key: 5 }],
    ['a.b', { key: 'a', partitionKey: 'b' }],
    ['a.b', { headers: 'h' }],
    ['a.b', { headers: { a: 5 } }],
    ['a.b', { headers: { a: '\ud800' } }],
    ['a.b', { id: {} }],
    ['a.b', { timestamp: new Date(NaN) }],
    ['a.b', { timestamp: 'yesterday' }],
    ['a.b', { timeout: 0 }],
    ['a.b', { timeout: NaN }],
    ['a.b', { timeout: '5' }],
    ['a.b', { contentType: 5 }],
    ['a.b', { ky: 'x' }],
    ['a.b', 'options'],
    ['a.b', []],
  ];
  for (const [type, options] of refused) {
    await assert.rejects(publisher.publish(type, 1, options), ValidationError, JSON.stringify([type, options]));
  }
  for (const batch of [[undefined], ['a.b'], ['a.b', 5], [[5]], [[['a.b', 1]]], [[null]]]) {
    await assert.rejects(publisher.publishBatch(...batch), ValidationError, JSON.stringify(batch));
  }
});
