// SPDX-License-Identifier: MIT
// Calls of the API: conditional reads, changes with an idempotency key, and problems as errors.
import { base } from '../state/location.ts';
import type { Problem } from './schema.ts';

/** Longer than any honest answer takes, shorter than an operator's patience. */
const TIMEOUT_MS = 15_000;

export class ApiError extends Error {
  constructor(
    /** 0 where no answer came. */
    readonly status: number,
    readonly problem: Partial<Problem> & { code: string; title: string },
  ) {
    super(problem.detail || problem.title);
  }

  /** The server has answered, with no; asking again will not help, and older data is not true any more. */
  get final(): boolean {
    const passing = [401, 408, 429].includes(this.status);
    return this.status === 501 || (this.status >= 400 && this.status < 500 && !passing);
  }
}

export type Fetched<T> = { data: T; text: string; etag: string | null };

/** The items of a list and how far the reading of them went. */
export type List<T> = {
  items: T[];
  next: string | null;
  scanned: number | null;
  exhausted: boolean;
  total: number | null;
  totalExact: boolean;
};

export function apiUrl(path: string): string {
  return `${base}api/v1/${path}`;
}

/** Reads; null where nothing changed since `known`. */
export async function read<T>(
  path: string,
  signal: AbortSignal,
  known?: Fetched<T> | null,
): Promise<Fetched<T> | null> {
  const headers: Record<string, string> = known?.etag ? { 'If-None-Match': known.etag } : {};
  const response = await call(path, { headers, signal });
  if (response.status === 304) return null;
  const text = await response.text();
  return { data: decode<T>(text), text, etag: response.headers.get('ETag') };
}

/** Reads once, whatever was known before. */
export async function fetchOnce<T>(path: string): Promise<T> {
  return ((await read<T>(path, new AbortController().signal)) as Fetched<T>).data;
}

export async function change<T>(
  method: 'POST' | 'PATCH',
  path: string,
  body: unknown,
  key?: string,
): Promise<T> {
  const headers: Record<string, string> = { 'Content-Type': 'application/json' };
  if (key) headers['Idempotency-Key'] = key;
  const response = await call(path, { method, headers, body: JSON.stringify(body) });
  return decode<T>(await response.text());
}

/** One key per intent of the operator: asking again after a lost answer does nothing twice. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
}

async function call(path: string, init: RequestInit): Promise<Response> {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), TIMEOUT_MS);
  init.signal?.addEventListener('abort', () => limit.abort());
  try {
    const response = await fetch(apiUrl(path), { ...init, signal: limit.signal, cache: 'no-store' });
    if (response.ok || response.status === 304) return response;
    throw new ApiError(response.status, await problemOf(response));
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw new ApiError(0, { code: 'unreachable', title: 'The server does not answer.' });
  } finally {
    clearTimeout(timer);
  }
}

async function problemOf(response: Response): Promise<ApiError['problem']> {
  const otherwise = { code: `http_${response.status}`, title: `The server answered ${response.status}.` };
  try {
    return { ...otherwise, ...((await response.json()) as Problem) };
  } catch {
    return otherwise;
  }
}

function decode<T>(text: string): T {
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new ApiError(502, { code: 'not_json', title: 'The answer is not JSON: is this the right server?' });
  }
}
