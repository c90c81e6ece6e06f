// SPDX-License-Identifier: MIT
// Short messages about what was just done, with a way back where there is one.
import { Store } from './store.ts';

export type Toast = {
  id: number;
  tone: 'ok' | 'bad' | 'info';
  text: string;
  action?: { label: string; run: () => void } | undefined;
  href?: { label: string; to: string } | undefined;
};

export const toasts = new Store<readonly Toast[]>([]);

const TOASTS_MAX = 4;
let last = 0;

export function say(toast: Omit<Toast, 'id'>): void {
  last += 1;
  toasts.value = [...toasts.value, { ...toast, id: last }].slice(-TOASTS_MAX);
}

export function dismiss(id: number): void {
  toasts.value = toasts.value.filter((toast) => toast.id !== id);
}
