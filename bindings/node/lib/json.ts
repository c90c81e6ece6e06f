// SPDX-License-Identifier: MIT
// Writes a value as JSON text, exactly or not at all. Where JSON.stringify would write something else than what
// was given (NaN, a Map, a function in a list, a lone surrogate) this refuses and says where; a BigInt is
// written with all its digits.

import { ValidationError } from './errors.js';

/** JSON text that is written as it is, for numbers that JavaScript cannot hold; see rawJson(). */
class RawJson {
  constructor(readonly text: string) {}
}

/** A part of a body that is JSON text already, such as rawJson('12345678901234567890.5'). */
export function rawJson(text: string): unknown {
  if (typeof text !== 'string') throw new ValidationError(`rawJson: found ${kindOf(text)}, expected JSON text`);
  return new RawJson(text);
}

const BOXES = [Number, String, Boolean, BigInt];
const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;
const NEEDS_CARE = /["\\\u0000-\u001f\ud800-\udfff]/;
const CONTROLS = /[\u0000-\u001f]/g;
const SHORT = 32; // characters

/** The position of a lone surrogate, which UTF-8 cannot carry, or -1. */
export function loneSurrogate(text: string): number {
  return text.search(LONE_SURROGATE);
}

/** What a message calls a value. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value !== 'object') return typeof value;
  return safely(() => (value as object).constructor?.name) || 'an object';
}

function safely<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** A fault, on its way up to where its place is known. */
class Fault extends Error {
  readonly parts: (string | number)[] = [];
}

/** How a value is written. */
interface Writing {
  /** Objects that are being written: those that the value is in. */
  readonly open: object[];
  /** Control characters may stay in long texts as they are. */
  readonly isLoose: boolean;
}

/** The JSON text of `value`; a ValidationError names the place that cannot be written. */
export function encodeJson(value: unknown, what: string): string {
  return encode(value, what, false);
}

/**
 * The same for the addon. Its strings may hold control characters as they are, which escapeControls() writes as JSON
 * wants them: to look for them here would cost as much as all the rest, and the addon finds them in passing. Bytes are
 * exactly the text.
 */
export function encodeLoosely(value: unknown, what: string): string | Uint8Array {
  try {
    return encode(value, what, true);
  } catch (problem) {
    if (problem !== NOT_LOOSELY) throw problem;
    return Buffer.from(encodeJson(value, what));
  }
}

/** What encodeLoosely() left. */
export function escapeControls(text: string): string {
  return text.replace(CONTROLS, (control) => JSON.stringify(control).slice(1, -1));
}

/** The text has control characters where they are white space: it cannot be told any more which ones are. */
const NOT_LOOSELY = new Error('raw JSON of several lines');

function encode(value: unknown, what: string, isLoose: boolean): string {
  try {
    return write(value, '', { open: [], isLoose }) ?? fail(`${kindOf(value)} is not a JSON type`);
  } catch (problem) {
    throw faultError(problem, what);
  }
}

function faultError(problem: unknown, what: string): ValidationError {
  if (problem instanceof RangeError) {
    return new ValidationError(`${what} cannot be written as JSON: it is nested too deeply`, { path: `/${what}` });
  }
  if (!(problem instanceof Fault)) throw problem;
  const path = problem.parts
    .reverse()
    .map((part) => '/' + String(part).replace(/~/g, '~0').replace(/\//g, '~1').replace(LONE_SURROGATE, '\ufffd'))
    .join('');
  const where = path ? `${what} at ${path}` : what;
  const cause = 'cause' in problem ? { cause: problem.cause } : {};
  return new ValidationError(`${where} cannot be written as JSON: ${problem.message}`, { path: `/${what}${path}`, ...cause });
}

function fail(reason: string, cause?: unknown): never {
  throw cause === undefined ? new Fault(reason) : new Fault(reason, { cause });
}

/** undefined for what JSON leaves out: undefined itself. */
function write(value: unknown, key: string | number, writing: Writing): string | undefined {
  switch (typeof value) {
    case 'string':
      return quote(value, writing.isLoose);
    case 'number':
      return Number.isFinite(value) ? String(value) : fail(`${value} is not a JSON number`);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'bigint':
      return value.toString();
    case 'undefined':
      return undefined;
    case 'object':
      return value === null ? 'null' : writeObject(value, key, writing);
    default:
      return fail(`${kindOf(value)} is not a JSON type; convert it first`);
  }
}

function quote(text: string, isLoose: boolean): string {
  const needsCare = isLoose && text.length > SHORT ? needsCareLoosely(text) : NEEDS_CARE.test(text);
  if (!needsCare) return '"' + text + '"';
  if (LONE_SURROGATE.test(text)) fail('the text has a lone surrogate, which UTF-8 cannot carry');
  return JSON.stringify(text);
}

/** includes() looks at many characters at a time, an expression at each. */
function needsCareLoosely(text: string): boolean {
  return text.includes('"') || text.includes('\\') || loneSurrogate(text) >= 0;
}

function writeObject(value: object, key: string | number, writing: Writing): string | undefined {
  if (!isPlain(value)) {
    if (value instanceof RawJson) return writeRaw(value.text, writing.isLoose);
    if (BOXES.some((box) => value instanceof box)) return write(value.valueOf(), key, writing);
  }
  const { open } = writing;
  if (open.includes(value)) fail('it contains itself');
  const replaced = toJson(value, key);
  open.push(value);
  let text;
  if (replaced !== value) text = write(replaced, key, writing);
  else text = Array.isArray(value) ? writeArray(value, writing) : writeMembers(value, writing);
  open.pop();
  return text;
}

function writeRaw(text: string, isLoose: boolean): string {
  if (loneSurrogate(text) >= 0) fail('the text has a lone surrogate, which UTF-8 cannot carry');
  if (isLoose && text.search(CONTROLS) >= 0) throw NOT_LOOSELY;
  return text;
}

/** Most are: these need not be compared with each class that is written otherwise. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === Array.prototype;
}

/** What toJSON() makes of an object, or the object itself. */
function toJson(value: object, key: string | number): unknown {
  try {
    const { toJSON } = value as { toJSON?: unknown };
    if (typeof toJSON !== 'function') return isPlain(value) ? value : refuseLossy(value);
    return ArrayBuffer.isView(value) ? refuseLossy(value) : toJSON.call(value, String(key));
  } catch (cause) {
    return cause instanceof Fault ? fail(cause.message) : fail(`toJSON failed: ${textOf(cause)}`, cause);
  }
}

/** Objects whose contents JSON.stringify() would silently lose or blow up. */
function refuseLossy(value: object): object {
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
    fail(`${kindOf(value)} is not a JSON type; publish bytes as the whole body with contentType, or write them as text`);
  }
  if (value instanceof Map || value instanceof Set || value instanceof WeakMap || value instanceof WeakSet) {
    fail(`${kindOf(value)} is not a JSON type; convert it first`);
  }
  if (value instanceof Promise) fail('a Promise is not a JSON type; await it first');
  return value;
}

function writeArray(values: readonly unknown[], writing: Writing): string {
  let text = '';
  for (let index = 0; index < values.length; index++) {
    try {
      const item = write(values[index], index, writing) ?? fail('undefined is not a JSON type');
      text += index === 0 ? item : ',' + item;
    } catch (problem) {
      throw at(index, problem);
    }
  }
  return '[' + text + ']';
}

function writeMembers(value: object, writing: Writing): string {
  let text = '';
  for (const key of keysOf(value)) {
    try {
      const member = write(read(value, key), key, writing);
      if (member !== undefined) text += (text === '' ? '' : ',') + quote(key, writing.isLoose) + ':' + member;
    } catch (problem) {
      throw at(key, problem);
    }
  }
  return '{' + text + '}';
}

function keysOf(value: object): string[] {
  try {
    return Object.keys(value);
  } catch (cause) {
    return fail(`its members could not be listed: ${textOf(cause)}`, cause);
  }
}

function read(value: object, key: string): unknown {
  try {
    return (value as Record<string, unknown>)[key];
  } catch (cause) {
    return fail(`reading it failed: ${textOf(cause)}`, cause);
  }
}

function at(part: string | number, problem: unknown): unknown {
  if (problem instanceof Fault) problem.parts.push(part);
  return problem;
}

/** The text of whatever was thrown. */
export function textOf(thrown: unknown): string {
  const text = safely(() => (thrown instanceof Error ? thrown.message : String(thrown)));
  return text ?? '(its text could not be made)';
}
