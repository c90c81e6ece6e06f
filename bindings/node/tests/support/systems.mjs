// SPDX-License-Identifier: MIT
// Systems for tests: on memory unless a test says otherwise, with quick retries, closed when the test ends.

import { createEventSystem } from 'libevents';

export const QUICK = { retry: { maxRetries: 2, baseDelay: 1, jitter: 0 } };

/** A connected system; `t` is the test, which closes it. */
export async function openSystem(t, config = {}) {
  const { transport = { type: 'memory' }, consumer, ...rest } = config;
  const system = createEventSystem({
    service: 'shop',
    transports: { main: transport },
    consumer: { ...QUICK, ...consumer },
    ...rest,
  });
  t.after(() => system.close(0));
  await system.connect();
  return system;
}

/** A handler that keeps what it was given, and a promise-free way to look at it. */
export function recorder(answer = () => undefined) {
  const seen = [];
  const handler = (message, metadata, pattern) => {
    seen.push({ message, metadata, pattern, body: message.body, type: message.type, attempt: metadata.attempt });
    return answer(message, metadata);
  };
  return { seen, handler };
}

let services = 0;

/** The same over a server, by default as a service of its own, so that tests do not see each other's events. */
export function openOnRedis(t, redis, { service = `shop${++services}`, transport = {}, ...config } = {}) {
  const store = { type: 'redis-streams', url: redis.url, discoverInterval: 50, ...transport };
  return openSystem(t, { service, transport: store, ...config });
}

/** The snippet of the published architecture as it is printed, but for the server. */
export async function openSnippet(t, createEventSystemBuilder, redis) {
  const eventSystem = createEventSystemBuilder()
    .withService('my-service')
    .withRedisTransport(redis.url, {
      enableDLQ: true,
      dlqStreamPrefix: 'dlq:',
      maxRetriesBeforeDLQ: 3
    })
    .build();
  t.after(() => eventSystem.close(0));
  await eventSystem.connect();
  return eventSystem;
}
