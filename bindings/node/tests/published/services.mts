// SPDX-License-Identifier: MIT
// Published examples: basic system, several transports with a poison handler, options, statistics, status.

import { createEventSystem, createEventSystemBuilder, MemoryTransportPlugin } from 'libevents';
import type { ConsumerStats, EventEnvelope, EventSystemStatus, PublisherStats } from 'libevents';

interface Notification {
  userId: string;
  type: string;
  content: string;
}

const poison: string[] = [];
const eventSystem = createEventSystemBuilder()
  .service('order-service')
  .originPrefix('eu.de')
  .addTransportFromFactory('redis', 'redis-streams', {
    url: 'redis://localhost:6379',
    consumerGroup: 'order-service-group',
    enableDLQ: true,
    maxRetries: 0
  })
  .addTransportFromFactory('memory', 'memory', {
    enablePatternRouting: true
  })
  .enablePublisherRetry({ maxRetries: 3, backoffStrategy: 'exponential', baseDelay: 1000, maxDelay: 10000 })
  .enableConsumerPatternRouting()
  .enableConsumerGroups()
  .setValidationMode('warn')
  .setPoisonMessageHandler(async (message, error, metadata) => {
    poison.push(`Poison message: ${message.header?.type} ${error.message} ${metadata.topic}`);
  })
  .build();

await eventSystem.connect();

let orderReceived = (): void => undefined;
const order = new Promise<void>((resolve) => (orderReceived = resolve));
await eventSystem.consumer.subscribePattern('order.*', async (message, metadata, pattern) => {
  console.log(`Order event ${pattern}:`, message.body, metadata.partition);
  orderReceived();
});
await eventSystem.consumer.subscribe('notification.sent', async (message: EventEnvelope<Notification>) => {
  const { userId, type, content } = message.body;
  console.log(`Sending ${type} notification to user ${userId}: ${content}`);
});
await eventSystem.consumer.subscribe('payment.failed', async () => {
  throw new Error('no funds');
}, {
  groupId: 'order-processors'
});

await eventSystem.publisher.publish('order.created', {
  orderId: 'ORD-123',
  customerId: 'CUST-456',
  total: 99.99
});
await eventSystem.publisher.publish('notification.sent', {
  userId: '123',
  type: 'email',
  content: 'Welcome to our service!'
});
await eventSystem.publisher.publish('payment.failed', {}, { headers: { priority: 'high' } });

const events = [
  { eventType: 'user.created', body: { userId: '123' } },
  { eventType: 'user.created', body: { userId: '456' } }
];
await eventSystem.publisher.publishBatch(events);
await order;
await eventSystem.drain();

const published: PublisherStats = await eventSystem.publisher.getStats();
console.log('Total published:', published.totalMessagesSent, published.failedMessages);
const consumed: ConsumerStats = await eventSystem.consumer.getStats();
console.log('Total messages:', consumed.totalMessagesReceived, consumed.failedMessages);
for (const sub of eventSystem.consumer.getSubscriptions()) {
  console.log('Subscription:', sub.eventType, 'Messages:', sub.messageCount);
}
const status: EventSystemStatus = await eventSystem.getStatus();
console.log('System status:', status.connected, [...status.transports.keys()]);
if (eventSystem.isConnected()) {
  console.log('All transports connected');
}
await eventSystem.consumer.unsubscribe('notification.sent');
await eventSystem.consumer.unsubscribePattern('order.*');
await eventSystem.close();
console.log(poison.join('\n'));

const direct = createEventSystem({
  service: 'my-service',
  transports: new Map([['redis', new MemoryTransportPlugin().createTransport({})]]),
  validationMode: 'warn'
});
await direct.close();
