// SPDX-License-Identifier: MIT
// Where would this event go? Asks the router and publishes nothing. The case is in the address.
import { useEffect, useState } from 'preact/hooks';
import type { RouteList, Trace } from '../api/schema.ts';
import { NONE } from '../lib/format.ts';
import { link, setQuery, usePlace } from '../state/location.ts';
import { usePoll } from '../state/poll.ts';
import { ChangeError, CopyCurl, useChange } from '../ui/action.tsx';
import { State } from '../ui/icon.tsx';
import { Fact, Page } from '../ui/page.tsx';
import { Note } from '../ui/states.tsx';
import { Table } from '../ui/table.tsx';

const MEMBERS = ['type', 'service', 'originPrefix', 'key', 'headers', 'body'] as const;
type Case = Record<(typeof MEMBERS)[number], string>;

function caseOf(query: string): Case {
  const params = new URLSearchParams(query);
  return Object.fromEntries(MEMBERS.map((name) => [name, params.get(name) ?? ''])) as Case;
}

/** One header a line, "name: value". */
function headersOf(text: string): Record<string, string> {
  const lines = text.split('\n').filter((line) => line.includes(':'));
  return Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
    }),
  );
}

function requestOf({ type, service, originPrefix, key, headers, body }: Case) {
  return {
    type,
    ...(service && { service }),
    ...(originPrefix && { originPrefix }),
    ...(key && { key }),
    ...(headers && { headers: headersOf(headers) }),
    ...(body && { bodyText: body }),
  };
}

export function TesterPage() {
  const { query } = usePlace();
  const asked = caseOf(query);
  const { busy, error, run } = useChange<Trace>();
  const [trace, setTrace] = useState<Trace | null>(null);
  const identity = JSON.stringify(asked);
  useEffect(() => {
    if (asked.type) void run('POST', 'routes:trace', requestOf(asked)).then(setTrace);
  }, [identity]);
  return (
    <Page
      title="Test an event"
      up={{ label: 'Routes', href: link('routes') }}
      actions={asked.type ? <CopyCurl path="routes:trace" body={requestOf(asked)} /> : null}
    >
      <p class="prose">
        Shows which routes an event would take, and why the others do not match. Nothing is published.
      </p>
      <CaseForm key={identity} start={asked} busy={busy} />
      <ChangeError error={error} />
      {trace && <Result trace={trace} />}
    </Page>
  );
}

function CaseForm({ start, busy }: { start: Case; busy: boolean }) {
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    setQuery(Object.fromEntries(MEMBERS.map((name) => [name, String(form.get(name) ?? '')])), false);
  };
  return (
    <form class="panel tester" onSubmit={submit}>
      <label class="field">
        Type
        <input
          name="type"
          class="mono"
          required
          data-search
          defaultValue={start.type}
          placeholder="order.created"
        />
      </label>
      <ServiceField chosen={start.service} />
      <label class="field">
        Origin prefix
        <input name="originPrefix" class="mono" defaultValue={start.originPrefix} placeholder="eu.de" />
      </label>
      <label class="field">
        Key
        <input name="key" class="mono" defaultValue={start.key} />
      </label>
      <label class="field">
        Headers, one a line
        <textarea
          name="headers"
          class="mono"
          rows={3}
          defaultValue={start.headers}
          placeholder="name: value"
        />
      </label>
      <label class="field">
        Body
        <textarea name="body" class="mono" rows={3} defaultValue={start.body} placeholder="{}" />
      </label>
      <button type="submit" class="button primary" disabled={busy}>
        Test
      </button>
    </form>
  );
}

function ServiceField({ chosen }: { chosen: string }) {
  const services = usePoll<RouteList>('routes', { slowest: 60 }).data?.services ?? [];
  const choices = chosen && !services.includes(chosen) ? [chosen, ...services] : services;
  if (choices.length < 2) return null;
  return (
    <label class="field">
      Service
      <select name="service" value={chosen}>
        <option value="">this process</option>
        {choices.map((name) => (
          <option key={name}>{name}</option>
        ))}
      </select>
    </label>
  );
}

function Result({ trace }: { trace: Trace }) {
  const matched = trace.routes.filter((route) => route.matched).length;
  return (
    <section aria-label="Result">
      <dl class="facts wide">
        <Fact name="Full type">
          <span class="mono break">{trace.fullType ?? NONE}</span>
        </Fact>
        <Fact name="Topic">
          <span class="mono break">{trace.topic ?? NONE}</span>
        </Fact>
        <Fact name="Chosen by">{trace.topicRule ?? NONE}</Fact>
        <Fact name="Transports">{trace.transports.join(', ') || NONE}</Fact>
        <Fact name="Partition">{trace.partition ?? NONE}</Fact>
        <Fact name="Subscriptions">{trace.subscriptions.map(nameOf).join(', ') || 'none'}</Fact>
      </dl>
      {trace.error && <Note tone="bad">{trace.error}</Note>}
      {matched === 0 && <Note>No route matches: the defaults decide where this event goes.</Note>}
      {trace.routes.length > 0 && (
        <Table
          name="Routes tried"
          rows={trace.routes.map((route, index) => ({ ...route, order: index + 1 }))}
          keyOf={(row) => String(row.order)}
          columns={[
            { id: 'order', label: '#', number: true, cell: (row) => row.order },
            { id: 'name', label: 'Name', cell: (row) => row.name || NONE },
            { id: 'pattern', label: 'Pattern', cell: (row) => <span class="mono">{row.pattern}</span> },
            {
              id: 'matched',
              label: 'Result',
              cell: (row) => (
                <State tone={row.matched ? 'ok' : 'muted'}>{row.matched ? 'matches' : 'no match'}</State>
              ),
            },
            {
              id: 'reason',
              label: 'Reason',
              grow: true,
              cell: (row) => <span title={row.reason}>{row.reason}</span>,
            },
          ]}
        />
      )}
    </section>
  );
}

function nameOf(subscription: unknown): string {
  const { name, group, filter, undecided } = subscription as Record<string, unknown>;
  const about = [group, filter && 'if its headers fit', undecided && 'its expression is too much work'];
  return `${name} (${about.filter(Boolean).join(', ')})`;
}
