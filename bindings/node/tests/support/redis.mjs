// SPDX-License-Identifier: MIT
// A redis-server of the test's own: free loopback port, temporary folder, stopped by its process.

import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { until } from './until.mjs';

export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

function answers(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.end('PING\r\n'));
    socket.once('data', (data) => resolve(data.toString().startsWith('+PONG')));
    socket.once('error', () => resolve(false));
  });
}

/** Starts a server, with more words for its command line, and gives {port, url, stop}. */
export async function startRedis(...options) {
  const folder = await mkdtemp(join(tmpdir(), 'libevents-redis-'));
  const port = await freePort();
  const argv = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', folder, ...options];
  const server = spawn('redis-server', argv, { stdio: 'ignore' });
  const ended = new Promise((resolve) => server.once('exit', resolve));
  await until(() => answers(port), 'the server answers');
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    async stop() {
      server.kill('SIGTERM');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
