// SPDX-License-Identifier: MIT
// Counts that differ between a short and a long run: the table that all tests share.

import { readFileSync } from 'node:fs';

const table = JSON.parse(readFileSync(new URL('../../../../tests/support/counts.json', import.meta.url)));

export function countOf(name) {
  return table[name][process.env.EVS_LONG ? 'long' : 'short'];
}
