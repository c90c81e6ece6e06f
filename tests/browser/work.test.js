// SPDX-License-Identifier: MIT
// An operator at work, with the keyboard, the mouse, and links to pass on.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";

import { keyOf } from "./support/api.js";
import { Browser, leave } from "./support/browser.js";
import { Serve } from "./support/dashboard.js";
import { button, dialog, main, open } from "./support/pages.js";
import { run, until } from "./support/process.js";
import { Store } from "./support/store.js";
import { Visitor } from "./support/visitor.js";

const KEY = keyOf("order-events", "1763920000000-0");
const STREAM = "stream:{order-events}";

let store, serve, browser;

before(async () => {
  [store, browser] = await Promise.all([Store.start(), Browser.start()]);
  serve = await Serve.start(store);
});
after(async () => {
  await serve?.stop();
  await Promise.all([store?.stop(), browser?.stop()]);
});
beforeEach(async () => {
  await store.call("FLUSHALL");
  await store.fill("dead", 100);
});

async function visit(path, options) {
  const page = await browser.visit(serve.url + path, options);
  await open(page, page.url());
  return page;
}

test("with the keyboard alone, from the first page to a requeued dead letter in at most six steps", async () => {
  const page = await visit("");
  const visitor = new Visitor(page);
  await visitor.activate(/^Dead letters/);
  await visitor.activate(/^Requeue 10 entries: mailbox/);
  await visitor.dialog();
  await visitor.activate(/^Requeue/);
  await until("the group's ten are moved", async () => (await store.call("XLEN", "stream:{invoice-events}")) === 10);
  assert.ok(visitor.steps <= 6, `${visitor.steps} steps`);
  await leave(page);
});

test("with the keyboard alone: find a group, see the preview, requeue, watch the operation end", async () => {
  const page = await visit("dlq");
  const visitor = new Visitor(page);
  await visitor.activate(/^Requeue 30 entries/);
  await visitor.dialog();
  await dialog(page).getByText("By type").waitFor();
  const preview = await dialog(page).innerText();
  assert.match(preview, /30/);
  assert.match(preview, /order\.shipped/);
  await visitor.activate(/^Requeue/);
  await page.waitForURL(/operations\/./);
  await main(page).getByText(/done/i).first().waitFor();
  assert.equal(await store.call("XLEN", STREAM), 30);
  await leave(page);
});

test("? lists the shortcuts, / goes to the search, g d to the dead letters; none while typing, none when turned off", async () => {
  const page = await visit("");
  const press = async (...keys) => {
    for (const key of keys) await page.keyboard.press(key);
  };
  await press("g", "d");
  await page.waitForURL(/\/dlq$/);
  await press("/");
  assert.match(await page.evaluate(() => document.activeElement.type), /search|text/);
  await press("g", "o", "?");
  assert.equal(await page.evaluate(() => document.activeElement.value), "go?");
  assert.equal(await dialog(page).count(), 0);
  assert.match(page.url(), /\/dlq/);
  await page.evaluate(() => document.activeElement.blur());
  await press("?");
  await dialog(page).getByText(/g d/).first().waitFor();
  await dialog(page).getByRole("checkbox", { name: /shortcuts/i }).uncheck();
  await press("Escape");
  await dialog(page).waitFor({ state: "detached" });
  const url = page.url();
  await press("g", "p", "?");
  assert.equal(page.url(), url);
  assert.equal(await dialog(page).count(), 0);
  await leave(page);
});

test("a discarded group comes back by Undo in the toast, and the counts with it", async () => {
  const page = await visit("dlq");
  await button(main(page), /^Discard 30 entries/).click();
  await button(dialog(page), /^Discard 30 entries/).click();
  await until("they are gone", async () => (await store.deadLetters()) === 70);
  await button(page.getByRole("status", { name: "Messages" }), "Undo").click();
  await until("they are back", async () => (await store.deadLetters()) === 100);
  const { items } = (await serve.api.get("dlq/groups")).json;
  assert.deepEqual(items.map((group) => group.count).sort((a, b) => a - b), [10, 30, 60]);
  await leave(page);
});

test("an edited payload is shown as a diff of lines before it is sent, and only the edited copy is sent", async () => {
  const page = await visit(`dlq/entries/${KEY}`, { refusals: true }); // the entry is gone then
  await button(main(page), "Edit").click();
  const editor = dialog(page).getByRole("textbox", { name: "Body" });
  const text = await editor.inputValue();
  await editor.fill(text.slice(0, -1));
  assert.ok(await button(dialog(page), "Review changes").isDisabled(), "what is no JSON can be sent");
  await editor.fill(text.replace("1250", "9007199254740993"));
  await button(dialog(page), "Review changes").click();
  const lines = dialog(page).getByRole("group", { name: "Changed lines" });
  await lines.getByText(/removed: .*1250/).waitFor();
  await lines.getByText(/added: .*9007199254740993/).waitFor();
  await button(dialog(page), "Requeue edited").click();
  await until("it is stored", async () => (await store.call("XLEN", STREAM)) === 1);
  const [copy] = await store.entries(STREAM);
  assert.match(copy.data, /"amount": ?9007199254740993/);
  await leave(page);
});

test("the address of a list, group, entry, operation or tester case gives the same view in another browser", async () => {
  const operation = await serve.api.start("requeue", { fingerprint: "00000000000000c3" });
  await serve.api.ended(operation);
  const paths = ["dlq/entries?group=warehouse", "dlq/entries?text=GatewayTimeout", "dlq?fingerprint=00000000000000a1",
    `dlq/entries/${KEY}`, `operations/${operation.id}`, "routes/test?type=order.paid&refresh=paused"];
  for (const path of paths) {
    const first = await visit(path);
    const second = await visit(first.url().slice(serve.url.length));
    const text = async (page) => (await main(page).innerText()).replace(/\d+ ?(ms|s|min|h|d)\b( ago)?/g, "");
    await until(`${path} shows the same twice`, async () => (await text(first)) === (await text(second)));
    await Promise.all([leave(first), leave(second)]);
  }
});

test("filters that are set on the page are in its address", async () => {
  const page = await visit("dlq/entries");
  await main(page).getByRole("textbox", { name: "Group" }).fill("warehouse");
  await page.keyboard.press("Enter");
  await page.waitForURL(/group=warehouse/);
  await until("only its letters are shown", async () => !(await main(page).innerText()).includes("mailbox"));
  await leave(page);
});

test("copy as curl, run in a shell, does what the action does", async () => {
  const page = await visit(`dlq/entries/${KEY}`, { permissions: ["clipboard-read", "clipboard-write"] });
  await button(main(page), "Requeue").click();
  await button(dialog(page), "Copy as curl").click();
  const line = await until("it is on the clipboard", () => page.evaluate(() => navigator.clipboard.readText()));
  assert.match(line, /^curl .*:requeue/);
  assert.equal(await store.call("XLEN", STREAM), 0);
  await run("sh", ["-c", line]);
  assert.equal(await store.call("XLEN", STREAM), 1);
  await leave(page);
});
