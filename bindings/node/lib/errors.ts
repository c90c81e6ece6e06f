// SPDX-License-Identifier: MIT
// Every error of libevents: one class for each status of the C library. The classes are written out so that
// the compiler sees them; when the package is loaded they are compared with the list that the library itself
// gives (evs_status_list), so the two cannot drift apart.

import type { Receipt } from './message.js';

/** One fault of a configuration. */
export interface Problem {
  readonly path: string;
  readonly message: string;
  readonly found?: string | null;
  readonly expected?: string | null;
  readonly suggestion?: string | null;
}

/** What an error may carry besides its message. */
export interface ErrorDetails {
  readonly path?: string;
  readonly hint?: string;
  readonly problems?: readonly Problem[];
  readonly receipt?: Receipt;
  readonly cause?: unknown;
}

/** Base of everything that libevents throws or rejects with. */
export class EventsError extends Error {
  static readonly code: string = 'EVS_ERROR';
  static readonly retriable: boolean = false;

  /** Such as `EVS_CONFIG`. */
  code: string;
  /** May the same call succeed later without a change? */
  readonly retriable: boolean;
  /** JSON pointer to the offence, or empty. */
  readonly path: string;
  readonly hint: string;
  /** Of a configuration: every fault at once. */
  readonly problems: readonly Problem[];
  /** Of a failed publish: which event, and whether it was refused or its outcome is unknown. */
  declare readonly receipt?: Receipt;

  constructor(message: string, details: ErrorDetails = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined);
    const kind = new.target as typeof EventsError;
    this.name = kind.name;
    this.code = kind.code;
    this.retriable = kind.retriable;
    this.path = details.path ?? '';
    this.hint = details.hint ?? '';
    this.problems = details.problems ?? [];
    if (details.receipt) this.receipt = details.receipt;
  }
}

/** The configuration is wrong; `problems` lists every fault. */
export class ConfigurationError extends EventsError {
  static override readonly code = 'EVS_CONFIG';
}

/** A type, pattern, header, body or option breaks a rule. */
export class ValidationError extends EventsError {
  static override readonly code = 'EVS_VALIDATION';
}

/** No route, topic or transport takes the event. */
export class RoutingError extends EventsError {
  static override readonly code = 'EVS_ROUTING';
}

/** The store refused or cannot be reached. */
export class TransportError extends EventsError {
  static override readonly code = 'EVS_TRANSPORT';
  static override readonly retriable = true;
}

/** No answer in time. */
export class Timeout extends EventsError {
  static override readonly code = 'EVS_TIMEOUT';
  static override readonly retriable = true;
}

/** No outcome in time: the event may be stored, or may still be. */
export class PublishTimeout extends Timeout {}

/** The system is closing or closed. */
export class Closed extends EventsError {
  static override readonly code = 'EVS_CLOSED';
}

/** The bound on events or bytes in flight is reached; later there is room again. */
export class QueueFull extends EventsError {
  static override readonly code = 'EVS_QUEUE_FULL';
  static override readonly retriable = true;
}

/** `publisher.rateLimiting` lets no more events pass now; later it does. */
export class RateLimited extends EventsError {
  static override readonly code = 'EVS_RATE_LIMITED';
  static override readonly retriable = true;
}

/** No such subscription, delivery, dead letter, method or transport. */
export class NotFound extends EventsError {
  static override readonly code = 'EVS_NOT_FOUND';
}

/** Somebody else settled or changed it first. */
export class Conflict extends EventsError {
  static override readonly code = 'EVS_CONFLICT';
}

/** Known, but this transport or version cannot do it. */
export class Unsupported extends EventsError {
  static override readonly code = 'EVS_UNSUPPORTED';
}

/** What must not happen: no descriptors or threads are left, or a defect of the library. */
export class InternalError extends EventsError {
  static override readonly code = 'EVS_INTERNAL';
}

