// SPDX-License-Identifier: MIT
// Requeue, discard or note one dead letter; a discarded one comes back from the toast.
import { useState } from 'preact/hooks';
import type { ApiError } from '../api/client.ts';
import type { Discarded, Entry, Noted, Requeued } from '../api/schema.ts';
import { formatAge, NONE } from '../lib/format.ts';
import { refreshNow } from '../state/refresh.ts';
import { say } from '../state/toasts.ts';
import { ChangeError, CopyCurl, DialogActions, useChange } from '../ui/action.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { TextField } from '../ui/field.tsx';
import { Fact } from '../ui/page.tsx';
import { Note } from '../ui/states.tsx';
import { AS_IT_WAS, redriveBody, TargetFields } from './redrive-fields.tsx';
import { restoreOne } from './undo.ts';

/** Far below what a note may have in bytes, whatever its characters. */
const NOTE_MAX = 500;

export type EntryDialogProps = { entry: Entry; path: string; onClose: (acted: boolean) => void };

const wasGone = (error: ApiError | null) => error?.problem.code === 'dlq_entry_gone';

/** Someone else was faster: who, when and what, instead of an error. */
export function GoneNote({ error }: { error: ApiError | null }) {
  if (!error || !wasGone(error)) return <ChangeError error={error} />;
  const { by, at, action } = error.problem;
  return (
    <div role="alert">
      <Note tone="warn">
        Already {action ?? 'gone'}
        {by ? ` by ${by}` : ''}
        {at ? `, ${formatAge(at, Date.now())}` : ''}. Nothing was done.
      </Note>
    </div>
  );
}

export function RequeueDialog({ entry, path, onClose }: EntryDialogProps) {
  const { busy, error, run } = useChange<Requeued>();
  const [redrive, setRedrive] = useState(AS_IT_WAS);
  const body = redriveBody(redrive);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const answer = await run('POST', `${path}:requeue`, body);
    if (!answer) return;
    const target = body.to ? `to ${body.to}` : `for ${entry.group ?? 'every group'}`;
    say({ tone: 'ok', text: `Requeued ${target}${answer.offset ? ` as ${answer.offset}` : ''}.` });
    onClose(true);
  };
  return (
    <Dialog title="Requeue 1 entry" onClose={() => onClose(wasGone(error))}>
      <form onSubmit={submit}>
        <p>
          {body.to
            ? 'It is sent to every group that reads that topic. The original moves to the archive.'
            : 'It is sent once more to the group that failed, and to no other. The original moves to the archive.'}
        </p>
        <Target entry={entry} />
        <TargetFields value={redrive} onValue={setRedrive} />
        <GoneNote error={error} />
        <DialogActions>
          <button type="button" class="button" onClick={() => onClose(wasGone(error))}>
            Cancel
          </button>
          <CopyCurl path={`${path}:requeue`} body={body} />
          <button type="submit" class="button primary" disabled={busy}>
            Requeue
          </button>
        </DialogActions>
      </form>
    </Dialog>
  );
}

export function Target({ entry }: { entry: Entry }) {
  return (
    <dl class="facts">
      <Fact name="Type">
        <span class="mono break">{entry.type}</span>
      </Fact>
      <Fact name="To group">{entry.group ?? NONE}</Fact>
      <Fact name="Topic">
        <span class="mono break">{entry.topic}</span>
      </Fact>
      <Fact name="Requeued before">{entry.requeueCount > 0 ? `${entry.requeueCount}\u00d7` : 'never'}</Fact>
    </dl>
  );
}

export function DiscardDialog({ entry, path, onClose }: EntryDialogProps) {
  const [reason, setReason] = useState('');
  const { busy, error, run } = useChange<Discarded>();
  const body = reason ? { reason } : {};
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    if (!(await run('POST', `${path}:discard`, body))) return;
    say({
      tone: 'ok',
      text: '1 entry discarded.',
      action: { label: 'Undo', run: () => void restoreOne(entry.key) },
    });
    onClose(true);
  };
  return (
    <Dialog title="Discard 1 entry" onClose={() => onClose(wasGone(error))}>
      <form onSubmit={submit}>
        <p>Its group will not get it again. It moves to the archive, from where it can be restored.</p>
        <Target entry={entry} />
        <TextField label="Reason" value={reason} onText={setReason} />
        <GoneNote error={error} />
        <DialogActions>
          <button type="button" class="button" onClick={() => onClose(wasGone(error))}>
            Cancel
          </button>
          <CopyCurl path={`${path}:discard`} body={body} />
          <button type="submit" class="button danger" disabled={busy}>
            Discard
          </button>
        </DialogActions>
      </form>
    </Dialog>
  );
}

export function NoteDialog({ entry, path, onClose }: EntryDialogProps) {
  const [text, setText] = useState(entry.note?.text ?? '');
  const { busy, error, run } = useChange<Noted>();
  const body = { text: text.trim() || null };
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    if (!(await run('POST', `${path}:note`, body))) return;
    say({ tone: 'ok', text: body.text ? 'The note is on the entry.' : 'The note was taken away.' });
    refreshNow();
    onClose(false);
  };
  return (
    <Dialog title="Note on 1 entry" onClose={() => onClose(wasGone(error))}>
      <form onSubmit={submit}>
        <p>Whoever opens the entry sees it, also in the archive. An empty one takes the note away.</p>
        <label class="field">
          Note
          <textarea
            rows={4}
            maxLength={NOTE_MAX}
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </label>
        <GoneNote error={error} />
        <DialogActions>
          <button type="button" class="button" onClick={() => onClose(wasGone(error))}>
            Cancel
          </button>
          <CopyCurl path={`${path}:note`} body={body} />
          <button type="submit" class="button primary" disabled={busy || text === (entry.note?.text ?? '')}>
            Save
          </button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
