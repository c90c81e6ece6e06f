// SPDX-License-Identifier: MIT
// Dead letters one by one: filters and cursor in the address, selection, and honesty about how far was looked.
import { useEffect, useRef, useState } from 'preact/hooks';
import type { List } from '../api/client.ts';
import type { EntrySummary, Fingerprint, Scope } from '../api/schema.ts';
import { formatCount, plural } from '../lib/format.ts';
import {
  readEntryFilter,
  readNumber,
  readText,
  typedFilter,
  withQuery,
  type EntryFilter,
} from '../lib/url.ts';
import { go, link, usePlace } from '../state/location.ts';
import { usePoll } from '../state/poll.ts';
import { Page } from '../ui/page.tsx';
import { Empty, Loaded, Note } from '../ui/states.tsx';
import { BulkDialog, type Verb } from './bulk-dialog.tsx';
import { EntryFilters } from './entry-filters.tsx';
import { EntryTable } from './entry-table.tsx';
import { SelectionBar, useSelection, type Selection } from './selection.tsx';

const PAGE = 50;
const UP = () => ({ label: 'Dead letters', href: link('dlq') });

type EntryList = List<EntrySummary>;

export function EntriesPage() {
  const { query } = usePlace();
  const filter = readEntryFilter(query);
  const cursor = readText(query, 'cursor');
  const before = readNumber(query, 'scanned', 0, 1e15) ?? 0;
  const identity = withQuery('', filter);
  const [verb, setVerb] = useState<Verb | null>(null);
  const polled = usePoll<EntryList>(`dlq/entries${withQuery('', { ...filter, limit: PAGE, cursor })}`, {
    hold: verb !== null,
  });
  const selection = useSelection(identity);
  const scope: Scope = selection.all ? { filter: typedFilter(filter) } : { keys: [...selection.keys] };
  return (
    <Page title="Dead-letter entries" up={UP()}>
      {filter.fingerprint && <GroupNote fingerprint={filter.fingerprint} />}
      <EntryFilters key={identity} filter={filter} />
      <Loaded of={polled} list={UP()}>
        {(data) => (
          <>
            <Rows data={data} filter={filter} first={cursor === ''} selection={selection} />
            <ScanBar data={data} before={before} filter={filter} first={cursor === ''} />
          </>
        )}
      </Loaded>
      <SelectionBar selection={selection} filter={filter} onAct={setVerb} />
      {verb && (
        <BulkDialog
          verb={verb}
          scope={scope}
          onClose={() => setVerb(null)}
          onDone={() => {
            setVerb(null);
            selection.clear();
          }}
        />
      )}
    </Page>
  );
}

function GroupNote({ fingerprint }: { fingerprint: string }) {
  const { data } = usePoll<Fingerprint>(`dlq/groups/${encodeURIComponent(fingerprint)}`, { slowest: 10 });
  if (!data) return null;
  return (
    <p class="group-note">
      <strong>{plural(data.count, 'entry', 'entries')}</strong> of{' '}
      <span class="mono break">{data.errorClass}</span>: <span class="break">{data.message}</span>
    </p>
  );
}

type RowsProps = { data: EntryList; filter: EntryFilter; first: boolean; selection: Selection };

/** While something is selected the rows stay where they are; those that are gone by now are marked. */
function Rows({ data, filter, first, selection }: RowsProps) {
  const kept = useRef<EntrySummary[]>(data.items);
  const held = selection.keys.size > 0 && kept.current.some((row) => selection.keys.has(row.key));
  if (!held) kept.current = data.items;
  const rows = kept.current;
  const present = new Set(data.items.map((row) => row.key));
  const oldest = data.items[data.items.length - 1];
  // A row may also have been pushed to the next page by newer ones; only one inside this page's span is gone.
  const isGone = (row: EntrySummary) =>
    held &&
    !present.has(row.key) &&
    (data.exhausted || !oldest || (row.lastFailureAt ?? 0) > (oldest.lastFailureAt ?? 0));
  const gone = rows.filter(isGone);
  const goneKeys = gone.map((row) => row.key).join();
  useEffect(() => {
    if (gone.some((row) => selection.keys.has(row.key))) selection.drop(gone.map((row) => row.key));
  }, [goneKeys]);
  if (rows.length === 0)
    return <NoRows filtered={Object.keys(filter).length > 0} complete={data.exhausted} first={first} />;
  return (
    <>
      {gone.length > 0 && (
        <Note>
          {plural(gone.length, 'entry', 'entries')} on this page went while you selected: someone else acted.
        </Note>
      )}
      <EntryTable rows={rows} isGone={isGone} selection={selection} />
    </>
  );
}

function NoRows({ filtered, complete, first }: { filtered: boolean; complete: boolean; first: boolean }) {
  if (!complete)
    return <Empty title="No match so far">Only a part has been looked at. Continue below.</Empty>;
  if (!first) return <Empty title="No more entries">This was the end of the list.</Empty>;
  if (!filtered) return <Empty title="Nothing is dead">Events that exhaust their retries appear here.</Empty>;
  return (
    <Empty title="No dead letter matches">
      <p>
        Everything has been looked at. <a href={link('dlq/entries')}>Remove the filters</a>.
      </p>
    </Empty>
  );
}

type ScanProps = { data: EntryList; before: number; filter: EntryFilter; first: boolean };

function ScanBar({ data, before, filter, first }: ScanProps) {
  const scanned = before + (data.scanned ?? 0);
  const full = data.items.length >= PAGE;
  const total = data.total === null ? '' : ` of ${data.totalExact ? '' : '~'}${formatCount(data.total)}`;
  const next = () => go(link('dlq/entries', { ...filter, cursor: data.next, scanned }));
  return (
    <div class="scan" role="group" aria-label="How far was looked">
      <span>
        {formatCount(data.items.length)} shown
        {data.scanned === null ? '' : `, looked at ${formatCount(scanned)}`}
        {total}
        {data.exhausted ? ', to the end' : ', not yet to the end'}
      </span>
      {!first && (
        <a class="button" href={link('dlq/entries', filter)}>
          Newest
        </a>
      )}
      {!data.exhausted && data.next && (
        <button type="button" class="button" onClick={next}>
          {full ? 'Next page' : 'Continue'}
        </button>
      )}
    </div>
  );
}
