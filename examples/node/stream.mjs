// SPDX-License-Identifier: MIT
// stream.mjs - takes events with `for await`, three of them.
//
//   node stream.mjs redis://localhost:6379

import { createEventSystemBuilder } from 'libevents';

const url = process.argv[2] ?? 'redis://localhost:6379';
const system = createEventSystemBuilder().service('reports').withRedisTransport(url).build();
await system.connect();
await system.publisher.publishBatch('report.made', [{ page: 1 }, { page: 2 }, { page: 3 }]);

let count = 0;
const stream = system.consumer.messages('report.made');
for await (const [message] of stream) {
  console.log(message.type, message.body.page);
  if (++count === 3) {
    stream.acknowledge(); // the last one, since the loop does not ask for another
    break;
  }
}
await system.close();
