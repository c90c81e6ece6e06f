// SPDX-License-Identifier: MIT
// JSON read without loss: every number and string keeps the text it was written with, so that
// 9007199254740993 is shown, copied and sent as it came. JSON.parse would round it.

export type JsonNode =
  | { kind: 'object'; members: { key: string; rawKey: string; value: JsonNode }[] }
  | { kind: 'array'; items: JsonNode[] }
  | { kind: 'string' | 'number' | 'true' | 'false' | 'null'; raw: string };

export class JsonError extends Error {
  constructor(
    message: string,
    readonly line: number,
    readonly column: number,
  ) {
    super(`${message} at line ${line}, column ${column}`);
  }
}

/** Deeper documents are shown as text: neither the parser nor the tree may exhaust the stack. */
const DEPTH_MAX = 200;

const SPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const WORD = /true|false|null/y;

class Reader {
  private at = 0;

  constructor(private readonly text: string) {}

  document(): JsonNode {
    const node = this.value(0);
    this.space();
    if (this.at < this.text.length) this.fail('Unexpected text after the end of the document');
    return node;
  }

  private value(depth: number): JsonNode {
    if (depth > DEPTH_MAX) this.fail(`Nested deeper than ${DEPTH_MAX} levels`);
    this.space();
    const first = this.text[this.at];
    if (first === '{') return this.object(depth);
    if (first === '[') return this.array(depth);
    if (first === '"') return { kind: 'string', raw: this.string() };
    const word = this.match(WORD);
    if (word) return { kind: word as 'true' | 'false' | 'null', raw: word };
    const number = this.match(NUMBER);
    if (number) return { kind: 'number', raw: number };
    return this.fail(first === undefined ? 'Unexpected end' : `Unexpected ${JSON.stringify(first)}`);
  }

  private object(depth: number): JsonNode {
    const members: { key: string; rawKey: string; value: JsonNode }[] = [];
    this.sequence('}', () => {
      const rawKey = this.string();
      this.space();
      if (this.text[this.at] !== ':') this.fail('Expected ":" after the name of a member');
      this.at += 1;
      members.push({ key: JSON.parse(rawKey) as string, rawKey, value: this.value(depth + 1) });
    });
    return { kind: 'object', members };
  }

  private array(depth: number): JsonNode {
    const items: JsonNode[] = [];
    this.sequence(']', () => items.push(this.value(depth + 1)));
    return { kind: 'array', items };
  }

  /** What stands between the opening character, which is here, and `end`, separated by commas. */
  private sequence(end: string, element: () => void): void {
    this.at += 1;
    this.space();
    if (this.text[this.at] === end) {
      this.at += 1;
      return;
    }
    for (;;) {
      this.space();
      element();
      this.space();
      const next = this.text[this.at];
      if (next !== ',' && next !== end) this.fail(`Expected "," or "${end}"`);
      this.at += 1;
      if (next === end) return;
    }
  }

  private string(): string {
    const raw = this.match(STRING);
    if (!raw) return this.fail('Expected a string in double quotes');
    return raw;
  }

  private space(): void {
    this.match(SPACE);
  }

  private match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    this.at += found?.length ?? 0;
    return found;
  }

  private fail(message: string): never {
    const before = this.text.slice(0, this.at);
    const line = before.split('\n').length;
    throw new JsonError(message, line, this.at - before.lastIndexOf('\n'));
  }
}

export function parseJson(text: string): JsonNode {
  return new Reader(text).document();
}

/** The same document with two spaces of indentation; no token is rewritten. */
export function formatJson(node: JsonNode, indent = ''): string {
  const inner = `${indent}  `;
  if (node.kind === 'object') {
    if (node.members.length === 0) return '{}';
    const lines = node.members.map((m) => `${inner}${m.rawKey}: ${formatJson(m.value, inner)}`);
    return `{\n${lines.join(',\n')}\n${indent}}`;
  }
  if (node.kind === 'array') {
    if (node.items.length === 0) return '[]';
    return `[\n${node.items.map((item) => inner + formatJson(item, inner)).join(',\n')}\n${indent}]`;
  }
  return node.raw;
}

/** Formatted where it is JSON, else as it is: for comparing two bodies line by line. */
export function formatText(text: string): string {
  try {
    return formatJson(parseJson(text));
  } catch {
    return text;
  }
}

export function member(node: JsonNode | undefined, key: string): JsonNode | undefined {
  return node?.kind === 'object' ? node.members.find((m) => m.key === key)?.value : undefined;
}
