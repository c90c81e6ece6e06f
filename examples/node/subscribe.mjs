// SPDX-License-Identifier: MIT
// subscribe.mjs - handles events as a member of a group until Ctrl-C; what it does not finish, another one will.
//
//   node subscribe.mjs redis://localhost:6379

import { createEventSystemBuilder } from 'libevents';

const url = process.argv[2] ?? 'redis://localhost:6379';
const system = createEventSystemBuilder().service('billing').withRedisTransport(url).build();

await system.consumer.subscribe('order.*', async (message, { topic, offset }) => {
  console.log(`${topic} ${offset}: ${message.type} ${message.bodyText}`);
}, { concurrency: 16 });
await system.connect();
console.log('waiting for order.*');

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => void system.close().then(() => console.log('closed')));
}
