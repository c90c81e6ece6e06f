// SPDX-License-Identifier: MIT
// The entry `libevents/testing`: what tests of programs that use libevents need. See docs/testing.md.

export { MemoryHarness } from './harness.js';
export type { Expectation, HarnessOptions, IdempotenceOptions } from './harness.js';
export type { Handled, HandledOutcome, HandlingMishap, Mishap, Published, PublishedOutcome } from './notes.js';
