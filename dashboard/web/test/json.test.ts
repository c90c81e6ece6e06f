// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatJson, formatText, JsonError, member, parseJson } from '../src/lib/json.ts';

test('a number beyond the range of doubles keeps its digits', () => {
  const node = parseJson('{"id":9007199254740993,"f":1.10,"e":1E+02}');
  assert.deepEqual(member(node, 'id'), { kind: 'number', raw: '9007199254740993' });
  assert.equal(formatJson(node), '{\n  "id": 9007199254740993,\n  "f": 1.10,\n  "e": 1E+02\n}');
});

test('escapes in strings and keys are kept as written', () => {
  const text = '{"a\\u0062":"\\ud83d\\ude00 \\/"}';
  const node = parseJson(text);
  assert.equal(node.kind === 'object' && node.members[0]?.key, 'ab');
  assert.equal(formatJson(node).replace(/\n */g, '').replace('": ', '":'), text);
});

test('repeated keys are all shown', () => {
  const node = parseJson('{"a":1,"a":2}');
  assert.equal(node.kind === 'object' && node.members.length, 2);
});

test('an error says line and column', () => {
  assert.throws(
    () => parseJson('{\n  "a": tru\n}'),
    (error: JsonError) => error.line === 2 && error.column === 8,
  );
  for (const text of [
    '',
    '{',
    '[1,]',
    '{"a" 1}',
    '01',
    '"\u0001"',
    '"\\x"',
    '1 2',
    '{a:1}',
    'nul',
    '[1 2]',
    '-',
  ]) {
    assert.throws(() => parseJson(text), JsonError, text);
  }
});

test('a document nested too deep is refused before the stack ends', () => {
  assert.throws(() => parseJson('['.repeat(100_000)), /deeper/);
});

test('text that is no JSON is left alone', () => {
  assert.equal(formatText('not json'), 'not json');
  assert.equal(formatText('[]'), '[]');
});

test('the same documents are accepted as by JSON.parse', () => {
  for (const text of [
    'null',
    ' true ',
    '-0',
    '[]',
    '{}',
    '[1,[2,{"x":null}]]',
    '"\\"\\\\\\/\\b\\f\\n\\r\\t"',
    '1e-9',
  ]) {
    assert.deepEqual(JSON.parse(formatJson(parseJson(text))), JSON.parse(text));
  }
});
