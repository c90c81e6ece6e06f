// SPDX-License-Identifier: MIT
// Edit the body as text, with what its schema says of it, look at what changed, then requeue the edited copy.
import { useState } from 'preact/hooks';
import type { Requeued } from '../api/schema.ts';
import { formatJson, formatText, JsonError, parseJson } from '../lib/json.ts';
import { say } from '../state/toasts.ts';
import { useVerdict, type Verdict } from '../state/verdict.ts';
import { CopyCurl, DialogActions, useChange } from '../ui/action.tsx';
import { BodyErrors } from '../ui/body-errors.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Diff } from '../ui/diff.tsx';
import { GoneNote, Target, type EntryDialogProps } from './entry-dialogs.tsx';

function faultOf(text: string): string | null {
  try {
    parseJson(text);
    return null;
  } catch (error) {
    return (error as JsonError).message;
  }
}

/** What stands between the text and its requeue, or that nothing does. */
function describe(fault: string | null, unchanged: boolean, verdict: Verdict): string {
  if (fault) return `Not JSON: ${fault}.`;
  if (unchanged) return 'Nothing changed yet.';
  switch (verdict.state) {
    case 'asking':
      return 'Valid JSON. Asking the schema\u2026';
    case 'none':
      return 'Valid JSON. The type has no schema. Numbers are sent exactly as written.';
    case 'valid':
      return 'Valid by its schema. Numbers are sent exactly as written.';
    case 'invalid':
      return 'Not valid by its schema.';
    case 'unknown':
      return `The schema could not be asked: ${verdict.reason}`;
  }
}

export function EditDialog(props: EntryDialogProps) {
  const [text, setText] = useState(props.entry.bodyText ?? '');
  const [reviewing, setReviewing] = useState(false);
  const title = reviewing ? 'Requeue 1 edited entry' : 'Edit 1 entry';
  return (
    <Dialog title={title} wide onClose={() => props.onClose(false)}>
      {reviewing ? (
        <Review {...props} text={text} onBack={() => setReviewing(false)} />
      ) : (
        <Editor {...props} text={text} onText={setText} onReview={() => setReviewing(true)} />
      )}
    </Dialog>
  );
}

type EditorProps = EntryDialogProps & { text: string; onText: (text: string) => void; onReview: () => void };

function Editor({ entry, text, onText, onReview, onClose }: EditorProps) {
  const fault = faultOf(text);
  const unchanged = text === entry.bodyText;
  const { version } = entry.header;
  const verdict = useVerdict(entry.type, fault ? null : text, typeof version === 'string' ? version : null);
  const isRefused = fault !== null || verdict.state === 'invalid' || verdict.state === 'asking';
  return (
    <>
      <label class="field">
        Edited body
        <textarea
          class="mono editor"
          rows={16}
          spellcheck={false}
          value={text}
          aria-invalid={fault !== null || verdict.state === 'invalid'}
          aria-describedby="edit-state"
          onInput={(event) => onText(event.currentTarget.value)}
        />
      </label>
      <p id="edit-state" role="status" class={fault ? 'fault' : 'meta'}>
        {describe(fault, unchanged, verdict)}
      </p>
      {!fault && verdict.state === 'invalid' && <BodyErrors verdict={verdict.verdict} />}
      <DialogActions>
        <button type="button" class="button" onClick={() => onClose(false)}>
          Cancel
        </button>
        <button
          type="button"
          class="button"
          disabled={fault !== null}
          onClick={() => onText(formatJson(parseJson(text)))}
        >
          Format
        </button>
        <button
          type="button"
          class="button primary"
          disabled={isRefused || unchanged}
          onClick={onReview}
        >
          Review changes
        </button>
      </DialogActions>
    </>
  );
}

type ReviewProps = EntryDialogProps & { text: string; onBack: () => void };

function Review({ entry, path, text, onBack, onClose }: ReviewProps) {
  const { busy, error, run } = useChange<Requeued>();
  const body = { edit: { bodyText: text } };
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    if (!(await run('POST', `${path}:requeue`, body))) return;
    say({ tone: 'ok', text: `The edited copy was requeued for ${entry.group ?? 'every group'}.` });
    onClose(true);
  };
  return (
    <form onSubmit={submit}>
      <p>Only the edited copy is sent, to the group that failed. The original moves to the archive.</p>
      <Target entry={entry} />
      <Diff before={formatText(entry.bodyText ?? '')} after={formatText(text)} name="Changes" />
      <GoneNote error={error} />
      <DialogActions>
        <button type="button" class="button" onClick={onBack}>
          Back to editing
        </button>
        <CopyCurl path={`${path}:requeue`} body={body} />
        <button type="submit" class="button primary" disabled={busy}>
          Requeue edited
        </button>
      </DialogActions>
    </form>
  );
}
