// SPDX-License-Identifier: MIT
// The event types that have a schema.
import type { SchemaList, SchemaSummary } from '../api/schema.ts';
import { formatCount, NONE } from '../lib/format.ts';
import { link } from '../state/location.ts';
import { usePoll } from '../state/poll.ts';
import { Page } from '../ui/page.tsx';
import { Empty, Loaded, Note } from '../ui/states.tsx';
import { Table, type Column } from '../ui/table.tsx';
import { Age } from '../ui/values.tsx';

const hrefOf = (row: SchemaSummary) => link(`schemas/${encodeURIComponent(row.type)}`);

const COLUMNS: Column<SchemaSummary>[] = [
  {
    id: 'type',
    label: 'Type',
    sort: (row) => row.type,
    cell: (row) => (
      <a class="mono" href={hrefOf(row)}>
        {row.type}
      </a>
    ),
  },
  { id: 'latest', label: 'Latest', sort: (row) => row.latest, cell: (row) => row.latest ?? 'all removed' },
  {
    id: 'versions',
    label: 'Versions',
    number: true,
    sort: (row) => row.versions,
    cell: (row) => formatCount(row.versions),
  },
  {
    id: 'title',
    label: 'Title',
    grow: true,
    sort: (row) => row.title,
    cell: (row) => <span title={row.title ?? ''}>{row.title ?? NONE}</span>,
  },
  {
    id: 'compatibility',
    label: 'Compatibility',
    sort: (row) => row.compatibility,
    cell: (row) => `${row.compatibility}, ${row.policy}`,
  },
  {
    id: 'validated',
    label: 'Checked here',
    number: true,
    sort: (row) => row.validated,
    cell: (row) => formatCount(row.validated),
  },
  {
    id: 'invalid',
    label: 'Not valid',
    number: true,
    sort: (row) => row.invalid,
    cell: (row) => formatCount(row.invalid),
  },
  {
    id: 'registered',
    label: 'Registered',
    sort: (row) => row.registeredAt,
    cell: (row) => <Age at={row.registeredAt} />,
  },
];

const PLACES = {
  memory: 'They are kept in this process, and are those of its configuration and of its program.',
  folder: 'They are kept in a folder that this process reads.',
  transport: 'They are kept in the store, for all services that use it.',
};

export function SchemasPage() {
  const schemas = usePoll<SchemaList>('schemas', { slowest: 10 });
  return (
    <Page title="Schemas">
      <Loaded of={schemas}>
        {({ items, registry }) => (
          <>
            {registry.alarm && <Note tone="warn">What is shown may be old: {registry.alarm}</Note>}
            {items.length === 0 ? (
              <Empty title="No schemas">
                <p>
                  Bodies are not checked. Register a schema with{' '}
                  <code>events schema register TYPE FILE</code>, in the configuration, or from a program.
                </p>
              </Empty>
            ) : (
              <Table
                name="Schemas"
                rows={items}
                columns={COLUMNS}
                keyOf={(row) => row.type}
                hrefOf={hrefOf}
                sort={{ by: 'type', direction: 'asc' }}
              />
            )}
            <p class="meta">{PLACES[registry.kind]}</p>
          </>
        )}
      </Loaded>
    </Page>
  );
}
