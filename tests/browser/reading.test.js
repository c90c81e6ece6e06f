// SPDX-License-Identifier: MIT
// What a reader of dead letters gets, byte for byte.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";

import { keyOf } from "./support/api.js";
import { Host, Serve } from "./support/dashboard.js";
import { until } from "./support/process.js";
import { Store } from "./support/store.js";

const DEAD = "dlq:{order-events}";
const STREAM = "stream:{order-events}";

let store, serve;

before(async () => {
  store = await Store.start();
  serve = await Serve.start(store);
});
after(async () => {
  await serve?.stop();
  await store?.stop();
});
beforeEach(() => store.call("FLUSHALL"));

/** The entry of `bodies` whose failure says so, as the store has it and as the API tells it. */
async function letterOf(name) {
  const stored = (await store.entries(DEAD, true)).find((entry) => entry.dead.toString().includes(`"body: ${name}"`));
  const path = `dlq/entries/${keyOf("order-events", stored.id)}`;
  return { stored, path, shown: (await serve.api.get(path)).json };
}

test("paging through 1,000 entries while 500 new ones arrive shows none twice and skips none", async () => {
  await store.fill("dead", 1000);
  const expected = new Set((await serve.api.all("dlq/entries")).map((entry) => entry.id));
  assert.equal(expected.size, 1000);
  const [{ data, dead }] = await store.entries(DEAD);
  const seen = [];
  let cursor = "", added = 0;
  do {
    const page = (await serve.api.get(`dlq/entries?limit=50${cursor}`)).json;
    seen.push(...page.items.map((entry) => entry.id));
    cursor = page.next && `&cursor=${encodeURIComponent(page.next)}`;
    for (let n = 0; n < 25 && added < 500; n++, added++) await store.call("XADD", DEAD, "*", "data", data, "dead", dead);
  } while (cursor);
  assert.equal(added, 500);
  assert.equal(new Set(seen).size, seen.length, "an entry was shown twice");
  assert.deepEqual([...expected].filter((id) => !seen.includes(id)), []);
});

test("messages that differ in numbers, UUIDs, hex and quoted text are one group; another class is another", async (t) => {
  const host = await Host.start({ store, subscriptions: [{ pattern: "order.paid" }] });
  t.after(() => host.stop());
  await host.tell({ do: "fail", on: true });
  const alike = [
    "order 17 of 'anna' at 0xdeadbeef: 0190f5c2-9a3b-7c44-8f21-6f1f5f0f9b11",
    "order 4711 of 'bob' at 0xcafe: 7b9d0c1e-1111-4222-8333-944455566677",
    "order 0 of 'c d e' at 0x00: 00000000-0000-4000-8000-000000000000",
  ];
  for (const error of alike) await host.publish("order.paid", { error, class: "GatewayTimeout" });
  await host.publish("order.paid", { error: alike[0], class: "OtherError" });
  const groups = await until("the groups are complete", async () => {
    const { items } = (await host.api.get("dlq/groups")).json;
    return items.reduce((sum, group) => sum + group.count, 0) === 4 && items;
  });
  assert.deepEqual(groups.map((group) => [group.errorClass, group.count]).sort(), [["GatewayTimeout", 3], ["OtherError", 1]]);
});

test("an integer beyond 2^53 is shown, edited and requeued as it was published", async () => {
  await store.fill("bodies");
  const { stored, path, shown } = await letterOf("big integers");
  assert.match(shown.bodyText, /"id":9007199254740993,/);
  assert.ok(stored.data.includes(shown.bodyText), "the text is not the stored bytes");
  const bodyText = shown.bodyText.replace("18446744073709551615", "18446744073709551614");
  assert.equal((await serve.api.post(`${path}:requeue`, { edit: { bodyText } })).status, 200);
  const [copy] = await store.entries(STREAM);
  assert.ok(copy.data.includes(`"body":${bodyText}`), copy.data);
});

