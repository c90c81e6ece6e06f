// SPDX-License-Identifier: MIT
// One group: its topics, members and subscriptions; pause and resume.
import { useState } from 'preact/hooks';
import type { Group, PauseState } from '../api/schema.ts';
import { formatCount, formatDecimal, NONE } from '../lib/format.ts';
import { link } from '../state/location.ts';
import { usePoll } from '../state/poll.ts';
import { refreshNow } from '../state/refresh.ts';
import { say } from '../state/toasts.ts';
import { Action, ChangeError, CopyCurl, DialogActions, useChange } from '../ui/action.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { TextField } from '../ui/field.tsx';
import { State } from '../ui/icon.tsx';
import { Fact, Page } from '../ui/page.tsx';
import { Empty, Loaded, Note } from '../ui/states.tsx';
import { Table } from '../ui/table.tsx';
import { Age } from '../ui/values.tsx';
import { GroupState, lagOf } from './group-parts.tsx';

const UP = () => ({ label: 'Consumers', href: link('consumers') });

export function GroupPage({ group }: { group: string }) {
  const path = `groups/${encodeURIComponent(group)}`;
  const polled = usePoll<Group>(path);
  const [asking, setAsking] = useState<'pause' | 'resume' | null>(null);
  const paused = polled.data?.paused ?? null;
  const verb = paused ? 'resume' : 'pause';
  const action = polled.data && (
    <Action permission="consumer.pause" label={paused ? 'Resume' : 'Pause'} onAct={() => setAsking(verb)} />
  );
  return (
    <Page title={group} heading={<span class="break">{group}</span>} up={UP()} actions={action}>
      <Loaded of={polled} list={UP()}>
        {(data) => <GroupView data={data} />}
      </Loaded>
      {asking && <PauseDialog group={group} path={path} verb={asking} onClose={() => setAsking(null)} />}
    </Page>
  );
}

function GroupView({ data }: { data: Group }) {
  return (
    <>
      {data.paused && (
        <Note tone="warn">
          Paused by {data.paused.by} <Age at={data.paused.at} />
          {data.paused.reason ? `: ${data.paused.reason}` : ', without a reason given'}. Nothing new is read;
          what was read is finished.
        </Note>
      )}
      {data.blocked > 0 && (
        <Note tone="warn">
          Events wait behind {formatCount(data.blocked)} dead {data.blocked === 1 ? 'letter' : 'letters'} of
          ordered topics until these are requeued or discarded: {data.blockedBy.join(', ')}
          {data.blocked > data.blockedBy.length ? ' …' : ''}
        </Note>
      )}
      {data.lag === null && <Note>The lag is unknown: {data.lagReason ?? 'the store does not tell.'}</Note>}
      <dl class="facts wide">
        <Fact name="State">
          <GroupState group={data} />
        </Fact>
        <Fact name="Lag">{lagOf(data)}</Fact>
        <Fact name="Pending">{formatCount(data.pending)}</Fact>
        <Fact name="Oldest pending">
          <Age at={data.oldestPendingAt} />
        </Fact>
        <Fact name="Waiting for a retry">{formatCount(data.parked)}</Fact>
        <Fact name="Rate">{formatDecimal(data.rate)} /s</Fact>
        <Fact name="Retries">{formatCount(data.retries)}</Fact>
        <Fact name="In flight">{formatCount(data.inFlight)}</Fact>
      </dl>
      <p>
        <a href={link('dlq/entries', { group: data.group })}>Dead letters of this group</a>
      </p>
      <Members data={data} />
      <Topics data={data} />
      <Subscriptions data={data} />
    </>
  );
}

function Members({ data }: { data: Group }) {
  return (
    <section class="panel" aria-labelledby="members">
      <h2 id="members">Members</h2>
      {data.members.length === 0 ? (
        <NoMembers read={data.subscriptions.length > 0} />
      ) : (
        <Table
          name="Members"
          rows={data.members}
          keyOf={(row) => row.name}
          columns={[
            {
              id: 'name',
              label: 'Name',
              grow: true,
              cell: (row) => (
                <span class="mono" title={row.name}>
                  {row.name}
                </span>
              ),
            },
            {
              id: 'state',
              label: 'State',
              cell: (row) => <State tone={row.alive ? 'ok' : 'bad'}>{row.alive ? 'alive' : 'gone'}</State>,
            },
            { id: 'host', label: 'Host', cell: (row) => row.host ?? NONE },
            { id: 'pid', label: 'Process', number: true, cell: (row) => row.pid ?? NONE },
            { id: 'pending', label: 'Pending', number: true, cell: (row) => formatCount(row.pending) },
          ]}
        />
      )}
    </section>
  );
}

