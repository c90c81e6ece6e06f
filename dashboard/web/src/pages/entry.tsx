// SPDX-License-Identifier: MIT
// One dead letter: why it died, what it says, and what can be done about it.
import { useEffect, useState } from 'preact/hooks';
import type { ApiError } from '../api/client.ts';
import type { Archived, Entry } from '../api/schema.ts';
import { formatBytes, formatCount, NONE } from '../lib/format.ts';
import { link } from '../state/location.ts';
import { usePoll } from '../state/poll.ts';
import { useStore } from '../state/store.ts';
import { Action } from '../ui/action.tsx';
import { Fact, Page } from '../ui/page.tsx';
import { Empty, Loaded, Note } from '../ui/states.tsx';
import { Age, Id, Moment } from '../ui/values.tsx';
import { Attempts, BodySection, ErrorSection, HeadersSection } from './entry-parts.tsx';
import { DiscardDialog, NoteDialog, RequeueDialog } from './entry-dialogs.tsx';
import { EditDialog } from './edit-dialog.tsx';
import { restorals, restoreOne } from './undo.ts';

const UP = () => ({ label: 'Entries', href: link('dlq/entries') });

const archivedPath = (id: string) => `dlq/entries/${encodeURIComponent(id)}?archived=true`;

type Asking = 'requeue' | 'discard' | 'edit' | 'note' | null;

export function EntryPage({ id }: { id: string }) {
  const path = `dlq/entries/${encodeURIComponent(id)}`;
  const [asking, setAsking] = useState<Asking>(null);
  const [acted, setActed] = useState(false);
  const restored = useStore(restorals);
  useEffect(() => setActed(false), [restored]);
  // What the reader has acted on is in the archive: asking elsewhere would only be told so.
  const polled = usePoll<Entry>(acted ? archivedPath(id) : path, { hold: asking !== null, slowest: 10 });
  const close = (done: boolean) => {
    setAsking(null);
    setActed(done);
  };
  const { data: entry, error } = polled;
  const gone = error?.problem.code === 'dlq_entry_gone';
  return (
    <Page
      title={entry?.type || 'Dead letter'}
      heading={<span class="break">{entry?.type || 'Dead letter'}</span>}
      up={UP()}
      actions={entry && <Actions entry={entry} onAsk={setAsking} />}
    >
      {gone && error ? (
        <Gone id={id} error={error} />
      ) : (
        <Loaded of={polled} list={UP()}>
          {(data) => <EntryView entry={data} text={polled.text} path={path} />}
        </Loaded>
      )}
      {entry && asking === 'requeue' && <RequeueDialog entry={entry} path={path} onClose={close} />}
      {entry && asking === 'discard' && <DiscardDialog entry={entry} path={path} onClose={close} />}
      {entry && asking === 'note' && <NoteDialog entry={entry} path={path} onClose={close} />}
      {entry && asking === 'edit' && <EditDialog entry={entry} path={path} onClose={close} />}
    </Page>
  );
}

function editObstacle(entry: Entry): string | null {
  if (entry.withheld) return 'The body is not shown to you, so it cannot be edited.';
  if (entry.redacted.length > 0) return 'Parts of the body are not shown to you, so it cannot be edited.';
  if (entry.tooLarge) return 'The body is too large to edit here.';
  if (entry.bodyText === null) return 'The body is not text: it can be requeued as it is.';
  return null;
}

function Actions({ entry, onAsk }: { entry: Entry; onAsk: (what: Asking) => void }) {
  if (entry.archived) return null;
  return (
    <>
      <Action permission="dlq.archive" label="Note" onAct={() => onAsk('note')} />
      <Action permission="dlq.archive" look="danger" label="Discard" onAct={() => onAsk('discard')} />
      <Action permission="dlq.edit" label="Edit" obstacle={editObstacle(entry)} onAct={() => onAsk('edit')} />
      <Action permission="dlq.requeue" look="primary" label="Requeue" onAct={() => onAsk('requeue')} />
    </>
  );
}

