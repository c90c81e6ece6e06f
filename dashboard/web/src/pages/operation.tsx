// SPDX-License-Identifier: MIT
// One bulk job: how far it is, and its controls.
import { useRef, useState } from 'preact/hooks';
import type { Operation, OperationPatch, Permission } from '../api/schema.ts';
import { formatCount, formatDecimal, formatDuration, NONE } from '../lib/format.ts';
import { describeFilter, ENTRY_FILTERS } from '../lib/url.ts';
import { link } from '../state/location.ts';
import { usePoll } from '../state/poll.ts';
import { refreshNow } from '../state/refresh.ts';
import { useObstacle } from '../state/session.ts';
import { Action, ChangeError, CopyCurl, DialogActions, useChange } from '../ui/action.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Fact, Page } from '../ui/page.tsx';
import { Loaded, Note } from '../ui/states.tsx';
import { Table } from '../ui/table.tsx';
import { Id, Moment } from '../ui/values.tsx';
import { OperationState } from './operations.tsx';
import { UNDO_MAX, undoDiscard } from './undo.ts';

const NEEDS: Record<Operation['kind'], Permission> = {
  requeue: 'dlq.requeue',
  discard: 'dlq.archive',
  restore: 'dlq.archive',
};
const NAMES = { requeue: 'Requeue', discard: 'Discard', restore: 'Restore' };
const UP = () => ({ label: 'Operations', href: link('operations') });

export function OperationPage({ id }: { id: string }) {
  const path = `operations/${encodeURIComponent(id)}`;
  const polled = usePoll<Operation>(path);
  const { data } = polled;
  const count = data?.snapshot?.count;
  const title = data
    ? `${NAMES[data.kind]}${count === null || count === undefined ? '' : ` of ${formatCount(count)}`}`
    : 'Operation';
  return (
    <Page title={title} up={UP()}>
      <Loaded of={polled} list={UP()}>
        {(operation) => (
          <>
            <Progress operation={operation} />
            <Controls operation={operation} path={path} />
            <Facts operation={operation} />
            <Errors operation={operation} />
          </>
        )}
      </Loaded>
    </Page>
  );
}

function totalOf({ done, skipped, failed, remaining, snapshot }: Operation): number | null {
  if (snapshot?.count !== null && snapshot?.count !== undefined) return snapshot.count;
  return remaining === null ? null : done + skipped + failed + remaining;
}

/** Entries per second between the last two answers that differ. */
function useRate(operation: Operation): number | null {
  const last = useRef<{ at: number; done: number; rate: number | null } | null>(null);
  const at = operation.updatedAt;
  if (!last.current) last.current = { at, done: operation.done, rate: null };
  if (at > last.current.at) {
    const rate = ((operation.done - last.current.done) * 1000) / (at - last.current.at);
    last.current = { at, done: operation.done, rate };
  }
  return operation.state === 'running' ? last.current.rate : null;
}

function Progress({ operation }: { operation: Operation }) {
  const total = totalOf(operation);
  const past = operation.done + operation.skipped + operation.failed;
  const rate = useRate(operation);
  const left = total === null ? null : Math.max(0, total - past);
  return (
    <section class="panel" aria-label="Progress">
      <div class="progress-head">
        <OperationState state={operation.state} />
        <span>
          {formatCount(past)} of {total === null ? 'unknown' : formatCount(total)}
        </span>
        {rate !== null && <span>{formatDecimal(rate)} /s now</span>}
        {rate !== null && rate > 0 && left !== null && left > 0 && (
          <span>about {formatDuration((left / rate) * 1000)} left</span>
        )}
      </div>
      <progress max={total ?? undefined} value={total === null ? undefined : past} aria-label="Progress" />
      <p class="meta">
        {formatCount(operation.done)} done, {formatCount(operation.skipped)} skipped (no longer there),{' '}
        {formatCount(operation.failed)} failed
      </p>
      {operation.again !== null && <p class="meta">{formatCount(operation.again)} died again</p>}
      {operation.stopped && <Note tone="warn">It stopped itself: {operation.stopped.message}.</Note>}
      {operation.state === 'aborted' && <Note>Aborted: what had not been reached was left as it was.</Note>}
      {operation.lastError && operation.endedAt === null && (
        <Note tone="warn">The store refuses, it is tried again: {operation.lastError}</Note>
      )}
      {operation.reason && <p class="meta">Reason given: {operation.reason}</p>}
    </section>
  );
}

