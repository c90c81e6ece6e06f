// SPDX-License-Identifier: MIT
// The ends that a process can come to, each many times: no crash, no hang, and the process ends by itself.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { countOf } from './support/counts.mjs';
import { run } from './support/program.mjs';
import { startRedis } from './support/redis.mjs';

const RUNS = countOf('lifecycle_runs');
/** Program, what it is, and the last word of its output. */
const PROGRAMS = [
  ['exit_open', 'the process ends with open systems under traffic', ''],
  ['exit_in_handler', 'a handler ends the process', ''],
  ['worker_terminated', 'workers are terminated under load', 'ended'],
  ['storm', 'every handler throws', 'ended'],
  ['close_in_handler', 'handlers close the system', 'ended'],
  ['close_during_publish', 'a system is closed while it publishes', 'ended'],
  ['loop_left', 'the loop is left with an open system', 'ended'],
  ['two_copies', 'two copies of the package are in one process', 'ended'],
];

async function repeat(program, transport, lastWord) {
  const file = fileURLToPath(new URL(`./lifecycle/${program}.cjs`, import.meta.url));
  for (let round = 1; round <= RUNS; round++) {
    const { status, signal, output } = await run(file, JSON.stringify(transport));
    const said = `run ${round}: status ${status}, signal ${signal}\n${output}`;
    assert.equal(status, 0, said);
    assert.equal(output.trim(), lastWord, said);
  }
}

// Programs beside each other: each is a process of its own that mostly waits.
const concurrency = availableParallelism() + 1;

describe('on memory', { concurrency }, () => {
  for (const [program, what, lastWord] of PROGRAMS) {
    test(what, () => repeat(program, { type: 'memory' }, lastWord));
  }
  test('systems that nobody closed are collected', () => repeat('abandoned', {}, 'ended'));
});

describe('on a file', { concurrency }, () => {
  const ends = ['exit_open', 'exit_in_handler', 'close_in_handler', 'close_during_publish'];
  for (const [program, what, lastWord] of PROGRAMS.filter(([name]) => ends.includes(name))) {
    test(what, async (t) => {
      const folder = mkdtempSync(join(tmpdir(), 'ends-'));
      t.after(() => rmSync(folder, { recursive: true }));
      await repeat(program, { type: 'file', path: join(folder, 'events.db') }, lastWord);
    });
  }
});

describe('on Redis', { concurrency, skip: process.env.EVS_NODE_MEMORY_ONLY ? 'memory only' : false }, () => {
  for (const [program, what, lastWord] of PROGRAMS.filter(([name]) => name !== 'two_copies')) {
    test(what, async (t) => {
      const redis = await startRedis(); // of its own: the programs are members of one group
      t.after(() => redis.stop());
      await repeat(program, { type: 'redis-streams', url: redis.url, discoverInterval: 50 }, lastWord);
    });
  }
});
