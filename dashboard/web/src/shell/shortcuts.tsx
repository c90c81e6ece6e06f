// SPDX-License-Identifier: MIT
// Single keys for those who know them; they do nothing while typing and can be turned off.
import { useEffect, useState } from 'preact/hooks';
import { go, link } from '../state/location.ts';
import { shortcutsOn } from '../state/preferences.ts';
import { useStore } from '../state/store.ts';
import { Dialog } from '../ui/dialog.tsx';

const TARGETS: Record<string, string> = {
  o: '',
  p: 'publishers',
  c: 'consumers',
  r: 'routes',
  s: 'schemas',
  d: 'dlq',
  j: 'operations',
  a: 'about',
};

export const SHORTCUTS: readonly [string, string][] = [
  ['?', 'Show the shortcuts'],
  ['/', 'Search'],
  ['g o', 'Overview'],
  ['g p', 'Publishers'],
  ['g c', 'Consumers'],
  ['g r', 'Routes'],
  ['g s', 'Schemas'],
  ['g d', 'Dead letters'],
  ['g j', 'Operations (jobs)'],
  ['g a', 'About'],
  ['Esc', 'Close a dialog'],
];

const SEQUENCE_MS = 1500;

function isTyping(event: KeyboardEvent): boolean {
  const target = event.target as HTMLElement;
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
}

function focusSearch(): void {
  const fields = [...document.querySelectorAll<HTMLElement>('main [data-search], .top [data-search]')];
  const inPage = fields.find((field) => field.closest('main'));
  (inPage ?? fields.find((field) => field.offsetParent !== null))?.focus();
}

export function Shortcuts() {
  const on = useStore(shortcutsOn);
  const [help, setHelp] = useState(false);
  useEffect(() => {
    if (!on) return;
    let afterG = 0;
    const press = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
      if (document.querySelector('dialog[open]')) return;
      const target = Date.now() - afterG < SEQUENCE_MS ? TARGETS[event.key] : undefined;
      afterG = event.key === 'g' ? Date.now() : 0;
      if (target !== undefined) go(link(target));
      else if (event.key === '?') setHelp(true);
      else if (event.key === '/') focusSearch();
      else return;
      event.preventDefault();
    };
    document.addEventListener('keydown', press);
    return () => document.removeEventListener('keydown', press);
  }, [on]);
  if (!help) return null;
  return (
    <Dialog title="Keyboard shortcuts" onClose={() => setHelp(false)}>
      <ShortcutList />
    </Dialog>
  );
}

export function ShortcutList() {
  const on = useStore(shortcutsOn);
  return (
    <>
      <dl class="facts">
        {SHORTCUTS.map(([keys, what]) => (
          <div key={keys}>
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <label class="check">
        <input
          type="checkbox"
          checked={on}
          onChange={(event) => {
            shortcutsOn.value = event.currentTarget.checked;
          }}
        />
        Use single-key shortcuts
      </label>
    </>
  );
}
