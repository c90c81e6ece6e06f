// SPDX-License-Identifier: MIT
// Workers with a system each are terminated under load; the main thread's own system goes on.

const { Worker, isMainThread, parentPort } = require('node:worker_threads');

const { openSystem, publishOn } = require('./traffic.cjs');

async function busy() {
  let handled = 0;
  const system = await openSystem(async () => {
    if (++handled === 200) parentPort.postMessage('busy');
  });
  await publishOn(system);
}

async function main() {
  let handled = 0;
  const system = await openSystem(() => void handled++, { subscription: { group: 'main' } });
  const workers = [0, 1].map(() => new Worker(__filename, { argv: process.argv.slice(2) }));
  await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('message', resolve))));
  await Promise.all(workers.map((worker) => worker.terminate()));
  await system.publisher.publish('life.goes', { on: true });
  while (handled === 0) await new Promise((resolve) => setImmediate(resolve));
  await system.close();
  console.log('ended');
}

void (isMainThread ? main() : busy());
