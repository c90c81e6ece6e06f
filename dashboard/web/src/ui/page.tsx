// SPDX-License-Identifier: MIT
// The head of a page: its one h1, which is the document's title too, and its actions.
import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { useSession } from '../state/session.ts';

type PageProps = {
  title: string;
  /** Shown instead of the title where that is an id. */
  heading?: ComponentChildren;
  up?: { label: string; href: string };
  actions?: ComponentChildren;
  children: ComponentChildren;
};

export function Page({ title, heading, up, actions, children }: PageProps) {
  const current = useSession();
  const name = current?.title || 'libevents';
  const environment = current?.environment?.name;
  useEffect(() => {
    document.title = [title, environment, name].filter(Boolean).join(' \u00b7 ');
  }, [title, environment, name]);
  return (
    <>
      <div class="page-head">
        <div>
          {up && (
            <a class="up" href={up.href}>
              {up.label}
            </a>
          )}
          <h1>{heading ?? title}</h1>
        </div>
        {actions && <div class="actions">{actions}</div>}
      </div>
      {children}
    </>
  );
}

/** One line of a <dl class="facts">. */
export function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
