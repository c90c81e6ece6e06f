// SPDX-License-Identifier: MIT
// The last 15 minutes as points; only what is new is asked for.
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Point, Series } from '../api/schema.ts';
import { usePoll } from '../state/poll.ts';

export const RANGE_SECONDS = 900;
export const STEP_SECONDS = 2;

/** `at` is the server's clock: the reader's may be wrong, and the chart would be empty. */
export type Recent = { points: Point[]; at: number };

export function useSeries(): Recent {
  const [points, setPoints] = useState<Point[]>([]);
  const since = useRef<number | null>(null);
  const { data } = usePoll<Series>(() => pathSince(since.current));
  useEffect(() => {
    if (!data) return;
    setPoints((before) => {
      const after = joined(before, data);
      since.current = after[after.length - 1]?.at ?? null;
      return after;
    });
  }, [data]);
  return { points: withGaps(points), at: data?.at ?? Date.now() };
}

function pathSince(since: number | null): string {
  return `series?range=${RANGE_SECONDS}&step=${STEP_SECONDS}${since === null ? '' : `&since=${since}`}`;
}

function joined(before: Point[], { at, points }: Series): Point[] {
  const known = new Map(before.map((point) => [point.at, point]));
  for (const point of points) known.set(point.at, point);
  const oldest = at - RANGE_SECONDS * 1000;
  return [...known.values()].filter((point) => point.at >= oldest).sort((a, b) => a.at - b.at);
}

/** One value for each step of the whole range, so that a trend is as long as what is known. */
export function trendOf(points: Point[], key: keyof Point): (number | null)[] {
  const values = new Array<number | null>(RANGE_SECONDS / STEP_SECONDS).fill(null);
  const end = points[points.length - 1]?.at ?? 0;
  for (const point of points) {
    const index = values.length - 1 - Math.round((end - point.at) / (STEP_SECONDS * 1000));
    if (index >= 0) values[index] = point[key];
  }
  return values;
}

/** Where points are missing stands one without values, so that no line is drawn across. */
function withGaps(points: Point[]): Point[] {
  const nothing = {
    published: null,
    consumed: null,
    failed: null,
    deadLetters: null,
    p50: null,
    p95: null,
    p99: null,
  };
  return points.flatMap((point, index) => {
    const last = points[index - 1];
    const gap = last && point.at - last.at > STEP_SECONDS * 2500;
    return gap ? [{ ...nothing, at: last.at + STEP_SECONDS * 1000 }, point] : [point];
  });
}
