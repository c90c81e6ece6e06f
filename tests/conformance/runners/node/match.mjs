// SPDX-License-Identifier: MIT
// match.mjs - does what was found agree with what a scenario expects? The rules are those of every runner, see
// scenarios/README.md.

import { isDeepStrictEqual } from 'node:util';

/** Where the two differ, or undefined. */
export function difference(expected, found, path = '') {
  if (isObject(expected) && isObject(found)) {
    return first(Object.entries(expected), ([name, value]) => difference(value, found[name], `${path}/${name}`));
  }
  if (Array.isArray(expected) && Array.isArray(found)) {
    const entries = expected.entries();
    return length(expected, found, path) ?? first(entries, ([at, value]) => difference(value, found[at], `${path}/${at}`));
  }
  return isSame(expected, found) ? undefined : `${path || '/'}: found ${show(found)}, expected ${show(expected)}`;
}

/** The same for lists without an order: each expected entry takes the first that agrees with it. */
export function differenceInAnyOrder(expected, found) {
  const left = [...found];
  for (const [at, entry] of expected.entries()) {
    const taken = left.findIndex((each) => difference(entry, each) === undefined);
    if (taken < 0) return `/${at}: nothing found agrees with ${show(entry)}`;
    left.splice(taken, 1);
  }
  return length(expected, found, '');
}

/** An entry with `times` stands for as many. */
export function repeated(entries) {
  return entries.flatMap(({ times = 1, ...entry }) => Array.from({ length: times }, () => entry));
}

export function show(value) {
  return JSON.stringify(value, undefined, 0)?.slice(0, 2000) ?? 'nothing';
}

function isSame(expected, found) {
  if (expected === null) return found === null || found === undefined;
  if (typeof expected === 'string' && expected.startsWith('~')) {
    return typeof found === 'string' && found.includes(expected.slice(1));
  }
  return isDeepStrictEqual(expected, found);
}

function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function length(expected, found, path) {
  if (expected.length === found.length) return undefined;
  return `${path || '/'}: found ${found.length} entries, expected ${expected.length}`;
}

function first(entries, compare) {
  for (const entry of entries) {
    const wrong = compare(entry);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}
