// SPDX-License-Identifier: MIT
// Looks again until something holds; a deadline that is far off ends the wait.

const DEADLINE_MS = 60_000;
const PAUSE_MS = 5;

export async function until(condition, what) {
  const end = performance.now() + DEADLINE_MS;
  while (performance.now() < end) {
    const found = await condition();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  throw new Error(`did not come to pass: ${what}`);
}
