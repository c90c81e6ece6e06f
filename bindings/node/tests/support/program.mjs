// SPDX-License-Identifier: MIT
// Runs a program of its own process, as a user would, and gives how it ended.

import { spawn } from 'node:child_process';

const LIMIT_MS = 60_000;

/** {status, signal, output}; a program that hangs is stopped, and its signal says so. */
export function run(file, ...argv) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--expose-gc', file, ...argv], { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (data) => (output += data));
    child.stderr.on('data', (data) => (output += data));
    const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
    child.once('error', reject);
    child.once('close', (status, signal) => {
      clearTimeout(timer);
      resolve({ status, signal, output });
    });
  });
}
