// SPDX-License-Identifier: MIT
// Who publishes, how much, and whether it still lives.
import { useEffect, useRef } from 'preact/hooks';
import type { List } from '../api/client.ts';
import type { Publisher } from '../api/schema.ts';
import { formatBytes, formatCount, formatDecimal, formatDuration, NONE } from '../lib/format.ts';
import { readText } from '../lib/url.ts';
import { link, setQuery, usePlace } from '../state/location.ts';
import { usePoll } from '../state/poll.ts';
import { Icon, State, type Tone } from '../ui/icon.tsx';
import { Fact, Page } from '../ui/page.tsx';
import { Empty, Loaded } from '../ui/states.tsx';
import { Table, type Column } from '../ui/table.tsx';
import { Age } from '../ui/values.tsx';

const TONES: Record<Publisher['state'], Tone> = { live: 'ok', gone: 'bad', never: 'muted' };
const WORDS: Record<Publisher['state'], string> = { live: 'live', gone: 'gone', never: 'never published' };

const openHref = (row: Publisher) => link('publishers', { open: row.id });

const COLUMNS: Column<Publisher>[] = [
  {
    id: 'service',
    label: 'Service',
    sort: (row) => row.service,
    cell: (row) => <a href={openHref(row)}>{row.service}</a>,
  },
  {
    id: 'process',
    label: 'Process',
    grow: true,
    sort: (row) => row.id,
    cell: (row) => <span class="mono">{processOf(row)}</span>,
  },
  { id: 'state', label: 'State', sort: (row) => row.state, cell: (row) => <PublisherState row={row} /> },
  {
    id: 'types',
    label: 'Types',
    number: true,
    sort: (row) => row.typeCount,
    cell: (row) => formatCount(row.typeCount),
  },
  {
    id: 'rate',
    label: 'Rate',
    unit: '/s',
    number: true,
    sort: (row) => row.rate,
    cell: (row) => formatDecimal(row.rate),
  },
  {
    id: 'bytes',
    label: 'Bytes',
    unit: '/s',
    number: true,
    sort: (row) => row.bytesRate,
    cell: (row) => formatBytes(row.bytesRate),
  },
  { id: 'sent', label: 'Sent', number: true, sort: (row) => row.sent, cell: (row) => formatCount(row.sent) },
  {
    id: 'errors',
    label: 'Errors',
    number: true,
    sort: (row) => row.errors,
    cell: (row) => formatCount(row.errors),
  },
  { id: 'buffer', label: 'In flight', number: true, sort: (row) => row.inFlight, cell: bufferOf },
  {
    id: 'last',
    label: 'Last publish',
    sort: (row) => row.lastPublishAt,
    cell: (row) => <Age at={row.lastPublishAt} />,
  },
];

function processOf(row: Publisher): string {
  if (row.pid === null) return row.id;
  return `${row.pid}@${row.host ?? '?'}`;
}

function bufferOf({ inFlight, inFlightLimit }: Publisher) {
  return inFlightLimit ? `${formatCount(inFlight)} / ${formatCount(inFlightLimit)}` : formatCount(inFlight);
}

function PublisherState({ row }: { row: Publisher }) {
  const silence = row.state === 'gone' ? ` for ${formatDuration(row.ageMs)}` : '';
  return <State tone={TONES[row.state]}>{WORDS[row.state] + silence}</State>;
}

export function PublishersPage() {
  const publishers = usePoll<List<Publisher>>('publishers');
  const open = readText(usePlace().query, 'open');
  return (
    <Page title="Publishers">
      <div class={open ? 'with-drawer' : ''}>
        <div>
          <Loaded of={publishers}>
            {({ items }) =>
              items.length === 0 ? (
                <Empty title="No publishers yet">
                  <p>A process appears here once it is connected. Publish an event to see its rate.</p>
                </Empty>
              ) : (
                <Table
                  name="Publishers"
                  rows={items}
                  columns={COLUMNS}
                  keyOf={(row) => row.id}
                  hrefOf={openHref}
                  classOf={(row) => (row.id === open ? 'chosen' : '')}
                  sort={{ by: 'service', direction: 'asc' }}
                />
              )
            }
          </Loaded>
        </div>
        {open && <Drawer key={open} id={open} />}
      </div>
    </Page>
  );
}

function Drawer({ id }: { id: string }) {
  const publisher = usePoll<Publisher>(`publishers/${encodeURIComponent(id)}`);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  return (
    <aside
      class="drawer"
      aria-label="Publisher"
      onKeyDown={(event) => {
        if (event.key === 'Escape') setQuery({ open: null });
      }}
    >
      <header class="panel-head">
        <h2 ref={heading} tabIndex={-1} class="break">
          {id}
        </h2>
        <button type="button" class="icon-button" aria-label="Close" onClick={() => setQuery({ open: null })}>
          <Icon name="close" />
        </button>
      </header>
      <Loaded of={publisher} list={{ label: 'All publishers', href: link('publishers') }}>
        {(row) => (
          <>
            <dl class="facts">
              <Fact name="State">
                <PublisherState row={row} />
              </Fact>
              <Fact name="Host">{row.host ?? NONE}</Fact>
              <Fact name="Process id">{row.pid === null ? NONE : String(row.pid)}</Fact>
              <Fact name="Failing">{`${formatDecimal(row.errorRate)} /s`}</Fact>
            </dl>
            <Table
              name="Types of this publisher"
              rows={row.types}
              keyOf={(type) => type.type}
              columns={[
                { id: 'type', label: 'Type', cell: (type) => <span class="mono break">{type.type}</span> },
                { id: 'sent', label: 'Sent', number: true, cell: (type) => formatCount(type.sent) },
                { id: 'last', label: 'Last', cell: (type) => <Age at={type.lastPublishAt} /> },
              ]}
            />
            {row.typeCount > row.types.length && (
              <p class="meta">{formatCount(row.typeCount - row.types.length)} more types</p>
            )}
          </>
        )}
      </Loaded>
    </aside>
  );
}
