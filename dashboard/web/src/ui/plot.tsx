// SPDX-License-Identifier: MIT
// The drawing of a chart, as SVG: gridlines, lines with gaps, and a cursor that all charts share.
import { useId, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { formatDecimal, formatTime } from '../lib/format.ts';
import { linePath, timeMarks, valueMarks } from '../lib/scale.ts';
import { Store } from '../state/store.ts';
import type { ChartProps } from './chart.tsx';
import { useUtc } from './values.tsx';

export type Line = {
  label: string;
  color: string;
  dash?: number[];
  area?: boolean;
  values: (number | null)[];
};

/** The moment, in seconds, that the pointer is at in any chart. */
export const cursorAt = new Store<number | null>(null);

const HEIGHT = 180;
const LEFT = 48;
const TOP = 8;
const BOTTOM = 24;
const LABEL_WIDTH = 90;

type PlotProps = ChartProps & { cursor: number | null };

export function Plot(props: PlotProps) {
  const { title, unit, at, lines, from, until, cursor } = props;
  const holder = useRef<HTMLDivElement>(null);
  const width = useWidth(holder);
  const utc = useUtc();
  const known = lines.flatMap((line) => line.values).filter((value): value is number => value !== null);
  const marks = valueMarks(Math.max(0, ...known));
  const top = marks[marks.length - 1] as number;
  const xOf = (time: number) => LEFT + ((time - from) / (until - from)) * (width - LEFT);
  const yOf = (value: number) => HEIGHT - BOTTOM - (value / top) * (HEIGHT - BOTTOM - TOP);
  const point = (event: PointerEvent) => {
    const left = event.clientX - (event.currentTarget as Element).getBoundingClientRect().left;
    cursorAt.value = from + (Math.max(0, left - LEFT) / (width - LEFT)) * (until - from);
  };
  const clear = () => {
    cursorAt.value = null;
  };
  const times = timeMarks(from, until, Math.max(1, Math.floor((width - LEFT) / LABEL_WIDTH)));
  return (
    <div ref={holder} class="plot">
      <svg
        width={width}
        height={HEIGHT}
        role="img"
        aria-label={`${title}, ${unit}. The numbers follow as text.`}
        onPointerMove={point}
        onPointerLeave={clear}
      >
        {marks.concat(0).map((mark) => (
          <ValueMark key={mark} value={mark} y={yOf(mark)} width={width} />
        ))}
        {times.map((time) => (
          <text
            key={time}
            class="axis"
            x={Math.min(xOf(time), width - 28)}
            y={HEIGHT - 6}
            text-anchor="middle"
          >
            {formatTime(time * 1000, utc).slice(11, 19)}
          </text>
        ))}
        <Unknown start={at.length > 0 ? xOf(at[at.length - 1] as number) : LEFT} end={width} />
        {lines.map((line) => (
          <Drawn key={line.label} line={line} x={(index) => xOf(at[index] as number)} y={yOf} />
        ))}
        {cursor !== null && <Cursor x={xOf(at[cursor] as number)} />}
      </svg>
    </div>
  );
}

function ValueMark({ value, y, width }: { value: number; y: number; width: number }) {
  return (
    <>
      <line class="grid" x1={LEFT} x2={width} y1={y} y2={y} />
      <text class="axis" x={LEFT - 8} y={y + 4} text-anchor="end">
        {formatDecimal(value)}
      </text>
    </>
  );
}

function Cursor({ x }: { x: number }) {
  return <line class="cursor" x1={x} x2={x} y1={TOP} y2={HEIGHT - BOTTOM} />;
}

function useWidth(holder: { current: HTMLDivElement | null }): number {
  const [width, setWidth] = useState(480);
  useLayoutEffect(() => {
    const element = holder.current as HTMLDivElement;
    const measure = () => setWidth(Math.max(LEFT + 1, element.clientWidth));
    measure();
    const watch = new ResizeObserver(measure);
    watch.observe(element);
    return () => watch.disconnect();
  }, []);
  return width;
}

type DrawnProps = { line: Line; x: (index: number) => number; y: (value: number) => number };

function Drawn({ line, x, y }: DrawnProps) {
  const path = linePath(line.values, x, y);
  return (
    <>
      {line.area && <path d={areaPath(line.values, x, y)} fill={line.color} fill-opacity="0.1" />}
      <path
        d={path}
        fill="none"
        stroke={line.color}
        stroke-width="1.5"
        stroke-linecap="round"
        stroke-dasharray={line.dash?.join(' ')}
      />
    </>
  );
}

/** The area below each unbroken stretch of a line. */
function areaPath(
  values: (number | null)[],
  x: (index: number) => number,
  y: (value: number) => number,
): string {
  return linePath(values, x, y)
    .split('M')
    .filter((stretch) => stretch.includes('L'))
    .map((stretch) => {
      const points = stretch.split('L');
      const first = (points[0] as string).split(' ')[0];
      const last = (points[points.length - 1] as string).split(' ')[0];
      return `M${stretch}L${last} ${y(0)}L${first} ${y(0)}Z`;
    })
    .join('');
}

/** What lies after the last point is not yet complete: hatched, so that nobody reads it as zero. */
function Unknown({ start, end }: { start: number; end: number }) {
  const id = useId();
  const from = Math.max(LEFT, start);
  if (end <= from) return null;
  return (
    <>
      <pattern id={id} width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
        <line class="hatch" x1="0" x2="0" y1="0" y2="6" />
      </pattern>
      <rect x={from} y={TOP} width={end - from} height={HEIGHT - BOTTOM - TOP} fill={`url(#${id})`} />
    </>
  );
}
