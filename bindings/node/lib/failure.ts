// SPDX-License-Identifier: MIT
// What the end of a handler means for its message. A handler may throw anything: nothing here can fail.

import type { Failure } from './engine.js';
import { Reject, RetryLater } from './errors.js';
import { kindOf, textOf } from './json.js';
import { native } from './native.js';
import { Unreadable } from './reading.js';

const STACK_CHARACTERS = 16 * 1024;

/** The failure that whatever a handler threw stands for. */
export function failureOf(delivery: number, thrown: unknown): Failure {
  if (isA(thrown, RetryLater)) {
    return { delivery, kind: native.EVS_FAIL_LATER, delayMs: thrown.delayMs };
  }
  if (isA(thrown, Unreadable)) {
    const { errorClass, message } = thrown;
    return { delivery, kind: native.EVS_FAIL_REJECT, errorClass, message, stack: '' };
  }
  return {
    delivery,
    kind: isA(thrown, Reject) ? native.EVS_FAIL_REJECT : native.EVS_FAIL_RETRY,
    errorClass: kindOf(thrown),
    message: textOf(thrown),
    stack: stackOf(thrown),
  };
}

/** Hands a message back as if it had not been delivered. */
export function released(delivery: number): Failure {
  return { delivery, kind: native.EVS_FAIL_RELEASE };
}

/** What a poison handler gets: an Error always. */
export function errorOf(thrown: unknown): Error {
  return isA(thrown, Error) ? thrown : new Error(textOf(thrown), { cause: thrown });
}

/** instanceof, also for objects that fail when they are looked at. */
function isA<Kind>(value: unknown, kind: new (...args: never[]) => Kind): value is Kind {
  try {
    return value instanceof kind;
  } catch {
    return false;
  }
}

function stackOf(thrown: unknown): string {
  try {
    const { stack } = thrown as { stack?: unknown };
    return typeof stack === 'string' ? stack.slice(0, STACK_CHARACTERS) : '';
  } catch {
    return '';
  }
}
