// SPDX-License-Identifier: MIT
// Systems and routers that nobody closed and nobody can reach are freed, and do not keep the process.

const { readdirSync } = require('node:fs');
const { createEventRouter, createEventSystem } = require('libevents');

function threads() {
  return readdirSync('/proc/self/task').length;
}

function waste() {
  for (let n = 0; n < 20; n++) {
    createEventSystem({ service: 'life', transports: { main: { type: 'memory' } } });
    createEventRouter({}).resolveTopic('a.b');
  }
}

async function main() {
  createEventRouter({});
  const before = threads();
  waste();
  const during = threads();
  const end = performance.now() + 50_000;
  while (threads() > before + 8 && performance.now() < end) {
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  console.log(during > before + 30 && threads() <= before + 8 ? 'ended' : `${before} ${during} ${threads()}`);
}

void main();
