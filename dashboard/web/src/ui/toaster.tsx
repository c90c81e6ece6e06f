// SPDX-License-Identifier: MIT
// The live region of toasts. They stay while pointed at or focused.
import { useEffect, useState } from 'preact/hooks';
import { useStore } from '../state/store.ts';
import { dismiss, toasts, type Toast } from '../state/toasts.ts';
import { Icon } from './icon.tsx';

const SHOWN_MS = 10_000;

function Item({ toast }: { toast: Toast }) {
  const [held, setHeld] = useState(false);
  useEffect(() => {
    if (held) return;
    const timer = setTimeout(() => dismiss(toast.id), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [held, toast.id]);
  const { action, href } = toast;
  return (
    <div
      class={`toast ${toast.tone}`}
      onPointerEnter={() => setHeld(true)}
      onPointerLeave={() => setHeld(false)}
      onFocusIn={() => setHeld(true)}
      onFocusOut={() => setHeld(false)}
    >
      <Icon name={toast.tone} />
      <span class="toast-text">{toast.text}</span>
      {href && <a href={href.to}>{href.label}</a>}
      {action && (
        <button
          type="button"
          class="button"
          onClick={() => {
            dismiss(toast.id);
            action.run();
          }}
        >
          {action.label}
        </button>
      )}
      <button type="button" class="icon-button" aria-label="Dismiss" onClick={() => dismiss(toast.id)}>
        <Icon name="close" />
      </button>
    </div>
  );
}

export function Toaster() {
  const shown = useStore(toasts);
  return (
    <div class="toaster" role="status" aria-live="polite" aria-label="Messages">
      {shown.map((toast) => (
        <Item key={toast.id} toast={toast} />
      ))}
    </div>
  );
}
