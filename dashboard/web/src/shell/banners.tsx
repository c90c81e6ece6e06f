// SPDX-License-Identifier: MIT
// What the operator must know before reading any number: old data, a lost transport, a changed server.
import { useRef } from 'preact/hooks';
import type { Session } from '../api/schema.ts';
import { formatAge, formatDuration } from '../lib/format.ts';
import { health, type Health } from '../state/poll.ts';
import { useInterval, useNow } from '../state/refresh.ts';
import { useSession } from '../state/session.ts';
import { useStore } from '../state/store.ts';
import { Note } from '../ui/states.tsx';

export function Banners() {
  return (
    <div class="banners">
      <StaleBanner />
      <TransportBanner />
      <ChangedBanner />
    </div>
  );
}

function isStale({ error, waitingSince }: Health, now: number, interval: number): boolean {
  if (error) return !error.final;
  return waitingSince !== null && now - waitingSince > interval;
}

function StaleBanner() {
  const interval = useInterval();
  const now = useNow();
  const stale = [...useStore(health).values()].filter((one) => isStale(one, now, interval ?? 10_000));
  if (stale.length === 0) return null;
  const oldest = Math.min(...stale.map((one) => one.okAt ?? now));
  const cause = stale.find((one) => one.error)?.error?.message ?? 'The server has not answered yet.';
  const age = stale.every((one) => one.okAt === null)
    ? ''
    : `This data is ${formatDuration(Math.max(1000, now - oldest))} old. `;
  return (
    <Note tone="warn">
      <strong>{age}</strong>
      <span role="status">{cause}</span> {interval === null ? 'Refreshing is paused.' : 'Trying again.'}
    </Note>
  );
}

function TransportBanner() {
  const now = useNow();
  const lost = useSession()?.transports.filter((transport) => !transport.connected) ?? [];
  if (lost.length === 0) return null;
  return (
    <Note tone="bad">
      {lost.map(({ name, type, lastError, since, nextTry }) => (
        <p key={name}>
          <strong>
            Transport {name} ({type}) is not connected
          </strong>
          {since ? `, since ${formatAge(since, now)}` : ''}. {lastError}{' '}
          {nextTry && nextTry > now ? `Next try ${formatAge(nextTry, now)}.` : ''}
        </p>
      ))}
    </Note>
  );
}

function ChangedBanner() {
  const current = useSession();
  const first = useRef<Session | null>(null);
  first.current ??= current;
  if (!current || !first.current) return null;
  const restarted = current.bootId !== first.current.bootId;
  const updated = current.version !== first.current.version;
  const changed = current.generation !== first.current.generation;
  if (!restarted && !updated && !changed) return null;
  const cause = updated
    ? `The server has been updated to ${current.version}.`
    : changed
      ? 'The configuration has changed since this page was loaded.'
      : 'The server has been restarted.';
  return (
    <Note>
      {cause}{' '}
      <button type="button" class="button" onClick={() => location.reload()}>
        Reload
      </button>
    </Note>
  );
}