function Controls({ operation, path }: { operation: Operation; path: string }) {
  const { busy, error, run } = useChange<Operation>();
  const [aborting, setAborting] = useState(false);
  const permission = NEEDS[operation.kind];
  if (operation.state !== 'running' && operation.state !== 'paused') return <Undo operation={operation} />;
  const set = async (patch: OperationPatch) => {
    await run('PATCH', path, patch);
    refreshNow();
  };
  const paused = operation.state === 'paused';
  return (
    <div class="controls">
      <Action
        permission={permission}
        label={paused ? 'Resume' : 'Pause'}
        obstacle={busy ? 'Working on it.' : null}
        onAct={() => void set({ state: paused ? 'running' : 'paused' })}
      />
      <Action permission={permission} label="Abort" look="danger" onAct={() => setAborting(true)} />
      <RateForm operation={operation} permission={permission} onRate={(rate) => void set({ rate })} />
      <CopyCurl path={path} method="PATCH" body={{ state: paused ? 'running' : 'paused' }} />
      <ChangeError error={error} />
      {aborting && (
        <Dialog title={`Abort ${operation.kind}`} onClose={() => setAborting(false)}>
          <p>What was done stays done; the rest is left as it is. An aborted operation cannot be resumed.</p>
          <DialogActions>
            <button type="button" class="button" onClick={() => setAborting(false)}>
              Keep it running
            </button>
            <button
              type="button"
              class="button danger"
              onClick={() => {
                setAborting(false);
                void set({ state: 'aborted' });
              }}
            >
              Abort
            </button>
          </DialogActions>
        </Dialog>
      )}
    </div>
  );
}

/** A discard can be taken back as long as the archive keeps what it took. */
function Undo({ operation }: { operation: Operation }) {
  const [busy, setBusy] = useState(false);
  if (operation.kind !== 'discard' || operation.done === 0) return null;
  const undo = async () => {
    setBusy(true);
    await undoDiscard(operation);
    setBusy(false);
  };
  const tooMany =
    operation.done > UNDO_MAX ? `At most ${formatCount(UNDO_MAX)} can be restored from here.` : null;
  return (
    <div class="controls">
      <Action
        permission="dlq.archive"
        label="Undo"
        obstacle={busy ? 'Restoring.' : tooMany}
        onAct={() => void undo()}
      />
    </div>
  );
}

type RateProps = { operation: Operation; permission: Permission; onRate: (rate: number) => void };

function RateForm({ operation, permission, onRate }: RateProps) {
  const forbidden = useObstacle(permission);
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const rate = Number(new FormData(event.currentTarget as HTMLFormElement).get('rate'));
    if (rate > 0) onRate(rate);
  };
  return (
    <form class="rate" onSubmit={submit}>
      <label>
        Rate, per second{' '}
        <input
          name="rate"
          type="number"
          min={1}
          max={100000}
          defaultValue={operation.rate ?? ''}
          disabled={forbidden !== null}
          required
        />
      </label>
      <button type="submit" class="button" disabled={forbidden !== null}>
        Set rate
      </button>
    </form>
  );
}

function Facts({ operation }: { operation: Operation }) {
  const filter = (operation.filter ?? {}) as Record<string, unknown>;
  const query = Object.fromEntries(ENTRY_FILTERS.map((name) => [name, filter[name] as string | undefined]));
  return (
    <dl class="facts">
      <Fact name="Scope">
        <a class="break" href={link('dlq/entries', query)}>
          {describeFilter(filter)}
        </a>
      </Fact>
      <Fact name="Rate">
        {operation.rate === null ? 'as fast as possible' : `${formatDecimal(operation.rate)} /s at most`}
      </Fact>
      {operation.to && (
        <Fact name="To topic">
          <span class="mono break">{operation.to}</span>
        </Fact>
      )}
      {operation.canary && (
        <Fact name="First try">
          {formatCount(operation.canary.count)}
          {operation.canary.passedAt === null ? '' : ': they succeeded'}
        </Fact>
      )}
      {operation.stop && (
        <Fact name="Stops by itself">
          when more than {formatDecimal(100 * operation.stop.share)} % of at least{' '}
          {formatCount(operation.stop.least)} die again
        </Fact>
      )}
      <Fact name="Started by">{operation.actor}</Fact>
      <Fact name="Started">
        <Moment at={operation.startedAt} />
      </Fact>
      <Fact name="Snapshot">
        <Moment at={operation.snapshot?.takenAt} />; what fails later is not taken again
      </Fact>
      <Fact name="Ended">
        <Moment at={operation.endedAt} />
      </Fact>
      <Fact name="Id">
        <Id value={operation.id} max={40} />
      </Fact>
    </dl>
  );
}

function Errors({ operation }: { operation: Operation }) {
  if (operation.errors.length === 0) return null;
  return (
    <section class="panel" aria-labelledby="errors">
      <h2 id="errors">First errors</h2>
      <Table
        name="First errors"
        rows={operation.errors.map((error, index) => ({ ...error, index }))}
        keyOf={(row) => String(row.index)}
        columns={[
          { id: 'id', label: 'Entry', cell: (row) => (row.id ? <Id value={row.id} /> : NONE) },
          {
            id: 'message',
            label: 'Error',
            grow: true,
            cell: (row) => <span title={row.message}>{row.message}</span>,
          },
        ]}
      />
    </section>
  );
}