test("a body that is not UTF-8 is told in base64, downloaded and requeued byte for byte", async () => {
  await store.fill("bodies");
  for (const name of ["not UTF-8", "cut in a character"]) {
    const { stored, path, shown } = await letterOf(name);
    assert.deepEqual(Buffer.from(shown.raw, "base64"), stored.raw);
    assert.deepEqual((await serve.api.get(`${path}/body`)).bytes, stored.raw);
    assert.equal((await serve.api.post(`${path}:requeue`)).status, 200);
    assert.deepEqual((await store.entries(STREAM, true)).at(-1).raw, stored.raw);
  }
});

test("a body of 20 MB is told by its size and beginning, downloaded whole, and no list carries bodies", async () => {
  await store.fill("bodies");
  const { stored, path, shown } = await letterOf("20 MB");
  const body = stored.data.subarray(stored.data.indexOf('"body":') + 7, stored.data.length - 1);
  assert.equal(shown.bodySize, body.length);
  assert.equal(shown.tooLarge, true);
  assert.ok(shown.bodyPreview.length <= 65536 && body.toString().startsWith(shown.bodyPreview));
  const download = await serve.api.get(`${path}/body`);
  assert.match(download.headers["content-disposition"], /attachment/);
  assert.ok(download.bytes.equals(body));
  const list = await serve.api.get("dlq/entries?limit=200");
  assert.ok(list.bytes.length < 65536, `the list has ${list.bytes.length} bytes`);
  assert.equal(list.json.items.length, (await store.entries(DEAD)).length);
});

test("an edit sends the edited copy only; the original is in the archive with the copy's address", async () => {
  await store.fill("dead", 10);
  const [letter] = await store.entries(DEAD);
  const path = `dlq/entries/${keyOf("order-events", letter.id)}`;
  const wrong = await serve.api.post(`${path}:requeue`, { edit: { bodyText: '{"id":' } });
  assert.ok([400, 422].includes(wrong.status), wrong.text);
  assert.equal(await store.call("XLEN", STREAM), 0);
  const { offset } = (await serve.api.post(`${path}:requeue`, { edit: { bodyText: '{"id": "fixed"}' } })).json;
  const [copy, ...more] = await store.entries(STREAM);
  assert.deepEqual([more.length, JSON.parse(copy.data).body], [0, { id: "fixed" }]);
  assert.equal(JSON.parse(copy.data).header.editedFrom, JSON.parse(letter.data).header.hash);
  const [archived] = await serve.api.all("dlq/archive");
  assert.deepEqual([archived.archived.action, archived.archived.copy], ["edited", offset]);
  assert.ok(offset.includes(copy.id));
  const original = (await serve.api.get(`${path}?archived=true`)).json;
  assert.equal(original.bodyText, letter.data.slice(letter.data.indexOf('"body":') + 7, -1));
  const gone = await serve.api.get(path);
  assert.deepEqual([gone.status, gone.json.code, gone.json.copy], [404, "dlq_entry_gone", offset]);
});

test("the attempts of an entry are told newest first, and a second failure is on top", async (t) => {
  const host = await Host.start({ store, subscriptions: [{ pattern: "order.paid", maxRetries: 1 }] });
  t.after(() => host.stop());
  await host.tell({ do: "fail", on: true });
  await host.publish("order.paid", { error: "no luck", class: "FirstError" });
  const [first] = await until("it is dead", async () => (await store.deadLetters()) === 1 && store.entries(DEAD));
  const read = async (entry) => (await host.api.get(`dlq/entries/${keyOf("order-events", entry.id)}`)).json;
  const shown = await read(first);
  assert.equal(shown.attempts, 2);
  assert.equal(shown.history.length, 2);
  assert.ok(shown.history[0].at >= shown.history[1].at);
  for (const attempt of shown.history) {
    assert.ok(attempt.at > 0 && attempt.consumer && attempt.durationMs >= 0);
    assert.deepEqual([attempt.error.class, attempt.error.message], ["FirstError", "no luck"]);
  }
  await host.api.post(`dlq/entries/${keyOf("order-events", first.id)}:requeue`);
  const [second] = await until("it failed again", async () => {
    const letters = await store.entries(DEAD);
    return letters.length === 1 && letters[0].id !== first.id && letters;
  });
  const again = await read(second);
  assert.equal(again.requeueCount, 1);
  assert.ok(again.history[0].at >= shown.history[0].at);
});
