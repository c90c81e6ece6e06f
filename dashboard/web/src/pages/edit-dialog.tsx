// SPDX-License-Identifier: MIT
// Edit the body as text, look at what changed, then requeue the edited copy.
import { useState } from 'preact/hooks';
import type { Requeued } from '../api/schema.ts';
import { diffLines, hunks } from '../lib/diff.ts';
import { formatJson, formatText, JsonError, parseJson } from '../lib/json.ts';
import { say } from '../state/toasts.ts';
import { CopyCurl, DialogActions, useChange } from '../ui/action.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { GoneNote, Target, type EntryDialogProps } from './entry-dialogs.tsx';

function faultOf(text: string): string | null {
  try {
    parseJson(text);
    return null;
  } catch (error) {
    return (error as JsonError).message;
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
  return (
    <>
      <label class="field">
        Edited body
        <textarea
          class="mono editor"
          rows={16}
          spellcheck={false}
          value={text}
          aria-invalid={fault !== null}
          aria-describedby="edit-state"
          onInput={(event) => onText(event.currentTarget.value)}
        />
      </label>
      <p id="edit-state" role="status" class={fault ? 'fault' : 'meta'}>
        {fault
          ? `Not JSON: ${fault}.`
          : unchanged
            ? 'Nothing changed yet.'
            : 'Valid JSON. Numbers are sent exactly as written.'}
      </p>
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
          disabled={fault !== null || unchanged}
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
      <Diff before={entry.bodyText ?? ''} after={text} />
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

const SIGNS = { same: ' ', added: '+', removed: '\u2212' };
const WORDS = { same: '', added: 'added: ', removed: 'removed: ' };

function Diff({ before, after }: { before: string; after: string }) {
  const lines = hunks(diffLines(formatText(before), formatText(after)));
  const changed = lines.some((line) => line && line.kind !== 'same');
  return (
    <section aria-label="Changes">
      <p class="meta">
        {changed ? 'Changes, line by line, of the formatted texts.' : 'Only white space changed.'}
      </p>
      <div class="code diff" tabIndex={0} role="group" aria-label="Changed lines">
        <table>
          <tbody>
            {lines.map((line, index) => (
              <tr key={index} class={line?.kind ?? 'left-out'}>
                <td class="line-number">{line ? line.before : ''}</td>
                <td class="line-number">{line ? line.after : ''}</td>
                <td class="sign" aria-hidden="true">
                  {line ? SIGNS[line.kind] : ''}
                </td>
                <td>
                  {line && <span class="offscreen">{WORDS[line.kind]}</span>}
                  {line ? line.text : '\u2026'}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
