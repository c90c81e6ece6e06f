// SPDX-License-Identifier: MIT
// The process is ended by a handler, in the middle of a batch.

const { openSystem, publishOn } = require('./traffic.cjs');

async function main() {
  let handled = 0;
  const system = await openSystem(() => {
    if (++handled === 300) process.exit(0);
  });
  void publishOn(system);
}

void main();
