// SPDX-License-Identifier: MIT
// Published examples: isolation of regions by origin prefixes, retries of a publisher, metrics of a transport.

import { createEventSystemBuilder } from 'libevents';
import type { EventSystem, RetryConfig, TransportMetrics } from 'libevents';

const retry: RetryConfig = { maxRetries: 3, backoffStrategy: 'fibonacci', baseDelay: 100, maxDelay: 30000 };

function region(prefix: string, ...origins: string[]): EventSystem {
  const builder = createEventSystemBuilder()
    .service(`service-${prefix}`)
    .originPrefix(prefix)
    .addTransportFromFactory('redis', 'redis-streams', { url: 'redis://localhost:6379', discoverInterval: 50 })
    .enablePublisherRetry(retry)
    .enableConsumerPatternRouting();
  return (origins.length > 0 ? builder.origins(origins) : builder).build();
}

const germany = region('eu.de');
const america = region('us.ca');
const headquarters = region('hq', 'eu.de', 'us.ca');
const systems = [germany, america, headquarters];
const seen = new Map(systems.map((system) => [system, [] as string[]]));
await Promise.all(systems.map((system) => system.connect()));
for (const system of systems) {
  await system.consumer.subscribePattern('sale.*', async (message) => {
    seen.get(system)!.push(`${message.header.originPrefix} ${message.body.amount}`);
  });
}
await germany.publisher.publish('sale.made', { amount: 1 });
await america.publisher.publish('sale.made', { amount: 2 });

const settled = (): boolean =>
  systems.every((system) => {
    const { handledMessages, filteredMessages } = system.consumer.getStats();
    return handledMessages + filteredMessages === 2;
  });
while (!settled()) await new Promise((resolve) => setTimeout(resolve, 20));
for (const [name, system] of Object.entries({ germany, america, headquarters })) {
  console.log(`${name}:`, seen.get(system)!.sort().join(', '));
}
const metrics: TransportMetrics = await germany.transports.get('redis')!.getMetrics();
console.log('Metrics:', metrics.messagesPublished, metrics.messagesReceived, metrics.errorRate, metrics.publishLatency > 0);
console.log('Status:', (await germany.transports.get('redis')!.getStatus()).healthy);
await Promise.all(systems.map((system) => system.close()));