/** Nothing to take yet; never leaves the package. */
export class Again extends EventsError {
  static override readonly code = 'EVS_AGAIN';
  static override readonly retriable = true;
}

/** This process inherited the system by fork; open a new one. */
export class Forked extends EventsError {
  static override readonly code = 'EVS_FORKED';
}

/** The C library got no memory. */
export class OutOfMemory extends EventsError {
  static override readonly code = 'EVS_NOMEM';
  static override readonly retriable = true;
}

/** A missing or impossible argument. */
export class ArgumentError extends EventsError {
  static override readonly code = 'EVS_ARGUMENT';
}

const CLASSES: readonly (typeof EventsError)[] = [
  ConfigurationError,
  ValidationError,
  RoutingError,
  TransportError,
  Timeout,
  Closed,
  QueueFull,
  NotFound,
  Conflict,
  Unsupported,
  InternalError,
  Again,
  Forked,
  OutOfMemory,
  ArgumentError,
  RateLimited,
];

/** Thrown by a handler: this event can never be handled, so move it to the dead letters at once. */
export class Reject extends Error {
  constructor(reason = 'rejected by the handler') {
    super(reason);
    this.name = 'Reject';
  }
}

/** Thrown by a handler: not a failure, deliver the event again after `delayMs` milliseconds. */
export class RetryLater extends Error {
  readonly delayMs: number;

  constructor(delayMs: number) {
    if (!(delayMs >= 0 && delayMs < 1e12)) {
      throw new RangeError(`RetryLater: the delay is ${delayMs}, expected milliseconds from 0 on`);
    }
    super(`again in ${delayMs} ms`);
    this.name = 'RetryLater';
    this.delayMs = Math.ceil(delayMs);
  }
}

interface StatusEntry {
  readonly code: number;
  readonly name: string;
  readonly retriable: boolean;
}

const names = new Map<number, string>();

/** Takes the library's own list; refuses a library whose statuses are not those of the classes. */
export function installStatuses(listed: string): void {
  const entries = new Map((JSON.parse(listed) as StatusEntry[]).map((entry) => [entry.name, entry]));
  const wrong = CLASSES.filter((kind) => entries.get(kind.code)?.retriable !== kind.retriable);
  if (wrong.length > 0) {
    throw new Error(
      `libevents: the loaded library does not have the statuses ${wrong.map((kind) => kind.code).join(', ')} as ` +
        'this package knows them; install library and package of the same version',
    );
  }
  for (const entry of entries.values()) names.set(entry.code, entry.name);
}

/** Builds the error of a status from the library's text and its JSON form of the error. */
export function makeError(status: number, message: string, detail = '', receipt?: Receipt): EventsError {
  const code = names.get(status) ?? 'EVS_UNKNOWN';
  const kind = classOf(code, receipt !== undefined);
  const fields = parsed(detail);
  const error = new kind(message || fields.message || code, {
    path: fields.path ?? '',
    hint: fields.hint ?? '',
    problems: fields.problems ?? [],
    ...(receipt && { receipt }),
  });
  error.code = code;
  return error;
}

/** The same failure, as that of one event. */
export function withReceipt(error: EventsError, receipt: Receipt): EventsError {
  const { path, hint, problems } = error;
  const kind = error.constructor as typeof EventsError;
  return new kind(error.message, { path, hint, problems, receipt, cause: error });
}

/** `EventsError` itself for a status that a newer library added. */
function classOf(code: string, isPublish: boolean): typeof EventsError {
  if (isPublish && code === Timeout.code) return PublishTimeout;
  return CLASSES.find((kind) => kind.code === code) ?? EventsError;
}

interface ErrorFields {
  message?: string;
  path?: string;
  hint?: string;
  problems?: Problem[];
}

function parsed(detail: string): ErrorFields {
  if (!detail) return {};
  try {
    return (JSON.parse(detail) ?? {}) as ErrorFields;
  } catch {
    return {};
  }
}
