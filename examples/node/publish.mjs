// SPDX-License-Identifier: MIT
// publish.mjs - publishes one event, then a batch of which one is refused, and says what became of each.
//
//   node publish.mjs redis://localhost:6379

import { createEventSystemBuilder, rawJson } from 'libevents';

const url = process.argv[2] ?? 'redis://localhost:6379';
const system = createEventSystemBuilder().service('shop').withRedisTransport(url).build();
await system.connect();

// Numbers that JavaScript cannot hold are exact as BigInt, or as JSON text.
const receipt = await system.publisher.publish(
  'order.placed',
  { id: 18446744073709551616n, total: rawJson('99.990000000000000001') },
  { key: '7', headers: { colour: 'blue' } },
);
console.log(receipt.outcome, receipt.topic, receipt.offset);

const receipts = await system.publisher.publishBatch([
  { type: 'order.paid', body: { id: 7 } },
  { type: 'not a type', body: null },
]);
for (const { outcome, error } of receipts) console.log(outcome, error?.code ?? '');
await system.close();
