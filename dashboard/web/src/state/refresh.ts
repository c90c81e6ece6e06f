// SPDX-License-Identifier: MIT
// When the page asks: every 2 or 10 seconds, or not at all while paused or hidden.
import { useEffect, useState } from 'preact/hooks';
import { readChoice } from '../lib/url.ts';
import { usePlace } from './location.ts';
import { Store, useStore } from './store.ts';

export const REFRESH_MODES = ['2', '10', 'paused'] as const;
export type RefreshMode = (typeof REFRESH_MODES)[number];

export const modeOf = (query: string): RefreshMode => readChoice(query, 'refresh', REFRESH_MODES, '2');

export const visible = new Store(!document.hidden);

/** Counts up when everything on the page is to be read again now. */
export const demands = new Store(0);

export function refreshNow(): void {
  demands.value += 1;
}

/** Milliseconds between two reads; null while there are none. */
export function useInterval(): number | null {
  const mode = modeOf(usePlace().query);
  const shown = useStore(visible);
  return shown && mode !== 'paused' ? Number(mode) * 1000 : null;
}

/** The time, once a second while the page is visible. */
export function useNow(): number {
  const [now, setNow] = useState(Date.now());
  const shown = useStore(visible);
  useEffect(() => {
    if (!shown) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [shown]);
  return now;
}

export function watchVisibility(): void {
  document.addEventListener('visibilitychange', () => {
    visible.value = !document.hidden;
  });
}
