// SPDX-License-Identifier: MIT
// Two copies of the package in one process, each with its own addon: neither disturbs the other.

const { cpSync, mkdtempSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { dirname, join } = require('node:path');

const first = require('libevents');

async function use({ createEventSystem }) {
  const transports = { main: JSON.parse(process.argv[2] ?? '{"type": "memory"}') };
  const system = createEventSystem({ service: 'life', transports });
  await system.connect();
  let handled = 0;
  await system.consumer.subscribe('life.*', () => void handled++, { concurrency: 64 });
  await system.publisher.publishBatch('life.goes', Array.from({ length: 200 }, (_, n) => ({ n })));
  await system.drain({ timeout: 50_000 });
  await system.close();
  return handled;
}

async function main() {
  const folder = mkdtempSync(join(tmpdir(), 'libevents-copy-'));
  try {
    cpSync(dirname(require.resolve('libevents/package.json')), folder, { recursive: true });
    const second = require(folder);
    const handled = await Promise.all([use(first), use(second)]);
    const areTwo = first.EventSystem !== second.EventSystem;
    console.log(areTwo && handled.every((count) => count >= 200) ? 'ended' : `${areTwo} ${handled}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

void main();
