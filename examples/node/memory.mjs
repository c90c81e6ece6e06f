// SPDX-License-Identifier: MIT
// memory.mjs - publish and subscribe within one process; no server.
//
//   node memory.mjs

import { createEventSystemBuilder } from 'libevents';

const system = createEventSystemBuilder().service('shop').withMemoryTransport().build();
await system.connect();

await system.consumer.subscribe('order.*', async (message, metadata) => {
  console.log(message.type, message.body, metadata.topic, metadata.attempt);
}, { concurrency: 8 });

const receipt = await system.publisher.publish('order.placed', { id: 7 }, { key: '7' });
console.log(receipt.outcome, receipt.topic);
await system.drain();
await system.close();
