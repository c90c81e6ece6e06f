// SPDX-License-Identifier: MIT
// The groups that consume: how far behind, how busy, and which stand still.
import type { List } from '../api/client.ts';
import type { Group } from '../api/schema.ts';
import { formatCount, formatDecimal } from '../lib/format.ts';
import { readText } from '../lib/url.ts';
import { link, setQuery, usePlace } from '../state/location.ts';
import { usePoll } from '../state/poll.ts';
import { Page } from '../ui/page.tsx';
import { Empty, Loaded } from '../ui/states.tsx';
import { Table, type Column } from '../ui/table.tsx';
import { Age } from '../ui/values.tsx';
import { GroupState, lagOf } from './group-parts.tsx';

const hrefOf = (row: Group) => link(`consumers/${encodeURIComponent(row.group)}`);

const COLUMNS: Column<Group>[] = [
  {
    id: 'group',
    label: 'Group',
    grow: true,
    sort: (row) => row.group,
    cell: (row) => <a href={hrefOf(row)}>{row.group}</a>,
  },
  { id: 'state', label: 'State', cell: (row) => <GroupState group={row} /> },
  { id: 'lag', label: 'Lag', number: true, sort: (row) => row.lag, cell: lagOf },
  {
    id: 'pending',
    label: 'Pending',
    number: true,
    sort: (row) => row.pending,
    cell: (row) => formatCount(row.pending),
  },
  {
    id: 'oldest',
    label: 'Oldest pending',
    sort: (row) => row.oldestPendingAt,
    cell: (row) => <Age at={row.oldestPendingAt} />,
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
    id: 'retries',
    label: 'Retries',
    number: true,
    sort: (row) => row.retries,
    cell: (row) => formatCount(row.retries),
  },
  {
    id: 'inFlight',
    label: 'In flight',
    number: true,
    sort: (row) => row.inFlight,
    cell: (row) => formatCount(row.inFlight),
  },
  {
    id: 'members',
    label: 'Members',
    number: true,
    sort: (row) => row.members.length,
    cell: (row) => formatCount(row.members.length),
  },
];

export function ConsumersPage() {
  const groups = usePoll<List<Group>>('groups');
  const search = readText(usePlace().query, 'q');
  return (
    <Page title="Consumers">
      <Loaded of={groups}>
        {({ items }) => {
          const rows = items.filter((row) => row.group.toLowerCase().includes(search.toLowerCase()));
          if (items.length === 0) {
            return (
              <Empty title="No consumers yet">
                <p>
                  A group appears here as soon as a handler subscribes, and stays while the store remembers
                  it.
                </p>
              </Empty>
            );
          }
          return (
            <>
              <div class="filters">
                <label>
                  Filter by name
                  <input
                    type="search"
                    data-search
                    value={search}
                    onInput={(event) => setQuery({ q: event.currentTarget.value })}
                  />
                </label>
              </div>
              {rows.length === 0 ? (
                <Empty title="No group has this in its name" />
              ) : (
                <Table
                  name="Consumer groups"
                  rows={rows}
                  columns={COLUMNS}
                  keyOf={(row) => row.group}
                  hrefOf={hrefOf}
                  sort={{ by: 'lag', direction: 'desc' }}
                />
              )}
            </>
          );
        }}
      </Loaded>
    </Page>
  );
}
