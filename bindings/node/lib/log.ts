// SPDX-License-Identifier: MIT
// What the library has to say beside its results: to the logger that the program gave, and to the diagnostics
// channel `libevents`. An error that nobody listens to becomes a warning of the process.

import { channel } from 'node:diagnostics_channel';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface LogRecord {
  readonly level: LogLevel;
  /** Milliseconds since 1970. */
  readonly time: number;
  /** A transport's name, or a part of the library. */
  readonly component: string;
  readonly message: string;
  /** How often the same was said besides and held back. */
  readonly repeated: number;
  /** Records that were lost before this one since nobody took them. */
  readonly lost?: number;
  /** What the message is about. */
  readonly fields?: Readonly<Record<string, string>>;
}

/** `console`, and what loggers of that form are: each method gets the text and the whole record. */
export type Logger = Readonly<Record<LogLevel, (message: string, record: LogRecord) => void>>;

const listeners = channel('libevents');

export class Log {
  readonly #logger: Logger | undefined;

  constructor(logger?: Logger) {
    this.#logger = logger;
  }

  /** Something that the binding itself has to say. */
  say(level: LogLevel, message: string): void {
    this.tell({ level, time: Date.now(), component: 'node', message, repeated: 0 });
  }

  tell(record: LogRecord): void {
    if (listeners.hasSubscribers) listeners.publish(record);
    if (this.#logger) this.#pass(this.#logger, record);
    else if (record.level === 'error' && !listeners.hasSubscribers) process.emitWarning(textOf(record), 'libevents');
  }

  /** A logger that fails must not fail what is logged. */
  #pass(logger: Logger, record: LogRecord): void {
    try {
      logger[record.level](`libevents: ${textOf(record)}`, record);
    } catch (problem) {
      process.emitWarning(`the logger failed: ${(problem as Error)?.message ?? 'no reason'}`, 'libevents');
    }
  }
}

function textOf({ component, message, fields = {} }: LogRecord): string {
  const about = Object.entries(fields).map(([name, value]) => `${name} ${value}`);
  return `${component}: ${message}${about.length > 0 ? ` (${about.join(', ')})` : ''}`;
}
