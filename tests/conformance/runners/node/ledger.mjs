// SPDX-License-Identifier: MIT
// ledger.mjs - what one system was seen to do, as the part of its statistics that must say the same.

const COUNTED_AS_FAILED = new Set(['fail', 'hang', 'reject']);
const DEFERRALS_MAX = 100;
/** One event too many, so that a test sees that it is seen. */
const ADDED = Number(process.env.EVS_LEDGER_ADDED ?? 0);

export class Ledger {
  #hasFanOut;
  #maxDeferrals;
  #stored = [];
  #failed = 0;
  #runs = [];

  constructor({ routing = {}, consumer = {} }) {
    // A receipt names one transport, so that of events for several it does not tell how often they were stored.
    this.#hasFanOut = (routing.routes ?? []).some(({ transports = [] }) => transports.length > 1);
    this.#maxDeferrals = consumer.maxDeferrals ?? DEFERRALS_MAX;
  }

  published(receipt, failed) {
    if (failed) this.#failed++;
    else this.#stored.push(receipt);
  }

  ran(run, word) {
    this.#runs.push({ ...run, word: typeof word === 'string' ? word : Object.keys(word)[0] });
  }

  expected() {
    const runs = this.#runs;
    const failed = runs.filter(({ word }) => COUNTED_AS_FAILED.has(word)).length + this.#deferredTooOften();
    return {
      inFlight: 0,
      publisher: { failedMessages: this.#failed, ...(this.#hasFanOut ? {} : this.#sent()) },
      consumer: {
        totalMessagesReceived: runs.length + ADDED,
        handledMessages: runs.filter(({ word }) => word === 'succeed').length,
        failedMessages: failed,
        totalMessagesReceivedByType: counts(runs.map(fullType)),
        totalMessagesReceivedByTopic: counts(runs.map(({ topic }) => topic)),
        totalMessagesReceivedByTransport: counts(runs.map(({ transport }) => transport)),
      },
    };
  }

  #sent() {
    return {
      totalMessagesSent: this.#stored.length,
      duplicateMessages: this.#stored.filter(({ duplicate }) => duplicate).length,
      totalMessagesSentByTopic: counts(this.#stored.map(({ topic }) => topic)),
      totalMessagesSentByTransport: counts(this.#stored.map(({ transport }) => transport)),
    };
  }

  #deferredTooOften() {
    const deferrals = Object.values(counts(this.#runs.filter(({ word }) => word === 'later').map(({ id }) => id)));
    return deferrals.reduce((sum, count) => sum + Math.max(0, count - this.#maxDeferrals), 0);
  }
}

function fullType({ originPrefix, type }) {
  return originPrefix ? `${originPrefix}.${type}` : type;
}

function counts(names) {
  const found = {};
  for (const name of names) found[name] = (found[name] ?? 0) + 1;
  return found;
}
