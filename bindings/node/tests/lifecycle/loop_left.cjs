// SPDX-License-Identifier: MIT
// Nothing keeps the loop alive but an unreferenced system with handlers that never end: the process ends.

const { openSystem } = require('./traffic.cjs');

async function main() {
  const system = await openSystem(() => new Promise(() => {}));
  await system.publisher.publishBatch('life.goes', Array.from({ length: 500 }, (_, n) => ({ n })));
  system.unref();
  console.log('ended');
}

void main();
