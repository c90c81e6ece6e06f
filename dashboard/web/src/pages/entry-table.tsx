// SPDX-License-Identifier: MIT
// The rows of dead letters, with check boxes.
import { useEffect, useRef } from 'preact/hooks';
import type { EntrySummary } from '../api/schema.ts';
import { formatBytes, formatCount, NONE } from '../lib/format.ts';
import { go, link } from '../state/location.ts';
import { Age } from '../ui/values.tsx';
import type { Selection } from './selection.tsx';

const hrefOf = (row: EntrySummary) => link(`dlq/entries/${row.key}`);

type Props = { rows: EntrySummary[]; isGone: (row: EntrySummary) => boolean; selection: Selection };

export function EntryTable({ rows, isGone, selection }: Props) {
  return (
    <div class="table-scroll" role="group" aria-label="Dead-letter entries" tabIndex={0}>
      <table>
        <caption class="offscreen">Dead-letter entries, newest first</caption>
        <thead>
          <tr>
            <th scope="col" class="pick">
              <PickPage rows={rows.filter((row) => !isGone(row))} selection={selection} />
            </th>
            <th scope="col">Failed</th>
            <th scope="col">Type</th>
            <th scope="col">Group</th>
            <th scope="col" class="grow">
              Error
            </th>
            <th scope="col" class="number">
              Attempts
            </th>
            <th scope="col" class="number">
              Requeued
            </th>
            <th scope="col" class="number">
              Size
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <Row key={row.key} row={row} gone={isGone(row)} selection={selection} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function PickPage({ rows, selection }: { rows: EntrySummary[]; selection: Selection }) {
  const box = useRef<HTMLInputElement>(null);
  const chosen = rows.filter((row) => selection.keys.has(row.key)).length;
  useEffect(() => {
    if (box.current) box.current.indeterminate = chosen > 0 && chosen < rows.length;
  }, [chosen, rows.length]);
  return (
    <label class="pick-label">
      <input
        ref={box}
        type="checkbox"
        aria-label="Select page"
        checked={rows.length > 0 && chosen === rows.length}
        onChange={(event) =>
          selection.set(
            rows.map((row) => row.key),
            event.currentTarget.checked,
          )
        }
      />
    </label>
  );
}

function Row({ row, gone, selection }: { row: EntrySummary; gone: boolean; selection: Selection }) {
  const open = (event: MouseEvent) => {
    if ((event.target as Element).closest('a, button, input, label')) return;
    if (getSelection()?.isCollapsed ?? true) go(hrefOf(row));
  };
  const error = [row.error.class, row.error.message].filter(Boolean).join(': ') || 'without message';
  return (
    <tr class={`leads ${gone ? 'gone' : ''} ${selection.keys.has(row.key) ? 'chosen' : ''}`} onClick={open}>
      <td class="pick">
        <label class="pick-label">
          <input
            type="checkbox"
            aria-label={`Select ${row.id}`}
            disabled={gone}
            checked={selection.keys.has(row.key)}
            onChange={(event) => selection.set([row.key], event.currentTarget.checked)}
          />
        </label>
      </td>
      <td>
        <Age at={row.lastFailureAt} />
      </td>
      <td class="mono" title={row.type}>
        {row.type}
      </td>
      <td title={row.group ?? undefined}>{row.group ?? NONE}</td>
      <td class="grow">
        <a href={hrefOf(row)} title={error}>
          {gone ? `(gone) ${error}` : error}
        </a>
        {row.note && (
          <span class="meta" title={`${row.note.text} (${row.note.by})`}>
            {' '}
            noted
          </span>
        )}
      </td>
      <td class="number">{formatCount(row.attempts)}</td>
      <td class="number">{row.requeueCount > 0 ? `${formatCount(row.requeueCount)}\u00d7` : NONE}</td>
      <td class="number">{formatBytes(row.size)}</td>
    </tr>
  );
}
