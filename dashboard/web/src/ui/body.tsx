// SPDX-License-Identifier: MIT
// The body of an event as a tree, as the text it is, or as bytes. Nothing is parsed into doubles.
import { useState } from 'preact/hooks';
import { formatCount } from '../lib/format.ts';
import { hexLines } from '../lib/hex.ts';
import { JsonError, parseJson, type JsonNode } from '../lib/json.ts';
import { readChoice } from '../lib/url.ts';
import { setQuery, usePlace } from '../state/location.ts';
import { Note } from './states.tsx';

const VIEWS = ['tree', 'raw', 'hex'] as const;
const HEX_MAX = 16 * 1024;
const CHILDREN_MAX = 100;

/** `text` is null for bytes that are no text. */
type BodyProps = { text: string | null; bytes: Uint8Array };

export function Body({ text, bytes }: BodyProps) {
  const view = readChoice(usePlace().query, 'view', VIEWS, text === null ? 'hex' : 'tree');
  return (
    <>
      <div class="tabs" role="group" aria-label="View of the body">
        {VIEWS.map((name) => (
          <button
            key={name}
            type="button"
            class="tab"
            aria-pressed={view === name}
            disabled={name !== 'hex' && text === null}
            onClick={() => setQuery({ view: name })}
          >
            {name}
          </button>
        ))}
      </div>
      {view === 'hex' || text === null ? (
        <Hex bytes={bytes} />
      ) : view === 'raw' ? (
        <Raw text={text} />
      ) : (
        <TreeOf text={text} />
      )}
    </>
  );
}

function Raw({ text }: { text: string }) {
  return (
    <pre class="code wrap" tabIndex={0} role="group" aria-label="Body, raw">
      {text}
    </pre>
  );
}

function Hex({ bytes }: { bytes: Uint8Array }) {
  return (
    <>
      <pre class="code" tabIndex={0} role="group" aria-label="Body, hexadecimal">
        {hexLines(bytes, HEX_MAX)}
      </pre>
      {bytes.length > HEX_MAX && (
        <p class="meta">
          The first {formatCount(HEX_MAX)} bytes of {formatCount(bytes.length)}.
        </p>
      )}
    </>
  );
}

function TreeOf({ text }: { text: string }) {
  try {
    return <JsonTree node={parseJson(text)} name="Body, tree" />;
  } catch (error) {
    return (
      <>
        <Note>Not shown as a tree: {(error as JsonError).message}.</Note>
        <Raw text={text} />
      </>
    );
  }
}

export function JsonTree({ node, name }: { node: JsonNode; name: string }) {
  return (
    <div class="code tree" tabIndex={0} role="group" aria-label={name}>
      <Branch node={node} depth={0} />
    </div>
  );
}

type BranchProps = { node: JsonNode; label?: string; depth: number };

function Branch({ node, label, depth }: BranchProps) {
  const name = label === undefined ? null : <span class="json-key">{label}: </span>;
  if (node.kind !== 'object' && node.kind !== 'array') {
    return (
      <div class="leaf">
        {name}
        <span class={`json-${node.kind}`}>{node.raw}</span>
      </div>
    );
  }
  const children =
    node.kind === 'object'
      ? node.members.map((member) => ({ label: member.rawKey, node: member.value }))
      : node.items.map((item, index) => ({ label: String(index), node: item }));
  const [open, close] = node.kind === 'object' ? '{}' : '[]';
  if (children.length === 0) {
    return (
      <div class="leaf">
        {name}
        {open}
        {close}
      </div>
    );
  }
  return (
    <details open={depth < 3}>
      <summary>
        {name}
        {open}
        <span class="muted"> {formatCount(children.length)} </span>
        {close}
      </summary>
      <Children items={children} depth={depth + 1} />
    </details>
  );
}

function Children({ items, depth }: { items: { label: string; node: JsonNode }[]; depth: number }) {
  const [shown, setShown] = useState(CHILDREN_MAX);
  return (
    <div class="branch">
      {items.slice(0, shown).map((item, index) => (
        <Branch key={index} {...item} depth={depth} />
      ))}
      {items.length > shown && (
        <button type="button" class="button small" onClick={() => setShown(shown + CHILDREN_MAX)}>
          {formatCount(items.length - shown)} more
        </button>
      )}
    </div>
  );
}
