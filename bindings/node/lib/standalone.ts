// SPDX-License-Identifier: MIT
// A publisher or a consumer without the rest: each has a system of its own behind it.

import { createEventSystem } from './builder.js';
import type { EventSystemConfig } from './builder.js';
import type { EventConsumer } from './consumer.js';
import type { EventPublisher } from './publisher.js';

type Transports = EventSystemConfig['transports'];
type Rest = Omit<EventSystemConfig, 'transports'> & { readonly service: string };

/** The publisher of a new system; its connect() and close() are the system's. */
export function createPublisher(transports: Transports, config: Rest): EventPublisher {
  return createEventSystem({ ...config, transports }).publisher;
}

/** The consumer of a new system; its connect() and close() are the system's. */
export function createConsumer(transports: Transports, config: Rest): EventConsumer {
  return createEventSystem({ ...config, transports }).consumer;
}
