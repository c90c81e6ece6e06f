// SPDX-License-Identifier: MIT
// What the address says: which page, and its state. Pure, so that every view can be tested as a link.

export type Route =
  | { page: 'overview' | 'publishers' | 'consumers' | 'routes' | 'tester' | 'schemas' | 'dlq' | 'entries' }
  | { page: 'operations' | 'about' | 'unknown' }
  | { page: 'group' | 'schema' | 'entry' | 'operation'; id: string };

const FIXED: Record<string, Route['page']> = {
  '': 'overview',
  publishers: 'publishers',
  consumers: 'consumers',
  routes: 'routes',
  'routes/test': 'tester',
  schemas: 'schemas',
  dlq: 'dlq',
  'dlq/entries': 'entries',
  operations: 'operations',
  about: 'about',
};

const WITH_ID: [string, 'group' | 'schema' | 'entry' | 'operation'][] = [
  ['consumers/', 'group'],
  ['schemas/', 'schema'],
  ['dlq/entries/', 'entry'],
  ['operations/', 'operation'],
];

/** B, with a slash at both ends, from the address of the script B/assets/main.<hash>.js. */
export function baseOf(scriptUrl: string): string {
  return new URL('..', scriptUrl).pathname;
}

export function routeOf(pathname: string, base: string): Route {
  if (!pathname.startsWith(base)) {
    return { page: `${pathname}/` === base ? 'overview' : 'unknown' } as Route;
  }
  const path = pathname.slice(base.length);
  const fixed = Object.hasOwn(FIXED, path) ? FIXED[path] : undefined;
  if (fixed) return { page: fixed } as Route;
  for (const [prefix, page] of WITH_ID) {
    const id = path.slice(prefix.length);
    if (path.startsWith(prefix) && id && !id.includes('/')) return { page, id: decoded(id) };
  }
  return { page: 'unknown' };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export type Changes = Record<string, string | number | boolean | null | undefined>;

/** A query with some of its members changed; empty ones go, so that equal views have equal addresses. */
export function withQuery(query: string, changes: Changes): string {
  const params = new URLSearchParams(query);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === undefined || value === '' || value === false) params.delete(name);
    else params.set(name, String(value));
  }
  const text = params.toString();
  return text ? `?${text}` : '';
}

export function readChoice<T extends string>(
  query: string,
  name: string,
  choices: readonly T[],
  otherwise: T,
): T {
  const value = new URLSearchParams(query).get(name);
  return choices.find((choice) => choice === value) ?? otherwise;
}

export function readText(query: string, name: string): string {
  return new URLSearchParams(query).get(name)?.slice(0, 500) ?? '';
}

export function readNumber(query: string, name: string, min: number, max: number): number | null {
  const text = new URLSearchParams(query).get(name);
  if (text === null || !/^\d{1,15}$/.test(text)) return null;
  return Math.min(max, Math.max(min, Number(text)));
}

/** The filters of dead letters, under the names that the API uses too. */
export const ENTRY_FILTERS = [
  'text',
  'type',
  'group',
  'subscription',
  'fingerprint',
  'topic',
  'since',
  'until',
  'minAttempts',
  'requeued',
] as const;

export type EntryFilter = Partial<Record<(typeof ENTRY_FILTERS)[number], string>>;

export function readEntryFilter(query: string): EntryFilter {
  const filter: EntryFilter = {};
  for (const name of ENTRY_FILTERS) {
    const value = readText(query, name);
    if (value) filter[name] = value;
  }
  return filter;
}

/** As the API takes it in a body: times and counts are numbers, `requeued` is a boolean. */
export function typedFilter(filter: EntryFilter): Record<string, string | number | boolean> {
  const typed: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(filter)) {
    if (name === 'requeued') typed[name] = value === 'true';
    else if (name === 'since' || name === 'until' || name === 'minAttempts') typed[name] = Number(value);
    else typed[name] = value;
  }
  return typed;
}

/** A filter in words, for titles, dialogs and the list of operations. */
export function describeFilter(filter: Record<string, unknown>): string {
  const parts = Object.entries(filter).map(([name, value]) => `${name} ${String(value)}`);
  return parts.length > 0 ? parts.join(', ') : 'all dead letters';
}
