// SPDX-License-Identifier: MIT
// With more dead letters than anybody can look at.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Browser, leave } from "./support/browser.js";
import { Serve } from "./support/dashboard.js";
import { button, main, open } from "./support/pages.js";
import { count } from "./support/process.js";
import { Store } from "./support/store.js";

const ALL = count("dead_letters");

let store, serve, browser;

before(async () => {
  [store, browser] = await Promise.all([Store.start(), Browser.start()]);
  await store.fill("dead", ALL);
  serve = await Serve.start(store);
});
after(async () => {
  await serve?.stop();
  await Promise.all([store?.stop(), browser?.stop()]);
});

test("however many there are, the groups are counted exactly, and three calls show them", async () => {
  const page = await browser.visit(`${serve.url}dlq?refresh=paused`);
  await open(page, page.url());
  await main(page).getByText("in 3 groups").waitFor();
  const rows = (await main(page).getByRole("row").allInnerTexts()).slice(1).map((row) => row.replaceAll("\u202f", ""));
  for (const [type, share] of [["order.paid", 6], ["order.shipped", 3], ["invoice.sent", 1]]) {
    assert.match(rows.find((row) => row.includes(type)), new RegExp(`\\b${(ALL * share) / 10}\\b`));
  }
  const calls = page.requested.filter((request) => request.url().includes("/api/v1/"));
  assert.ok(calls.length <= 3, calls.map((request) => request.url()).join());
  await leave(page);
});

test("a text that stands far back is found by going on, and nothing claims before that all was looked at", async () => {
  const needle = `mailbox ${String(ALL / 10 - 9000).padStart(10, "0")}`; // behind 9,000 newer ones
  const page = await browser.visit(`${serve.url}dlq/entries?refresh=paused&text=${encodeURIComponent(needle)}`);
  await open(page, page.url());
  const bar = main(page).getByRole("group", { name: "How far was looked" });
  const found = main(page).getByRole("link", { name: `SmtpError: ${needle}` });
  let steps = 0;
  while ((await found.count()) === 0) {
    assert.match(await bar.innerText(), /not yet to the end/);
    const url = page.url();
    await button(bar, "Continue").click();
    await page.waitForURL((next) => next.href !== url);
    await open(page, page.url());
    assert.ok(++steps < 100, "it was never found");
  }
  assert.ok(steps > 0, "it was within the first look");
  await leave(page);
});
