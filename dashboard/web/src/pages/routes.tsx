// SPDX-License-Identifier: MIT
// The route table in the order in which routes are tried.
import type { Route, RouteList } from '../api/schema.ts';
import { formatCount, formatDecimal, NONE } from '../lib/format.ts';
import { readText } from '../lib/url.ts';
import { link, setQuery, usePlace } from '../state/location.ts';
import { usePoll } from '../state/poll.ts';
import { State } from '../ui/icon.tsx';
import { Fact, Page } from '../ui/page.tsx';
import { Empty, Loaded } from '../ui/states.tsx';
import { Table, type Column } from '../ui/table.tsx';
import { Age } from '../ui/values.tsx';
import { CoveragePanel } from './coverage.tsx';

const COLUMNS: Column<Route>[] = [
  { id: 'order', label: '#', number: true, sort: (row) => row.order, cell: (row) => row.order + 1 },
  { id: 'service', label: 'Service', sort: (row) => row.service, cell: (row) => row.service },
  {
    id: 'name',
    label: 'Name',
    sort: (row) => row.name,
    cell: (row) => <span title={row.name}>{row.name || NONE}</span>,
  },
  {
    id: 'pattern',
    label: 'Pattern',
    grow: true,
    sort: (row) => row.pattern,
    cell: (row) => (
      <span class="mono" title={row.pattern}>
        {row.pattern}
      </span>
    ),
  },
  {
    id: 'priority',
    label: 'Priority',
    number: true,
    sort: (row) => row.priority,
    cell: (row) => row.priority,
  },
  {
    id: 'topic',
    label: 'Topic',
    sort: (row) => row.topic,
    cell: (row) => <span class="mono">{row.topic ?? 'by rule'}</span>,
  },
  { id: 'transports', label: 'Transports', cell: (row) => row.transports.join(', ') || 'default' },
  {
    id: 'enabled',
    label: 'Enabled',
    cell: (row) => <State tone={row.enabled ? 'ok' : 'muted'}>{row.enabled ? 'on' : 'off'}</State>,
  },
  { id: 'hits', label: 'Hits', number: true, sort: (row) => row.hits, cell: (row) => formatCount(row.hits) },
  {
    id: 'rate',
    label: 'Hits',
    unit: '/s',
    number: true,
    sort: (row) => row.hitsRate,
    cell: (row) => formatDecimal(row.hitsRate),
  },
  {
    id: 'last',
    label: 'Last hit',
    sort: (row) => row.lastHit,
    cell: (row) => (row.lastHit ? <Age at={row.lastHit} /> : 'never'),
  },
];

export function RoutesPage() {
  const routes = usePoll<RouteList>('routes');
  return (
    <Page
      title="Routes"
      actions={
        <a class="button" href={link('routes/test')}>
          Test an event
        </a>
      }
    >
      <Loaded of={routes}>{(data) => <RoutesView data={data} />}</Loaded>
    </Page>
  );
}

/** Settings, by service where there are several; those that are not set are left out. */
function defaultsOf(defaults: Record<string, unknown>): [string, unknown][] {
  const services = Object.entries(defaults);
  return services.flatMap(([service, settings]): [string, unknown][] => {
    if (typeof settings !== 'object' || settings === null) return [[service, settings]];
    const prefix = services.length > 1 ? `${service}: ` : '';
    const given = Object.entries(settings).filter(([, value]) => value !== null);
    return given.map(([name, value]) => [prefix + name, value]);
  });
}

function RoutesView({ data }: { data: RouteList }) {
  const { query } = usePlace();
  const service = readText(query, 'service');
  const rows = service ? data.items.filter((row) => row.service === service) : data.items;
  return (
    <>
      {data.services.length > 1 && (
        <div class="filters">
          <label>
            Service
            <select value={service} onChange={(event) => setQuery({ service: event.currentTarget.value })}>
              <option value="">all</option>
              {data.services.map((name) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          </label>
        </div>
      )}
      {rows.length === 0 ? (
        <Empty title="No routes">
          <p>
            Without routes every event goes to the default transport, and to the topic that the rules below
            choose.
          </p>
        </Empty>
      ) : (
        <Table
          name="Routes"
          rows={rows}
          columns={COLUMNS}
          keyOf={(row) => `${row.service} ${row.order}`}
          sort={{ by: 'order', direction: 'asc' }}
        />
      )}
      <CoveragePanel service={service} />
      <section class="panel" aria-labelledby="defaults">
        <h2 id="defaults">Where no route says otherwise</h2>
        <dl class="facts">
          {defaultsOf(data.defaults).map(([name, value]) => (
            <Fact key={name} name={name}>
              <span class="mono break">{typeof value === 'string' ? value : JSON.stringify(value)}</span>
            </Fact>
          ))}
          <Fact name="Configuration">
            <span class="mono">{data.generation ?? NONE}</span>
          </Fact>
        </dl>
      </section>
    </>
  );
}
