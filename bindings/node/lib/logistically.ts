// SPDX-License-Identifier: MIT
// The entry `libevents/logistically`, for programs that come from @logistically/events: the same exports with
// the published defaults, so that moving is one changed import.
//
// What it sets: consumer group `default-group`, new groups start at the newest event, subscribePattern() needs
// enableConsumerPatternRouting(), publishBatch() rejects where one event has failed. Redis transports get the
// published layout of keys and entries, so that services that have moved share a store with those that have not.

import { EventSystemBuilder as Builder, assemble } from './builder.js';
import type { EventSystemConfig } from './builder.js';
import type { EventConsumer } from './consumer.js';
import { Log } from './log.js';
import type { EventPublisher } from './publisher.js';
import type { SystemOptions } from './runtime.js';
import { EventSystem } from './system.js';
import type { TransportOptions } from './transports.js';

export * from './index.js';

type Document = Readonly<Record<string, unknown>>;

const GROUP = 'default-group';
const LAYOUT = 'logistically-3';

function publishedTransports(transports: Readonly<Record<string, TransportOptions>>): Document {
  const withDefaults = Object.entries(transports).map(([name, transport]) => {
    const { groupId = transport['consumerGroup'] ?? GROUP, consumerGroup: _, ...rest } = transport;
    const layout = rest['type'] === 'redis-streams' ? { compat: LAYOUT } : {};
    return [name, { ...layout, ...rest, groupId }];
  });
  return Object.fromEntries(withDefaults) as Document;
}

/** A document that is wrong stays so: the core says how. */
function publishedDocument(document: Document): Document {
  const { transports } = document;
  const isObject = typeof transports === 'object' && transports !== null;
  return isObject ? { ...document, transports: publishedTransports(transports as Record<string, TransportOptions>) } : document;
}

/** Elsewhere such a subscription is refused; here it is as it always was. */
function warnOfDrops(document: Document, log: Log): void {
  const transports = Object.values((document['transports'] ?? {}) as Record<string, { type?: unknown }>);
  if (document['validationMode'] !== 'strict' || !transports.some((transport) => transport?.type === 'memory')) return;
  log.say('warn', 'what fails for good on the memory transport is dropped: set a poison message handler');
}

function publishedOptions(document: Document, options: SystemOptions): SystemOptions {
  const consumer = document['consumer'] as { enablePatternRouting?: boolean } | undefined;
  if (!options.poisonMessageHandler) warnOfDrops(document, new Log(options.logger));
  return {
    ...options,
    published: {
      subscription: { from: 'new', poisonHandler: true },
      refusesPatterns: consumer?.enablePatternRouting !== true,
    },
  };
}

export class EventSystemBuilder extends Builder {
  override config(): Record<string, unknown> {
    return { ...publishedDocument(super.config()) };
  }

  protected override systemOptions(options: SystemOptions): SystemOptions {
    return publishedOptions(this.config(), options);
  }
}

export function createEventSystemBuilder(): EventSystemBuilder {
  return new EventSystemBuilder();
}

export function createEventSystem(config: EventSystemConfig): EventSystem {
  const [document, options] = assemble(config);
  return new EventSystem(publishedDocument(document), publishedOptions(document, options));
}

type Transports = EventSystemConfig['transports'];
type Rest = Omit<EventSystemConfig, 'transports'> & { readonly service: string };

export function createPublisher(transports: Transports, config: Rest): EventPublisher {
  return createEventSystem({ ...config, transports }).publisher;
}

export function createConsumer(transports: Transports, config: Rest): EventConsumer {
  return createEventSystem({ ...config, transports }).consumer;
}
