// SPDX-License-Identifier: MIT
// What acting on dead letters does to the store.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";

import { call, keyOf } from "./support/api.js";
import { Host, Serve } from "./support/dashboard.js";
import { count, until } from "./support/process.js";
import { Store } from "./support/store.js";

const STREAM = "stream:{order-events}";
const DEAD = "dlq:{order-events}";

let store;

before(async () => (store = await Store.start()));
after(() => store?.stop());
beforeEach(() => store.call("FLUSHALL"));

/** Ids of dead letters that the entries of a stream came back from, as `requeue` says. */
const origins = async () => (await store.entries(STREAM)).map((entry) => JSON.parse(entry.requeue ?? "{}").from);

test("requeueing an entry stores one copy that names its origin; of two requests at once one gets 409", async (t) => {
  await store.fill("dead", 10);
  const serve = await Serve.start(store);
  t.after(() => serve.stop());
  const [letter] = await store.entries(DEAD);
  const path = `dlq/entries/${keyOf("order-events", letter.id)}:requeue`;
  const answers = await Promise.all([serve.api.post(path), serve.api.post(path)]);
  assert.deepEqual(answers.map((answer) => answer.status).sort(), [200, 409]);
  const refused = answers.find((answer) => answer.status === 409).json;
  assert.equal(refused.code, "dlq_entry_gone");
  const [copy, ...more] = await store.entries(STREAM);
  assert.deepEqual(more, []);
  assert.equal(copy.data, letter.data);
  assert.equal(JSON.parse(copy.requeue).from, `main/order-events/${letter.id}`);
  assert.equal(JSON.parse(copy.requeue).count, 1);
  assert.ok(!(await store.entries(DEAD)).some((entry) => entry.id === letter.id));
});

test("the same Idempotency-Key gets the same answer and moves nothing twice", async (t) => {
  await store.fill("dead", 10);
  const serve = await Serve.start(store);
  t.after(() => serve.stop());
  const [letter] = await store.entries(DEAD);
  const path = `dlq/entries/${keyOf("order-events", letter.id)}:requeue`;
  const again = [1, 2, 3].map(() => serve.api.post(path, {}, { "idempotency-key": "once" }));
  const answers = await Promise.all(again);
  assert.deepEqual([...new Set(answers.map((answer) => `${answer.status} ${answer.text}`))].length, 1, answers.map((a) => a.text).join());
  assert.equal(answers[0].status, 200);
  assert.equal(await store.call("XLEN", STREAM), 1);
});

test("a requeue of 10,000 whose process is killed is finished by the next one, each entry moved once", async (t) => {
  const all = count("requeue_letters");
  await store.fill("dead", all);
  const ids = (await Promise.all(["order-events", "invoice-events"].map(async (topic) =>
    (await store.entries(`dlq:{${topic}}`)).map((entry) => `main/${topic}/${entry.id}`)))).flat().sort();
  const config = { transport: { sessionTimeout: 2000 } }; // after so long the next one takes over
  const first = await Host.start({ store, config });
  t.after(() => first.stop());
  const started = await first.api.start("requeue", {}, { rate: all / 2 }); // slow enough to be caught at it
  await until("some are moved", async () => {
    const left = await store.deadLetters();
    return left < all;
  });
  await first.stop("SIGKILL");
  const left = await store.deadLetters();
  assert.ok(left > 0, "the operation was over before the process was killed");

  const second = await Host.start({ store, config });
  t.after(() => second.stop());
  const ended = await second.api.ended(started);
  assert.equal(ended.state, "done");
  assert.equal(ended.done, all);
  assert.equal(await store.deadLetters(), 0);
  const moved = (await Promise.all([STREAM, "stream:{invoice-events}"].map((key) => store.entries(key)))).flat();
  assert.deepEqual(moved.map((entry) => JSON.parse(entry.requeue).from).sort(), ids);
});

