// SPDX-License-Identifier: MIT
// What ended: a publish, a request, a subscription or the system. One object walks over all reports of a batch.

import { makeError } from './errors.js';
import type { EventsError } from './errors.js';
import type { AcknowledgementLevel, Outcome, Receipt } from './message.js';
import { native } from './native.js';
import type { Batch } from './native.js';

/** A row of numbers, as report_numbers() in ../src/bind_poll.c writes it. */
const enum Column {
  Kind,
  Token,
  Status,
  Outcome,
  Attempts,
  Partition,
  Acknowledgement,
  IsDuplicate,
  Place,
  Count,
}

const OUTCOMES: Readonly<Record<number, Outcome>> = {
  [native.EVS_OUTCOME_STORED]: 'stored',
  [native.EVS_OUTCOME_REFUSED]: 'refused',
  [native.EVS_OUTCOME_UNKNOWN]: 'unknown',
};

const LEVELS: Readonly<Record<number, AcknowledgementLevel>> = {
  [native.EVS_ACKNOWLEDGE_NONE]: 'none',
  [native.EVS_ACKNOWLEDGE_STORED]: 'stored',
  [native.EVS_ACKNOWLEDGE_REPLICATED]: 'replicated',
  [native.EVS_ACKNOWLEDGE_FSYNCED]: 'fsynced',
};

/** The reports of a batch, one at a time; before the first next() it is at none. */
export class Reports {
  readonly #numbers: Float64Array;
  readonly #texts: readonly string[];
  /** Transport and topic of each place. */
  readonly #places: readonly string[][];
  #index = -1;

  constructor(batch: Batch) {
    this.#numbers = batch.reportNumbers;
    this.#texts = batch.reportTexts;
    this.#places = batch.reportPlaces.map((joined) => joined.split('\0'));
  }

  get count(): number {
    return this.#texts.length;
  }

  /** Goes on to the next one; false after the last. */
  next(): boolean {
    return ++this.#index < this.#texts.length;
  }

  #number(column: Column): number {
    return this.#numbers[this.#index * Column.Count + column]!;
  }

  get kind(): number {
    return this.#number(Column.Kind);
  }

  get token(): number {
    return this.#number(Column.Token);
  }

  get status(): number {
    return this.#number(Column.Status);
  }

  get transport(): string {
    return this.#places[this.#number(Column.Place)]![0]!;
  }

  get detail(): string {
    return this.#texts[this.#index]!.split('\0')[3]!;
  }

  error(receipt?: Receipt): EventsError {
    const [, , message, detail] = this.#texts[this.#index]!.split('\0');
    return makeError(this.status, message!, detail, receipt);
  }

  /** Of a publish. */
  receipt(): Receipt {
    const [transport, topic] = this.#places[this.#number(Column.Place)]!;
    const partition = this.#number(Column.Partition);
    const text = this.#texts[this.#index]!;
    const end = text.indexOf('\0');
    const isStored = this.status === native.EVS_OK;
    const receipt: Receipt = {
      id: text.slice(0, end),
      outcome: OUTCOMES[this.#number(Column.Outcome)] ?? 'unknown',
      transport: transport!,
      topic: topic!,
      partition: partition >= 0 ? partition : null,
      offset: isStored ? text.slice(end + 1) : text.split('\0')[1]!,
      attempts: this.#number(Column.Attempts),
      acknowledgement: LEVELS[this.#number(Column.Acknowledgement)] ?? null,
      duplicate: this.#number(Column.IsDuplicate) === 1,
    };
    return isStored ? receipt : { ...receipt, error: this.error(receipt) };
  }
}
