// SPDX-License-Identifier: MIT
// Reading a resource again and again: one request at a time, conditional, keeping the last data on failure.
import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, read, type Fetched } from '../api/client.ts';
import { demands, useInterval } from './refresh.ts';
import { Store, useStore } from './store.ts';

export type Polled<T> = {
  data: T | null;
  /** The answer as text, for what must not pass through doubles. */
  text: string;
  error: ApiError | null;
};

/** What the stale banner needs to know of every resource on the page. */
export type Health = { okAt: number | null; error: ApiError | null; waitingSince: number | null };
export const health = new Store<ReadonlyMap<string, Health>>(new Map());

function report(path: string, state: Health | null): void {
  const next = new Map(health.value);
  if (state) next.set(path, state);
  else next.delete(path);
  health.value = next;
}

const NOTHING = { data: null, text: '', error: null };

export type PollOptions = {
  /** Seconds between two reads where the page's own interval is too often. */
  slowest?: number;
  /** Stops reading, for example while a dialog stands on the data. */
  hold?: boolean;
};

/** `source` is a path below api/v1, null for none yet, or how to make the path anew for every read. */
export function usePoll<T>(source: string | null | (() => string), options: PollOptions = {}): Polled<T> {
  const path = typeof source === 'function' ? 'computed' : source;
  const latest = useRef(source);
  latest.current = source;
  const pageInterval = useInterval();
  const interval =
    pageInterval === null || options.hold ? null : Math.max(pageInterval, (options.slowest ?? 0) * 1000);
  const demand = useStore(demands);
  const [state, setState] = useState<{ path: string | null } & Polled<T>>({ path, ...NOTHING });
  const known = useRef<{ path: string; fetched: Fetched<T> } | null>(null);
  const okAt = useRef<number | null>(null);
  const demandSeen = useRef(demand);

  useEffect(() => {
    if (path === null) return;
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const cycle = async () => {
      const target = typeof latest.current === 'function' ? latest.current() : path;
      const fetched = known.current?.path === target ? known.current.fetched : null;
      const result = await readOnce<T>(target, stop.signal, fetched, okAt.current);
      if (stop.signal.aborted) return;
      if (result.fetched) okAt.current = Date.now();
      if (result.fetched) known.current = { path: target, fetched: result.fetched };
      setState((before) => merged(before, path, result));
      if (interval !== null) timer = setTimeout(cycle, interval);
    };
    // Shown again or asked for: at once. Only paused or hidden: not at all, unless there is nothing yet.
    if (interval !== null || known.current?.path !== path || demand !== demandSeen.current) void cycle();
    demandSeen.current = demand;
    return () => {
      stop.abort();
      clearTimeout(timer);
      report(path, null);
    };
  }, [path, interval, demand]);

  return state.path === path ? state : { ...NOTHING };
}

type Result<T> = { fetched: Fetched<T> | null; error: ApiError | null };

async function readOnce<T>(
  path: string,
  signal: AbortSignal,
  known: Fetched<T> | null,
  okAt: number | null,
): Promise<Result<T>> {
  report(path, { okAt, error: null, waitingSince: Date.now() });
  try {
    const fetched = (await read<T>(path, signal, known)) ?? known;
    if (!signal.aborted) report(path, { okAt: Date.now(), error: null, waitingSince: null });
    return { fetched, error: null };
  } catch (error) {
    const problem = error as ApiError;
    if (!signal.aborted) report(path, { okAt, error: problem, waitingSince: null });
    return { fetched: null, error: problem };
  }
}

function merged<T>(before: { path: string | null } & Polled<T>, path: string, result: Result<T>) {
  if (result.fetched) {
    const { data, text } = result.fetched;
    if (before.path === path && before.data === data && !before.error) return before;
    return { path, data, text, error: null };
  }
  const last = before.path === path ? before : { ...NOTHING };
  return { ...last, path, error: result.error, data: result.error?.final ? null : last.data };
}
