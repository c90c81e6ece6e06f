// SPDX-License-Identifier: MIT
// What may not be done is shown, disabled, with the reason.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Api, bearer, keyOf } from "./support/api.js";
import { Browser, leave } from "./support/browser.js";
import { Serve } from "./support/dashboard.js";
import { main, open } from "./support/pages.js";
import { Store } from "./support/store.js";

const KEY = keyOf("order-events", "1763920000000-0");
const CHANGES = [
  [`dlq/entries/${KEY}:requeue`, {}], [`dlq/entries/${KEY}:requeue`, { edit: { bodyText: "1" } }],
  [`dlq/entries/${KEY}:discard`, {}], [`dlq/entries/${KEY}:restore`, {}], ["groups/billing:pause", {}],
  ["groups/billing:resume", {}], ["operations", { kind: "requeue", scope: { filter: {} } }],
  ["operations", { kind: "discard", scope: { keys: [KEY] } }],
];
const ACTIONS = [[`dlq/entries/${KEY}`, /^Requeue/], [`dlq/entries/${KEY}`, /^Discard/], [`dlq/entries/${KEY}`, /^Edit/],
  ["dlq", /^Requeue/], ["consumers/billing", /^Pause/]];

let store, browser;

before(async () => {
  [store, browser] = await Promise.all([Store.start(), Browser.start()]);
  await store.fill("dead", 100);
  await store.call("XGROUP", "CREATE", "stream:{order-events}", "billing", "0", "MKSTREAM");
});
after(() => Promise.all([store?.stop(), browser?.stop()]));

/** The control is there, cannot be used, and says why. */
async function assertDisabled(page, name, reason) {
  const control = main(page).getByRole("button", { name }).first();
  await control.waitFor();
  assert.ok(await control.isDisabled(), `${name} is enabled`);
  await main(page).getByText(reason).first().waitFor();
}

test("in read-only mode every action is disabled with the reason, and the API answers 403", async (t) => {
  const serve = await Serve.start(store, { readOnly: true });
  t.after(() => serve.stop());
  const before = await store.deadLetters();
  for (const [path, body] of CHANGES) {
    const answer = await serve.api.post(path, body);
    assert.deepEqual([answer.status, answer.json.code], [403, "read_only"], path);
  }
  const page = await browser.visit(serve.url);
  for (const [path, name] of ACTIONS) {
    await open(page, serve.url + path);
    await assertDisabled(page, name, /read-only/i);
  }
  await leave(page);
  assert.equal(await store.deadLetters(), before);
});

test("who lacks a permission sees the action disabled, with the permission's name, and the API refuses", async (t) => {
  const user = { name: "ivo", password: "of the archive", permissions: ["view", "payload.view", "dlq.archive"] };
  const token = { name: "bot", token: "a-token-of-many-characters", permissions: ["view", "dlq.archive"] };
  const serve = await Serve.start(store, { auth: { users: [user], tokens: [token] } });
  t.after(() => serve.stop());
  const bot = new Api(serve.url, bearer(token.token));
  const refused = await bot.post(`dlq/entries/${KEY}:requeue`);
  assert.deepEqual([refused.status, refused.json.code, refused.json.permission], [403, "forbidden", "dlq.requeue"]);
  const page = await browser.visit(`${serve.url}dlq/entries/${KEY}`,
    { httpCredentials: { username: user.name, password: user.password } });
  await open(page, page.url());
  await assertDisabled(page, /^Requeue/, /dlq\.requeue/);
  assert.equal(await main(page).getByRole("button", { name: /^Discard/ }).first().isEnabled(), true);
  assert.equal((await bot.post(`dlq/entries/${KEY}:discard`)).status, 200);
  await leave(page);
});
