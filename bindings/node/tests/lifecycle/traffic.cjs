// SPDX-License-Identifier: MIT
// What the programs of this folder share: a system under traffic. The transport is their first argument, as JSON.

const { createEventSystem } = require('libevents');

/** A connected system with a subscription; `handler` gets (message, metadata). */
async function openSystem(handler, options = {}) {
  const { config, subscription } = { config: {}, subscription: {}, ...options };
  const transport = JSON.parse(process.argv[2] ?? '{"type": "memory"}');
  const system = createEventSystem({ service: 'life', transports: { main: transport }, ...config });
  await system.connect();
  await system.consumer.subscribe('life.*', handler, { concurrency: 64, ...subscription });
  return system;
}

/** Publishes without end, so that there is always something on its way; stops when the system is closed. */
async function publishOn(system) {
  try {
    for (;;) {
      await Promise.all(Array.from({ length: 50 }, (_, n) => system.publisher.publish('life.goes', { n })));
    }
  } catch (error) {
    if (error.code !== 'EVS_CLOSED') throw error;
  }
}

module.exports = { openSystem, publishOn };
