// SPDX-License-Identifier: MIT
// Bulk jobs, the newest first.
import type { List } from '../api/client.ts';
import type { Operation } from '../api/schema.ts';
import { formatCount } from '../lib/format.ts';
import { describeFilter } from '../lib/url.ts';
import { link } from '../state/location.ts';
import { usePoll } from '../state/poll.ts';
import { State, type Tone } from '../ui/icon.tsx';
import { Page } from '../ui/page.tsx';
import { Empty, Loaded } from '../ui/states.tsx';
import { Table, type Column } from '../ui/table.tsx';
import { Age } from '../ui/values.tsx';

const TONES: Record<Operation['state'], Tone> = {
  running: 'info',
  paused: 'warn',
  done: 'ok',
  aborted: 'muted',
  stopped: 'warn',
};

export function OperationState({ state }: { state: Operation['state'] }) {
  return <State tone={TONES[state]}>{state}</State>;
}

const hrefOf = (row: Operation) => link(`operations/${encodeURIComponent(row.id ?? '')}`);

const COLUMNS: Column<Operation>[] = [
  {
    id: 'kind',
    label: 'Operation',
    sort: (row) => row.kind,
    cell: (row) => <a href={hrefOf(row)}>{row.kind}</a>,
  },
  {
    id: 'scope',
    label: 'Scope',
    grow: true,
    cell: (row) => <span title={describeFilter(row.filter ?? {})}>{describeFilter(row.filter ?? {})}</span>,
  },
  {
    id: 'state',
    label: 'State',
    sort: (row) => row.state,
    cell: (row) => <OperationState state={row.state} />,
  },
  { id: 'done', label: 'Done', number: true, sort: (row) => row.done, cell: (row) => formatCount(row.done) },
  { id: 'of', label: 'Of', number: true, cell: (row) => formatCount(row.snapshot?.count) },
  {
    id: 'failed',
    label: 'Failed',
    number: true,
    sort: (row) => row.failed,
    cell: (row) => formatCount(row.failed),
  },
  { id: 'actor', label: 'By', sort: (row) => row.actor, cell: (row) => row.actor },
  {
    id: 'started',
    label: 'Started',
    sort: (row) => row.startedAt,
    cell: (row) => <Age at={row.startedAt} />,
  },
];

export function OperationsPage() {
  const operations = usePoll<List<Operation>>('operations');
  return (
    <Page title="Operations">
      <Loaded of={operations}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="No operations yet">
              <p>
                Requeue or discard all entries of a <a href={link('dlq')}>group of dead letters</a>, or all
                that match a filter: how far it is appears here.
              </p>
            </Empty>
          ) : (
            <Table
              name="Operations"
              rows={items}
              columns={COLUMNS}
              keyOf={(row) => row.id ?? ''}
              hrefOf={hrefOf}
              sort={{ by: 'started', direction: 'desc' }}
            />
          )
        }
      </Loaded>
    </Page>
  );
}
