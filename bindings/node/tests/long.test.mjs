// SPDX-License-Identifier: MIT
// What takes too long for every run: the same binary in all Node versions, and memory over many events.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const skip = process.env.EVS_LONG ? false : 'only with --long';
const EVENTS = 10_000_000;
const MEBIBYTE = 1024 * 1024;

for (const version of [18, 20, 22, 24]) {
  test(`the addon works in Node ${version}`, { skip }, (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'libevents-node-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    writeFileSync(join(folder, 'package.json'), '{"private": true}');
    execFileSync('npm', ['install', '--no-audit', '--no-fund', `node-linux-${process.arch}@${version}`], { cwd: folder });
    const node = join(folder, `node_modules/node-linux-${process.arch}/bin/node`);
    const vectors = fileURLToPath(new URL('../../../tests/conformance/vectors.mjs', import.meta.url));
    const names = ['publish', 'consume', 'bodies', 'stream', 'system', 'loading', 'redis', 'dead_letters'];
    const files = names.map((name) => fileURLToPath(new URL(`./${name}.test.mjs`, import.meta.url)));
    for (const argv of [[vectors], ['--expose-gc', '--test', ...files]]) {
      const { status, stdout } = spawnSync(node, argv, { encoding: 'utf8', timeout: 600_000 });
      assert.equal(status, 0, stdout);
    }
  });
}

test('memory does not grow over ten million events', { skip }, (t) => {
  const program = fileURLToPath(new URL('./long/memory.mjs', import.meta.url));
  const output = execFileSync(process.execPath, ['--expose-gc', program, String(EVENTS)], { encoding: 'utf8' });
  const { handled, early, late } = JSON.parse(output);
  for (const what of ['resident', 'javascript']) {
    t.diagnostic(`${what}: ${early[what] / MEBIBYTE} MiB, at the end ${late[what] / MEBIBYTE} MiB`);
    const more = (late[what] - early[what]) / MEBIBYTE;
    assert.ok(more < 2, `${what}: ${more} MiB more`);
  }
  assert.equal(handled, EVENTS);
});
