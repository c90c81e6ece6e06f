// SPDX-License-Identifier: MIT
// system.validator: schemas of bodies. The core has none yet, so what needs one is refused.

import { Unsupported } from './errors.js';

export interface ValidationResult {
  readonly valid: boolean;
  readonly error?: string;
}

export class DefaultEventValidator {
  /** Without a schema every body is valid. */
  validate(_type: string, _body: unknown): ValidationResult {
    return { valid: true };
  }

  getSchema(_type: string): unknown {
    return undefined;
  }

  registerSchema(type: string, _schema: unknown): never {
    throw new Unsupported(`schemas are not built yet: check the body of ${type} in the handler`);
  }
}

export type EventValidator = DefaultEventValidator;

export function createEventValidator(): DefaultEventValidator {
  return new DefaultEventValidator();
}
