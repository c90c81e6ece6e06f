// SPDX-License-Identifier: MIT
// Published examples: schemas of Zod for the validator; and handlers whose types come from them.

import { z } from 'zod';

import { createEventSystemBuilder, createEventValidator } from 'libevents';
import type { EventValidator, ValidationResult } from 'libevents';

const UserCreated = z.object({ userId: z.string().min(1), email: z.email() });
type UserCreated = z.infer<typeof UserCreated>;
const OrderPlaced = z.object({ id: z.int(), at: z.string().transform((at) => new Date(at)) });

const validator: EventValidator = createEventValidator();
validator.registerSchema('user.created', UserCreated);
const good: ValidationResult = validator.validate('user.created', { userId: '123', email: 'user@example.com' });
const bad: ValidationResult = validator.validate('user.created', { userId: '' });
console.log('Validated:', good.valid, bad.valid, bad.errors?.length, validator.getSchema('user.created') === UserCreated);

const eventSystem = createEventSystemBuilder()
  .service('user-service')
  .withMemoryTransport()
  .setValidationMode('strict')
  .setPoisonMessageHandler(async (message, error) => console.log('Poison message:', message.header.type, error.message))
  .build();
eventSystem.validator.registerSchema('user.created', UserCreated);
await eventSystem.connect();

let handled = 0;
await eventSystem.consumer.subscribe<UserCreated>('user.created', async ({ body }) => {
  console.log('User:', body.userId.toUpperCase(), body.email);
  handled++;
});
await eventSystem.consumer.subscribe('order.placed', ({ body }) => {
  console.log('Order:', body.id.toFixed(1), body.at.getUTCFullYear());
  handled++;
}, { schema: OrderPlaced });

await eventSystem.publisher.publish('user.created', { userId: 'abc', email: 'user@example.com' });
await eventSystem.publisher.publish('order.placed', { id: 7, at: '2026-11-26T10:00:00Z' });
await eventSystem.publisher.publish('user.created', { userId: 'abc' }).catch((error: Error) => console.log('Refused:', error.name));
while (handled < 2) await new Promise((resolve) => setImmediate(resolve));
await eventSystem.close();
