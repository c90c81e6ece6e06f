// SPDX-License-Identifier: MIT
// 80 x 20 pixels of trend; the number stands beside it, so it is hidden from those who listen.
import { linePath } from '../lib/scale.ts';

const WIDTH = 80;
const HEIGHT = 20;

export function Sparkline({ values, color }: { values: (number | null)[]; color: string }) {
  return (
    <svg
      class="sparkline"
      width={WIDTH}
      height={HEIGHT}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      aria-hidden="true"
    >
      <path d={pathOf(values)} fill="none" stroke={color} stroke-width="1.5" />
    </svg>
  );
}

function pathOf(values: (number | null)[]): string {
  const top = Math.max(1e-9, ...values.map((value) => value ?? 0));
  const step = WIDTH / Math.max(1, values.length - 1);
  return linePath(
    values,
    (index) => index * step,
    (value) => HEIGHT - 1 - (value / top) * (HEIGHT - 2),
  );
}
