// SPDX-License-Identifier: MIT
// libevents/testing/faults: each fault happens, is recorded, and ends.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { FaultProxy, crashAfter, deliveredTwice, frozen } from 'libevents/testing/faults';

import { startRedis } from './support/redis.mjs';
import { openSystem, recorder } from './support/systems.mjs';
import { until } from './support/until.mjs';

const PING = '*1\r\n$4\r\nPING\r\n';
const PONG = '+PONG\r\n';
const ECHO = '*2\r\n$4\r\nECHO\r\n$10\r\n0123456789\r\n';
const ECHOED = '$10\r\n0123456789\r\n';

let redis;
before(async () => (redis = await startRedis()));
after(() => redis.stop());

async function startProxy(t) {
  const proxy = await FaultProxy.start(redis.url);
  t.after(() => proxy.stop());
  return proxy;
}

/** A connection by way of the proxy that remembers what it was told. */
async function open(t, proxy) {
  const socket = connect(proxy.port, '127.0.0.1');
  const opened = { socket, said: '', isGone: false };
  socket.setEncoding('latin1').on('data', (text) => (opened.said += text));
  socket.on('error', () => undefined).on('close', () => (opened.isGone = true));
  await once(socket, 'connect');
  t.after(() => socket.destroy());
  return opened;
}

async function says(opened, text) {
  await until(() => opened.said.length >= text.length, `the answer ${JSON.stringify(text.slice(0, 40))}`);
  assert.equal(opened.said, text);
  opened.said = '';
}

test('what is healthy passes and is counted', async (t) => {
  const proxy = await startProxy(t);
  const opened = await open(t, proxy);
  opened.socket.write(PING + ECHO + PING);
  await says(opened, PONG + ECHOED + PONG);
  assert.deepEqual(Object.fromEntries(proxy.commands), { PING: 2, ECHO: 1 });
  assert.equal(proxy.connections, 1);
  assert.deepEqual(proxy.record, []);
});

test('commands and answers that come byte by byte, and large ones, pass whole', async (t) => {
  const proxy = await startProxy(t);
  const opened = await open(t, proxy);
  opened.socket.setNoDelay();
  for (const byte of ECHO) {
    opened.socket.write(byte);
    await sleep(1);
  }
  await says(opened, ECHOED);
  const large = 'x'.repeat(3_000_000);
  opened.socket.write(`*2\r\n$4\r\nECHO\r\n$${large.length}\r\n${large}\r\n`);
  await says(opened, `$${large.length}\r\n${large}\r\n`);
  assert.deepEqual(Object.fromEntries(proxy.commands), { ECHO: 2 });
});

for (const bytes of [0, 1, 9, ECHOED.length, 1000]) {
  test(`an answer is cut behind ${bytes} bytes`, async (t) => {
    const proxy = await startProxy(t);
    const fault = proxy.cut({ command: 'echo', after: bytes });
    const opened = await open(t, proxy);
    opened.socket.write(PING + ECHO + PING);
    await fault.happened;
    await until(() => opened.isGone, 'the connection ended');
    assert.equal(opened.said, PONG + ECHOED.slice(0, bytes));
    assert.equal(fault.count, 1);
    assert.deepEqual(proxy.record.map(({ what }) => what), ['cut']);
    const second = await open(t, proxy);
    second.socket.write(ECHO);
    await says(second, ECHOED);
  });
}

test('a cut is aimed by the words of a command, and nil is no answer to cut', async (t) => {
  const proxy = await startProxy(t);
  const fault = proxy.cut({ command: (words) => words.at(-1).toString() === 'none' });
  const opened = await open(t, proxy);
  opened.socket.write(`${ECHO}*2\r\n$3\r\nGET\r\n$4\r\nnone\r\n`);
  await says(opened, `${ECHOED}$-1\r\n`);
  assert.equal(fault.count, 0);
  opened.socket.write('*2\r\n$4\r\nECHO\r\n$4\r\nnone\r\n');
  await fault.happened;
  await until(() => opened.isGone, 'the connection ended');
  assert.equal(opened.said, '');
});

test('drop resets what is open, and new connections pass', async (t) => {
  const proxy = await startProxy(t);
  const first = await open(t, proxy);
  first.socket.write(PING);
  await says(first, PONG);
  proxy.drop();
  await until(() => first.isGone, 'the connection ended');
  const second = await open(t, proxy);
  second.socket.write(PING);
  await says(second, PONG);
});

test('a half-open connection is silent without an end, until all is well again', async (t) => {
  const proxy = await startProxy(t);
  const first = await open(t, proxy);
  first.socket.write(PING);
  await says(first, PONG);
  proxy.halfOpen();
  first.socket.write(PING);
  const second = await open(t, proxy);
  second.socket.write(PING);
  await says(second, PONG);
  assert.deepEqual([first.said, first.isGone], ['', false]);
  proxy.heal();
  await until(() => first.isGone, 'the connection ended');
});

test('pause holds back and loses nothing', async (t) => {
  const proxy = await startProxy(t);
  const opened = await open(t, proxy);
  opened.socket.write(PING);
  await says(opened, PONG);
  proxy.pause();
  opened.socket.write(PING + ECHO);
  await sleep(100);
  assert.equal(opened.said, '');
  proxy.resume();
  await says(opened, PONG + ECHOED);
});

