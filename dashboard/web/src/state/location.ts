// SPDX-License-Identifier: MIT
// The address as state. Some members (`refresh`, `time`) belong to every page and stay with every link.
import { baseOf, withQuery, type Changes } from '../lib/url.ts';
import { Store, useStore } from './store.ts';

export const base = baseOf(import.meta.url);

const GLOBAL_MEMBERS = ['refresh', 'time'];

export type Place = { path: string; query: string };

const here = (): Place => ({ path: location.pathname, query: location.search });

export const place = new Store<Place>(here());

/** Set by a move to another page, so that the shell can put the focus there; not by a change of query. */
export const arrivals = new Store(0);

export function usePlace(): Place {
  return useStore(place);
}

/** The address of a page: `path` below B, with the global members of the present one. */
export function link(path: string, changes: Changes = {}): string {
  const now = new URLSearchParams(place.value.query);
  const kept = Object.fromEntries(GLOBAL_MEMBERS.map((name) => [name, now.get(name)]));
  return base + path + withQuery('', { ...kept, ...changes });
}

export function go(href: string, replace = false): void {
  const before = place.value.path;
  history[replace ? 'replaceState' : 'pushState'](null, '', href);
  place.value = here();
  if (place.value.path !== before) arrive();
}

/** Changes members of this page's query. */
export function setQuery(changes: Changes, replace = true): void {
  go(place.value.path + withQuery(place.value.query, changes), replace);
}

function arrive(): void {
  window.scrollTo(0, 0);
  arrivals.value += 1;
}

function followLink(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0) return;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const anchor = (event.target as Element).closest?.('a');
  if (!anchor || anchor.target || anchor.hasAttribute('download') || anchor.dataset['outside'] !== undefined)
    return;
  if (anchor.origin !== location.origin || !anchor.pathname.startsWith(base)) return;
  if (anchor.hash && anchor.pathname === location.pathname) return;
  event.preventDefault();
  go(anchor.href);
}

export function watchLocation(): void {
  document.addEventListener('click', followLink);
  window.addEventListener('popstate', () => {
    const before = place.value.path;
    place.value = here();
    if (place.value.path !== before) arrivals.value += 1;
  });
}
