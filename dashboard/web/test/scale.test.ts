// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { linePath, timeMarks, valueMarks } from '../src/lib/scale.ts';

test('an axis has at most four marks and reaches its maximum', () => {
  for (const max of [0.003, 1, 7, 10, 99, 101, 12345, 1e9]) {
    const marks = valueMarks(max);
    assert.ok(marks.length <= 4, `${max}`);
    assert.ok((marks.at(-1) as number) >= max, `${max}`);
  }
  assert.deepEqual(valueMarks(0), [1]);
  assert.deepEqual(valueMarks(NaN), [1]);
});

test('moments on an axis are round', () => {
  assert.deepEqual(timeMarks(61, 121, 6), [70, 80, 90, 100, 110, 120]);
  assert.ok(timeMarks(0, 900, 3).length <= 4);
});

test('a missing value stays a gap and a lone one a dot', () => {
  const path = linePath(
    [1, 2, null, 3, null, 4, 5],
    (i) => i,
    (v) => v,
  );
  assert.equal(path, 'M0.0 1.0L1.0 2.0M3.0 3.0h0.1M5.0 4.0L6.0 5.0');
});
