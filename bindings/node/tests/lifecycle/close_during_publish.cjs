// SPDX-License-Identifier: MIT
// A system is closed while it publishes: every publish has its end, and none that is stored says otherwise.

const { openSystem } = require('./traffic.cjs');

async function main() {
  const system = await openSystem(async () => {});
  const batches = Array.from({ length: 40 }, () =>
    system.publisher.publishBatch('life.goes', Array.from({ length: 500 }, (_, n) => ({ n }))));
  const single = Array.from({ length: 100 }, (_, n) => system.publisher.publish('life.goes', { n }).catch((e) => e.receipt ?? e));
  const closings = [system.close(), system.close(5000)];
  const late = await system.publisher.publish('life.goes').catch((error) => error.code);
  const receipts = (await Promise.all([...batches, ...single])).flat();
  await Promise.all(closings);
  await system.close();
  const outcomes = new Set(receipts.map((receipt) => receipt.outcome));
  const known = [...outcomes].every((outcome) => ['stored', 'refused', 'unknown'].includes(outcome));
  console.log(known && receipts.length === 20_100 && late === 'EVS_CLOSED' ? 'ended' : [...outcomes, late]);
}

void main();
