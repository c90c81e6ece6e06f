// SPDX-License-Identifier: MIT
// What the routes are worth: which are never taken, which can never be, which meet, and what none takes.
import type { Coverage, CoverageList } from '../api/schema.ts';
import { formatCount } from '../lib/format.ts';
import { usePoll } from '../state/poll.ts';
import { State } from '../ui/icon.tsx';
import { Fact } from '../ui/page.tsx';

const BECAUSE: Record<string, string> = {
  priority: 'higher priority',
  pattern: 'more special pattern',
  declaration: 'declared earlier',
};

export function CoveragePanel({ service }: { service: string }) {
  const items = usePoll<CoverageList>('routes/coverage', { slowest: 30 }).data?.items ?? [];
  const shown = service ? items.filter((item) => item.service === service) : items;
  if (shown.length === 0) return null;
  return (
    <section class="panel" aria-labelledby="coverage">
      <h2 id="coverage">Coverage</h2>
      {shown.map((item) => (
        <div key={item.service}>
          {items.length > 1 && <h3>{item.service}</h3>}
          <dl class="facts wide">
            <Fact name="Never hit">
              <Lines of={item.neverHit} none="each route took an event" />
            </Fact>
            <Fact name="Can never be hit">
              <Lines
                of={item.shadowed.map((pair) => `${pair.route}: all goes to ${pair.other} (${reason(pair.because)})`)}
                none="none"
              />
            </Fact>
            <Fact name="Meet">
              <Lines
                of={item.overlapping.map((pair) => `${pair.route} wins over ${pair.other} (${reason(pair.because)})`)}
                none="no two"
              />
            </Fact>
            <Fact name="Matched by none">
              <Lines of={item.unmatched.map((row) => `${row.type}: ${formatCount(row.count)}`)} none="nothing" />
            </Fact>
          </dl>
          <Bound of={item} />
        </div>
      ))}
    </section>
  );
}

function reason(because: string): string {
  return BECAUSE[because] ?? because;
}

function Lines({ of, none }: { of: string[]; none: string }) {
  if (of.length === 0) return <State tone="ok">{none}</State>;
  return (
    <ul class="plain">
      {of.map((line) => (
        <li key={line} class="mono break">
          {line}
        </li>
      ))}
    </ul>
  );
}

function Bound({ of: { examined } }: { of: Coverage }) {
  return examined >= 200 ? <p class="prose">The first 200 routes were compared with each other.</p> : null;
}
