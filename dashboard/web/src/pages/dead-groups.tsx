// SPDX-License-Identifier: MIT
// Dead letters by what killed them.
import { useState } from 'preact/hooks';
import type { List } from '../api/client.ts';
import type { Fingerprint } from '../api/schema.ts';
import { formatCount, formatPercent, NONE, plural } from '../lib/format.ts';
import { readText, withQuery } from '../lib/url.ts';
import { link, setQuery, usePlace } from '../state/location.ts';
import { usePoll } from '../state/poll.ts';
import { useObstacle } from '../state/session.ts';
import { Page } from '../ui/page.tsx';
import { Empty, Loaded } from '../ui/states.tsx';
import { Table, type Column } from '../ui/table.tsx';
import { Age } from '../ui/values.tsx';
import { BulkDialog, type Verb } from './bulk-dialog.tsx';

type Intent = { verb: Verb; fingerprint: string } | null;

const hrefOf = (row: Fingerprint) => link('dlq/entries', { fingerprint: row.fingerprint });

const COLUMNS: Column<Fingerprint>[] = [
  { id: 'message', label: 'Error', grow: true, sort: (row) => row.message, cell: Message },
  { id: 'type', label: 'Type', sort: (row) => row.type, cell: TypeCell },
  { id: 'group', label: 'Group', sort: (row) => row.group, cell: (row) => row.group ?? NONE },
  {
    id: 'count',
    label: 'Count',
    number: true,
    sort: (row) => row.count,
    cell: (row) => formatCount(row.count),
  },
  {
    id: 'share',
    label: 'Share',
    number: true,
    sort: (row) => row.share,
    cell: (row) => formatPercent(row.share),
  },
  { id: 'first', label: 'First', sort: (row) => row.firstAt, cell: (row) => <Age at={row.firstAt} /> },
  { id: 'last', label: 'Last', sort: (row) => row.lastAt, cell: (row) => <Age at={row.lastAt} /> },
];

function Message(row: Fingerprint) {
  return (
    <>
      <a href={hrefOf(row)} title={row.sample ?? ''}>
        {row.message || 'without message'}
      </a>
      <span class="under mono">{row.errorClass ?? NONE}</span>
    </>
  );
}

function TypeCell({ type }: Fingerprint) {
  return (
    <span class="mono" title={type}>
      {type}
    </span>
  );
}

type ActionsProps = {
  row: Fingerprint;
  obstacles: Record<Verb, string | null>;
  onAct: (intent: Intent) => void;
};

function RowActions({ row, obstacles, onAct }: ActionsProps) {
  const button = (verb: Verb, label: string) => (
    <button
      type="button"
      class="button small"
      disabled={obstacles[verb] !== null}
      title={obstacles[verb] ?? undefined}
      aria-label={`${label} ${plural(row.count, 'entry', 'entries')}: ${row.message ?? row.fingerprint}`}
      onClick={() => onAct({ verb, fingerprint: row.fingerprint })}
    >
      {label}
    </button>
  );
  return (
    <span class="row-actions">
      {button('requeue', 'Requeue')}
      {button('discard', 'Discard')}
    </span>
  );
}

export function DeadGroupsPage() {
  const topic = readText(usePlace().query, 'topic');
  const polled = usePoll<List<Fingerprint>>(`dlq/groups${withQuery('', { topic })}`);
  const [intent, setIntent] = useState<Intent>(null);
  const close = () => setIntent(null);
  const all = (
    <a class="button" href={link('dlq/entries', { topic })}>
      All entries
    </a>
  );
  return (
    <Page title="Dead letters" actions={all}>
      <Loaded of={polled}>
        {({ items }) =>
          items.length === 0 ? (
            <NothingDead topic={topic} />
          ) : (
            <Groups items={items} topic={topic} onAct={setIntent} />
          )
        }
      </Loaded>
      {intent && (
        <BulkDialog
          verb={intent.verb}
          scope={{ filter: { fingerprint: intent.fingerprint, ...(topic && { topic }) } }}
          onClose={close}
          onDone={close}
        />
      )}
    </Page>
  );
}

type GroupsProps = { items: Fingerprint[]; topic: string; onAct: (intent: Intent) => void };

function Groups({ items, topic, onAct }: GroupsProps) {
  const search = readText(usePlace().query, 'q');
  const obstacles = { requeue: useObstacle('dlq.requeue'), discard: useObstacle('dlq.archive') };
  const reasons = [...new Set(Object.values(obstacles).filter((reason) => reason !== null))];
  const actions: Column<Fingerprint> = {
    id: 'actions',
    label: 'Actions',
    cell: (row) => <RowActions row={row} obstacles={obstacles} onAct={onAct} />,
  };
  return (
    <>
      {reasons.map((reason) => (
        <p key={reason} class="reason">
          {reason}
        </p>
      ))}
      <GroupFilters search={search} topic={topic} topics={topicsOf(items, topic)} total={items} />
      <Table
        name="Dead letters by error"
        rows={items.filter((row) => matches(row, search))}
        columns={[...COLUMNS, actions]}
        keyOf={(row) => row.fingerprint}
        hrefOf={hrefOf}
        sort={{ by: 'last', direction: 'desc' }}
      />
    </>
  );
}

function matches(row: Fingerprint, search: string): boolean {
  const text = [row.message, row.sample, row.errorClass, row.type, row.group, row.fingerprint].join(' ');
  return text.toLowerCase().includes(search.toLowerCase());
}

function topicsOf(rows: Fingerprint[], chosen: string): string[] {
  return [...new Set([...rows.flatMap((row) => row.topics), ...(chosen ? [chosen] : [])])].sort();
}

type FilterProps = { search: string; topic: string; topics: string[]; total: Fingerprint[] };

function GroupFilters({ search, topic, topics, total }: FilterProps) {
  const count = total.reduce((sum, row) => sum + row.count, 0);
  return (
    <div class="filters">
      <label>
        Filter
        <input
          type="search"
          data-search
          value={search}
          onInput={(event) => setQuery({ q: event.currentTarget.value })}
        />
      </label>
      <label>
        Topic
        <select value={topic} onChange={(event) => setQuery({ topic: event.currentTarget.value })}>
          <option value="">all</option>
          {topics.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      <p class="meta">
        {plural(count, 'dead letter')} in {plural(total.length, 'group')}
      </p>
    </div>
  );
}

function NothingDead({ topic }: { topic: string }) {
  return (
    <Empty title={topic ? `Nothing is dead in ${topic}` : 'Nothing is dead'}>
      <p>
        Looked just now. Events that exhaust their retries appear here, grouped by error.
        {topic && (
          <>
            {' '}
            <a href={link('dlq')}>Look at all topics</a>.
          </>
        )}
      </p>
    </Empty>
  );
}
