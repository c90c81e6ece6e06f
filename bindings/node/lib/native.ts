// SPDX-License-Identifier: MIT
// Loads the addon and refuses one that does not fit. What its functions do is said in ../src, and what they
// are for in engine.ts.

import { join } from 'node:path';

/**
 * Records of one poll: rows of numbers, and the texts of each as one string with a NUL between them. The last number of
 * a row is the place of the texts that a record shares with others.
 */
export interface Batch {
  readonly messageNumbers: Float64Array;
  /** Two for each message: its texts, and its body (text where it is JSON). */
  readonly messageTexts: readonly (string | Buffer)[];
  readonly messagePlaces: readonly string[];
  readonly reportNumbers: Float64Array;
  readonly reportTexts: readonly string[];
  readonly reportPlaces: readonly string[];
}

export interface Accepted {
  readonly accepted: number;
  readonly error?: Error;
}

export interface StartedDashboard {
  readonly dashboard: number;
  readonly url: string;
}

/** A compiled schema, freed by the collector. */
export type SchemaHandle = { readonly __schema: never };

export type ErrorMaker = (status: number, message: string, detail: string) => Error;
export type ListMaker = (...items: unknown[]) => unknown[];

/** The functions of the addon; a system is its number. */
export interface Native {
  install(onWake: (id: number) => void, makeError: ErrorMaker, makeList: ListMaker): void;
  shutdown(): void;
  open(config: string): number;
  rearm(id: number): void;
  hold(id: number, holds: boolean): void;
  close(id: number, deadlineMs: number): void;
  release(id: number): Promise<void>;
  stats(id: number): string;
  metrics(id: number): string;
  status(id: number): string;
  explain(id: number, query: string): string;
  request(id: number, method: string, params: string, timeoutMs: number, token: number): void;
  publishLines(id: number, count: number, firstToken: number, numbers: Float64Array | undefined, text: string): Accepted | undefined;
  publish(id: number, count: number, firstToken: number, numbers: Float64Array, texts: readonly unknown[]): Accepted | undefined;
  subscribe(id: number, options: string): number;
  unsubscribe(id: number, token: number): void;
  poll(id: number, limit: number): Batch | undefined;
  ack(id: number, count: number, deliveries: Float64Array): number;
  fail(id: number, count: number, numbers: Float64Array, texts: readonly string[]): number;
  dashboardStart(id: number, library: string, options: string): StartedDashboard;
  dashboardStop(id: number, dashboard: number, deadlineMs: number): Promise<void>;
  schemaCompile(schema: string | Uint8Array, options: string): SchemaHandle;
  schemaValidate(schema: SchemaHandle, text: string | Uint8Array): boolean;
  schemaReport(schema: SchemaHandle, text: string | Uint8Array, options: string): string;
  schemaFill(schema: SchemaHandle, text: string | Uint8Array): string | null;
  schemaCompat(older: SchemaHandle, newer: SchemaHandle, options: string): string;
  version(): string;
  statusList(): string;
  configCheck(config: string | Uint8Array): string;
  patternNormalize(pattern: string, originPrefix: string, extendedTypes: boolean): string;
  patternMatches(pattern: string, fullType: string, originPrefix: string): boolean;
  typeCheck(type: string, extendedTypes: boolean): boolean;
  fullType(type: string, originPrefix: string): string;
  originDelivered(query: string): boolean;
  retryDelay(strategy: number, baseDelayMs: number, maxDelayMs: number, retry: number): number;
  bodyHash(body: string | Uint8Array): string;
  partitionForKey(key: string | Uint8Array, partitions: number): number;
  keySlot(key: string | Uint8Array): number;

  readonly EVS_VERSION: string;
  readonly EVS_OK: number;
  readonly EVS_OUTCOME_STORED: number;
  readonly EVS_OUTCOME_REFUSED: number;
  readonly EVS_OUTCOME_UNKNOWN: number;
  readonly EVS_ACKNOWLEDGE_NONE: number;
  readonly EVS_ACKNOWLEDGE_STORED: number;
  readonly EVS_ACKNOWLEDGE_REPLICATED: number;
  readonly EVS_ACKNOWLEDGE_FSYNCED: number;
  readonly EVS_REPORT_PUBLISH: number;
  readonly EVS_REPORT_REQUEST: number;
  readonly EVS_REPORT_UNSUBSCRIBED: number;
  readonly EVS_REPORT_CLOSED: number;
  readonly EVS_REPORT_LOG: number;
  readonly EVS_REPORT_TRANSPORT: number;
  readonly EVS_FAIL_RETRY: number;
  readonly EVS_FAIL_REJECT: number;
  readonly EVS_FAIL_LATER: number;
  readonly EVS_FAIL_RELEASE: number;
  readonly EVS_BACKOFF_FIXED: number;
  readonly EVS_BACKOFF_EXPONENTIAL: number;
  readonly EVS_BACKOFF_FIBONACCI: number;
}

function load(): Native {
  const file = join(__dirname, '..', 'libevents.node');
  try {
    return require(file) as Native;
  } catch (cause) {
    const { platform, arch, version } = process;
    const [reason] = (cause as Error).message.split('\n');
    throw new Error(
      `libevents: the addon ${file} could not be loaded (${reason}). It is built for one ` +
        `platform, and this is Node ${version} on ${platform} ${arch}. Build it with scripts/build in a checkout ` +
        '(it needs node, npm, a C compiler and CMake), then read build/env.',
      { cause },
    );
  }
}

function numbersOf(version: string): number[] {
  return version.split('-')[0]!.split('.').map(Number);
}

function isOlder(version: string, than: string): boolean {
  const [left, right] = [numbersOf(version), numbersOf(than)];
  const index = left.findIndex((part, place) => part !== right[place]);
  return index >= 0 && left[index]! < right[index]!;
}

export const native: Native = load();

if (isOlder(native.version(), native.EVS_VERSION)) {
  throw new Error(
    `libevents: this package was built for libevents ${native.EVS_VERSION}, but libevents.so.1 of version ` +
      `${native.version()} was loaded; install the newer library, or look at LD_LIBRARY_PATH`,
  );
}
