// SPDX-License-Identifier: MIT
// Small pieces of text: times, ids, buttons that copy.
import { useEffect, useState } from 'preact/hooks';
import { formatAge, formatIso, formatTime, NONE, shorten } from '../lib/format.ts';
import { readChoice } from '../lib/url.ts';
import { usePlace } from '../state/location.ts';
import { useNow } from '../state/refresh.ts';
import { Icon } from './icon.tsx';

export function useUtc(): boolean {
  return readChoice(usePlace().query, 'time', ['local', 'utc'], 'local') === 'utc';
}

/** A moment, as its age. */
export function Age({ at }: { at: number | null | undefined }) {
  const now = useNow();
  if (!at) return <>{NONE}</>;
  return (
    <time dateTime={formatIso(at)} title={formatIso(at)}>
      {formatAge(at, now)}
    </time>
  );
}

/** A moment, as date and time of day. */
export function Moment({ at }: { at: number | null | undefined }) {
  const utc = useUtc();
  if (!at) return <>{NONE}</>;
  return (
    <time class="moment" dateTime={formatIso(at)} title={formatIso(at)}>
      {formatTime(at, utc)}
    </time>
  );
}

async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyThroughSelection(text); // the clipboard API is missing on plain http
  }
}

function copyThroughSelection(text: string): boolean {
  const area = document.createElement('textarea');
  area.value = text;
  area.className = 'offscreen';
  const host = document.querySelector('dialog[open]') ?? document.body; // a modal dialog makes the rest inert
  const focused = document.activeElement as HTMLElement | null;
  host.append(area);
  area.select();
  const copied = document.execCommand('copy');
  area.remove();
  focused?.focus();
  return copied;
}

type CopyProps = { text: string | (() => string); what: string; label?: string };

/** Copies exactly `text`; `what` completes "Copy …" for those who do not see the icon. */
export function Copy({ text, what, label }: CopyProps) {
  const [outcome, setOutcome] = useState<'copied' | 'failed' | null>(null);
  useEffect(() => {
    if (!outcome) return;
    const timer = setTimeout(() => setOutcome(null), 2000);
    return () => clearTimeout(timer);
  }, [outcome]);
  const copy = async () => {
    const copied = await copyText(typeof text === 'string' ? text : text());
    setOutcome(copied ? 'copied' : 'failed');
  };
  const words = outcome === 'copied' ? 'Copied' : outcome === 'failed' ? 'Copying failed' : `Copy ${what}`;
  return (
    <button type="button" class={label ? 'button' : 'copy'} onClick={copy} title={words} aria-label={words}>
      <Icon name={outcome === 'copied' ? 'ok' : outcome === 'failed' ? 'warn' : 'copy'} />
      {label && <span aria-hidden="true">{label}</span>}
    </button>
  );
}

/** An id: shortened in the middle, whole in the title and in the copy. */
export function Id({
  value,
  max = 28,
  href,
}: {
  value: string | null | undefined;
  max?: number;
  href?: string;
}) {
  if (!value) return <>{NONE}</>;
  const text = shorten(value, max);
  return (
    <span class="id">
      {href ? (
        <a class="mono" href={href} title={value}>
          {text}
        </a>
      ) : (
        <span class="mono" title={value}>
          {text}
        </span>
      )}
      <Copy text={value} what={shorten(value, 40)} />
    </span>
  );
}
