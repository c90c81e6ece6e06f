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

/** Is it this process that answers there? Another test's server could have taken the port meanwhile. */
function answers(port, pid) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.end('INFO server\r\n'));
    let said = '';
    socket.setEncoding('utf8').on('data', (text) => (said += text));
    socket.once('end', () => resolve(said.includes(`process_id:${pid}\r\n`)));
    socket.once('error', () => resolve(false));
  });
}

const ATTEMPTS = 5;

/** Starts a server, with more words for its command line, and gives {port, url, stop}. */
export async function startRedis(...options) {
  const folder = await mkdtemp(join(tmpdir(), 'libevents-redis-'));
  let port, server, ended;
  for (let attempt = 1; attempt === 1 || (server.exitCode !== null && attempt <= ATTEMPTS); attempt++) {
    port = await freePort();
    const argv = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', folder, ...options];
    server = spawn('redis-server', argv, { stdio: 'ignore' });
    ended = new Promise((resolve) => server.once('exit', resolve));
    await until(() => server.exitCode !== null || answers(port, server.pid), 'the server answers');
  }
  if (server.exitCode !== null) throw new Error(`redis-server ended with ${server.exitCode}`);
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