function NoMembers({ read }: { read: boolean }) {
  if (read) return <Empty title="Read within this process">The transport keeps no list of members.</Empty>;
  return <Empty title="No members">Nobody reads for this group now: events wait in its topics.</Empty>;
}

function Topics({ data }: { data: Group }) {
  return (
    <section class="panel" aria-labelledby="topics">
      <h2 id="topics">Topics</h2>
      <Table
        name="Topics"
        rows={data.topics}
        keyOf={(row) => `${row.topic} ${row.partition}`}
        columns={[
          {
            id: 'topic',
            label: 'Topic',
            grow: true,
            cell: (row) => (
              <span class="mono" title={row.topic}>
                {row.topic}
              </span>
            ),
          },
          { id: 'partition', label: 'Partition', number: true, cell: (row) => row.partition ?? NONE },
          { id: 'lag', label: 'Lag', number: true, cell: lagOf },
          { id: 'pending', label: 'Pending', number: true, cell: (row) => formatCount(row.pending) },
          { id: 'parked', label: 'Retrying', number: true, cell: (row) => formatCount(row.parked) },
          { id: 'entries', label: 'Entries', number: true, cell: (row) => formatCount(row.entries) },
        ]}
      />
    </section>
  );
}

function Subscriptions({ data }: { data: Group }) {
  if (data.subscriptions.length === 0) return null;
  return (
    <section class="panel" aria-labelledby="subscriptions">
      <h2 id="subscriptions">Subscriptions</h2>
      <Table
        name="Subscriptions"
        rows={data.subscriptions}
        keyOf={(row) => `${row.service} ${row.instance} ${row.name}`}
        columns={[
          {
            id: 'name',
            label: 'Name',
            grow: true,
            cell: (row) => (
              <span class="mono" title={row.name}>
                {row.name}
              </span>
            ),
          },
          { id: 'pattern', label: 'Pattern', cell: (row) => <span class="mono">{row.pattern}</span> },
          { id: 'service', label: 'Service', cell: (row) => row.service },
          { id: 'handled', label: 'Handled', number: true, cell: (row) => formatCount(row.handled) },
          { id: 'failed', label: 'Failed', number: true, cell: (row) => formatCount(row.failed) },
          { id: 'inFlight', label: 'In flight', number: true, cell: (row) => formatCount(row.inFlight) },
        ]}
      />
    </section>
  );
}

type PauseProps = { group: string; path: string; verb: 'pause' | 'resume'; onClose: () => void };

function PauseDialog({ group, path, verb, onClose }: PauseProps) {
  const [reason, setReason] = useState('');
  const { busy, error, run } = useChange<PauseState>();
  const call = `${path}:${verb}`;
  const body = verb === 'pause' && reason ? { reason } : {};
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    if (!(await run('POST', call, body))) return;
    say({ tone: 'ok', text: verb === 'pause' ? `${group} is paused.` : `${group} reads again.` });
    refreshNow();
    onClose();
  };
  return (
    <Dialog title={verb === 'pause' ? 'Pause 1 group' : 'Resume 1 group'} onClose={onClose}>
      <form onSubmit={submit}>
        <p>
          {verb === 'pause'
            ? 'Every member of the group stops reading. Handlers that run are finished; events wait in their topics.'
            : 'Every member of the group begins to read again where it stopped.'}
        </p>
        <p class="mono break">{group}</p>
        {verb === 'pause' && (
          <TextField label="Reason, for those who wonder later" value={reason} onText={setReason} />
        )}
        <ChangeError error={error} />
        <DialogActions>
          <button type="button" class="button" onClick={onClose}>
            Cancel
          </button>
          <CopyCurl path={call} body={body} />
          <button type="submit" class="button primary" disabled={busy}>
            {verb === 'pause' ? 'Pause' : 'Resume'}
          </button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
