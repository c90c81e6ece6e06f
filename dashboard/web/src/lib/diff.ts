// SPDX-License-Identifier: MIT
// A line diff (Myers' greedy algorithm) for the review of an edited body.

export type DiffLine = { kind: 'same' | 'removed' | 'added'; text: string; before?: number; after?: number };

/** Beyond this many differing lines the rest is shown as replaced, so that the work stays bounded. */
const EDITS_MAX = 1000;

export function diffLines(before: string, after: string): DiffLine[] {
  const a = before.split('\n');
  const b = after.split('\n');
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head += 1;
  let tail = 0;
  while (
    tail < a.length - head &&
    tail < b.length - head &&
    a[a.length - 1 - tail] === b[b.length - 1 - tail]
  ) {
    tail += 1;
  }
  const middle = script(a.slice(head, a.length - tail), b.slice(head, b.length - tail));
  const lines: DiffLine[] = [
    ...a.slice(0, head).map((text): DiffLine => ({ kind: 'same', text })),
    ...middle,
    ...a.slice(a.length - tail).map((text): DiffLine => ({ kind: 'same', text })),
  ];
  return numbered(lines);
}

/** Only the changed lines with `context` unchanged ones around; null stands for lines left out. */
export function hunks(lines: DiffLine[], context = 3): (DiffLine | null)[] {
  const near = new Set<number>();
  lines.forEach((line, index) => {
    if (line.kind === 'same') return;
    for (let i = index - context; i <= index + context; i += 1) near.add(i);
  });
  const out: (DiffLine | null)[] = [];
  lines.forEach((line, index) => {
    if (near.has(index)) out.push(line);
    else if (out.length === 0 || out[out.length - 1] !== null) out.push(null);
  });
  return out;
}

function numbered(lines: DiffLine[]): DiffLine[] {
  let before = 0;
  let after = 0;
  return lines.map((line) => {
    const out = { ...line };
    if (line.kind !== 'added') out.before = before += 1;
    if (line.kind !== 'removed') out.after = after += 1;
    return out;
  });
}

function replaced(a: string[], b: string[]): DiffLine[] {
  return [
    ...a.map((text): DiffLine => ({ kind: 'removed', text })),
    ...b.map((text): DiffLine => ({ kind: 'added', text })),
  ];
}

function script(a: string[], b: string[]): DiffLine[] {
  const max = Math.min(a.length + b.length, EDITS_MAX);
  const reach = new Map<number, number>([[1, 0]]);
  const trace: Map<number, number>[] = [];
  for (let d = 0; d <= max; d += 1) {
    trace.push(new Map(reach));
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && (reach.get(k - 1) ?? -1) < (reach.get(k + 1) ?? -1));
      let x = down ? (reach.get(k + 1) ?? 0) : (reach.get(k - 1) ?? 0) + 1;
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x += 1;
      reach.set(k, x);
      if (x >= a.length && x - k >= b.length) return walkBack(a, b, trace);
    }
  }
  return replaced(a, b);
}

function walkBack(a: string[], b: string[], trace: Map<number, number>[]): DiffLine[] {
  const out: DiffLine[] = [];
  let x = a.length;
  let y = b.length;
  for (let d = trace.length - 1; d >= 0; d -= 1) {
    const reach = trace[d] as Map<number, number>;
    const k = x - y;
    const down = k === -d || (k !== d && (reach.get(k - 1) ?? -1) < (reach.get(k + 1) ?? -1));
    const previous = down ? k + 1 : k - 1;
    const fromX = reach.get(previous) ?? 0;
    const fromY = fromX - previous;
    while (x > fromX && y > fromY) {
      x -= 1;
      y -= 1;
      out.push({ kind: 'same', text: a[x] as string });
    }
    if (d === 0) break;
    if (down) out.push({ kind: 'added', text: b[(y -= 1)] as string });
    else out.push({ kind: 'removed', text: a[(x -= 1)] as string });
  }
  return out.reverse();
}
