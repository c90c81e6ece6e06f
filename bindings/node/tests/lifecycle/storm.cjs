// SPDX-License-Identifier: MIT
// Handlers that throw and reject with everything there is, also with what fails when it is looked at.

const { subscribe } = require('node:diagnostics_channel');

const { openSystem } = require('./traffic.cjs');

const hostile = new Proxy({}, {
  get() { throw new Error('looked at'); },
  getPrototypeOf() { throw new Error('looked at'); },
});
class Odd extends Error {
  get message() { throw new Error('no message'); }
  get stack() { throw new Error('no stack'); }
}
const THROWN = [undefined, null, 0, '', 'text', Symbol('s'), 1n, {}, [], () => 1, new Error('plain'), new Odd(),
  hostile, Object.create(null), '\ud800', new Error('x'.repeat(100_000)), { then: 1 }, Promise.resolve()];
const EVENTS = 1000;

function odd(message) {
  if (message.type !== 'life.storm') return undefined; // left in the store by another program
  const { n } = message.body;
  const thrown = THROWN[n % THROWN.length];
  if (n % 3 === 0) throw thrown;
  if (n % 3 === 1) return Promise.reject(thrown);
  return { get then() { throw thrown; } };
}

async function main() {
  const told = [];
  let whenAllTold;
  const allTold = new Promise((resolve) => (whenAllTold = resolve));
  const system = await openSystem(odd, {
    config: {
      consumer: {
        retry: { maxRetries: 1, baseDelay: 0 },
        poisonMessageHandler: (message, error) => {
          if (told.push(message.body.n) === EVENTS) whenAllTold();
          if (!(error instanceof Error)) process.exitCode = 1;
          throw error;
        },
      },
    },
  });
  subscribe('libevents', () => {}); // else the poison handler's own failures become warnings
  await system.publisher.publishBatch('life.storm', Array.from({ length: EVENTS }, (_, n) => ({ n })));
  await allTold; // what waits for its next attempt is nobody's to drain
  await system.drain({ timeout: 50_000 });
  await system.close();
  console.log(new Set(told).size === EVENTS && told.length === EVENTS ? 'ended' : `told ${told.length}`);
}

void main();
