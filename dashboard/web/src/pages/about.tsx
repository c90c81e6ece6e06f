// SPDX-License-Identifier: MIT
// Versions, settings, what the dashboard itself costs, and what it is made of.
import type { About } from '../api/schema.ts';
import { apiUrl } from '../api/client.ts';
import { formatBytes, formatCount, formatDuration } from '../lib/format.ts';
import { base } from '../state/location.ts';
import { usePoll } from '../state/poll.ts';
import { useSession } from '../state/session.ts';
import { ClockControl } from '../shell/topbar.tsx';
import { ShortcutList } from '../shell/shortcuts.tsx';
import { Fact, Page } from '../ui/page.tsx';
import { Loaded } from '../ui/states.tsx';
import { Table } from '../ui/table.tsx';

export function AboutPage() {
  const about = usePoll<About>('about');
  return (
    <Page title="About">
      <Loaded of={about}>
        {(data) => (
          <>
            <div class="columns">
              <Versions data={data} />
              <OwnCost data={data} />
            </div>
            <div class="columns">
              <section class="panel" aria-labelledby="shortcuts">
                <h2 id="shortcuts">Shortcuts and display</h2>
                <ShortcutList />
                <p class="check">
                  Times in <ClockControl />
                </p>
              </section>
              <Interfaces />
            </div>
            <Assets data={data} />
            <section class="panel" aria-labelledby="config">
              <h2 id="config">Configuration</h2>
              <pre class="code" tabIndex={0} aria-label="Configuration">
                {JSON.stringify(data.config, null, 2)}
              </pre>
            </section>
          </>
        )}
      </Loaded>
    </Page>
  );
}

function Versions({ data }: { data: About }) {
  const current = useSession();
  return (
    <section class="panel" aria-labelledby="versions">
      <h2 id="versions">Versions</h2>
      <dl class="facts">
        <Fact name="libevents">{data.version}</Fact>
        <Fact name="civetweb">{data.civetweb}</Fact>
        <Fact name="Transports">
          {data.transports.map(({ name, type }) => `${name} (${type})`).join(', ')}
        </Fact>
        <Fact name="Process">
          {current?.service ?? ''} {current?.instance ?? ''}
        </Fact>
        <Fact name="You are">
          {current?.actor} ({current?.mode})
        </Fact>
        <Fact name="You may">{current?.permissions.join(', ')}</Fact>
      </dl>
    </section>
  );
}

function OwnCost({ data: { own } }: { data: About }) {
  return (
    <section class="panel" aria-labelledby="cost">
      <h2 id="cost">What this dashboard costs</h2>
      <dl class="facts">
        <Fact name="Requests answered">{formatCount(own.requests)}</Fact>
        <Fact name="Requests refused">{formatCount(own.refused)}</Fact>
        <Fact name="Threads in use">
          {formatCount(own.threadsInUse)} of {formatCount(own.threads)}
        </Fact>
        <Fact name="Calls of the library">{formatCount(own.storeCalls)}</Fact>
        <Fact name="Commands to the store">{formatCount(own.storeCommands)}</Fact>
        <Fact name="Running for">{formatDuration(own.uptime * 1000)}</Fact>
      </dl>
    </section>
  );
}

function Interfaces() {
  return (
    <section class="panel" aria-labelledby="interfaces">
      <h2 id="interfaces">For programs</h2>
      <ul class="plain">
        <li>
          <a href={apiUrl('openapi.json')} data-outside>
            OpenAPI document
          </a>
        </li>
        <li>
          <a href={`${base}metrics`} data-outside>
            Metrics for Prometheus
          </a>
        </li>
        <li>
          <a href={`${base}healthz`} data-outside>
            Health
          </a>{' '}
          and{' '}
          <a href={`${base}readyz`} data-outside>
            readiness
          </a>
        </li>
      </ul>
    </section>
  );
}

function Assets({ data }: { data: About }) {
  return (
    <section class="panel" aria-labelledby="assets">
      <h2 id="assets">Assets of this page</h2>
      <Table
        name="Assets of this page"
        rows={data.assets}
        keyOf={(row) => row.path}
        columns={[
          { id: 'path', label: 'Path', cell: (row) => <span class="mono">{row.path}</span> },
          { id: 'size', label: 'Size', number: true, cell: (row) => formatBytes(row.size) },
          {
            id: 'hash',
            label: 'SHA-256',
            grow: true,
            cell: (row) => (
              <span class="mono" title={row.hash}>
                {row.hash}
              </span>
            ),
          },
        ]}
      />
    </section>
  );
}
