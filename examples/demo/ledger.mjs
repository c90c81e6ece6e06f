// SPDX-License-Identifier: MIT
// The ledger and the state of a program that runs in Node: ledger.py says what they are, and this writes the same.

import { openSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** Seconds of the clock that all programs of the demo compare by: the kernel's monotonic one. */
export function monotonic() {
  return Number(process.hrtime.bigint() / 1000n) / 1e6;
}

export class Ledger {
  #fd;

  constructor(path) {
    this.#fd = openSync(path, 'a', 0o600);
  }

  /** Appends a record; `t` is the wall clock's time for people, `mono` the clock to compare by. */
  write(record) {
    const line = Buffer.from(`${JSON.stringify({ ...record, t: Date.now() / 1000, mono: monotonic() })}\n`);
    if (writeSync(this.#fd, line) !== line.length) {
      throw new Error('a ledger record was written in part: is the disk full?');
    }
  }
}

/** Publishes `facts` as the state of program `name`; a reader sees the old or the new, never half. */
export function writeState(folder, name, facts) {
  const path = join(folder, 'state', `${name}.json`);
  writeFileSync(`${path}.new`, JSON.stringify(facts));
  renameSync(`${path}.new`, path);
}
