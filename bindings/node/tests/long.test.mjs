// SPDX-License-Identifier: MIT
// What takes too long for every run: the same binary in all Node versions, and memory over many events.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { createEventSystem } from 'libevents';

const skip = process.env.EVS_LONG ? false : 'only with --long';
const EVENTS = 10_000_000;
const BATCH = 1000;
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

/** The smallest resident size of a few looks: what is held, not what the collector has yet to give back. */
function residentSize() {
  const sizes = Array.from({ length: 5 }, () => {
    globalThis.gc();
    return process.memoryUsage.rss();
  });
  return Math.min(...sizes);
}

test('memory does not grow over ten million events', { skip }, async (t) => {
  const system = createEventSystem({ service: 'shop', transports: { main: { type: 'memory' } } });
  t.after(() => system.close(0));
  await system.connect();
  let handled = 0;
  await system.consumer.subscribe('a.*', async () => void handled++, { concurrency: BATCH });
  // Batch by batch, since a queue that was long once is memory that the C library's allocator keeps.
  let published = 0;
  const run = async (events) => {
    const looks = [];
    for (const end = published + events; published < end; ) {
      await system.publisher.publishBatch('a.b', Array.from({ length: BATCH }, (_, index) => ({ index })));
      published += BATCH;
      while (handled < published) await new Promise((resolve) => setImmediate(resolve));
      if (published % (EVENTS / 100) === 0) looks.push(residentSize());
    }
    return Math.min(...looks);
  };
  await run(EVENTS / 10);
  const early = await run(EVENTS / 10);
  await run((EVENTS / 10) * 7);
  const late = await run(EVENTS / 10);
  t.diagnostic(`resident: ${early / MEBIBYTE} MiB, at the end ${late / MEBIBYTE} MiB`);
  assert.equal(handled, EVENTS);
  assert.ok(late - early < 2 * MEBIBYTE, `${(late - early) / MEBIBYTE} MiB more`);
});