function EntryView({ entry, text, path }: { entry: Entry; text: string; path: string }) {
  return (
    <>
      {entry.archived && <ArchivedNote archived={entry.archived} id={entry.key} />}
      {entry.note && (
        <Note>
          <p class="break">{entry.note.text}</p>
          <p class="meta">
            noted by {entry.note.by} <Age at={entry.note.at} />
          </p>
        </Note>
      )}
      {entry.withheld === 'permission' && (
        <Note>
          The body is not shown: it needs the permission <code>payload.view</code>.
        </Note>
      )}
      {entry.redacted.length > 0 && <Note>Not shown in the body: {entry.redacted.join(', ')}.</Note>}
      <dl class="facts wide">
        <Fact name="Group">
          {entry.group ? (
            <a href={link(`consumers/${encodeURIComponent(entry.group)}`)}>{entry.group}</a>
          ) : (
            NONE
          )}
        </Fact>
        <Fact name="Subscription">
          <span class="mono break">{entry.subscription ?? NONE}</span>
        </Fact>
        <Fact name="Topic">
          <span class="mono break">{entry.topic}</span>
          {entry.partition === null ? '' : `, partition ${entry.partition}`}
        </Fact>
        <Fact name="Attempts">{formatCount(entry.attempts)}</Fact>
        <Fact name="Requeued">{`${formatCount(entry.requeueCount)}\u00d7`}</Fact>
        <Fact name="Size">{formatBytes(entry.size)}</Fact>
        <Fact name="First failure">
          <Moment at={entry.firstFailureAt} />
        </Fact>
        <Fact name="Last failure">
          <Moment at={entry.lastFailureAt} /> (<Age at={entry.lastFailureAt} />)
        </Fact>
        <Fact name="Fingerprint">
          <Id value={entry.fingerprint} href={link('dlq/entries', { fingerprint: entry.fingerprint })} />
        </Fact>
        <Fact name="Id">
          <Id value={entry.id} max={44} />
        </Fact>
        <Fact name="Original">
          <Id value={entry.originalId} />
        </Fact>
        <Fact name="Consumer">
          <Id value={entry.consumer} />
        </Fact>
      </dl>
      <ErrorSection error={entry.error} />
      <BodySection entry={entry} path={path} />
      <Attempts entry={entry} />
      <HeadersSection text={text} />
    </>
  );
}

const WORDS: Record<string, string> = {
  requeued: 'Requeued',
  edited: 'Edited and requeued',
  discarded: 'Discarded',
};

function ArchivedNote({ archived, id }: { archived: Archived; id: string }) {
  return (
    <Note>
      <p>
        {WORDS[archived.action]} by {archived.by} <Age at={archived.at} />
        {archived.reason ? `: ${archived.reason}` : '.'}
      </p>
      {archived.copy && (
        <p>
          The copy: <Id value={archived.copy} />
        </p>
      )}
      {archived.action === 'discarded' && (
        <Action permission="dlq.archive" label="Restore" onAct={() => void restoreOne(id)} />
      )}
    </Note>
  );
}

/** Someone, perhaps the reader, has acted: what became of it, and the entry as it was. */
function Gone({ id, error }: { id: string; error: ApiError }) {
  const { by, at, action, copy } = error.problem;
  const archived = usePoll<Entry>(archivedPath(id), { slowest: 60 });
  if (archived.data)
    return (
      <EntryView entry={archived.data} text={archived.text} path={`dlq/entries/${encodeURIComponent(id)}`} />
    );
  return (
    <Empty title={`${WORDS[action ?? ''] ?? 'No longer here'}${by ? ` by ${by}` : ''}`}>
      <p>
        {at ? <Age at={at} /> : error.message}
        {copy && (
          <>
            {' '}
            as <Id value={copy} />
          </>
        )}
      </p>
      {action === 'discarded' && (
        <Action permission="dlq.archive" label="Restore" onAct={() => void restoreOne(id)} />
      )}
      <p>
        <a href={link('dlq/entries')}>All entries</a>
      </p>
    </Empty>
  );
}
