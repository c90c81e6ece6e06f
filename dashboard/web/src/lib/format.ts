// SPDX-License-Identifier: MIT
// Numbers, sizes, times and ids as an operator reads them.

const NARROW_SPACE = '\u202f';
export const NONE = '\u2013';

function grouped(digits: string): string {
  return digits.replace(/\B(?=(\d{3})+$)/g, NARROW_SPACE);
}

export function formatCount(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return NONE;
  const whole = Math.round(value);
  return (whole < 0 ? '\u2212' : '') + grouped(String(Math.abs(whole)));
}

/** Rates and milliseconds: more digits where the number is small. */
export function formatDecimal(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return NONE;
  if (Math.abs(value) >= 100) return formatCount(value);
  const text = value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
  return text.replace(/\.?0+$/, '') || '0';
}

export function formatBytes(value: number | null | undefined): string {
  if (value === null || value === undefined) return NONE;
  if (value < 1024) return `${formatCount(value)} B`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  let scaled = value / 1024;
  let unit = 0;
  while (scaled >= 1024 && unit < units.length - 1) {
    scaled /= 1024;
    unit += 1;
  }
  return `${formatDecimal(scaled)} ${units[unit]}`;
}

export function formatPercent(share: number): string {
  if (share > 0 && share < 0.01) return '< 1 %';
  return `${Math.round(share * 100)} %`;
}

const STEPS: [string, number][] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
];

/** A length of time in its two largest units: "3 h 12 min". */
export function formatDuration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return NONE;
  if (ms < 1000) return `${formatDecimal(Math.max(0, ms))} ms`;
  const first = STEPS.findIndex(([, size]) => ms >= size);
  const [unit, size] = STEPS[first] as [string, number];
  const whole = Math.floor(ms / size);
  const next = STEPS[first + 1];
  const rest = next ? Math.floor((ms - whole * size) / next[1]) : 0;
  return `${whole} ${unit}${next && rest > 0 ? ` ${rest} ${next[0]}` : ''}`;
}

export function formatAge(at: number, now: number): string {
  const age = now - at;
  if (age < -1500) return `in ${coarse(-age)}`;
  return age < 1500 ? 'just now' : `${coarse(age)} ago`;
}

function coarse(ms: number): string {
  const [unit, size] = STEPS.find(([, step]) => ms >= step) ?? ['s', 1000];
  return `${Math.floor(ms / size)} ${unit}`;
}

export function formatIso(at: number): string {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? String(at) : date.toISOString();
}

/** Date and time of day, in UTC or in the reader's zone. */
export function formatTime(at: number, utc: boolean): string {
  const date = new Date(utc ? at : at - new Date(at).getTimezoneOffset() * 60_000);
  if (Number.isNaN(date.getTime())) return String(at);
  return date.toISOString().slice(0, 19).replace('T', ' ') + (utc ? 'Z' : '');
}

/** The middle of a long id says least. */
export function shorten(text: string, max: number): string {
  if (text.length <= max) return text;
  const head = Math.ceil((max - 1) / 2);
  return `${text.slice(0, head)}\u2026${text.slice(text.length - (max - 1 - head))}`;
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)}\u00a0${count === 1 ? one : many}`;
}
