// SPDX-License-Identifier: MIT
// validate.mjs - bodies are held against the schema of their type, and come in the version that a handler asks for.
//
//   node validate.mjs redis://localhost:6379

import { createEventSystemBuilder } from 'libevents';

const url = process.argv[2] ?? 'redis://localhost:6379';
const order = {
  type: 'object',
  required: ['number'],
  properties: { number: { type: 'integer', minimum: 1 } },
};
const system = createEventSystemBuilder().service('shop').withRedisTransport(url).setValidationMode('strict').build();
system.validator.registerSchema('order.placed', order); // or a Zod schema
await system.connect();

const refused = await system.publisher.publish('order.placed', { number: 0 }).catch((error) => error);
console.log(refused.code, refused.problems[0].path);

system.schemas.upcast('order.placed', '1.0.0', '2.0.0', ({ number }) => ({ id: `O-${number}` }));
const messages = system.consumer.messages('order.placed', { version: '2.0.0' });
await messages.ready();
await system.publisher.publish('order.placed', { number: 7 });
for await (const [message] of messages) {
  console.log(message.header.version, message.body.id, message.bodyText);
  messages.acknowledge();
  break;
}
await system.close();
