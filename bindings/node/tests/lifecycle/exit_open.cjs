// SPDX-License-Identifier: MIT
// Two systems under traffic, and the process is ended without closing either.

const { openSystem, publishOn } = require('./traffic.cjs');

async function main() {
  let handled = 0;
  const systems = await Promise.all([0, 1].map(() => openSystem(async () => handled++)));
  for (const system of systems) void publishOn(system);
  setInterval(() => handled > 500 && process.exit(0), 1);
}

void main();
