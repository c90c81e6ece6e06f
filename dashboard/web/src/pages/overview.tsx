// SPDX-License-Identifier: MIT
// How it goes right now: four numbers, two charts, and what to look at first.
import type { Fingerprint, Group, Overview, Point, Transport } from '../api/schema.ts';
import { formatCount, formatDecimal, plural } from '../lib/format.ts';
import { readChoice } from '../lib/url.ts';
import { link, setQuery, usePlace } from '../state/location.ts';
import { usePoll } from '../state/poll.ts';
import { useSession } from '../state/session.ts';
import { Chart, type Line } from '../ui/chart.tsx';
import { State } from '../ui/icon.tsx';
import { Page } from '../ui/page.tsx';
import { Sparkline } from '../ui/sparkline.tsx';
import { Empty, Loaded, Note } from '../ui/states.tsx';
import { Table } from '../ui/table.tsx';
import { Age } from '../ui/values.tsx';
import { GroupState, lagOf } from './group-parts.tsx';
import { STEP_SECONDS, trendOf, useSeries } from './series.ts';

const COLORS = {
  published: '#2f7ed8',
  consumed: '#2a8f5b',
  failed: '#c2571a',
  dead: '#c8508a',
  latency: '#9a66d2',
};
const RANGES = ['60', '300', '900'] as const;

export function OverviewPage() {
  const overview = usePoll<Overview>('overview');
  const { points, at } = useSeries();
  const range = readChoice(usePlace().query, 'range', RANGES, '900');
  return (
    <Page title="Overview" actions={<RangeControl range={range} />}>
      <Loaded of={overview}>
        {(data) => (
          <>
            {data.notes.map((note) => (
              <Note key={note}>{note}</Note>
            ))}
            {data.unavailable.map(({ part, detail }) => (
              <Note key={part} tone="warn">
                {part}: {detail}
              </Note>
            ))}
            <Tiles data={data} points={points} />
            <Charts points={points} now={at} range={Number(range)} />
            <div class="columns">
              <WorstGroups groups={data.groups} />
              <NewestDead fingerprints={data.fingerprints} />
            </div>
            <Transports transports={data.transports} instances={data.instances} />
          </>
        )}
      </Loaded>
    </Page>
  );
}

function RangeControl({ range }: { range: string }) {
  return (
    <select
      aria-label="Time range"
      value={range}
      onChange={(event) =>
        setQuery({ range: event.currentTarget.value === '900' ? null : event.currentTarget.value })
      }
    >
      <option value="60">last minute</option>
      <option value="300">last 5 minutes</option>
      <option value="900">last 15 minutes</option>
    </select>
  );
}

function Tiles({ data, points }: { data: Overview; points: Point[] }) {
  const tiles = [
    {
      label: 'Published',
      unit: '/s',
      value: formatDecimal(data.rates.published),
      key: 'published',
      color: COLORS.published,
      total: data.totals.published,
    },
    {
      label: 'Consumed',
      unit: '/s',
      value: formatDecimal(data.rates.consumed),
      key: 'consumed',
      color: COLORS.consumed,
      total: data.totals.consumed,
    },
    {
      label: 'Failures',
      unit: '/s',
      value: formatDecimal(data.rates.failed),
      key: 'failed',
      color: COLORS.failed,
      total: data.totals.failed,
    },
    {
      label: 'Dead letters',
      unit: '',
      value: formatCount(data.deadLetters.total),
      key: 'deadLetters',
      color: COLORS.dead,
      total: null,
    },
  ] as const;
  return (
    <div class="tiles">
      {tiles.map(({ label, unit, value, key, color, total }) => (
        <section key={key} class="tile" aria-label={label}>
          <h2>
            {label} <span class="unit">{unit}</span>
          </h2>
          <div class="tile-row">
            <span class="tile-value">{value}</span>
            <Sparkline values={trendOf(points, key)} color={color} />
          </div>
          <p class="meta">
            {total === null ? <a href={link('dlq')}>Show groups</a> : `${formatCount(total)} in all`}
          </p>
        </section>
      ))}
    </div>
  );
}

