// SPDX-License-Identifier: MIT
// Dead letters by what killed them.
import { useState } from 'preact/hooks';
import type { List } from '../api/client.ts';
import type { Fingerprint } from '../api/schema.ts';
import { formatCount, formatPercent, NONE, plural } from '../lib/format.ts';
import { readText } from '../lib/url.ts';
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

function columnsOf(
  onAct: (intent: Intent) => void,
  obstacles: Record<Verb, string | null>,
): Column<Fingerprint>[] {
  const button = (verb: Verb, label: string, row: Fingerprint) => (
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
  return [
    {
      id: 'message',
      label: 'Error',
      grow: true,
      sort: (row) => row.message,
      cell: (row) => (
        <>
          <a href={hrefOf(row)} title={row.sample ?? ''}>
            {row.message || 'without message'}
          </a>
          <span class="under mono">{row.errorClass ?? NONE}</span>
        </>
      ),
    },
    {
      id: 'type',
      label: 'Type',
      sort: (row) => row.type,
      cell: (row) => (
        <span class="mono" title={row.type}>
          {row.type}
        </span>
      ),
    },
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
    {
      id: 'actions',
      label: 'Actions',
      cell: (row) => (
        <span class="row-actions">
          {button('requeue', 'Requeue', row)}
          {button('discard', 'Discard', row)}
        </span>
      ),
    },
  ];
}

export function DeadGroupsPage() {
  const { query } = usePlace();
  const topic = readText(query, 'topic');
  const search = readText(query, 'q');
  const polled = usePoll<List<Fingerprint>>(
    `dlq/groups${topic ? `?topic=${encodeURIComponent(topic)}` : ''}`,
  );
  const [intent, setIntent] = useState<Intent>(null);
  const obstacles = { requeue: useObstacle('dlq.requeue'), discard: useObstacle('dlq.archive') };
  const reasons = [...new Set(Object.values(obstacles).filter((reason) => reason !== null))];
  const close = () => setIntent(null);
  return (
    <Page
      title="Dead letters"
      actions={
        <a class="button" href={link('dlq/entries', { topic })}>
          All entries
        </a>
      }
    >
      {polled.data &&
        reasons.map((reason) => (
          <p key={reason} class="reason">
            {reason}
          </p>
        ))}
      <Loaded of={polled}>
        {(data) =>
          data.items.length === 0 ? (
            <NothingDead topic={topic} />
          ) : (
            <>
              <GroupFilters
                search={search}
                topic={topic}
                topics={topicsOf(data.items, topic)}
                total={data.items}
              />
              <Table
                name="Dead letters by error"
                rows={data.items.filter((row) => matches(row, search))}
                columns={columnsOf(setIntent, obstacles)}
                keyOf={(row) => row.fingerprint}
                hrefOf={hrefOf}
                sort={{ by: 'last', direction: 'desc' }}
              />
            </>
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
