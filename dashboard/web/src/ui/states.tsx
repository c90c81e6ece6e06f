// SPDX-License-Identifier: MIT
// What a page shows while it has nothing to show, and why.
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { ApiError } from '../api/client.ts';
import { refreshNow } from '../state/refresh.ts';
import type { Polled } from '../state/poll.ts';
import { Icon } from './icon.tsx';

/** Appears only when the wait is long enough to be noticed. */
export function Skeleton({ rows = 6 }: { rows?: number }) {
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), 150);
    return () => clearTimeout(timer);
  }, []);
  if (!late) return <div class="skeleton" />;
  return (
    <div class="skeleton" role="status">
      <span class="offscreen">Loading</span>
      {Array.from({ length: rows }, (_, i) => (
        <div key={i} class="skeleton-row" />
      ))}
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children && <div class="prose">{children}</div>}
    </div>
  );
}

export function Note({
  tone = 'info',
  children,
}: {
  tone?: 'info' | 'warn' | 'bad';
  children: ComponentChildren;
}) {
  return (
    <div class={`note ${tone}`}>
      <Icon name={tone} />
      <div>{children}</div>
    </div>
  );
}

export function Failure({ error, list }: { error: ApiError; list?: { label: string; href: string } }) {
  const { status, problem } = error;
  const back = list && (
    <p>
      <a href={list.href}>{list.label}</a>
    </p>
  );
  if (status === 403 && problem.permission) {
    return (
      <Empty title="You may not see this">
        <p>
          It needs the permission <code>{problem.permission}</code>. Ask whoever runs this host for a role
          that has it.
        </p>
        {back}
      </Empty>
    );
  }
  if (status === 404) {
    return (
      <Empty title="There is no such thing here">
        <p>{problem.detail || 'It may have been removed, or the address is mistyped.'}</p>
        {back}
      </Empty>
    );
  }
  if (status === 401) {
    return (
      <Empty title="You are not signed in">
        <p>Load the page again to sign in.</p>
      </Empty>
    );
  }
  return (
    <Empty title={problem.title}>
      <p>{problem.detail}</p>
      <button type="button" class="button" onClick={refreshNow}>
        Try again
      </button>
      {back}
    </Empty>
  );
}

type LoadedProps<T> = {
  of: Polled<T>;
  list?: { label: string; href: string };
  children: (data: T) => ComponentChildren;
};

/** The data once it is there; before that its skeleton, or why it cannot be. */
export function Loaded<T>({ of, list, children }: LoadedProps<T>) {
  if (of.data !== null) return <>{children(of.data)}</>;
  return of.error ? <Failure error={of.error} {...(list ? { list } : {})} /> : <Skeleton />;
}
