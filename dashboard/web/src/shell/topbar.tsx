// SPDX-License-Identifier: MIT
// Name, environment, search, refresh, clock, theme, and who is looking.
import { useEffect, useRef } from 'preact/hooks';
import { readChoice } from '../lib/url.ts';
import { go, link, setQuery, usePlace } from '../state/location.ts';
import { theme, type Theme } from '../state/preferences.ts';
import { modeOf, refreshNow } from '../state/refresh.ts';
import { useSession } from '../state/session.ts';
import { useStore } from '../state/store.ts';
import { Icon } from '../ui/icon.tsx';

export function TopBar() {
  const current = useSession();
  return (
    <header class="top">
      <a class="brand" href={link('')}>
        {current?.title || 'libevents'}
      </a>
      <Environment />
      {current?.hasDeadLetters && <Search />}
      <div class="top-controls">
        <RefreshControl />
        <ClockControl />
        <ThemeControl />
        {current && (
          <span class="actor" title={`Signed in as ${current.actor}`}>
            {current.actor}
          </span>
        )}
      </div>
    </header>
  );
}

/** The host chooses the colour, so it only ever stands beside text, never behind or in it. */
function Environment() {
  const environment = useSession()?.environment;
  const badge = useRef<HTMLSpanElement>(null);
  const color = environment?.color ?? null;
  useEffect(() => {
    const bar = badge.current?.closest<HTMLElement>('.top');
    if (bar && color && CSS.supports('color', color)) bar.style.setProperty('--environment', color);
  }, [color, environment?.name]);
  if (!environment) return null;
  const production = /^prod/i.test(environment.name);
  return (
    <span ref={badge} class={production ? 'environment production' : 'environment'} title="Environment">
      {environment.name}
    </span>
  );
}

function Search() {
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    go(link('dlq/entries', { text: String(new FormData(form).get('text') ?? '') }));
    form.reset();
  };
  return (
    <form class="search" role="search" onSubmit={submit}>
      <input
        type="search"
        name="text"
        data-search
        aria-label="Search dead letters"
        placeholder="Search dead letters"
      />
    </form>
  );
}

function RefreshControl() {
  const mode = modeOf(usePlace().query);
  return (
    <span class="refresh">
      <button
        type="button"
        class="icon-button"
        aria-label="Refresh now"
        title="Refresh now"
        onClick={refreshNow}
      >
        <Icon name="refresh" />
      </button>
      <select
        aria-label="Refresh"
        title="Refresh every"
        value={mode}
        onChange={(event) =>
          setQuery({ refresh: event.currentTarget.value === '2' ? null : event.currentTarget.value })
        }
      >
        <option value="2">2 s</option>
        <option value="10">10 s</option>
        <option value="paused">paused</option>
      </select>
    </span>
  );
}

export function ClockControl() {
  const clock = readChoice(usePlace().query, 'time', ['local', 'utc'], 'local');
  return (
    <select
      class="clock"
      aria-label="Time zone"
      value={clock}
      onChange={(event) => setQuery({ time: event.currentTarget.value === 'utc' ? 'utc' : null })}
    >
      <option value="local">local time</option>
      <option value="utc">UTC</option>
    </select>
  );
}

const NEXT: Record<Theme, Theme> = { auto: 'dark', dark: 'light', light: 'auto' };

function ThemeControl() {
  const current = useStore(theme);
  const label = `Theme: ${current}`;
  return (
    <button
      type="button"
      class="icon-button"
      aria-label={label}
      title={label}
      onClick={() => {
        theme.value = NEXT[current];
      }}
    >
      <Icon name="theme" />
    </button>
  );
}