test("requeue-all of 100 while the consumer fails takes each once; those that failed again say requeued 1x", async (t) => {
  const host = await Host.start({ store, subscriptions: [{ pattern: "order.paid" }] });
  t.after(() => host.stop());
  await host.tell({ do: "fail", on: true });
  await host.publish("order.paid", { id: 1 }, { count: 100 });
  await until("100 dead letters", async () => (await store.deadLetters()) === 100);
  const before = new Set((await store.entries(DEAD)).map((entry) => entry.id));

  const ended = await host.api.ended(await host.api.start("requeue", {}));
  assert.equal(ended.state, "done");
  assert.equal(ended.done, 100);
  await until("all have failed again", async () => (await store.deadLetters()) === 100);
  const letters = await store.entries(DEAD);
  assert.ok(letters.every((entry) => !before.has(entry.id)));
  assert.deepEqual([...new Set(letters.map((entry) => JSON.parse(entry.dead).requeueCount))], [1]);
  assert.equal((await origins()).filter(Boolean).length, 100, "an entry was taken twice");
  const listed = await host.api.all("dlq/entries?requeued=true");
  assert.equal(listed.length, 100);
});

test("a discarded group is restored from the archive, and the counts are those of before", async (t) => {
  await store.fill("dead", 100);
  const serve = await Serve.start(store);
  t.after(() => serve.stop());
  const counts = async () => (await serve.api.get("dlq/groups")).json.items
    .map((group) => [group.fingerprint, group.count]).sort();
  const before = await counts();
  assert.deepEqual(before.map(([, count]) => count).sort((a, b) => a - b), [10, 30, 60]);
  const filter = { fingerprint: "00000000000000b2" };
  const discarded = await serve.api.ended(await serve.api.start("discard", filter, { reason: "old" }));
  assert.equal(discarded.done, 30);
  assert.equal(await store.deadLetters(), 70);
  assert.deepEqual(await counts(), before.filter(([fingerprint]) => fingerprint !== filter.fingerprint));
  const archive = await serve.api.all("dlq/archive");
  assert.deepEqual([...new Set(archive.map((item) => `${item.archived.action} ${item.archived.reason}`))], ["discarded old"]);

  const restored = await serve.api.ended(await serve.api.start("restore", filter));
  assert.equal(restored.done, 30);
  assert.equal(await store.deadLetters(), 100);
  assert.deepEqual(await counts(), before);
});

test("every action is in the audit with actor, scope, count and result, and nothing changes a row", async (t) => {
  await store.fill("dead", 100);
  const serve = await Serve.start(store);
  t.after(() => serve.stop());
  const [first, second] = await store.entries(DEAD);
  const at = (entry) => `dlq/entries/${keyOf("order-events", entry.id)}`;
  const { json: { items: [{ key: third }] } } = await serve.api.get("dlq/entries?limit=1");
  await serve.api.post(`${at(first)}:requeue`);
  await serve.api.post(`${at(second)}:discard`, { reason: "a test" });
  await serve.api.post(`${at(second)}:restore`);
  await serve.api.post(`dlq/entries/${third}:requeue`, { edit: { bodyText: '{"id":2}' } });
  await serve.api.ended(await serve.api.start("requeue", { group: "warehouse" }));
  await store.call("XGROUP", "CREATE", STREAM, "billing", "0");
  await serve.api.post("groups/billing:pause", { reason: "a test" });
  await serve.api.post("groups/billing:resume");

  const rows = await until("all rows are there", async () => {
    const found = await serve.api.all("audit");
    return found.length >= 7 && found;
  });
  for (const row of rows) {
    assert.ok(row.actor && row.at > 0 && row.result && row.scope !== undefined, JSON.stringify(row));
  }
  const text = JSON.stringify(rows);
  for (const action of ["requeue", "discard", "restore", "edit", "pause", "resume"]) assert.match(text, new RegExp(action));
  assert.ok(rows.some((row) => row.count === 30 || JSON.stringify(row).includes("warehouse")), text);

  for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
    for (const path of ["audit", `audit/${rows[0].id}`]) {
      const answer = await call(`${serve.url}api/v1/${path}`, { method, body: {} });
      assert.ok([404, 405, 501].includes(answer.status), `${method} ${path}: ${answer.status}`);
    }
  }
  assert.deepEqual(await serve.api.all("audit"), rows);
});
