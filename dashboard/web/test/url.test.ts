// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as u from '../src/lib/url.ts';

test('the base path is read from the address of the script', () => {
  assert.equal(u.baseOf('http://h:1/assets/main.abc.js'), '/');
  assert.equal(u.baseOf('http://h/a/b/assets/main.abc.js'), '/a/b/');
});

test('every page has its address, below any base path', () => {
  for (const base of ['/', '/libevents/', '/a/b/']) {
    assert.deepEqual(u.routeOf(base, base), { page: 'overview' });
    assert.deepEqual(u.routeOf(`${base}routes/test`, base), { page: 'tester' });
    assert.deepEqual(u.routeOf(`${base}consumers/a%2Fb%20c`, base), { page: 'group', id: 'a/b c' });
    assert.deepEqual(u.routeOf(`${base}schemas`, base), { page: 'schemas' });
    assert.deepEqual(u.routeOf(`${base}schemas/order.placed`, base), { page: 'schema', id: 'order.placed' });
    assert.deepEqual(u.routeOf(`${base}dlq/entries/bWFpbg`, base), { page: 'entry', id: 'bWFpbg' });
    assert.deepEqual(u.routeOf(`${base}nowhere`, base), { page: 'unknown' });
  }
  assert.deepEqual(u.routeOf('/libevents', '/libevents/'), { page: 'overview' });
  assert.deepEqual(u.routeOf('/constructor', '/'), { page: 'unknown' });
  assert.deepEqual(u.routeOf('/consumers/%zz', '/'), { page: 'group', id: '%zz' });
});

test('empty members leave the query', () => {
  assert.equal(u.withQuery('?a=1&b=2', { a: null, c: 'x y' }), '?b=2&c=x+y');
  assert.equal(u.withQuery('?a=1', { a: '' }), '');
});

test('a query gives enumerated or clamped values only', () => {
  assert.equal(u.readChoice('?tab=<script>', 'tab', ['tree', 'raw'], 'tree'), 'tree');
  assert.equal(u.readNumber('?n=1e9', 'n', 1, 9), null);
  assert.equal(u.readNumber('?n=100', 'n', 1, 9), 9);
  assert.equal(u.readNumber('', 'n', 1, 9), null);
  assert.equal(u.readText(`?t=${'x'.repeat(999)}`, 't').length, 500);
});

test('a filter survives the way from the address to the API', () => {
  const filter = u.readEntryFilter('?type=order.*&since=17&requeued=true&other=1');
  assert.deepEqual(filter, { type: 'order.*', since: '17', requeued: 'true' });
  assert.deepEqual(u.typedFilter(filter), { type: 'order.*', since: 17, requeued: true });
  assert.equal(u.describeFilter({}), 'all dead letters');
});
