// SPDX-License-Identifier: MIT
// Published examples: transports by themselves, and a plugin with a transport of one's own.

import { createEventEnvelope, createEventSystemBuilder, createTransportFactory } from 'libevents';
import type { GivenMessage, OwnHandler, OwnTransport, Plugin, StoredMessage, Transport } from 'libevents';

const factory = createTransportFactory();

const memoryTransport = factory.createTransport({ type: 'memory', options: {} }) as Transport;
await memoryTransport.connect();
let messageHandled = (_: string): void => undefined;
const handled = new Promise<string>((resolve) => (messageHandled = resolve));
await memoryTransport.subscribe('user-events', async (message, metadata) => {
  messageHandled(`${message.header.type} ${message.body.userId} ${metadata.topic}`);
}, { groupId: 'mail' }, 'user.created');
await memoryTransport.publish('user-events', createEventEnvelope('user.created', { userId: '123' }, 'user-service'));
console.log('By itself:', await handled);
await memoryTransport.unsubscribe('user-events');
await memoryTransport.disconnect();
console.log('Connected:', memoryTransport.isConnected());

class QueueTransport implements OwnTransport {
  readonly capabilities = { supportsPublishing: true, supportsSubscription: true, supportsPersistence: false };
  #handlers = new Map<string, OwnHandler>();

  async connect(): Promise<void> {}

  async publish(topic: string, message: StoredMessage): Promise<void> {
    const text: GivenMessage = JSON.parse(JSON.stringify(message));
    await this.#handlers.get(topic)?.(text);
  }

  async subscribe(topic: string, handler: OwnHandler): Promise<void> {
    this.#handlers.set(topic, handler);
  }

  async unsubscribe(topic: string): Promise<void> {
    this.#handlers.delete(topic);
  }

  async disconnect(): Promise<void> {}
}

const plugin: Plugin = {
  name: 'queue',
  version: '1.0.0',
  capabilities: new QueueTransport().capabilities,
  createTransport: () => new QueueTransport(),
  validateConfig: () => ({ valid: true, errors: [] }),
  getDefaultConfig: () => ({})
};
factory.registerPlugin(plugin);
console.log('Types:', factory.getSupportedTypes().join(' '));

const eventSystem = createEventSystemBuilder()
  .service('order-service')
  .addTransport('queue', factory.createTransport({ type: 'queue' }))
  .build();
await eventSystem.connect();
await eventSystem.consumer.subscribe('order.created', async (message) => console.log('Order:', message.body.orderId));
await eventSystem.publisher.publish('order.created', { orderId: 'ORD-123' });
await eventSystem.close();
