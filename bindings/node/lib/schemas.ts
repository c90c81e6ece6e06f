// SPDX-License-Identifier: MIT
// system.schemas: the registry of bodies' schemas, shared by all who use the store where it is kept there.

import { encodeJson } from './json.js';
import { split } from './operations.js';
import type { Upcaster } from './reading.js';
import type { RequestOptions, Runtime } from './runtime.js';
import { schemaText } from './schema.js';
import type { CompatReason, Compatibility, SchemaDocument, SchemaProblem, SchemaSource } from './schema.js';

export type CompatibilityMode =
  | 'none'
  | 'backward'
  | 'forward'
  | 'full'
  | 'backward-transitive'
  | 'forward-transitive'
  | 'full-transitive';

export interface ActorOptions extends RequestOptions {
  /** For whom. */
  readonly actor?: string;
}

export interface TypeRules {
  readonly compatibility?: CompatibilityMode;
  readonly policy?: 'pragmatic' | 'strict';
}

export interface RegisterOptions extends ActorOptions, TypeRules {
  readonly version?: string;
  /** Only says what would be. */
  readonly dryRun?: boolean;
}

/** One registered version; docs/requests.md has all members. */
export interface SchemaVersion {
  readonly type: string;
  readonly version: string;
  /** Milliseconds since 1970. */
  readonly registeredAt: number;
  readonly compatibility: CompatibilityMode;
  readonly latest: boolean;
  /** Of get(): the text as it was registered, and what it says. */
  readonly schemaText?: string;
  readonly schema?: SchemaDocument;
  readonly [member: string]: unknown;
}

export interface ValidateOptions extends RequestOptions {
  readonly version?: string;
  /** As a consumer does: what is left out and has a default is filled in before. */
  readonly fill?: boolean;
  readonly limit?: number;
}

/** What became of a registration. */
export interface Registration {
  readonly type: string;
  readonly version: string;
  readonly outcome: 'registered' | 'unchanged' | 'would_be_registered';
  readonly verdict: Compatibility['verdict'];
  readonly reasons: readonly CompatReason[];
  readonly [member: string]: unknown;
}

export interface BodyVerdict {
  readonly valid: boolean;
  readonly errors: readonly SchemaProblem[];
  /** That it was held against. */
  readonly version: string;
  readonly [member: string]: unknown;
}

export class Schemas {
  readonly #runtime: Runtime;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /**
   * Registers a schema (a document, JSON text or a Zod schema) as a version of a type. ValidationError when it is none,
   * Conflict when it is not compatible with earlier ones: `problems` has the reason for each path.
   */
  register(type: string, schema: SchemaSource, options: RegisterOptions = {}): Promise<Registration> {
    return this.#ask('schemas.register', { ...options, type, schemaText: schemaText(schema) });
  }

  /** The registered versions, of one type or of all. */
  async list(type?: string, options: RequestOptions = {}): Promise<SchemaVersion[]> {
    const params = { ...options, ...(type !== undefined && { type }) };
    return (await this.#ask<{ items: SchemaVersion[] }>('schemas.list', params)).items;
  }

  /** One version with its `schema`; NotFound when it is not there. */
  async get(type: string, version = 'latest', options: RequestOptions = {}): Promise<SchemaVersion> {
    const item = await this.#ask<SchemaVersion>('schemas.get', { ...options, type, version });
    return { ...item, schema: JSON.parse(item.schemaText!) as SchemaDocument };
  }

  /** Takes a version away; its number is not given again. */
  async remove(type: string, version: string, options: ActorOptions = {}): Promise<void> {
    await this.#ask('schemas.remove', { ...options, type, version });
  }

  /** Says what new versions of a type have to be compatible with. */
  async configure(type: string, rules: TypeRules & ActorOptions): Promise<void> {
    await this.#ask('schemas.set', { ...rules, type });
  }

  /** Is this a body of the type, as its consumers would see it? */
  validate(type: string, body: unknown, options: ValidateOptions = {}): Promise<BodyVerdict> {
    return this.#ask('schemas.validate', { ...options, type, bodyText: encodeJson(body, 'body') });
  }

  /** Could this be registered as the next version? */
  compat(type: string, schema: SchemaSource, options: TypeRules & RequestOptions = {}): Promise<Compatibility> {
    return this.#ask('schemas.compat', { ...options, type, schemaText: schemaText(schema) });
  }

  /** What changed between two versions. */
  diff(type: string, from: string, to: string, options: RequestOptions = {}): Promise<Record<string, unknown>> {
    return this.#ask('schemas.diff', { ...options, type, from, to });
  }

  /** An AsyncAPI 3 document of the system's routes, subscriptions and schemas. */
  asyncapi(options: RequestOptions = {}): Promise<Record<string, unknown>> {
    return this.#ask('asyncapi', options);
  }

  /**
   * Says how the body of one version becomes that of another one: a function without side effects. A subscription with
   * `version` receives what was published with another version through these, by the shortest way; what fails in one,
   * or has no way, is a dead letter at once.
   */
  upcast(type: string, from: string, to: string, upcaster: Upcaster): this {
    this.#runtime.casts.add(type, from, to, upcaster);
    return this;
  }

  async #ask<Answer>(method: string, options: object): Promise<Answer> {
    const { params, wait } = split(options, method);
    return this.#runtime.ask<Answer>(method, params, wait);
  }
}
