// SPDX-License-Identifier: MIT
// The schema of one type: its versions, the text of one of them, and what changed from another.
import type { SchemaDiff, SchemaType, SchemaVersion } from '../api/schema.ts';
import { formatCount, NONE, shorten } from '../lib/format.ts';
import { formatText } from '../lib/json.ts';
import { readText } from '../lib/url.ts';
import { link, setQuery, usePlace } from '../state/location.ts';
import { usePoll } from '../state/poll.ts';
import { Body } from '../ui/body.tsx';
import { Diff } from '../ui/diff.tsx';
import { State, type Tone } from '../ui/icon.tsx';
import { Fact, Page } from '../ui/page.tsx';
import { Loaded } from '../ui/states.tsx';
import { Table, type Column } from '../ui/table.tsx';
import { Age, Copy, Moment } from '../ui/values.tsx';

const UP = () => ({ label: 'Schemas', href: link('schemas') });

export function SchemaPage({ type }: { type: string }) {
  const schema = usePoll<SchemaType>(`schemas/${encodeURIComponent(type)}`, { slowest: 10 });
  return (
    <Page title={type} heading={<span class="mono break">{type}</span>} up={UP()}>
      <Loaded of={schema} list={UP()}>
        {(data) => <SchemaView data={data} />}
      </Loaded>
    </Page>
  );
}

function stateOf(row: SchemaVersion): [Tone, string] {
  if (row.removedAt !== null) return ['muted', 'removed'];
  return row.latest ? ['ok', 'latest'] : ['info', 'older'];
}

function columnsOf(type: string): Column<SchemaVersion>[] {
  const href = (row: SchemaVersion) => link(`schemas/${encodeURIComponent(type)}`, { version: row.version });
  return [
    { id: 'version', label: 'Version', cell: (row) => <a href={href(row)}>{row.version}</a> },
    {
      id: 'state',
      label: 'State',
      cell: (row) => {
        const [tone, word] = stateOf(row);
        return <State tone={tone}>{word}</State>;
      },
    },
    { id: 'title', label: 'Title', grow: true, cell: (row) => row.title ?? NONE },
    { id: 'at', label: 'Registered', cell: (row) => <Age at={row.registeredAt} /> },
    { id: 'by', label: 'By', cell: (row) => row.registeredBy ?? NONE },
    { id: 'checked', label: 'Checked here', number: true, cell: (row) => formatCount(row.validated) },
    { id: 'invalid', label: 'Not valid', number: true, cell: (row) => formatCount(row.invalid) },
  ];
}

function SchemaView({ data }: { data: SchemaType }) {
  const { query } = usePlace();
  const asked = readText(query, 'version');
  const versions = [...data.versions].reverse();
  const shown =
    versions.find((row) => row.version === asked) ??
    versions.find((row) => row.latest) ??
    (versions[0] as SchemaVersion);
  return (
    <>
      <dl class="facts">
        <Fact name="Compatibility">{data.compatibility}</Fact>
        <Fact name="Policy">{data.policy}</Fact>
        <Fact name="Versions">{formatCount(versions.length)}</Fact>
      </dl>
      <Table
        name="Versions"
        rows={versions}
        columns={columnsOf(data.type)}
        keyOf={(row) => row.version}
        classOf={(row) => (row.version === shown.version ? 'chosen' : '')}
      />
      <VersionView row={shown} />
      {versions.length > 1 && <Comparison type={data.type} versions={versions} to={shown} />}
    </>
  );
}

function VersionView({ row }: { row: SchemaVersion }) {
  return (
    <section class="panel" aria-labelledby="schema-text">
      <header class="panel-head">
        <h2 id="schema-text">Version {row.version}</h2>
        <Copy text={row.schemaText} what={`the schema of version ${row.version}`} />
      </header>
      {row.description && <p class="prose break">{row.description}</p>}
      <dl class="facts">
        <Fact name="Registered">
          <Moment at={row.registeredAt} />
        </Fact>
        {row.removedAt !== null && (
          <Fact name="Removed">
            <Moment at={row.removedAt} />
          </Fact>
        )}
        <Fact name="SHA-256">
          <span class="mono" title={row.hash}>
            {shorten(row.hash, 20)}
          </span>
        </Fact>
      </dl>
      <Body text={row.schemaText} bytes={new TextEncoder().encode(row.schemaText)} />
    </section>
  );
}

type ComparisonProps = { type: string; versions: SchemaVersion[]; to: SchemaVersion };

function Comparison({ type, versions, to }: ComparisonProps) {
  const { query } = usePlace();
  const others = versions.filter((row) => row.version !== to.version);
  const before = versions[versions.indexOf(to) + 1];
  const from =
    others.find((row) => row.version === readText(query, 'from')) ?? before ?? (others[0] as SchemaVersion);
  const params = new URLSearchParams({ from: from.version, to: to.version });
  const diff = usePoll<SchemaDiff>(`schemas/${encodeURIComponent(type)}/diff?${params}`, { slowest: 60 });
  return (
    <section class="panel" aria-labelledby="schema-changes">
      <h2 id="schema-changes">
        From {from.version} to {to.version}
      </h2>
      <label>
        Compare with
        <select value={from.version} onChange={(event) => setQuery({ from: event.currentTarget.value })}>
          {others.map((row) => (
            <option key={row.version}>{row.version}</option>
          ))}
        </select>
      </label>
      <Loaded of={diff}>{(data) => <Compatibility of={data.compatibility} />}</Loaded>
      <Diff before={formatText(from.schemaText)} after={formatText(to.schemaText)} name="Changes" />
    </section>
  );
}

const TONES: Record<string, Tone> = { compatible: 'ok', incompatible: 'bad', unknown: 'warn' };

function Compatibility({ of }: { of: SchemaDiff['compatibility'] }) {
  return (
    <>
      <dl class="facts">
        <Fact name="New readers, old data">
          <State tone={TONES[of.backward] ?? 'warn'}>{of.backward}</State>
        </Fact>
        <Fact name="Old readers, new data">
          <State tone={TONES[of.forward] ?? 'warn'}>{of.forward}</State>
        </Fact>
      </dl>
      {of.reasons.length > 0 && (
        <ul class="faults">
          {of.reasons.map(({ direction, path, message, example }, index) => (
            <li key={index}>
              <span class="meta">{direction}</span> <span class="mono break">{path || '/'}</span>: {message}
              {example !== undefined && (
                <>
                  {' '}
                  <span class="meta">for example</span> <code class="break">{example}</code>
                </>
              )}
            </li>
          ))}
        </ul>
      )}
    </>
  );
}
