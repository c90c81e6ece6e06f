// SPDX-License-Identifier: MIT
// The one list of what the published library has and this one does not do yet. Each is refused, and says so; an
// entry leaves the list when it is built. (Published examples that need one are named beside it.)

import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as libevents from 'libevents';

import { openSystem } from './support/systems.mjs';

function builder() {
  return libevents.createEventSystemBuilder().service('shop').withMemoryTransport();
}

function redis(options) {
  return () => libevents.createEventSystemBuilder().withRedisTransport('redis://localhost:6379', options);
}

/** What → what tries it, given a connected system. */
const NOT_BUILT = {
  // options of the Redis transport (RedisStreamsConfig)
  'Redis Cluster': redis({ cluster: true }),
  'Sentinel': redis({ sentinel: {} }),
};

for (const [what, attempt] of Object.entries(NOT_BUILT)) {
  test(`${what} is refused`, async (t) => {
    const system = await openSystem(t);
    await assert.rejects(async () => attempt(system), (error) => {
      assert.ok(error instanceof libevents.EventsError, String(error));
      assert.match([error.code, error.message, ...error.problems.map(({ message }) => message)].join(' '), /UNSUPPORTED|unsupported/);
      return true;
    });
  });
}
