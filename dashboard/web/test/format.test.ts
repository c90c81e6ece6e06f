// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { curlOf, quoteShell } from '../src/lib/curl.ts';
import * as f from '../src/lib/format.ts';
import { fromBase64, hexLines } from '../src/lib/hex.ts';

test('thousands are set apart and missing numbers are a dash', () => {
  assert.equal(f.formatCount(2104), '2\u202f104');
  assert.equal(f.formatCount(1234567), '1\u202f234\u202f567');
  assert.equal(f.formatCount(null), '\u2013');
  assert.equal(f.formatCount(NaN), '\u2013');
});

test('small numbers keep their digits', () => {
  assert.deepEqual([0, 0.5, 0.004, 9.99, 12.34, 120.4].map(f.formatDecimal), [
    '0',
    '0.5',
    '0',
    '9.99',
    '12.3',
    '120',
  ]);
});

test('durations have at most two units', () => {
  assert.equal(f.formatDuration(250), '250 ms');
  assert.equal(f.formatDuration(59_999), '59 s');
  assert.equal(f.formatDuration(90_000), '1 min 30 s');
  assert.equal(f.formatDuration(3_600_000 * 27), '1 d 3 h');
  assert.equal(f.formatDuration(null), '\u2013');
});

test('ages and sizes are coarse', () => {
  assert.equal(f.formatAge(1000, 2000), 'just now');
  assert.equal(f.formatAge(0, 3_700_000), '1 h ago');
  assert.equal(f.formatAge(60_000, 0), 'in 1 min');
  assert.equal(f.formatBytes(1023), '1\u202f023 B');
  assert.equal(f.formatBytes(20 * 1024 * 1024), '20 MiB');
});

test('a time out of range does not throw', () => {
  assert.equal(f.formatIso(1e20), '100000000000000000000');
  assert.equal(f.formatTime(0, true), '1970-01-01 00:00:00Z');
});

test('a long id loses its middle', () => {
  assert.equal(f.shorten('abcdefghij', 5), 'ab…ij');
  assert.equal(f.shorten('abc', 5), 'abc');
});

test('bytes are shown with offsets and ASCII', () => {
  const line = hexLines(fromBase64('SGn/AA=='), 100);
  assert.match(line, /^00000000 {2}48 69 ff 00 +Hi\.\.$/);
  assert.equal(hexLines(new Uint8Array(40), 32).split('\n').length, 2);
});

test('a shell gets exactly the body', () => {
  assert.equal(quoteShell("it's"), "'it'\\''s'");
  const text = curlOf({ method: 'POST', url: 'http://h/a', body: { reason: "o'k $(x)" } }, null);
  assert.equal(
    text,
    `curl -sS -X POST -H 'Content-Type: application/json' --data-raw '{"reason":"o'\\''k $(x)"}' 'http://h/a'`,
  );
  assert.equal(curlOf({ method: 'GET', url: 'u' }, 'ana'), "curl -sS -u 'ana' 'u'");
});
