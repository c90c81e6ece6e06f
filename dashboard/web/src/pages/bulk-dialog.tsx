// SPDX-License-Identifier: MIT
// Requeue or discard many: first what it would do, then a confirmation that grows with the number.
import { useEffect, useState } from 'preact/hooks';
import { ApiError, change } from '../api/client.ts';
import type { DryRun, Operation, Preview, PreviewRequest, Scope } from '../api/schema.ts';
import { formatCount, formatDuration, plural } from '../lib/format.ts';
import { describeFilter } from '../lib/url.ts';
import { go, link } from '../state/location.ts';
import { refreshNow } from '../state/refresh.ts';
import { say } from '../state/toasts.ts';
import { ChangeError, CopyCurl, DialogActions, useChange } from '../ui/action.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { TextField } from '../ui/field.tsx';
import { Fact } from '../ui/page.tsx';
import { Failure, Note, Skeleton } from '../ui/states.tsx';
import { Age } from '../ui/values.tsx';
import { AS_IT_WAS, Choice, redriveBody, RuleFields, TargetFields } from './redrive-fields.tsx';
import { restoreKeys, undoDiscard } from './undo.ts';

/** Above this many the number is to be typed. */
const TYPED_ABOVE = 1000;
/** Somebody still types. */
const SETTLED_MS = 300;
const RATES = ['', '10', '50', '100', '500', '1000'];

export type Verb = 'requeue' | 'discard';

type BulkProps = { verb: Verb; scope: Scope; onClose: () => void; onDone: () => void };

export function BulkDialog({ verb, scope, onClose, onDone }: BulkProps) {
  const [rate, setRate] = useState('');
  const [redrive, setRedrive] = useState(AS_IT_WAS);
  const [typed, setTyped] = useState('');
  const [reason, setReason] = useState('');
  const asked = { kind: verb, scope, ...(rate && { rate: Number(rate) }), ...redriveBody(redrive) };
  const { preview, error: previewError } = usePreview(asked);
  const { busy, error, run } = useChange<Operation>();
  const body = { ...asked, ...(verb === 'discard' && reason && { reason }) };
  const title = titleOf(verb, scope, preview);
  const word = preview && wordOf(verb, preview);
  const ready = preview !== null && !previewError && preview.count !== 0 && (word === null || typed.trim() === word);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const operation = await run('POST', 'operations', body);
    if (!operation) return;
    onDone();
    finish(verb, operation);
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={submit}>
        <p class="break">
          {scope.keys
            ? 'The selected entries.'
            : `Everything that matches now: ${describeFilter(scope.filter ?? {})}.`}
        </p>
        {previewError && <Failure error={previewError} />}
        {!preview && !previewError && <Skeleton rows={4} />}
        {preview && <Impact preview={preview} verb={verb} />}
        {verb === 'requeue' && <TargetFields value={redrive} onValue={setRedrive} />}
        {verb === 'requeue' && scope.filter && <RuleFields value={redrive} onValue={setRedrive} />}
        {scope.filter && (
          <Choice
            label="Rate"
            value={rate}
            options={RATES}
            nameOf={(one) => (one ? `${one} per second` : 'as fast as possible')}
            onChoice={setRate}
          />
        )}
        {verb === 'discard' && <TextField label="Reason" value={reason} onText={setReason} />}
        {word !== null && <TextField label={`To confirm, type ${word}`} value={typed} onText={setTyped} />}
        <ChangeError error={error} />
        <DialogActions>
          <button type="button" class="button" onClick={onClose}>
            Cancel
          </button>
          <CopyCurl path="operations" body={body} />
          <button
            type="submit"
            class={`button ${verb === 'requeue' ? 'primary' : 'danger'}`}
            disabled={!ready || busy}
          >
            {title}
          </button>
        </DialogActions>
      </form>
    </Dialog>
  );
}

function titleOf(verb: Verb, scope: Scope, preview: Preview | null): string {
  const name = verb === 'requeue' ? 'Requeue' : 'Discard';
  const count = preview?.count ?? scope.keys?.length;
  if (count === undefined) return `${name} matching entries`;
  return `${name} ${preview?.exact === false ? 'at least ' : ''}${plural(count, 'entry', 'entries')}`;
}

/** What is to be typed before many, or nobody knows how many, are moved. */
function wordOf(verb: Verb, { count, exact }: Preview): string | null {
  if (count === null) return verb;
  return count > TYPED_ABOVE || !exact ? String(count) : null;
}

