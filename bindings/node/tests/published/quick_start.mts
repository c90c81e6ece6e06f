// SPDX-License-Identifier: MIT
// The published quick start.

import { createEventSystemBuilder, RedisStreamsPlugin, MemoryTransportPlugin } from 'libevents';

const eventSystem = createEventSystemBuilder()
  .service('user-service')
  .addTransportFromFactory('redis', 'redis-streams', {
    url: 'redis://localhost:6379',
    consumerGroup: 'user-service-group',
    batchSize: 100
  })
  .enablePublisherBatching({
    enabled: true,
    maxSize: 1000,
    maxWaitMs: 100,
    maxConcurrentBatches: 5,
    strategy: 'size'
  })
  .enablePublisherRateLimiting({
    maxRequests: 1000,
    timeWindow: 60000,
    strategy: 'sliding-window'
  })
  .enableConsumerPatternRouting()
  .build();

await eventSystem.connect();

const seen: string[] = [];
await eventSystem.consumer.subscribe('user.created', async (message, metadata) => {
  seen.push(`subscribe ${message.body.userId} ${metadata.topic}`);
});
await eventSystem.consumer.subscribePattern('user.*', async (message, metadata, pattern) => {
  seen.push(`subscribePattern ${message.header.type} ${metadata.matchedPattern} ${pattern}`);
});
await eventSystem.publisher.publish('user.created', { userId: '123', email: 'user@example.com' });

while (seen.length < 2) await new Promise((resolve) => setTimeout(resolve, 20)); // it is on its way through the store
await eventSystem.drain();
await eventSystem.close();
console.log(seen.sort().join('\n'));

for (const plugin of [new RedisStreamsPlugin(), new MemoryTransportPlugin()]) {
  console.log(plugin.name, plugin.createTransport({}).capabilities.supportsConsumerGroups);
}
