// SPDX-License-Identifier: MIT
// Where the commands and answers of a Redis connection begin and end, found as the bytes pass. Nothing is held
// back: of a command its first words are kept, of an answer nothing.

const NEWLINE_BYTES = 2;
const WORDS_MAX = 64;
const WORD_BYTES_MAX = 1024;

/** A whole command or answer. */
export interface Frame {
  /** Where it ends in the bytes at hand. */
  readonly end: number;
  /** The first words, each cut to a bounded size, where they are kept. */
  readonly words: readonly Buffer[];
  /** Said without having been asked. */
  readonly isPush: boolean;
}

/** Follows one direction of one connection. */
export class Frames {
  readonly #keepsWords: boolean;
  #line = '';
  #bulkLeft = 0;
  #keepsWord = false;
  #open: number[] = [];
  #words: Buffer[] = [];
  #isPush = false;

  constructor(keepsWords: boolean) {
    this.#keepsWords = keepsWords;
  }

  /** The frames that end within `data`, which follows what was fed before. */
  *feed(data: Buffer): Generator<Frame> {
    let at = 0;
    while (at < data.length) {
      const [next, isWhole] = this.#bulkLeft > 0 ? this.#takeBulk(data, at) : this.#takeLine(data, at);
      at = next;
      if (!isWhole || !this.#closesFrame()) continue;
      yield { end: at, words: this.#words, isPush: this.#isPush };
      this.#words = [];
      this.#isPush = false;
    }
  }

  #takeBulk(data: Buffer, at: number): [number, boolean] {
    const taken = Math.min(this.#bulkLeft, data.length - at);
    const content = Math.min(taken, Math.max(0, this.#bulkLeft - NEWLINE_BYTES));
    this.#bulkLeft -= taken;
    if (this.#keepsWord) this.#addToWord(data.subarray(at, at + content));
    return [at + taken, this.#bulkLeft === 0];
  }

  #addToWord(piece: Buffer): void {
    const word = this.#words.pop()!;
    this.#words.push(Buffer.concat([word, piece.subarray(0, WORD_BYTES_MAX - word.length)]));
  }

  /** Reads a line; the second value says whether it is an element of its own. */
  #takeLine(data: Buffer, at: number): [number, boolean] {
    const end = data.indexOf('\n', at);
    if (end < 0) {
      this.#line += data.toString('latin1', at);
      return [data.length, false];
    }
    const line = this.#line + data.toString('latin1', at, end);
    this.#line = '';
    return [end + 1, this.#begin(line)];
  }

  #begin(line: string): boolean {
    const kind = line.charAt(0);
    const size = Number.parseInt(line.slice(1), 10);
    if ('$=!'.includes(kind) && size >= 0) {
      this.#bulkLeft = size + NEWLINE_BYTES;
      this.#keepsWord = this.#keepsWords && this.#words.length < WORDS_MAX;
      if (this.#keepsWord) this.#words.push(Buffer.alloc(0));
      return false;
    }
    if ('*~>%'.includes(kind) && size > 0) {
      this.#isPush ||= kind === '>';
      this.#open.push(kind === '%' ? 2 * size : size);
      return false;
    }
    return true;
  }

  #closesFrame(): boolean {
    while (this.#open.length > 0) {
      this.#open.push(this.#open.pop()! - 1);
      if (this.#open.at(-1)! > 0) return false;
      this.#open.pop();
    }
    return true;
  }
}