/** What such a call would do; asked again when what is asked for has stood still for a moment. */
function usePreview(asked: PreviewRequest) {
  const [preview, setPreview] = useState<Preview | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  useEffect(() => {
    let current = true;
    const ask = () =>
      change<Preview>('POST', 'dlq:preview', asked).then(
        (answer) => {
          if (!current) return;
          setPreview(answer);
          setError(null);
        },
        (failure: ApiError) => current && setError(failure),
      );
    const timer = setTimeout(ask, preview || error ? SETTLED_MS : 0);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [JSON.stringify(asked)]);
  return { preview, error };
}

function Impact({ preview, verb }: { preview: Preview; verb: Verb }) {
  return (
    <>
      {!preview.exact && (
        <Note tone="warn">
          Counted {formatCount(preview.count)} in the first {formatCount(preview.scanned)} entries; there may
          be more. The operation takes all that match.
        </Note>
      )}
      {preview.warnings.map((warning) => (
        <Note key={warning} tone="warn">
          {warning}
        </Note>
      ))}
      <dl class="facts">
        <Fact name="By type">
          <Split counts={preview.byType} />
        </Fact>
        <Fact name="By group">
          <Split counts={preview.byGroup} />
        </Fact>
        <Fact name="Requeued before">{formatCount(preview.requeuedBefore)}</Fact>
        <Fact name="Oldest, newest">
          <Age at={preview.oldestAt} />, <Age at={preview.newestAt} />
        </Fact>
        {verb === 'requeue' &&
          preview.targets.map((target) => (
            <Fact key={target.group} name={`To ${target.group}`}>
              {target.paused ? `paused by ${target.paused.by}, ` : ''}
              {plural(target.members, 'member')}, lag{' '}
              {target.lag === null ? 'unknown' : formatCount(target.lag)}, pending{' '}
              {formatCount(target.pending)}
            </Fact>
          ))}
        {preview.dryRun && <DryRunFact dryRun={preview.dryRun} />}
        {preview.etaSeconds !== null && (
          <Fact name="Takes about">{formatDuration(preview.etaSeconds * 1000)}</Fact>
        )}
      </dl>
    </>
  );
}

function DryRunFact({ dryRun: { count, refused } }: { dryRun: DryRun }) {
  return (
    <Fact name="Dry run">
      {count === null ? 'possible, not counted' : `${formatCount(count)} would be requeued`}
      {refused ? `, ${formatCount(refused)} refused: they came back too often` : ''}
    </Fact>
  );
}

const SPLIT_MAX = 8;

function Split({ counts }: { counts: Record<string, number> }) {
  const rows = Object.entries(counts).sort((a, b) => b[1] - a[1]);
  if (rows.length === 0) return <>none</>;
  return (
    <ul class="split">
      {rows.slice(0, SPLIT_MAX).map(([name, count]) => (
        <li key={name}>
          <span class="mono break">{name}</span> {formatCount(count)}
        </li>
      ))}
      {rows.length > SPLIT_MAX && <li>{formatCount(rows.length - SPLIT_MAX)} more</li>}
    </ul>
  );
}

/** A filter runs on as an operation; keys are done at once and can be undone from the toast. */
function finish(verb: Verb, operation: Operation): void {
  refreshNow();
  if (operation.id !== null) {
    go(link(`operations/${encodeURIComponent(operation.id)}`));
    if (verb === 'discard') {
      say({
        tone: 'ok',
        text: 'Discarding.',
        action: { label: 'Undo', run: () => void undoDiscard(operation) },
      });
    }
    return;
  }
  const past = verb === 'requeue' ? 'requeued' : 'discarded';
  const left = operation.skipped + operation.failed;
  const trouble = operation.results?.find((one) => one.outcome !== past);
  const why = trouble
    ? ` ${formatCount(left)} not: ${trouble.message || trouble.outcome.replaceAll('_', ' ')}.`
    : '';
  const keys = operation.results?.filter((one) => one.outcome === 'discarded').map((one) => one.key) ?? [];
  say({
    tone: left > 0 ? 'bad' : 'ok',
    text: `${plural(operation.done, 'entry', 'entries')} ${past}.${why}`,
    action: keys.length > 0 ? { label: 'Undo', run: () => void restoreKeys(keys) } : undefined,
  });
}
