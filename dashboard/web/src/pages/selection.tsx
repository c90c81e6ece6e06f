// SPDX-License-Identifier: MIT
// Which dead letters are selected, across pages of one filter, and the bar that acts on them.
import { useEffect, useState } from 'preact/hooks';
import { change } from '../api/client.ts';
import type { Preview } from '../api/schema.ts';
import { formatCount, plural } from '../lib/format.ts';
import { typedFilter, withQuery, type EntryFilter } from '../lib/url.ts';
import { Action } from '../ui/action.tsx';
import type { Verb } from './bulk-dialog.tsx';

/** What the server does at once; more goes by filter. */
const KEYS_MAX = 500;

export type Selection = {
  keys: ReadonlySet<string>;
  /** Everything that matches the filter, seen or not. */
  all: boolean;
  set: (keys: string[], on: boolean) => void;
  drop: (keys: string[]) => void;
  selectAll: () => void;
  clear: () => void;
};

type Chosen = { filter: string; keys: ReadonlySet<string>; all: boolean };

export function useSelection(filter: string): Selection {
  const none: Chosen = { filter, keys: new Set(), all: false };
  const [state, setState] = useState<Chosen>(none);
  const current = state.filter === filter ? state : none;
  const change = (keys: string[], on: boolean) =>
    setState((before) => {
      const next = new Set(before.filter === filter ? before.keys : []);
      for (const key of keys) {
        if (on) next.add(key);
        else next.delete(key);
      }
      return { filter, keys: next, all: false };
    });
  return {
    keys: current.keys,
    all: current.all,
    set: change,
    drop: (keys) => change(keys, false),
    selectAll: () => setState({ ...current, all: true }),
    clear: () => setState(none),
  };
}

/** How many match the filter, once there is a selection that could grow to them. */
function useMatching(filter: EntryFilter, wanted: boolean): Preview | null {
  const [found, setFound] = useState<{ filter: string; preview: Preview } | null>(null);
  const identity = withQuery('', filter);
  useEffect(() => {
    if (!wanted) return;
    let current = true;
    change<Preview>('POST', 'dlq:preview', { kind: 'requeue', scope: { filter: typedFilter(filter) } }).then(
      (preview) => current && setFound({ filter: identity, preview }),
      () => undefined, // the dialog asks again, and says what is wrong
    );
    return () => {
      current = false;
    };
  }, [identity, wanted]);
  return found?.filter === identity ? found.preview : null;
}

type BarProps = { selection: Selection; filter: EntryFilter; onAct: (verb: Verb) => void };

export function SelectionBar({ selection, filter, onAct }: BarProps) {
  const chosen = selection.keys.size;
  const matching = useMatching(filter, chosen > 0);
  if (chosen === 0) return null;
  const about = matching?.exact === false ? 'at least ' : '';
  const all = matching && matching.count !== null ? `${about}${formatCount(matching.count)}` : '';
  const tooMany =
    !selection.all && chosen > KEYS_MAX ? `At most ${KEYS_MAX} at once: select all matching instead.` : null;
  const count = selection.all ? `all ${all}` : formatCount(chosen);
  return (
    <section class="selection-bar" aria-label="Selection">
      <span role="status">
        {selection.all ? `All ${all} matching selected` : `${plural(chosen, 'entry', 'entries')} selected`}
      </span>
      {!selection.all && matching && (matching.count ?? 0) > chosen && (
        <button type="button" class="button" onClick={selection.selectAll}>
          Select all {all} matching
        </button>
      )}
      <button type="button" class="button" onClick={selection.clear}>
        Clear
      </button>
      <span class="spacer" />
      <Action
        permission="dlq.archive"
        look="danger"
        label={`Discard ${count}`}
        obstacle={tooMany}
        onAct={() => onAct('discard')}
      />
      <Action
        permission="dlq.requeue"
        look="primary"
        label={`Requeue ${count}`}
        obstacle={tooMany}
        onAct={() => onAct('requeue')}
      />
    </section>
  );
}
