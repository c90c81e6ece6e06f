// SPDX-License-Identifier: MIT
// failures.mjs - a handler that fails, retries, dead letters, and sending one back once the cause is mended.
//
//   node failures.mjs redis://localhost:6379

import { Reject, createEventSystemBuilder } from 'libevents';

const url = process.argv[2] ?? 'redis://localhost:6379';
let isDown = true;
let whenPaid;
const paid = new Promise((resolve) => (whenPaid = resolve));
let whenDead;
const dead = new Promise((resolve) => (whenDead = resolve));

const system = createEventSystemBuilder()
  .service('payments')
  .withRedisTransport(url)
  .setPoisonMessageHandler((message, error, { attempt }) => {
    console.log(`given up after ${attempt} attempts: ${error.message}`);
    whenDead();
  })
  .build();
await system.connect();

await system.consumer.subscribe('payment.due', async (message, { attempt }) => {
  if (message.body.amount < 0) throw new Reject('an amount below 0 will never do');
  if (isDown) throw new Error(`the bank is down, attempt ${attempt}`);
  console.log('paid', message.body.amount);
  whenPaid();
}, { maxRetries: 1, retry: { baseDelay: 50 } });

await system.publisher.publish('payment.due', { amount: 5 });
await dead;

let letters = [];
while (letters.length === 0) letters = (await system.dlq.list({ topic: 'payment-events' })).items;
const [{ id, error, attempts }] = letters;
console.log(`dead letter after ${attempts}: ${error.class}: ${error.message}`);

isDown = false;
const { requeued } = await system.dlq.requeue({ ids: [id] });
console.log('requeued', requeued);
await paid;
await system.close();
