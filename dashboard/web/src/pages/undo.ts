// SPDX-License-Identifier: MIT
// The way back from a discard: one entry, some, or all that an operation took.
import { ApiError, change, fetchOnce, type List } from '../api/client.ts';
import type { ArchivedEntry, Operation, Restored } from '../api/schema.ts';
import { plural } from '../lib/format.ts';
import { withQuery, type Changes } from '../lib/url.ts';
import { go, link, place } from '../state/location.ts';
import { refreshNow } from '../state/refresh.ts';
import { Store } from '../state/store.ts';
import { say } from '../state/toasts.ts';

const PAGE = 500;
/** So many entries are restored from here; beyond that the API's own restore is the tool. */
const PAGES_MAX = 20;
export const UNDO_MAX = PAGE * PAGES_MAX;

/** Counts up with every entry that came back. */
export const restorals = new Store(0);

export async function restoreOne(key: string): Promise<void> {
  try {
    const { key: now } = await change<Restored>('POST', `dlq/entries/${encodeURIComponent(key)}:restore`, {});
    const to = link(`dlq/entries/${encodeURIComponent(now)}`);
    say({ tone: 'ok', text: '1 entry restored.', href: { label: 'Show it', to } });
    const onItsPage = place.value.path.endsWith(`/entries/${encodeURIComponent(key)}`);
    restorals.value += 1;
    if (onItsPage && now !== key) go(to, true); // the store could not give it its old id back
  } catch (failure) {
    say({ tone: 'bad', text: `Not restored: ${(failure as ApiError).message}` });
  }
  refreshNow();
}

export async function restoreKeys(keys: string[]): Promise<void> {
  await told(() => restoreBatch(keys));
}

/** Stops the operation where it still runs, then restores what it has moved to the archive. */
export async function undoDiscard(operation: Operation): Promise<void> {
  await told(async () => {
    await stop(operation);
    return restoreOf(operation);
  });
}

async function restoreBatch(keys: string[]): Promise<{ done: number; left: number }> {
  const answer = await change<Operation>('POST', 'operations', { kind: 'restore', scope: { keys } });
  return { done: answer.done, left: answer.skipped + answer.failed };
}

async function stop({ id }: Operation): Promise<void> {
  const path = `operations/${encodeURIComponent(id ?? '')}`;
  const { state } = await fetchOnce<Operation>(path);
  if (state === 'running' || state === 'paused') await change('PATCH', path, { state: 'aborted' });
}

/** The archive is read newest first, back to when the operation began. */
async function restoreOf({ filter, actor, startedAt }: Operation): Promise<{ done: number; left: number }> {
  const sum = { done: 0, left: 0 };
  let cursor: string | null = '';
  for (let page = 0; page < PAGES_MAX && cursor !== null; page += 1) {
    const query = withQuery('', { ...(filter as Changes), limit: PAGE, cursor });
    const { items, next }: List<ArchivedEntry> = await fetchOnce(`dlq/archive${query}`);
    const mine = items.filter(
      ({ archived }) => archived.action === 'discarded' && archived.by === actor && archived.at >= startedAt,
    );
    if (mine.length > 0) {
      const { done, left } = await restoreBatch(mine.map((item) => item.key));
      sum.done += done;
      sum.left += left;
    }
    cursor = items.some(({ archived }) => archived.at < startedAt) ? null : next;
  }
  return sum;
}

async function told(work: () => Promise<{ done: number; left: number }>): Promise<void> {
  try {
    const { done, left } = await work();
    const why = left > 0 ? ` ${plural(left, 'entry', 'entries')} could not be.` : '';
    say({ tone: left > 0 ? 'bad' : 'ok', text: `${plural(done, 'entry', 'entries')} restored.${why}` });
  } catch (failure) {
    say({ tone: 'bad', text: `Not restored: ${(failure as ApiError).message}` });
  }
  refreshNow();
}
