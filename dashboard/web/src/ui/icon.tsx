// SPDX-License-Identifier: MIT
// Icons as strokes on a 16 x 16 grid. They never speak alone: a word stands beside them or in the label.

const PATHS = {
  overview: 'M2 2h5v5H2zM9 2h5v5H9zM2 9h5v5H2zM9 9h5v5H9z',
  publishers: 'M8 14V3M4 7l4-4 4 4M2 14h12',
  consumers: 'M8 2v11M4 9l4 4 4-4M2 2h12',
  routes: 'M2 4h4l4 8h4M2 12h4l1-2M9 6l1-2h4',
  schemas: 'M5 2H3v4L2 8l1 2v4h2M11 2h2v4l1 2-1 2v4h-2M7 6h2M7 10h2',
  dlq: 'M2 3h12v4H2zM3 7v6h10V7M6 10h4',
  operations: 'M2 4h8M2 8h12M2 12h5M12 2v4M9 10v4',
  about: 'M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M8 7v4M8 4.5v.5',
  copy: 'M5 5h9v9H5zM11 5V2H2v9h3',
  close: 'M3 3l10 10M13 3L3 13',
  ok: 'M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M5 8l2 2 4-4',
  warn: 'M8 2l6.5 12h-13zM8 6.5v3M8 11.5v.5',
  bad: 'M5.2 1.5h5.6l3.7 3.7v5.6l-3.7 3.7H5.2l-3.7-3.7V5.2zM5.5 5.5l5 5M10.5 5.5l-5 5',
  info: 'M2 2h12v12H2zM8 7v4M8 4.5v.5',
  muted: 'M8 3a5 5 0 1 0 0 10A5 5 0 0 0 8 3',
  pause: 'M5 3v10M11 3v10',
  play: 'M4 2.5v11l9-5.5z',
  up: 'M4 10l4-4 4 4',
  down: 'M4 6l4 4 4-4',
  theme: 'M8 1.5a6.5 6.5 0 1 0 0 13zM8 1.5a6.5 6.5 0 0 1 0 13',
  refresh: 'M13.5 8A5.5 5.5 0 1 1 11.5 3.8M13.5 1.5v3.5H10',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}

export type Tone = 'ok' | 'warn' | 'bad' | 'info' | 'muted';

/** A state: shape, word and colour together. */
export function State({ tone, children }: { tone: Tone; children: string }) {
  return (
    <span class={`state ${tone}`}>
      <Icon name={tone} />
      {children}
    </span>
  );
}
