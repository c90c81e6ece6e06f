// SPDX-License-Identifier: MIT
// The programs of examples/node run and say what they promise.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { run } from './support/program.mjs';
import { startRedis } from './support/redis.mjs';
import { until } from './support/until.mjs';

const folder = new URL('../../../examples/node/', import.meta.url);
const SAID = {
  'memory.mjs': ['order.placed { id: 7 } order-events 1', 'stored order-events'],
  'publish.mjs': [/^stored order-events \d+-\d+$/, 'stored', 'refused EVS_VALIDATION'],
  'stream.mjs': ['report.made 1', 'report.made 2', 'report.made 3'],
  'failures.mjs': [
    'given up after 2 attempts: the bank is down, attempt 2',
    'dead letter after 2: Error: the bank is down, attempt 2',
    'requeued 1',
    'paid 5',
  ],
  'validate.mjs': ['EVS_VALIDATION /body/number', '2.0.0 O-7 {"number":7}'],
  'explain.mjs': [/^eu\.de\.user\.deleted people-events/, /^people true/, /^gone true/],
};
let redis;
before(async () => (redis = await startRedis()));
after(() => redis.stop());

function has(line, expected) {
  return typeof expected === 'string' ? line.trim() === expected : expected.test(line);
}

for (const [name, expected] of Object.entries(SAID)) {
  test(`${name} says what it promises`, async () => {
    const { status, output } = await run(fileURLToPath(new URL(name, folder)), redis.url);
    assert.equal(status, 0, output);
    for (const one of expected) assert.ok(output.split('\n').some((line) => has(line, one)), `no ${one} in:\n${output}`);
  });
}

test('subscribe.mjs handles events until it is interrupted', async () => {
  const program = fileURLToPath(new URL('subscribe.mjs', folder));
  const child = spawn(process.execPath, [program, redis.url], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (data) => (output += data));
  const ended = new Promise((resolve) => child.once('close', resolve));
  await until(() => output.includes('waiting'), 'it waits');
  await run(fileURLToPath(new URL('publish.mjs', folder)), redis.url);
  await until(() => /order\.placed .*18446744073709551616.*99\.990000000000000001/.test(output), 'it has handled the event');
  child.kill('SIGINT');
  assert.equal(await ended, 0);
  assert.match(output, /closed/);
});

test('every example is tested', () => {
  const names = readdirSync(folder).filter((name) => name.endsWith('.mjs'));
  assert.deepEqual(names.sort(), [...Object.keys(SAID), 'subscribe.mjs'].sort());
});
