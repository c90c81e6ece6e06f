// SPDX-License-Identifier: MIT
// Published examples: the factory and its plugins, a publisher and a consumer by themselves, envelope and validator.

import {
  createConsumer,
  createEventEnvelope,
  createEventValidator,
  createPublisher,
  createTransportFactory,
  DefaultEventValidator,
  EventConsumer,
  EventPublisher,
  RedisStreamsPlugin
} from 'libevents';
import type { EventEnvelope, EventValidator, ValidationResult } from 'libevents';

const factory = createTransportFactory();
console.log('Types:', factory.getSupportedTypes().sort().join(' '));
console.log('Plugins:', factory.getAllPlugins().length, factory.getPlugin('redis-streams')?.name, factory.getPlugin('none'));
factory.unregisterPlugin('redis-streams');
console.log('Without it:', factory.getSupportedTypes().join(' '));
factory.registerPlugin(new RedisStreamsPlugin());

const plugin = new RedisStreamsPlugin();
console.log('Config:', plugin.validateConfig({ url: 'redis://localhost:6379' }).valid, plugin.validateConfig({ port: 99999 }).valid);
console.log('Defaults:', Object.keys(plugin.getDefaultConfig()).includes('streamPrefix'));
const { supportsConsumerGroups, supportsDeadLetterQueues, supportsPersistence } = plugin.capabilities;
console.log('Capabilities:', supportsConsumerGroups, supportsDeadLetterQueues, supportsPersistence);

const transport = factory.createTransport({ type: 'redis-streams', options: { url: 'redis://localhost:6379' } });
const transports = new Map([['redis', transport]]);
const publisher: EventPublisher = createPublisher(transports, { service: 'parts-publisher' });
const consumer: EventConsumer = createConsumer(transports, { service: 'parts-consumer' });
await publisher.connect();
await consumer.connect();

interface Invoice {
  number: number;
  customer: string;
}

let invoiceReceived = (): void => undefined;
const received = new Promise<void>((resolve) => (invoiceReceived = resolve));
await consumer.subscribe('invoice.sent', async (message: EventEnvelope<Invoice>, metadata) => {
  const { number, customer } = message.body;
  console.log('Invoice:', number, customer, message.header.origin, metadata.correlationId, metadata.traceId);
  console.log('Headers:', metadata.headers?.['priority'], metadata.topic, message.header.hash.length);
  invoiceReceived();
}, {
  groupId: 'invoices',
  consumerId: 'invoices-1',
  autoOffsetReset: 'earliest',
  enableAutoCommit: true
});
await publisher.publish('invoice.sent', { number: 42, customer: 'CUST-456' }, {
  partitionKey: 'CUST-456',
  headers: { priority: 'high' },
  correlationId: 'corr-1',
  traceId: 'trace-1'
});
await publisher.publishBatch('invoice.paid', [{ number: 42 }, { number: 43 }]);
await publisher.forceFlush();
await received;
const { totalMessagesSent, totalMessagesSentByType, failedMessages } = publisher.getStats();
console.log('Sent:', totalMessagesSent, totalMessagesSentByType['invoice.paid'], failedMessages);
await consumer.close();
await publisher.close();

const envelope: EventEnvelope<Invoice> = createEventEnvelope('invoice.sent', { number: 1, customer: 'c' }, 'billing', 'eu.de');
console.log('Envelope:', envelope.header.type, envelope.header.origin, envelope.header.originPrefix, envelope.header.version);

const validator: EventValidator = createEventValidator();
const result: ValidationResult = validator.validate('invoice.sent', { number: 'not one' });
console.log('Without a schema:', result.valid, result.error, validator.getSchema('invoice.sent'));
console.log('Validator:', validator instanceof DefaultEventValidator);
