// SPDX-License-Identifier: MIT
// The published examples, with the import changed: they compile under `tsc --strict` and do what they say.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { run } from './support/program.mjs';
import { startRedis } from './support/redis.mjs';

const binding = fileURLToPath(new URL('..', import.meta.url));
const examples = fileURLToPath(new URL('./published', import.meta.url));
const packageFolder = dirname(createRequire(import.meta.url).resolve('libevents/package.json'));
let redis;
let folder;

/** A project as a user has it: the package in node_modules, and a strict tsconfig.json. */
function makeProject() {
  folder = mkdtempSync(join(tmpdir(), 'libevents-published-'));
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(packageFolder, join(folder, 'node_modules/libevents'));
  for (const name of ['@types', 'zod']) symlinkSync(join(binding, 'node_modules', name), join(folder, 'node_modules', name));
  const compilerOptions = {
    strict: true,
    exactOptionalPropertyTypes: true,
    target: 'es2022',
    module: 'nodenext',
    types: ['node'],
    outDir: 'out',
    rootDir: '.',
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.mts', '*.cts'] }));
}

function compile() {
  const tsc = join(binding, 'node_modules/typescript/bin/tsc');
  return spawnSync(process.execPath, [tsc, '-p', '.'], { cwd: folder, encoding: 'utf8', timeout: 120_000 });
}

before(async () => {
  redis = await startRedis();
  makeProject();
  for (const name of readdirSync(examples)) {
    const source = readFileSync(join(examples, name), 'utf8');
    writeFileSync(join(folder, name), source.replaceAll('redis://localhost:6379', redis.url));
  }
});
after(async () => {
  await redis.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('the examples compile in strict mode', () => {
  const { status, stdout } = compile();
  assert.equal(status, 0, stdout);
});

const SAID = {
  'quick_start.mjs': [
    'subscribe 123 user-events',
    'subscribePattern user.created user.* user.*',
    'redis-streams true',
    'memory true',
  ],
  'services.mjs': [
    "Order event order.*: { orderId: 'ORD-123', customerId: 'CUST-456', total: 99.99 } undefined",
    'Sending email notification to user 123: Welcome to our service!',
    'Total published: 5 0',
    'Total messages: 3 1',
    'Subscription: order.* Messages: 1',
    'Subscription: notification.sent Messages: 1',
    'Subscription: payment.failed Messages: 1',
    "System status: true [ 'redis', 'memory' ]",
    'All transports connected',
    'Poison message: payment.failed no funds payment-events',
  ],
  'routing.mjs': [
    'payment-events',
    'Matches: true',
    'Exact match: true',
    'Topic: user-events',
    'Valid: true false',
    'Normalized: user.*',
    'Invalid pattern: true',
    "Unsupported features: [ 'patternRouting', 'batching' ]",
  ],
  'parts.mjs': [
    'Types: file memory redis-streams',
    'Plugins: 3 redis-streams undefined',
    'Without it: memory file',
    'Config: true false',
    'Defaults: true',
    'Capabilities: true true true',
    'Invoice: 42 CUST-456 parts-publisher corr-1 trace-1',
    'Headers: high invoice-events 64',
    'Sent: 3 2 0',
    'Envelope: invoice.sent billing eu.de 1.0.0',
    'Without a schema: true undefined undefined',
    'Validator: true',
  ],
  'transports.mjs': [
    'By itself: user.created 123 user-events',
    'Connected: false',
    'Types: memory redis-streams file queue',
    'Order: ORD-123',
  ],
  'validator.mjs': [
    'Validated: true false 2 true',
    'User: ABC user@example.com',
    'Order: 7.0 2026',
    'Refused: ValidationError',
  ],
  'regions.mjs': [
    'germany: eu.de 1',
    'america: us.ca 2',
    'headquarters: eu.de 1, us.ca 2',
    'Metrics: 1 1 0 true',
    'Status: true',
  ],
};

for (const [program, lines] of Object.entries(SAID)) {
  test(`${program} does what it says`, async () => {
    const { status, output } = await run(join(folder, 'out', program));
    assert.equal(status, 0, output);
    for (const line of lines) assert.ok(output.split('\n').includes(line), `no "${line}" in:\n${output}`);
  });
}

test('wrong types do not compile, with import and with require', () => {
  const typed = `import { z } from 'zod';
    import type { EventConsumer } from 'libevents';
    export const read = (consumer: EventConsumer) =>
      consumer.subscribe('a.b', ({ body }) => body.id.length, { schema: z.object({ id: z.int() }) });`;
  writeFileSync(join(folder, 'wrong.mts'), "import { EventSystem } from 'libevents';\nnew EventSystem(5);\n");
  writeFileSync(join(folder, 'typed.mts'), typed);
  writeFileSync(join(folder, 'wrong.cts'), "import ev = require('libevents');\nev.version(5);\n");
  writeFileSync(join(folder, 'compat.mts'), "import { createEventSystemBuilder } from 'libevents/logistically';\ncreateEventSystemBuilder().service(5);\n");
  const { stdout } = compile();
  for (const name of ['wrong.mts', 'wrong.cts', 'typed.mts', 'compat.mts']) assert.match(stdout, new RegExp(`^${name}`, 'm'));
});
