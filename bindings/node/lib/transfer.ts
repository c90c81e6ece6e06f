// SPDX-License-Identifier: MIT
// Dead letters as lines, out of one store and into another, and notes on them: a part of system.dlq.

import type { DeadLetterFilter } from './dlq.js';
import { checkOptions } from './event.js';
import { Operations } from './operations.js';
import type { ChangeOptions, StoreOptions } from './operations.js';

export interface ImportOptions extends ChangeOptions {
  /** `dead`: dead letters again; `stream`: their events, for the group that failed. */
  readonly into?: 'dead' | 'stream';
  /** With `stream`: for every group. */
  readonly allGroups?: boolean;
}

/** What became of a line, named by its number from 1. */
export interface ImportedLine {
  readonly line: number;
  readonly outcome: 'imported' | 'already_imported' | 'error';
  readonly id?: string;
  readonly topic?: string;
  readonly offset?: string;
  readonly message?: string;
}

interface ExportPage {
  readonly items: readonly object[];
  readonly next: string | null;
}

// Lines in one request, and their characters: what the store answers within one time limit.
const LINES = 200;
const CHARACTERS = 8 * 1024 * 1024;

export class Transfer extends Operations {
  /** Writes a note on dead letters, or with null takes it away. */
  note(
    ids: readonly string[],
    note: string | null,
    options: ChangeOptions = {},
  ): Promise<{ noted: number; results: { id: string; outcome: 'noted' | 'not_found' }[] }> {
    return this.ask('dlq.note', { ...checkOptions(options, 'dlq.note'), ids, note });
  }

  /** Gives dead letters, each as a line of JSON that holds all that is stored of it. */
  async *export(options: DeadLetterFilter & StoreOptions = {}): AsyncGenerator<string, void> {
    let cursor: string | null = null;
    do {
      const paging: object = cursor === null ? { limit: LINES } : { limit: LINES, cursor };
      const page: ExportPage = await this.ask('dlq.export', { ...checkOptions(options, 'dlq.export'), ...paging });
      for (const item of page.items) yield JSON.stringify(item);
      cursor = page.next;
    } while (cursor !== null);
  }

  /** Makes dead letters, or events, of such lines; the same line is taken once, a wrong one is refused by its number. */
  async import(
    lines: Iterable<string> | AsyncIterable<string>,
    options: ImportOptions = {},
  ): Promise<{ imported: number; results: ImportedLine[] }> {
    const rest = checkOptions(options, 'dlq.import');
    const sum: { imported: number; results: ImportedLine[] } = { imported: 0, results: [] };
    let gathered: string[] = [];
    let characters = 0;
    const send = async (): Promise<void> => {
      const from = sum.results.length + 1;
      const answer: typeof sum = await this.ask('dlq.import', { ...rest, lines: gathered, from });
      sum.imported += answer.imported;
      sum.results.push(...answer.results);
      gathered = [];
      characters = 0;
    };
    for await (const line of lines) {
      gathered.push(line.replace(/[\r\n]+$/, ''));
      characters += line.length;
      if (gathered.length >= LINES || characters >= CHARACTERS) await send();
    }
    if (gathered.length > 0) await send();
    return sum;
  }
}
