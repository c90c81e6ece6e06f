// SPDX-License-Identifier: MIT
// Sending dead letters again with care: notes for those who come next, dry runs, canaries, another topic.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";

import { AxeBuilder } from "@axe-core/playwright";

import { keyOf } from "./support/api.js";
import { Browser, leave } from "./support/browser.js";
import { Host, Serve } from "./support/dashboard.js";
import { button, dialog, main, open } from "./support/pages.js";
import { until } from "./support/process.js";
import { Store } from "./support/store.js";

const KEY = keyOf("order-events", "1763920000000-0");

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

test("a note is written on the page, and shown there, in the list, and after it was taken away no more", async () => {
  const page = await visit(`dlq/entries/${KEY}`);
  await button(main(page), "Note").click();
  await dialog(page).getByRole("textbox", { name: "Note" }).fill("the gateway was down, see 42");
  await button(dialog(page), "Save").click();
  await main(page).getByText("the gateway was down, see 42").waitFor();
  const [, kept] = await store.call("HGETALL", "evs:notes:{order-events}");
  assert.equal(JSON.parse(kept).text, "the gateway was down, see 42");
  const list = await visit("dlq/entries?text=for%20order%200000000000");
  await main(list).getByText("noted").first().waitFor();
  await leave(list);
  await button(main(page), "Note").click();
  await dialog(page).getByRole("textbox", { name: "Note" }).fill("");
  await button(dialog(page), "Save").click();
  await until("it is gone", async () => (await store.call("EXISTS", "evs:notes:{order-events}")) === 0);
  await main(page).getByText("the gateway was down").waitFor({ state: "detached" });
  await leave(page);
});

test("the dialog tells what a dry run finds, and a topic that is not there before anything is sent", async () => {
  const page = await visit("dlq", { refusals: true });
  await button(main(page), /^Requeue 30 entries/).click();
  await dialog(page).getByText("30 would be requeued").waitFor();
  assert.deepEqual((await new AxeBuilder({ page }).analyze()).violations.map(({ id }) => id), []);
  const target = dialog(page).getByRole("textbox", { name: /another topic/ });
  await target.fill("nowhere-events");
  await dialog(page).getByText(/nowhere-events/).first().waitFor();
  await until("it cannot be sent", () => button(dialog(page), /^Requeue 30/).isDisabled());
  await target.fill("invoice-events");
  await until("it can be sent", async () => !(await button(dialog(page), /^Requeue 30/).isDisabled()));
  await button(dialog(page), /^Requeue 30/).click();
  await page.waitForURL(/operations\/./);
  await main(page).getByText("invoice-events").first().waitFor();
  await until("they are there", async () => (await store.call("XLEN", "stream:{invoice-events}")) === 30);
  assert.equal(await store.deadLetters(), 70);
  await leave(page);
});

test("an operation that was started with a canary stops itself when it dies again, and the page says why", async (t) => {
  await store.call("FLUSHALL");
  const host = await Host.start({ store, subscriptions: [{ pattern: "order.paid" }] });
  t.after(() => host.stop());
  await host.tell({ do: "fail", on: true });
  await host.publish("order.paid", { id: 1 }, { count: 20 });
  await until("20 dead letters", async () => (await store.deadLetters()) === 20);
  const page = await browser.visit(`${host.url}dlq`);
  await open(page, page.url());
  await button(main(page), /^Requeue 20 entries/).click();
  await dialog(page).getByRole("combobox", { name: "First try" }).selectOption("5");
  await dialog(page).getByRole("combobox", { name: "Stop by itself" }).selectOption("0.2");
  await until("it can be sent", async () => !(await button(dialog(page), /^Requeue 20/).isDisabled()));
  await button(dialog(page), /^Requeue 20/).click();
  await page.waitForURL(/operations\/./);
  await main(page).getByText(/It stopped itself/).waitFor();
  const { json: { items: [operation] } } = await host.api.get("operations");
  assert.equal(operation.state, "stopped");
  assert.equal(operation.done, 5);
  assert.equal(operation.stop.share, 0.2);
  await leave(page);
});
