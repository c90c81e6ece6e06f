// SPDX-License-Identifier: MIT
// Starting and stopping a dashboard: with a library that only says what is asked of it, and with the real one where
// it was built.

import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';

import { createEventSystem } from 'libevents';

import { run } from './support/program.mjs';

const LIBRARY = 'libevents-dashboard.so.0';
const packageFolder = dirname(createRequire(import.meta.url).resolve('libevents/package.json'));
let folder;

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'libevents-dashboard-'));
  cpSync(packageFolder, join(folder, 'libevents'), { recursive: true });
  rmSync(join(folder, 'libevents', LIBRARY), { force: true });
});
after(() => rmSync(folder, { recursive: true, force: true }));

function installFake() {
  cpSync(join(packageFolder, '../fake_dashboard.so'), join(folder, 'libevents', LIBRARY));
}

/** Runs code as a program with a connected memory system; gives what it said. */
async function play(code) {
  const file = join(folder, 'program.cjs');
  writeFileSync(
    file,
    `const { createEventSystem, Timeout, EventsError, Unsupported } = require('./libevents');
     const assert = require('node:assert/strict');
     (async () => {
       const system = createEventSystem({ service: 's', transports: { main: { type: 'memory' } } });
       await system.connect();
       ${code}
       console.log('ended');
     })();`,
  );
  const { status, output } = await run(file);
  assert.equal(status, 0, output);
  return output.trim().split('\n');
}

test('a library that cannot be loaded is unsupported, and says what to install', async () => {
  writeFileSync(join(folder, 'libevents', LIBRARY), '');
  const said = await play(`
    await assert.rejects(system.startDashboard(), (error) =>
      error instanceof Unsupported && /libcivetweb-dev/.test(error.message));
    await system.close();`);
  assert.deepEqual(said, ['ended']);
});

test('it is started, says where it is, and is stopped once', async () => {
  installFake();
  const said = await play(`
    const dashboard = await system.startDashboard({ port: 0, title: 'mine' });
    assert.equal(dashboard.url, 'http://127.0.0.1:1/');
    await dashboard.stop();
    await dashboard.stop(5);
    await dashboard[Symbol.asyncDispose]();
    await system.close();
    await dashboard.stop();`);
  assert.deepEqual(said, ['stopped', 'ended']);
});

test('wrong options are refused by the library', async () => {
  const said = await play(`
    await assert.rejects(system.startDashboard({ title: 'wrong' }), EventsError);
    await assert.rejects(system.startDashboard(5), EventsError);
    await system.close();`);
  assert.deepEqual(said, ['ended']);
});

test('requests that are under way make stopping time out, and closing waits for them', async () => {
  const said = await play(`
    const dashboard = await system.startDashboard({ title: 'slow' });
    await assert.rejects(dashboard.stop(1), Timeout);
    await dashboard.stop(1);
    await system.startDashboard({ title: 'slow' });
    await system.startDashboard();
    await system.close();
    await assert.rejects(system.startDashboard(), { code: 'EVS_CLOSED' });`);
  assert.deepEqual(said.sort(), ['ended', 'stopped', 'stopped', 'stopped']);
});

test('the end of the process stops it before the system is freed', async () => {
  const said = await play(`
    const dashboard = await system.startDashboard();
    await system.startDashboard();
    void dashboard.stop();
    console.log('exit');
    process.exit(0);`);
  assert.deepEqual(said.sort(), ['exit', 'stopped', 'stopped']);
});

test('the real one answers', { skip: existsSync(join(packageFolder, LIBRARY)) ? false : 'not built' }, async (t) => {
  const system = createEventSystem({ service: 's', transports: { main: { type: 'memory' } } });
  t.after(() => system.close(0));
  await system.connect();
  const dashboard = await system.startDashboard({ port: 0 });
  const answer = await fetch(new URL('healthz', dashboard.url));
  assert.equal(answer.status, 200);
  await dashboard.stop();
});
