// SPDX-License-Identifier: MIT
// Published examples: routing configuration and router.

import { createBasicRoutingConfig, createEventRouter, createEventSystemBuilder, defaultRoutingConfig } from 'libevents';
import type { EventRoute, RoutingConfig, TransportCapabilities } from 'libevents';

const routes: EventRoute[] = [
  { pattern: 'user.*', transport: 'redis', options: { topic: 'user-events' } },
  { pattern: 'order.*', transport: 'redis', options: { topic: 'order-events' } },
  { pattern: 'payment.*', transport: 'redis', options: { topic: 'payment-events' } }
];
const routingConfig: RoutingConfig = createBasicRoutingConfig(
  routes,
  'warn',
  'eu.de',
  {
    'user.*': 'user',
    'order.*': 'order',
    'payment.*': 'payment'
  },
  'namespace'
);

const eventSystem = createEventSystemBuilder()
  .service('gateway-service')
  .originPrefix('eu.de')
  .routing(routingConfig)
  .addTransportFromFactory('redis', 'redis-streams', {
    url: 'redis://localhost:6379'
  })
  .build();
console.log(eventSystem.router.resolveTopic('payment.done'));
await eventSystem.close();

const transportCapabilities = new Map<string, TransportCapabilities>();
const router = createEventRouter(defaultRoutingConfig, transportCapabilities);
console.log('Matches:', router.matchesPattern('user.created', 'user.*'));
console.log('Exact match:', router.matchesPattern('user.created', 'user.created'));
console.log('Topic:', router.resolveTopic('user.created'));
console.log('Valid:', router.validateEventType('user.created'), router.validateEventType('user-created'));
try {
  console.log('Normalized:', router.validateAndNormalizePattern('USER.*'));
  router.validateAndNormalizePattern('user..*');
} catch (error) {
  console.error('Invalid pattern:', (error as Error).message.includes('user..*'));
}
const result = router.validateTransportFeatures('redis', ['patternRouting', 'batching']);
console.log('Unsupported features:', result.unsupportedFeatures);
