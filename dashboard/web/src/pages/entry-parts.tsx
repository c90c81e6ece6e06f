// SPDX-License-Identifier: MIT
// The sections of a dead letter's page.
import { apiUrl } from '../api/client.ts';
import type { Attempt, Entry, ErrorDetail } from '../api/schema.ts';
import { formatBytes, formatDuration, NONE } from '../lib/format.ts';
import { fromBase64 } from '../lib/hex.ts';
import { member, parseJson, type JsonNode } from '../lib/json.ts';
import { Body, JsonTree } from '../ui/body.tsx';
import { Empty, Note } from '../ui/states.tsx';
import { Copy, Moment } from '../ui/values.tsx';

export function ErrorSection({ error }: { error: ErrorDetail }) {
  return (
    <section class="panel" aria-labelledby="error">
      <header class="panel-head">
        <h2 id="error">Error</h2>
        <Copy
          text={[error.class, error.message, error.stack].filter(Boolean).join('\n')}
          what="error"
          label="Copy"
        />
      </header>
      <p class="error-line break">
        <strong class="mono">{error.class}</strong> {error.message}
      </p>
      {error.stack && <Stack text={error.stack} />}
    </section>
  );
}

function Stack({ text }: { text: string }) {
  return (
    <pre class="code" tabIndex={0} role="group" aria-label="Stack">
      {text}
    </pre>
  );
}

export function Attempts({ entry }: { entry: Entry }) {
  return (
    <section class="panel" aria-labelledby="attempts">
      <h2 id="attempts">Attempts, newest first</h2>
      {entry.history.length === 0 ? (
        <Empty title="Only the last error was kept" />
      ) : (
        <ol class="attempts" reversed>
          {entry.history.map((attempt, index) => (
            <AttemptItem key={entry.history.length - index} attempt={attempt} />
          ))}
        </ol>
      )}
    </section>
  );
}

function AttemptItem({ attempt }: { attempt: Attempt }) {
  const { error } = attempt;
  return (
    <li>
      <div class="attempt-head">
        <Moment at={attempt.at} />
        <span>after {attempt.durationMs === null ? NONE : formatDuration(attempt.durationMs)}</span>
        <span class="mono break">{attempt.consumer ?? NONE}</span>
      </div>
      <p class="break">
        <strong class="mono">{error?.class}</strong> {error?.message}
      </p>
      {error?.stack && (
        <details>
          <summary>Stack</summary>
          <Stack text={error.stack} />
        </details>
      )}
    </li>
  );
}

export function BodySection({ entry, path }: { entry: Entry; path: string }) {
  const bytes = entry.raw !== null ? fromBase64(entry.raw) : new TextEncoder().encode(entry.bodyText ?? '');
  const present = entry.bodyText !== null || entry.raw !== null;
  return (
    <section class="panel" aria-labelledby="body">
      <header class="panel-head">
        <h2 id="body">
          Body <span class="unit">{entry.contentType}</span>
        </h2>
        <span class="row-actions">
          {present && (
            <Copy
              text={entry.bodyText ?? entry.raw ?? ''}
              what={entry.bodyText === null ? 'body as base64' : 'body'}
              label="Copy"
            />
          )}
          {!entry.withheld && !entry.archived && entry.redacted.length === 0 && (
            <a class="button" href={apiUrl(`${path}/body`)} download data-outside>
              Download
            </a>
          )}
        </span>
      </header>
      {entry.tooLarge && <Preview entry={entry} />}
      {present && <Body text={entry.bodyText} bytes={bytes} />}
      {!present && !entry.tooLarge && <Empty title={entry.withheld ? 'Not shown to you' : 'No body'} />}
    </section>
  );
}

function Preview({ entry }: { entry: Entry }) {
  return (
    <>
      <Note>
        {formatBytes(entry.bodySize)} are too many to show. This is the beginning; download it to see the
        rest. Requeue takes all of it.
      </Note>
      <pre class="code wrap" tabIndex={0} role="group" aria-label="Beginning of the body">
        {entry.bodyPreview}
      </pre>
    </>
  );
}

/** From the text of the answer, since a header may hold a number that is no double. */
export function HeadersSection({ text }: { text: string }) {
  const entry = parsed(text);
  const headers = member(entry, 'headers');
  const header = member(entry, 'header');
  return (
    <section class="panel" aria-labelledby="headers">
      <h2 id="headers">Headers</h2>
      {headers?.kind === 'object' && headers.members.length > 0 ? (
        <dl class="facts headers">
          {headers.members.map(({ key, value }, index) => (
            <div key={index}>
              <dt class="mono break">{key}</dt>
              <dd class="mono break">{plain(value)}</dd>
            </div>
          ))}
        </dl>
      ) : (
        <p class="meta">The publisher gave none.</p>
      )}
      {header && <JsonTree node={header} name="Header of the event" />}
    </section>
  );
}

function parsed(text: string): JsonNode | undefined {
  try {
    return parseJson(text);
  } catch {
    return undefined; // nested deeper than the reader goes; the rest of the page does not need it
  }
}

function plain(node: JsonNode): string {
  if (node.kind === 'string') return JSON.parse(node.raw) as string;
  return node.kind === 'object' || node.kind === 'array' ? '\u2026' : node.raw;
}