test('refuse resets new connections only', async (t) => {
  const proxy = await startProxy(t);
  const first = await open(t, proxy);
  first.socket.write(PING);
  await says(first, PONG);
  proxy.refuse();
  const second = connect(proxy.port, '127.0.0.1').on('error', () => undefined);
  await new Promise((resolve) => second.once('close', resolve));
  first.socket.write(PING);
  await says(first, PONG);
});

test('redirect leads new connections to another server', async (t) => {
  const proxy = await startProxy(t);
  const other = createServer((socket) => socket.end('+other\r\n')).listen(0, '127.0.0.1');
  t.after(() => other.close());
  await once(other, 'listening');
  const first = await open(t, proxy);
  first.socket.write(PING);
  await says(first, PONG);
  proxy.redirect(`redis://127.0.0.1:${other.address().port}`);
  await says(await open(t, proxy), '+other\r\n');
  first.socket.write(PING);
  await says(first, PONG);
});

test('delay makes late and keeps the order; throttle bounds what a second carries', async (t) => {
  const proxy = await startProxy(t);
  const opened = await open(t, proxy);
  let began = performance.now();
  proxy.delay(100, 50);
  opened.socket.write(PING);
  opened.socket.write(ECHO);
  await says(opened, PONG + ECHOED);
  assert.ok(performance.now() - began >= 95);
  proxy.heal();
  began = performance.now();
  proxy.throttle(10_000);
  const body = 'x'.repeat(2_500);
  opened.socket.write(`*2\r\n$4\r\nECHO\r\n$${body.length}\r\n${body}\r\n`);
  await says(opened, `$${body.length}\r\n${body}\r\n`);
  assert.ok(performance.now() - began >= 450);
});

test('the URL keeps what is not the address', async (t) => {
  const proxy = await FaultProxy.start(`redis://user:p%40ss@localhost:${redis.port}/2?timeout=5`);
  t.after(() => proxy.stop());
  assert.equal(proxy.url, `redis://user:p%40ss@127.0.0.1:${proxy.port}/2?timeout=5`);
});

test('a publish whose answer was cut is stored all the same, once', async (t) => {
  const proxy = await startProxy(t);
  const transport = { type: 'redis-streams', url: proxy.url, idempotent: true };
  const system = await openSystem(t, { service: 'cut', transport });
  const { seen, handler } = recorder();
  await system.consumer.subscribe('cut.*', handler);
  await system.publisher.publish('cut.made', 1);
  const fault = proxy.cut({ command: (words) => words.some((word) => word.includes('the-second')), after: 3 });
  const receipt = await system.publisher.publish('cut.made', 2, { id: 'the-second' });
  assert.equal(fault.count, 1);
  assert.deepEqual([receipt.outcome, receipt.attempts], ['stored', 2]);
  await until(() => seen.length >= 2, 'both events came');
  await system.drain();
  assert.deepEqual(seen.map(({ body }) => body).sort(), [1, 2]);
  await system.close();
});

test('a frozen process stands still and goes on', async (t) => {
  const child = spawn(process.execPath, ['--eval', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'ignore'] });
  const ended = once(child, 'exit');
  t.after(() => child.kill('SIGKILL'));
  await once(child, 'spawn');
  const state = () => readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ').at(-1)[0];
  assert.equal(await frozen(child.pid, state), 'T');
  await until(() => state() !== 'T', 'it goes on');
  child.stdin.end();
  assert.deepEqual(await ended, [0, null]);
  await assert.rejects(frozen(child.pid, () => undefined), { code: 'ESRCH' });
});

const CRASHING = `
  import { createEventSystem } from 'libevents';
  import { crashAfter } from 'libevents/testing/faults';
  const system = createEventSystem(JSON.parse(process.argv[1]));
  await system.connect();
  await system.consumer.subscribe('crash.*', crashAfter((message) => console.log('handled', message.body)));
  await system.publisher.publish('crash.now', 7);
`;

test('after a crash between handler and acknowledgement the event comes again', async (t) => {
  const transport = { type: 'redis-streams', url: redis.url, sessionTimeout: 1000 };
  const config = { service: 'crash', transports: { main: transport } };
  const child = spawn(process.execPath, ['--input-type=module', '--eval', CRASHING, JSON.stringify(config)]);
  let printed = '';
  child.stdout.on('data', (text) => (printed += text));
  assert.deepEqual(await once(child, 'close'), [null, 'SIGKILL']);
  assert.equal(printed, 'handled 7\n');
  const system = await openSystem(t, { service: 'crash', transport });
  const { seen, handler } = recorder();
  await system.consumer.subscribe('crash.*', crashAfter(handler));
  await until(() => seen.length === 1, 'the event came again');
  const [{ message, metadata }] = seen;
  assert.deepEqual([message.body, metadata.attempt, metadata.deliveries], [7, 1, 2]);
});

test('an event is delivered twice, and that is no failure', async (t) => {
  const system = await openSystem(t);
  const { seen, handler } = recorder();
  await system.consumer.subscribe('order.*', deliveredTwice(handler));
  await system.publisher.publish('order.placed', 1);
  await until(() => seen.length === 2, 'it came again');
  await system.drain();
  assert.deepEqual(
    seen.map(({ message, metadata }) => [message.body, metadata.attempt, metadata.deliveries]),
    [[1, 1, 1], [1, 1, 2]],
  );
});
