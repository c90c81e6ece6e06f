// SPDX-License-Identifier: MIT
// The filters of dead letters. They go to the address, and from there to the API.
import { readText, type EntryFilter } from '../lib/url.ts';
import { go, link, usePlace } from '../state/location.ts';
import { formatTime } from '../lib/format.ts';
import { useUtc } from '../ui/values.tsx';

/** The value of <input type="datetime-local"> for a moment, in the zone that the page shows. */
function toField(ms: string | undefined, utc: boolean): string {
  return ms ? formatTime(Number(ms), utc).slice(0, 19).replace(' ', 'T') : '';
}

function fromField(text: string, utc: boolean): string {
  const at = text ? Date.parse(utc ? `${text}Z` : text) : NaN;
  return Number.isNaN(at) ? '' : String(at);
}

function read(form: HTMLFormElement, utc: boolean): EntryFilter {
  const values = new FormData(form);
  const of = (name: string) => String(values.get(name) ?? '').trim();
  return {
    text: of('text'),
    type: of('type'),
    group: of('group'),
    topic: of('topic'),
    fingerprint: of('fingerprint'),
    minAttempts: of('minAttempts'),
    requeued: of('requeued'),
    since: fromField(of('since'), utc),
    until: fromField(of('until'), utc),
  };
}

export function EntryFilters({ filter }: { filter: EntryFilter }) {
  const utc = useUtc();
  const { query } = usePlace();
  const more =
    filter.topic ||
    filter.fingerprint ||
    filter.since ||
    filter.until ||
    filter.minAttempts ||
    filter.requeued;
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    go(
      link('dlq/entries', {
        ...read(event.currentTarget as HTMLFormElement, utc),
        subscription: readText(query, 'subscription'),
      }),
    );
  };
  return (
    <form class="filters entry-filters" onSubmit={submit}>
      <label>
        Text
        <input type="search" name="text" data-search maxLength={500} defaultValue={filter.text ?? ''} />
      </label>
      <label>
        Type
        <input
          name="type"
          class="mono"
          maxLength={500}
          placeholder="order.*"
          defaultValue={filter.type ?? ''}
        />
      </label>
      <label>
        Group
        <input name="group" maxLength={500} defaultValue={filter.group ?? ''} />
      </label>
      <details open={Boolean(more)}>
        <summary>More filters</summary>
        <div class="more-filters">
          <MoreFilters filter={filter} utc={utc} />
        </div>
      </details>
      <div class="filter-actions">
        <button type="submit" class="button">
          Filter
        </button>
        {Object.keys(filter).length > 0 && (
          <a class="button quiet" href={link('dlq/entries')}>
            Clear filters
          </a>
        )}
      </div>
    </form>
  );
}

function MoreFilters({ filter, utc }: { filter: EntryFilter; utc: boolean }) {
  return (
    <>
      <label>
        Topic
        <input name="topic" class="mono" maxLength={500} defaultValue={filter.topic ?? ''} />
      </label>
      <label>
        Fingerprint
        <input name="fingerprint" class="mono" maxLength={500} defaultValue={filter.fingerprint ?? ''} />
      </label>
      <label>
        Failed since{utc ? ' (UTC)' : ''}
        <input type="datetime-local" step={1} name="since" defaultValue={toField(filter.since, utc)} />
      </label>
      <label>
        Failed until{utc ? ' (UTC)' : ''}
        <input type="datetime-local" step={1} name="until" defaultValue={toField(filter.until, utc)} />
      </label>
      <label>
        Attempts at least
        <input
          type="number"
          name="minAttempts"
          min={1}
          max={1000000}
          defaultValue={filter.minAttempts ?? ''}
        />
      </label>
      <label>
        Requeued before
        <select name="requeued" defaultValue={filter.requeued ?? ''}>
          <option value="">either</option>
          <option value="true">yes</option>
          <option value="false">no</option>
        </select>
      </label>
    </>
  );
}
