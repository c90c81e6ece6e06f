// SPDX-License-Identifier: MIT
// system.validator: the schemas that this program declares. They are registered by connect(), and before the next
// event is published; a refusal is thrown there.

import { checkVersion } from './reading.js';
import { Schema, schemaText } from './schema.js';
import type { SchemaProblem, SchemaSource } from './schema.js';

export interface ValidationResult {
  readonly valid: boolean;
  /** What is wrong, in words. */
  readonly error?: string;
  readonly errors?: readonly SchemaProblem[];
}

/** Parameters of a registration. */
export interface Declaration {
  readonly type: string;
  readonly schemaText: string;
  readonly version: string;
}

interface Declared {
  readonly schema: Schema;
  readonly source: SchemaSource;
}

const FIRST_VERSION = '1.0.0';

export class DefaultEventValidator {
  readonly #declared = new Map<string, Declared>();
  readonly #waiting: Declaration[] = [];

  /** Is it a body of the type, by the schema declared here? Without one every body is valid. */
  validate(type: string, body: unknown): ValidationResult {
    const errors = this.#declared.get(keyOf(type))?.schema.validate(body) ?? [];
    if (errors.length === 0) return { valid: true };
    const error = errors.map(({ instancePath, message }) => `${instancePath || '/'}: ${message}`).join('; ');
    return { valid: false, error, errors };
  }

  /** What was declared for the type: a document or a Zod schema. */
  getSchema(type: string): SchemaSource | undefined {
    return this.#declared.get(keyOf(type))?.source;
  }

  /** Declares the schema (a document, JSON text or a Zod schema) of a type's bodies. */
  registerSchema(type: string, source: SchemaSource, version: string = FIRST_VERSION): void {
    const text = schemaText(source);
    this.#declared.set(keyOf(type), { schema: new Schema(text), source });
    this.#waiting.push({ type, schemaText: text, version: checkVersion(version, 'version') });
  }

  get isWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** Registers what waits. One that is refused goes on waiting, so that nothing is published unchecked. */
  async register(send: (declaration: Declaration) => Promise<unknown>): Promise<void> {
    for (let declaration = this.#waiting[0]; declaration; declaration = this.#waiting[0]) {
      await send(declaration);
      if (this.#waiting[0] === declaration) this.#waiting.shift();
    }
  }
}

export type EventValidator = DefaultEventValidator;

export function createEventValidator(): DefaultEventValidator {
  return new DefaultEventValidator();
}

function keyOf(type: string): string {
  return String(type).toLowerCase();
}
