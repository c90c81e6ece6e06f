// SPDX-License-Identifier: MIT
// The process is ended while a handler holds an event: it goes back to the group at once.

const { openSystem } = require('./traffic.cjs');

async function main() {
  const system = await openSystem(() => {
    setImmediate(() => process.exit(0));
    return new Promise(() => {});
  });
  await system.publisher.publish('life.held', { n: 1 });
}

void main();
