// SPDX-License-Identifier: MIT
// program.mjs - what the measured programs in Node have in common: the body, the clock of the machine, the answer.

import { readFileSync } from 'node:fs';

export const BATCH = 128;
export const RATE = 5000;

/** Nanoseconds of the clock that all processes share, in twenty digits. */
export const stamp = () => process.hrtime.bigint().toString().padStart(20, '0');
export const ageMs = (at) => Number(process.hrtime.bigint() - BigInt(at)) / 1e6;

const rssKiB = () => Math.round(process.resourceUsage().maxRSS);

export function tellRate(count, begun) {
  console.log(JSON.stringify({ count, seconds: (performance.now() - begun) / 1000, peak_kib: rssKiB() }));
}

export function tellLatency(ages) {
  ages.sort((a, b) => a - b);
  const at = (share) => ages[Math.min(ages.length - 1, Math.floor(ages.length * share))];
  console.log(JSON.stringify({ count: ages.length, p50_ms: at(0.5), p99_ms: at(0.99), max_ms: at(1), peak_kib: rssKiB() }));
}

/** Calls `send` so often as RATE says, `count` times. */
export async function atRate(count, send) {
  const begun = performance.now();
  for (let sent = 0; sent < count;) {
    const due = Math.min(count, Math.floor(((performance.now() - begun) / 1000) * RATE) + 1);
    while (sent < due) {
      send();
      sent += 1;
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Runs the role that the command line names: `node FILE ROLE TARGET COUNT PAYLOAD`. */
export async function main(roles) {
  const [role, target, count, payload] = process.argv.slice(2);
  if (!roles[role]) throw new Error(`no role ${role}`);
  await roles[role]({ target, count: Number(count), text: readFileSync(payload, 'utf8') });
}
