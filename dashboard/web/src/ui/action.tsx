// SPDX-License-Identifier: MIT
// Actions: what keeps them from being taken is said beside them, and each can be taken from a shell.
import type { ComponentChildren } from 'preact';
import { useId, useRef, useState } from 'preact/hooks';
import { ApiError, apiUrl, change, newKey } from '../api/client.ts';
import type { Permission } from '../api/schema.ts';
import { curlOf } from '../lib/curl.ts';
import { curlUser, useObstacle } from '../state/session.ts';
import { Note } from './states.tsx';
import { Copy } from './values.tsx';

type ActionProps = {
  permission: Permission;
  label: string;
  onAct: () => void;
  look?: 'primary' | 'danger';
  /** Another reason why not, besides permissions. */
  obstacle?: string | null;
};

/** A button that stays visible when it may not be used, and says why. */
export function Action({ permission, label, onAct, look, obstacle }: ActionProps) {
  const forbidden = useObstacle(permission);
  const reason = forbidden ?? obstacle ?? null;
  const id = useId();
  return (
    <span class="action">
      <button
        type="button"
        class={`button ${look ?? ''}`}
        disabled={reason !== null}
        aria-describedby={reason === null ? undefined : id}
        onClick={onAct}
      >
        {label}
      </button>
      {reason !== null && (
        <span id={id} class="reason">
          {reason}
        </span>
      )}
    </span>
  );
}

type Method = 'POST' | 'PATCH';

export function CopyCurl({ path, body, method = 'POST' }: { path: string; body: unknown; method?: Method }) {
  const text = () => curlOf({ method, url: new URL(apiUrl(path), location.href).href, body }, curlUser());
  return <Copy text={text} what="as curl" label="Copy as curl" />;
}

export type Change<T> = {
  busy: boolean;
  error: ApiError | null;
  run: (method: Method, path: string, body: unknown) => Promise<T | null>;
};

/** One change at a time. Trying the same one again after a lost answer uses its key again. */
export function useChange<T>(): Change<T> {
  const attempt = useRef({ call: '', key: '' });
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const run = async (method: Method, path: string, body: unknown) => {
    setBusy(true);
    setError(null);
    const call = JSON.stringify([method, path, body]);
    if (attempt.current.call !== call) attempt.current = { call, key: newKey() };
    try {
      const answer = await change<T>(method, path, body, attempt.current.key);
      attempt.current.call = ''; // done: the same once more is another change
      return answer;
    } catch (failure) {
      setError(failure as ApiError);
      return null;
    } finally {
      setBusy(false);
    }
  };
  return { busy, error, run };
}

export function ChangeError({ error }: { error: ApiError | null }) {
  if (!error) return null;
  return (
    <div role="alert">
      <Note tone="bad">
        {error.problem.title} {error.problem.detail}
      </Note>
    </div>
  );
}

export function DialogActions({ children }: { children: ComponentChildren }) {
  return <div class="dialog-actions">{children}</div>;
}
