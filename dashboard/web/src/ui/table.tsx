// SPDX-License-Identifier: MIT
// Tables: sorted through the address, keyed rows, and an order that stands still while it is being used.
import type { ComponentChildren } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { readChoice } from '../lib/url.ts';
import { go, setQuery, usePlace } from '../state/location.ts';
import { Icon } from './icon.tsx';

type Sortable = string | number | boolean | null | undefined;

export type Column<Row> = {
  id: string;
  label: string;
  unit?: string;
  number?: boolean;
  /** Takes the space that is left and is cut off where there is too little. */
  grow?: boolean;
  sort?: (row: Row) => Sortable;
  cell: (row: Row) => ComponentChildren;
};

type Direction = 'asc' | 'desc';

export type TableProps<Row> = {
  name: string;
  rows: readonly Row[];
  columns: readonly Column<Row>[];
  keyOf: (row: Row) => string;
  /** Rows lead there on a click; the page gives the same address as a link in a cell. */
  hrefOf?: (row: Row) => string;
  classOf?: (row: Row) => string;
  sort?: { by: string; direction: Direction };
};

export function Table<Row>(props: TableProps<Row>) {
  const { name, columns, keyOf, hrefOf, classOf } = props;
  const [held, setHeld] = useState(false);
  const order = useOrder(props);
  const rows = useHeld(order.sorted, keyOf, held, `${order.by} ${order.direction}`);
  return (
    <div class="table-scroll" role="group" aria-label={name} tabIndex={0}>
      <table>
        <caption class="offscreen">{name}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <Header key={column.id} column={column} order={props.sort ? order : null} />
            ))}
          </tr>
        </thead>
        <tbody
          onPointerEnter={() => setHeld(true)}
          onPointerLeave={() => setHeld(false)}
          onFocusIn={() => setHeld(true)}
          onFocusOut={() => setHeld(false)}
        >
          {rows.map((row) => (
            <tr
              key={keyOf(row)}
              class={`${hrefOf ? 'leads' : ''} ${classOf?.(row) ?? ''}`}
              onClick={followRow(hrefOf?.(row))}
            >
              {columns.map((column) => (
                <td key={column.id} class={cellClass(column)}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function cellClass(column: { number?: boolean; grow?: boolean }): string {
  return `${column.number ? 'number' : ''} ${column.grow ? 'grow' : ''}`.trim();
}

/** A click on a row goes where its link goes, unless it was meant for a control or selected text. */
function followRow(href: string | undefined) {
  if (!href) return undefined;
  return (event: MouseEvent) => {
    if ((event.target as Element).closest('a, button, input, label')) return;
    if (!(getSelection()?.isCollapsed ?? true)) return;
    go(href);
  };
}

type Order = { by: string; direction: Direction };

function Header<Row>({ column, order }: { column: Column<Row>; order: Order | null }) {
  const label = (
    <span>
      {column.label}
      {column.unit && <span class="unit"> {column.unit}</span>}
    </span>
  );
  if (!column.sort || !order) {
    return (
      <th scope="col" class={cellClass(column)}>
        {label}
      </th>
    );
  }
  const active = order.by === column.id;
  const first: Direction = column.number ? 'desc' : 'asc';
  const next = active ? (order.direction === 'asc' ? 'desc' : 'asc') : first;
  const sorted = active ? (order.direction === 'asc' ? 'ascending' : 'descending') : 'none';
  return (
    <th scope="col" class={cellClass(column)} aria-sort={sorted}>
      <button type="button" class="sort" onClick={() => setQuery({ sort: column.id, dir: next })}>
        {label}
        <span class={active ? 'arrow' : 'arrow idle'}>
          <Icon name={active && order.direction === 'asc' ? 'up' : 'down'} />
        </span>
      </button>
    </th>
  );
}

function useOrder<Row>({ rows, columns, sort }: TableProps<Row>): Order & { sorted: readonly Row[] } {
  const { query } = usePlace();
  const ids = columns.filter((column) => column.sort).map((column) => column.id);
  const by = sort ? readChoice(query, 'sort', ids, sort.by) : '';
  const direction = readChoice(query, 'dir', ['asc', 'desc'] as const, sort?.direction ?? 'asc');
  const value = columns.find((column) => column.id === by)?.sort;
  if (!sort || !value) return { by, direction, sorted: rows };
  const sign = direction === 'asc' ? 1 : -1;
  return { by, direction, sorted: [...rows].sort((a, b) => compare(value(a), value(b), sign)) };
}

/** Missing values come last, whatever the direction. */
function compare(a: Sortable, b: Sortable, sign: number): number {
  const [noA, noB] = [a === null || a === undefined, b === null || b === undefined];
  if (noA || noB) return Number(noA) - Number(noB);
  if (a === b) return 0;
  return ((a as number) < (b as number) ? -1 : 1) * sign;
}

/** Rows must not move under a pointer or a focus: their order is kept until both have left. */
function useHeld<Row>(
  rows: readonly Row[],
  keyOf: (row: Row) => string,
  held: boolean,
  order: string,
): readonly Row[] {
  const kept = useRef<{ order: string; keys: string[] }>({ order: '', keys: [] });
  if (held && kept.current.order === order) {
    const rank = new Map(kept.current.keys.map((key, index) => [key, index]));
    const place = (row: Row) => rank.get(keyOf(row)) ?? Number.MAX_SAFE_INTEGER;
    return [...rows].sort((a, b) => place(a) - place(b));
  }
  kept.current = { order, keys: rows.map(keyOf) };
  return rows;
}
