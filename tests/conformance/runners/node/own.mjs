// SPDX-License-Identifier: MIT
// own.mjs - a transport as a program writes one: topics in this process, each group a queue. Places of the same number
// share it.

const places = new Map();

/** What all transports of one place share. */
class Place {
  messages = []; // {topic, message, partition}
  groups = new Map(); // name → subscriptions

  publish(topic, message, partition) {
    const entry = { topic, message: JSON.stringify(message), partition };
    this.messages.push(entry);
    for (const subscriptions of this.groups.values()) give(subscriptions, entry);
    return this.messages.length;
  }
}

/** To one of a group's subscriptions to the topic; whoever hands it back lets the next one have it. */
function give(subscriptions, { topic, message, partition }) {
  const takers = subscriptions.filter((each) => each.topic === topic || each.topic === '*');
  const [taker] = takers;
  if (!taker) return;
  const place = { topic, ...(partition !== undefined && { partition }) };
  taker.handler(JSON.parse(message), place).catch(() => give(subscriptions, { topic, message, partition }));
}

export class OwnTransport {
  capabilities = {
    supportsPublishing: true,
    supportsSubscription: true,
    supportsPatternRouting: true,
    supportsBatching: true,
    supportsPartitioning: true,
  };
  #place;
  #own = [];

  constructor(number) {
    if (!places.has(number)) places.set(number, new Place());
    this.#place = places.get(number);
  }

  async publish(topic, message, { partition }) {
    return { offset: this.#place.publish(topic, message, partition) };
  }

  async subscribe(topic, handler, { group, from }) {
    const isNew = !this.#place.groups.has(group);
    const subscriptions = this.#place.groups.get(group) ?? [];
    const subscription = { topic, handler };
    this.#place.groups.set(group, subscriptions);
    this.#own.push([group, subscription]);
    subscriptions.push(subscription);
    if (isNew && from === 'earliest') this.#place.messages.forEach((entry) => give([subscription], entry));
  }

  async unsubscribe(topic, { group }) {
    this.#leave(([name, subscription]) => name === group && subscription.topic === topic);
  }

  async disconnect() {
    this.#leave(() => true);
  }

  #leave(leaves) {
    for (const own of this.#own.filter(leaves)) {
      const subscriptions = this.#place.groups.get(own[0]);
      subscriptions.splice(subscriptions.indexOf(own[1]), 1);
    }
    this.#own = this.#own.filter((own) => !leaves(own));
  }
}
