// SPDX-License-Identifier: MIT
// A handler closes the system that it is called by, and waits for that; others run beside it.

const { openSystem } = require('./traffic.cjs');

async function main() {
  const closings = [];
  let whenClosed;
  const closed = new Promise((resolve) => (whenClosed = resolve));
  let system;
  const close = async () => {
    closings.push(system.close());
    await closings.at(-1); // only begins: it would wait for this handler
    whenClosed();
  };
  const opened = openSystem(() => (system ? close() : undefined)); // the first may come before we know it
  system = await opened;
  await system.publisher.publishBatch('life.goes', Array.from({ length: 50 }, (_, n) => ({ n }))).catch((error) => {
    if (error.code !== 'EVS_CLOSED') throw error;
  });
  await closed;
  await Promise.all([...closings, system.close()]);
  console.log('ended');
}

void main();
