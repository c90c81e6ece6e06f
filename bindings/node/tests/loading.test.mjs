// SPDX-License-Identifier: MIT
// The package is one, however it is loaded; it says what is wrong when it cannot be; worker threads have their own.

import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';

import * as imported from 'libevents';

import { run } from './support/program.mjs';

const require = createRequire(import.meta.url);
const packageFolder = dirname(require.resolve('libevents/package.json'));

function temporary(t) {
  const folder = mkdtempSync(join(tmpdir(), 'libevents-node-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test('require and import give the same module', () => {
  const required = require('libevents');
  assert.deepEqual(Object.keys(imported).filter((name) => !['default', 'module.exports', '__esModule'].includes(name)).sort(), Object.keys(required).sort());
  assert.equal(imported.EventSystem, required.EventSystem);
});

test('a program in any folder can import and require it', async (t) => {
  const folder = temporary(t);
  writeFileSync(join(folder, 'a.mjs'), "import { version } from 'libevents';\nconsole.log(version());\n");
  writeFileSync(join(folder, 'b.cjs'), "console.log(require('libevents').version());\n");
  for (const name of ['a.mjs', 'b.cjs']) {
    const { status, output } = await run(join(folder, name));
    assert.deepEqual([status, output.trim()], [0, imported.version()]);
  }
});

test('one that a program installed itself comes first', async (t) => {
  const folder = temporary(t);
  const own = join(folder, 'node_modules/libevents');
  cpSync(packageFolder, own, { recursive: true });
  writeFileSync(join(own, 'lib/index.js'), "exports.version = () => 'own';\n");
  writeFileSync(join(folder, 'a.mjs'), "import { version } from 'libevents';\nconsole.log(version());\n");
  const { output } = await run(join(folder, 'a.mjs'));
  assert.equal(output.trim(), 'own');
});

test('a package without its addon says which file, platform and command', async (t) => {
  const folder = temporary(t);
  cpSync(packageFolder, folder, { recursive: true });
  rmSync(join(folder, 'libevents.node'));
  assert.throws(() => require(folder), (error) => {
    assert.match(error.message, new RegExp(`libevents.node could not be loaded.*Node ${process.version} on ${process.platform}`));
    assert.match(error.message, /scripts\/build/);
    return true;
  });
});

test('worker threads have systems of their own, all at the same time', async () => {
  const code = `
    const { parentPort } = require('node:worker_threads');
    const { createEventSystem } = require('libevents');
    (async () => {
      const system = createEventSystem({ service: 'w', transports: { main: { type: 'memory' } } });
      await system.connect();
      let handled = 0;
      await system.consumer.subscribe('a.*', async () => void handled++, { concurrency: 10 });
      await system.publisher.publishBatch('a.b', Array.from({ length: 300 }, (_, n) => n));
      await system.drain();
      await system.close();
      parentPort.postMessage(handled);
    })();
  `;
  const counts = await Promise.all(
    [1, 2, 3].map(
      () =>
        new Promise((resolve, reject) => {
          const worker = new Worker(code, { eval: true });
          let handled;
          worker.on('message', (count) => (handled = count));
          worker.on('error', reject);
          worker.on('exit', (status) => resolve([status, handled]));
        }),
    ),
  );
  assert.deepEqual(counts, [[0, 300], [0, 300], [0, 300]]);
});

test('the addon refuses wrong arguments without harm', () => {
  const addon = require(join(packageFolder, 'libevents.node'));
  const odd = [undefined, null, -1, 1.5, NaN, 2 ** 60, 'x', {}, [], Symbol('s'), 1n, () => 1, new Uint8Array(1), new Float64Array(1)];
  const functions = Object.keys(addon).filter((name) => typeof addon[name] === 'function');
  assert.ok(functions.length > 25);
  for (const name of functions) {
    for (const first of odd) {
      for (const second of odd) {
        try {
          addon[name](first, second, second, second, second);
        } catch (error) {
          assert.ok(error instanceof Error, `${name}: ${String(error)}`);
        }
      }
    }
    try {
      addon[name]();
    } catch (error) {
      assert.ok(error instanceof Error, name);
    }
  }
});
