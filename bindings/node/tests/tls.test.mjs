// SPDX-License-Identifier: MIT
// TLS to Redis from within node, whose own OpenSSL answers the addon.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { ConfigurationError, createEventSystem } from 'libevents';

import { freePort, startRedis } from './support/redis.mjs';
import { openSystem, recorder } from './support/systems.mjs';
import { until } from './support/until.mjs';

let folder, redis, tlsPort;

/** A certificate that signs itself is its own authority. */
function makeCertificate() {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', 'own.key'];
  const names = ['-subj', '/CN=redis.test', '-addext', 'subjectAltName=IP:127.0.0.1'];
  execFileSync('openssl', ['req', '-x509', ...key, '-out', 'own.crt', '-days', '2', ...names], { cwd: folder, stdio: 'pipe' });
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'libevents-tls-'));
  makeCertificate();
  tlsPort = await freePort();
  const files = ['--tls-cert-file', join(folder, 'own.crt'), '--tls-key-file', join(folder, 'own.key')];
  redis = await startRedis('--tls-port', String(tlsPort), ...files, '--tls-ca-cert-file', join(folder, 'own.crt'), '--tls-auth-clients', 'no');
});
after(async () => {
  await redis?.stop();
  await rm(folder, { recursive: true, force: true });
});

function secure(tls) {
  return { type: 'redis-streams', url: `rediss://127.0.0.1:${tlsPort}`, tls };
}

test('events go both ways over TLS, with an authority as a file or as text', async (t) => {
  const file = join(folder, 'own.crt');
  for (const ca of [file, await readFile(file, 'utf8')]) {
    const system = await openSystem(t, { transport: secure({ ca }) });
    const { seen, handler } = recorder();
    await system.consumer.subscribe('order.placed', handler);
    await system.publisher.publish('order.placed', { id: 7 });
    await until(() => seen.length > 0, 'the event came');
    assert.deepEqual(seen[0].body, { id: 7 });
    await system.close();
  }
});

test('a certificate that nobody trusts is refused, and says what to set', async (t) => {
  const system = createEventSystem({ service: 'shop', transports: { main: secure(true) } });
  t.after(() => system.close(0));
  await assert.rejects(system.connect({ timeout: 2000 }), /not to be trusted.*tls\.ca/);
});

test('a file that cannot be read is a problem of the configuration', () => {
  assert.throws(
    () => createEventSystem({ service: 'shop', transports: { main: secure({ ca: '/nowhere' }) } }),
    (error) => error instanceof ConfigurationError && error.path === '/transports/main/tls/ca',
  );
});
