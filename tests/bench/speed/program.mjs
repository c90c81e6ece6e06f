// SPDX-License-Identifier: MIT
// program.mjs - what the measured programs in Node have in common: the body, the clock of the machine, the answer.

import { readFileSync } from 'node:fs';

export const BATCH = 128;
export const RATE = 5000;
export const LOOKS = 100;

/** The age of an event by its stamp: nanoseconds of the clock that all processes share, in twenty digits. */
export const ageMs = (at) => Number(process.hrtime.bigint() - BigInt(at)) / 1e6;

/** What resourceUsage() gives counts the program that started this one, too. */
const peakKiB = () => Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]);

/** What the process holds; the rubbish of JavaScript is taken out first, where node was started with --expose-gc. */
export function rssMib() {
  globalThis.gc?.();
  return process.memoryUsage.rss() / 2 ** 20;
}

export function tellRate(count, begun) {
  console.log(JSON.stringify({ count, seconds: (performance.now() - begun) / 1000, peak_kib: peakKiB() }));
}

/** From the second tenth of the looks at the memory to the last tenth, the least of each. */
export function tellGrowth(count, begun, looks) {
  const tenth = LOOKS / 10;
  const growthMib = Math.min(...looks.slice(-tenth)) - Math.min(...looks.slice(tenth, 2 * tenth));
  const seconds = (performance.now() - begun) / 1000;
  console.log(JSON.stringify({ count, seconds, growth_mib: growthMib, peak_kib: peakKiB() }));
}

export function tellLatency(ages) {
  ages.sort((a, b) => a - b);
  const at = (share) => ages[Math.min(ages.length - 1, Math.floor(ages.length * share))];
  console.log(JSON.stringify({ count: ages.length, p50_ms: at(0.5), p99_ms: at(0.99), max_ms: at(1), peak_kib: peakKiB() }));
}

/** Calls `send` so often as RATE says, `count` times, with the stamp of when it is due: what comes late is older. */
export async function atRate(count, send) {
  const begun = process.hrtime.bigint();
  for (let sent = 0; sent < count;) {
    const due = Math.min(count, Math.floor((Number(process.hrtime.bigint() - begun) / 1e9) * RATE) + 1);
    while (sent < due) {
      send((begun + BigInt(sent) * BigInt(1e9 / RATE)).toString().padStart(20, '0'));
      sent += 1;
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Runs the role that the command line names: `node FILE ROLE[/NUMBER] TARGET COUNT PAYLOAD`. */
export async function main(roles) {
  const [role, target, count, payload] = process.argv.slice(2);
  const [name, number] = role.split('/');
  if (!roles[name]) throw new Error(`no role ${name}`);
  await roles[name]({ target, count: Number(count), number: Number(number), text: readFileSync(payload, 'utf8') });
}
