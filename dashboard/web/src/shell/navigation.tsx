// SPDX-License-Identifier: MIT
// The way between pages: beside them, as icons where it is narrow, below them on a phone.
import type { Route } from '../lib/url.ts';
import { link } from '../state/location.ts';
import { Icon, type IconName } from '../ui/icon.tsx';

type Destination = { path: string; icon: IconName; label: string; short: string; pages: Route['page'][] };

export const DESTINATIONS: readonly Destination[] = [
  { path: '', icon: 'overview', label: 'Overview', short: 'Home', pages: ['overview'] },
  { path: 'publishers', icon: 'publishers', label: 'Publishers', short: 'Publish', pages: ['publishers'] },
  {
    path: 'consumers',
    icon: 'consumers',
    label: 'Consumers',
    short: 'Consume',
    pages: ['consumers', 'group'],
  },
  { path: 'routes', icon: 'routes', label: 'Routes', short: 'Routes', pages: ['routes', 'tester'] },
  { path: 'schemas', icon: 'schemas', label: 'Schemas', short: 'Schemas', pages: ['schemas', 'schema'] },
  { path: 'dlq', icon: 'dlq', label: 'Dead letters', short: 'Dead', pages: ['dlq', 'entries', 'entry'] },
  {
    path: 'operations',
    icon: 'operations',
    label: 'Operations',
    short: 'Jobs',
    pages: ['operations', 'operation'],
  },
  { path: 'about', icon: 'about', label: 'About', short: 'About', pages: ['about'] },
];

export function Navigation({ page }: { page: Route['page'] }) {
  return (
    <nav class="nav" aria-label="Main">
      <ul>
        {DESTINATIONS.map(({ path, icon, label, short, pages }) => (
          <li key={path}>
            <a
              href={link(path)}
              aria-label={label}
              aria-current={pages.includes(page) ? 'page' : undefined}
              title={label}
            >
              <Icon name={icon} />
              <span class="nav-label">{label}</span>
              <span class="nav-short" aria-hidden="true">
                {short}
              </span>
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}
