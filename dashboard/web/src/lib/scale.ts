// SPDX-License-Identifier: MIT
// Where marks stand on the axes of a chart, and lines as paths of SVG.

/** At most four round values above zero, the last at or above `max`. */
export function valueMarks(max: number): number[] {
  if (!(max > 0)) return [1];
  const rough = max / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power;
  return Array.from({ length: Math.ceil(max / step - 1e-9) }, (_, i) => (i + 1) * step);
}

const TIME_STEPS = [5, 10, 15, 30, 60, 120, 300, 600];

/** Round moments between two, in seconds, at most `count`. */
export function timeMarks(from: number, until: number, count: number): number[] {
  const step = TIME_STEPS.find((one) => (until - from) / one <= count) ?? 600;
  const marks: number[] = [];
  for (let at = Math.ceil(from / step) * step; at <= until; at += step) marks.push(at);
  return marks;
}

/** A path through the points that are known; what is missing stays a gap. A lone point becomes a dot. */
export function linePath(
  values: (number | null)[],
  x: (index: number) => number,
  y: (value: number) => number,
): string {
  let path = '';
  values.forEach((value, index) => {
    if (value === null) return;
    const joined = index > 0 && values[index - 1] !== null;
    const point = `${x(index).toFixed(1)} ${y(value).toFixed(1)}`;
    const alone = !joined && (values[index + 1] ?? null) === null;
    path += `${joined ? 'L' : 'M'}${point}${alone ? 'h0.1' : ''}`;
  });
  return path;
}
