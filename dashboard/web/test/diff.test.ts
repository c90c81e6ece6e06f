// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diffLines, hunks, type DiffLine } from '../src/lib/diff.ts';

const shown = (lines: (DiffLine | null)[]) =>
  lines.map((l) => (l ? { same: ' ', removed: '-', added: '+' }[l.kind] + l.text : '…')).join('|');

test('a changed line is shown as removed and added', () => {
  assert.equal(shown(diffLines('a\nb\nc', 'a\nx\nc')), ' a|-b|+x| c');
});

test('equal texts have no changes', () => {
  assert.equal(shown(hunks(diffLines('a\nb', 'a\nb'))), '…');
});

test('lines are numbered as in their own text', () => {
  const lines = diffLines('a\nb\nc', 'b\nc\nd');
  assert.equal(shown(lines), '-a| b| c|+d');
  assert.deepEqual(
    lines.map((l) => [l.before, l.after]),
    [
      [1, undefined],
      [2, 1],
      [3, 2],
      [undefined, 3],
    ],
  );
});

test('both sides can be rebuilt from any diff', () => {
  let seed = 7;
  const next = (n: number) => (seed = (seed * 1103515245 + 12345) % 2147483648) % n;
  for (let round = 0; round < 300; round += 1) {
    const text = () => Array.from({ length: next(12) }, () => 'abcd'[next(4)]).join('\n');
    const [a, b] = [text(), text()];
    const lines = diffLines(a, b);
    assert.equal(
      lines
        .filter((l) => l.kind !== 'added')
        .map((l) => l.text)
        .join('\n'),
      a,
    );
    assert.equal(
      lines
        .filter((l) => l.kind !== 'removed')
        .map((l) => l.text)
        .join('\n'),
      b,
    );
  }
});

test('two long texts with nothing in common are shown as replaced', () => {
  const a = Array.from({ length: 3000 }, (_, i) => `a${i}`).join('\n');
  const b = Array.from({ length: 3000 }, (_, i) => `b${i}`).join('\n');
  assert.equal(diffLines(a, b).length, 6000);
});

test('unchanged lines far from a change are left out', () => {
  const a = Array.from({ length: 20 }, (_, i) => String(i));
  const b = a.map((l, i) => (i === 10 ? 'x' : l));
  assert.equal(shown(hunks(diffLines(a.join('\n'), b.join('\n')), 1)), '…| 9|-10|+x| 11|…');
});
