// SPDX-License-Identifier: MIT
// A chart over time with a legend, a summary in words and the same numbers as a table.
import { formatDecimal, formatTime } from '../lib/format.ts';
import { readChoice } from '../lib/url.ts';
import { setQuery, usePlace } from '../state/location.ts';
import { useStore } from '../state/store.ts';
import { cursorAt, Plot, type Line } from './plot.tsx';
import { Table } from './table.tsx';
import { useUtc } from './values.tsx';

export type { Line };

export type ChartProps = {
  name: string;
  title: string;
  unit: string;
  /** Seconds since 1970, ascending, with one entry for each value of each line. */
  at: number[];
  lines: Line[];
  /** Until when the time axis runs: what comes after the last point is not yet known. */
  until: number;
  from: number;
};

export function Chart(props: ChartProps) {
  const { name, title, unit, lines, at } = props;
  const asTable = readChoice(usePlace().query, `${name}View`, ['chart', 'table'], 'chart') === 'table';
  const pointed = useStore(cursorAt);
  const cursor = pointed === null || asTable ? null : nearest(at, pointed);
  return (
    <section class="panel chart" aria-labelledby={`${name}-title`}>
      <header class="panel-head">
        <h2 id={`${name}-title`}>
          {title} <span class="unit">{unit}</span>
        </h2>
        <button
          type="button"
          class="button quiet"
          aria-pressed={asTable}
          onClick={() => setQuery({ [`${name}View`]: asTable ? null : 'table' })}
        >
          View as table
        </button>
      </header>
      <Legend lines={lines} cursor={cursor} />
      {asTable ? <Numbers {...props} /> : <Plot {...props} cursor={cursor} />}
      <p class="summary">{lines.map((line) => summary(line)).join(' ')}</p>
    </section>
  );
}

function nearest(at: number[], time: number): number | null {
  let best: number | null = null;
  at.forEach((one, index) => {
    if (best === null || Math.abs(one - time) < Math.abs((at[best] as number) - time)) best = index;
  });
  return best;
}

function summary(line: Line): string {
  const known = line.values.filter((v): v is number => v !== null);
  if (known.length === 0) return `${line.label}: no data yet.`;
  const last = known[known.length - 1] as number;
  const [least, most] = [Math.min(...known), Math.max(...known)];
  return `${line.label}: now ${formatDecimal(last)}, lowest ${formatDecimal(least)}, highest ${formatDecimal(most)}.`;
}

function Legend({ lines, cursor }: { lines: Line[]; cursor: number | null }) {
  return (
    <ul class="legend">
      {lines.map((line) => (
        <li key={line.label}>
          <svg width="24" height="8" aria-hidden="true">
            <line
              x1="0"
              y1="4"
              x2="24"
              y2="4"
              stroke={line.color}
              stroke-width="2"
              stroke-dasharray={line.dash?.join(' ')}
            />
          </svg>
          {line.label} <span class="mono">{formatDecimal(valueAt(line, cursor))}</span>
        </li>
      ))}
    </ul>
  );
}

function valueAt(line: Line, cursor: number | null): number | null {
  return line.values[cursor ?? line.values.length - 1] ?? null;
}

/** The newest numbers first; as many as a person reads. */
function Numbers({ title, at, lines }: ChartProps) {
  const utc = useUtc();
  const rows = at
    .map((time, index) => ({ time, index }))
    .reverse()
    .slice(0, 60);
  return (
    <div class="chart-table">
      <Table
        name={`${title} as table`}
        rows={rows}
        keyOf={(row) => String(row.time)}
        columns={[
          { id: 'time', label: 'Time', cell: (row) => formatTime(row.time * 1000, utc) },
          ...lines.map((line) => ({
            id: line.label,
            label: line.label,
            number: true,
            cell: (row: { index: number }) => formatDecimal(line.values[row.index]),
          })),
        ]}
      />
    </div>
  );
}
