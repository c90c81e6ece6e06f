// SPDX-License-Identifier: MIT
// What this browser remembers: theme and shortcuts. Everything else is in the address.
import { Store } from './store.ts';

export type Theme = 'auto' | 'light' | 'dark';

function remembered(name: string): string | null {
  try {
    return localStorage.getItem(`libevents.${name}`);
  } catch {
    return null; // storage is switched off: the preference lasts until the page is left
  }
}

function remember(name: string, value: string): void {
  try {
    localStorage.setItem(`libevents.${name}`, value);
  } catch {
    // as above
  }
}

export const theme = new Store<Theme>(
  (['light', 'dark'] as const).find((t) => t === remembered('theme')) ?? 'auto',
);

export const shortcutsOn = new Store(remembered('shortcuts') !== 'off');

export function applyPreferences(): void {
  const show = () => {
    if (theme.value === 'auto') delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = theme.value;
  };
  show();
  theme.follow(() => {
    remember('theme', theme.value);
    show();
  });
  shortcutsOn.follow(() => remember('shortcuts', shortcutsOn.value ? 'on' : 'off'));
}
