// SPDX-License-Identifier: MIT
// What the schema of a type says of a text that is being written, asked for when the writer pauses.
import { useEffect, useState } from 'preact/hooks';
import { ApiError, change } from '../api/client.ts';
import type { BodyVerdict } from '../api/schema.ts';

const PAUSE_MS = 300;

export type Verdict =
  /** `none`: the type has no schema; `unknown`: nobody could say. */
  | { state: 'asking' | 'none' | 'valid' }
  | { state: 'invalid'; verdict: BodyVerdict }
  | { state: 'unknown'; reason: string };

const ASKING: Verdict = { state: 'asking' };

async function ask(type: string, bodyText: string, version: string | null): Promise<Verdict> {
  const path = `schemas/${encodeURIComponent(type)}:validate`;
  try {
    const verdict = await change<BodyVerdict>('POST', path, { bodyText, ...(version && { version }) });
    return verdict.valid ? { state: 'valid' } : { state: 'invalid', verdict };
  } catch (error) {
    const { status, problem } = error as ApiError;
    if (status === 404 && version) return ask(type, bodyText, null);
    return status === 404 ? { state: 'none' } : { state: 'unknown', reason: problem.detail || problem.title };
  }
}

/** `text` is null while it is no JSON; a version that is not registered gives way to the latest one. */
export function useVerdict(type: string, text: string | null, version: string | null): Verdict {
  const [known, setKnown] = useState<{ text: string | null; verdict: Verdict }>({ text: null, verdict: ASKING });
  useEffect(() => {
    if (text === null) return;
    let current = true;
    const timer = setTimeout(async () => {
      const verdict = await ask(type, text, version);
      if (current) setKnown({ text, verdict });
    }, PAUSE_MS);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [type, text, version]);
  return known.text === text ? known.verdict : ASKING;
}