function Charts({ points, now, range }: { points: Point[]; now: number; range: number }) {
  const until = Math.max(now, points[points.length - 1]?.at ?? 0) / 1000;
  const from = until - range;
  const shown = points.filter((point) => point.at / 1000 >= from - STEP_SECONDS);
  const at = shown.map((point) => point.at / 1000);
  const of = (key: keyof Point) => shown.map((point) => point[key]);
  const throughput: Line[] = [
    { label: 'published', color: COLORS.published, values: of('published'), area: true },
    { label: 'consumed', color: COLORS.consumed, values: of('consumed'), dash: [8, 3] },
    { label: 'failed', color: COLORS.failed, values: of('failed'), dash: [2, 3] },
  ];
  const latency: Line[] = [
    { label: 'p50', color: COLORS.latency, values: of('p50') },
    { label: 'p95', color: COLORS.latency, values: of('p95'), dash: [8, 4] },
    { label: 'p99', color: COLORS.latency, values: of('p99'), dash: [2, 3] },
  ];
  return (
    <div class="columns">
      <Chart
        name="throughput"
        title="Throughput"
        unit="events/s"
        at={at}
        lines={throughput}
        from={from}
        until={until}
      />
      <Chart
        name="latency"
        title="Handler latency"
        unit="ms"
        at={at}
        lines={latency}
        from={from}
        until={until}
      />
    </div>
  );
}

function WorstGroups({ groups }: { groups: Group[] }) {
  return (
    <section class="panel" aria-labelledby="worst">
      <h2 id="worst">Groups furthest behind</h2>
      {groups.length === 0 ? (
        <Empty title="No consumers yet">A group appears as soon as a handler subscribes.</Empty>
      ) : (
        <Table
          name="Groups furthest behind"
          rows={groups}
          keyOf={(row) => row.group}
          hrefOf={(row) => link(`consumers/${encodeURIComponent(row.group)}`)}
          columns={[
            {
              id: 'group',
              label: 'Group',
              grow: true,
              cell: (row) => <a href={link(`consumers/${encodeURIComponent(row.group)}`)}>{row.group}</a>,
            },
            { id: 'state', label: 'State', cell: (row) => <GroupState group={row} /> },
            { id: 'lag', label: 'Lag', number: true, cell: lagOf },
            { id: 'pending', label: 'Pending', number: true, cell: (row) => formatCount(row.pending) },
          ]}
        />
      )}
    </section>
  );
}

function NewestDead({ fingerprints }: { fingerprints: Fingerprint[] }) {
  return (
    <section class="panel" aria-labelledby="newest">
      <h2 id="newest">Newest dead letters</h2>
      {fingerprints.length === 0 ? (
        <NothingDead />
      ) : (
        <Table
          name="Newest dead letters"
          rows={fingerprints}
          keyOf={(row) => row.fingerprint}
          hrefOf={(row) => link('dlq/entries', { fingerprint: row.fingerprint })}
          columns={[
            {
              id: 'message',
              label: 'Error',
              grow: true,
              cell: (row) => (
                <a href={link('dlq/entries', { fingerprint: row.fingerprint })} title={row.message ?? ''}>
                  {row.message || row.errorClass || 'without message'}
                </a>
              ),
            },
            {
              id: 'type',
              label: 'Type',
              cell: (row) => (
                <span class="mono" title={row.type}>
                  {row.type}
                </span>
              ),
            },
            { id: 'count', label: 'Count', number: true, cell: (row) => formatCount(row.count) },
            { id: 'last', label: 'Last', cell: (row) => <Age at={row.lastAt} /> },
          ]}
        />
      )}
    </section>
  );
}

function NothingDead() {
  if (useSession()?.hasDeadLetters === false) return <Empty title="No dead letters on this transport" />;
  return <Empty title="Nothing is dead">Events that exhaust their retries appear here.</Empty>;
}

function Transports({ transports, instances }: { transports: Transport[]; instances: number }) {
  return (
    <section class="panel" aria-labelledby="transports">
      <h2 id="transports">Transports</h2>
      <ul class="inline">
        {transports.map(({ name, type, connected, since }) => (
          <li key={name}>
            <State tone={connected ? 'ok' : 'bad'}>{connected ? 'connected' : 'not connected'}</State> {name}{' '}
            ({type})
            {since ? (
              <>
                {' '}
                since <Age at={since} />
              </>
            ) : null}
          </li>
        ))}
        <li>{plural(instances, 'process', 'processes')}</li>
      </ul>
    </section>
  );
}
