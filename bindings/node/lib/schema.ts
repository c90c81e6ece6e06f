// SPDX-License-Identifier: MIT
// Schema: a JSON Schema, compiled once, and what is wrong with a value. Needs no system.
//
// A schema is a document, JSON text, or anything that gives its JSON Schema by the standard interface
// (standardschema.dev): Zod 4 does. Such a one may also make the program's own values out of bodies.

import { ValidationError } from './errors.js';
import { encodeJson, kindOf } from './json.js';
import { native } from './native.js';
import type { SchemaHandle } from './native.js';

/** The part of a Zod schema that is used, or of any other library with the standard interface. */
export interface StandardSchema<Value = any> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    validate(value: unknown, options?: any): StandardResult<Value> | Promise<StandardResult<Value>>;
    readonly jsonSchema?: { input(options: { target: string }): Record<string, unknown> };
    readonly types?: { readonly output: Value } | undefined;
  };
}

export type StandardResult<Value> =
  | { readonly value: Value; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] };

export interface StandardIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

export type SchemaDocument = boolean | Readonly<Record<string, unknown>>;

/** JSON text, a document, or a Zod schema. */
export type SchemaSource = string | SchemaDocument | StandardSchema;

export interface SchemaOptions {
  /** Of schemas without `$schema`. */
  readonly draft?: '2020-12' | 'draft-07';
  /** Whether `format` is only a remark (the default). */
  readonly format?: 'annotation' | 'assertion';
  /** Where the schema comes from: the base of its references. */
  readonly uri?: string;
  /** What a `$ref` to a URI means. */
  readonly documents?: Readonly<Record<string, SchemaDocument | string>>;
}

/** One thing that is wrong with a value. */
export interface SchemaProblem {
  /** JSON pointer to the value. */
  readonly instancePath: string;
  /** JSON pointer to the keyword that it breaks. */
  readonly schemaPath: string;
  readonly keyword: string;
  readonly expected?: unknown;
  readonly actual?: unknown;
  readonly message: string;
}

/** The standard's `basic` output. */
export interface BasicOutput {
  readonly valid: boolean;
  readonly errors?: readonly BasicUnit[];
  readonly annotations?: readonly BasicUnit[];
}

export interface BasicUnit {
  readonly instanceLocation: string;
  readonly keywordLocation: string;
  readonly [member: string]: unknown;
}

export interface CompatOptions {
  readonly mode?: 'backward' | 'forward' | 'full';
  readonly policy?: 'pragmatic' | 'strict';
}

export interface CompatReason {
  readonly direction: 'backward' | 'forward';
  /** A place in the texts; `*` for any item or member. */
  readonly path: string;
  readonly keyword: string;
  readonly verdict: 'incompatible' | 'unknown';
  readonly message: string;
  /** A text that one of the two accepts and the other does not. */
  readonly example?: string;
  readonly [member: string]: unknown;
}

export interface Compatibility {
  readonly verdict: 'compatible' | 'incompatible' | 'unknown';
  /** Under the pragmatic policy what is unknown is allowed, too. */
  readonly allowed: boolean;
  readonly reasons: readonly CompatReason[];
}

const LIMIT = 100;
const TARGET = 'draft-2020-12';

export function isStandard(source: unknown): source is StandardSchema {
  const isObject = (typeof source === 'object' && source !== null) || typeof source === 'function';
  return isObject && typeof (source as Partial<StandardSchema>)['~standard']?.validate === 'function';
}

/** The schema as a document: what a registry keeps. */
export function schemaDocument(source: SchemaSource): SchemaDocument {
  if (typeof source === 'string') return parsed(source);
  if (!isStandard(source)) return source;
  const { vendor, jsonSchema } = source['~standard'];
  if (!jsonSchema) {
    throw new ValidationError(
      `this schema of ${vendor} does not say its JSON Schema, as Zod does from 4.2 on: give the document itself ` +
        '(of an older Zod 4: z.toJSONSchema(schema))',
      { path: '/schema' },
    );
  }
  return jsonSchema.input({ target: TARGET });
}

function parsed(text: string): SchemaDocument {
  try {
    return JSON.parse(text) as SchemaDocument;
  } catch (cause) {
    throw new ValidationError(`the schema is no JSON: ${(cause as Error).message}`, { path: '/schema', cause });
  }
}

export function schemaText(source: SchemaSource): string {
  return typeof source === 'string' ? source : encodeJson(schemaDocument(source), 'schema');
}

/** A compiled JSON Schema, 2020-12 or draft-07. ValidationError names every fault of the schema itself. */
export class Schema {
  readonly #handle: SchemaHandle;

  constructor(source: SchemaSource, options: SchemaOptions = {}) {
    this.#handle = native.schemaCompile(schemaText(source), encodeJson(options, 'options'));
  }

  isValid(value: unknown): boolean {
    return this.isValidText(encodeJson(value, 'value'));
  }

  /** The same for JSON text, whose numbers are judged by all their digits. */
  isValidText(text: string | Uint8Array): boolean {
    return native.schemaValidate(this.#handle, checkText(text));
  }

  /** What is wrong with a value, at most `limit` of it; none: it is valid. */
  validate(value: unknown, limit: number = LIMIT): SchemaProblem[] {
    return this.validateText(encodeJson(value, 'value'), limit);
  }

  validateText(text: string | Uint8Array, limit: number = LIMIT): SchemaProblem[] {
    if (this.isValidText(text)) return [];
    return (JSON.parse(this.#report(text, 'own', limit)) as { errors: SchemaProblem[] }).errors;
  }

  /** The standard's `basic` output. */
  basic(value: unknown, limit: number = LIMIT): BasicOutput {
    return this.basicText(encodeJson(value, 'value'), limit);
  }

  basicText(text: string | Uint8Array, limit: number = LIMIT): BasicOutput {
    return JSON.parse(this.#report(checkText(text), 'basic', limit)) as BasicOutput;
  }

  /** The text with the required members that are left out and have a default; all other bytes stay. */
  fillText(text: string): string {
    return native.schemaFill(this.#handle, checkText(text)) ?? text;
  }

  /** May `newer` take the place of this one? */
  compat(newer: Schema | SchemaSource, options: CompatOptions = {}): Compatibility {
    const candidate = newer instanceof Schema ? newer : new Schema(newer);
    const answer = native.schemaCompat(this.#handle, candidate.#handle, encodeJson(options, 'options'));
    return JSON.parse(answer) as Compatibility;
  }

  #report(text: string | Uint8Array, form: string, limit: number): string {
    return native.schemaReport(this.#handle, text, encodeJson({ form, limit }, 'options'));
  }
}

function checkText(text: unknown): string | Uint8Array {
  if (typeof text === 'string' || text instanceof Uint8Array) return text;
  throw new ValidationError(`the text is ${kindOf(text)}, expected JSON text`, { path: '/text' });
}
