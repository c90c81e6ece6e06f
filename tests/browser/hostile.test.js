// SPDX-License-Identifier: MIT
// What others wrote shows as text wherever it shows.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Browser, assertClean, leave } from "./support/browser.js";
import { Host, Serve } from "./support/dashboard.js";
import { PAGES, button, dialog, main, open } from "./support/pages.js";
import { run, until } from "./support/process.js";
import { Store } from "./support/store.js";

let store, serve, browser, texts;

before(async () => {
  [store, browser] = await Promise.all([Store.start(), Browser.start()]);
  await store.fill("hostile");
  serve = await Serve.start(store);
  texts = JSON.parse(await run("python3", ["-c",
    "import sys, json; sys.path.insert(0, 'tests/fixtures'); import hostile; print(json.dumps(hostile.TEXTS))"]));
});
after(async () => {
  await serve?.stop();
  await Promise.all([store?.stop(), browser?.stop()]);
});

const spaced = (text) => text.replace(/\s+/g, " ");

test("type, headers, body, error, stack, consumer and group of an entry show as text in lists and on their pages", async () => {
  const page = await browser.visit(`${serve.url}dlq`);
  await open(page, `${serve.url}dlq`);
  await main(page).getByText("<script>window.evsXss=1</script>").first().waitFor();
  await assertClean(page);
  const entries = await serve.api.all("dlq/entries");
  assert.ok(entries.length > texts.length);
  await open(page, `${serve.url}dlq/entries`);
  await main(page).getByText("<script>window.evsXss=1</script>").first().waitFor();
  await assertClean(page);
  for (const { key, error } of entries) {
    await open(page, `${serve.url}dlq/entries/${key}`);
    const shown = spaced(await main(page).innerText());
    assert.ok(shown.includes(spaced(error.message).slice(0, 40)), `${error.message} is not on its page: ${shown}`);
    await assertClean(page);
  }
  await leave(page);
});

test("dialogs, toasts and the title of the window show them as text", async () => {
  const page = await browser.visit(`${serve.url}dlq`, { refusals: true }); // of the entry that is gone
  await open(page, `${serve.url}dlq`);
  await button(main(page), /^Discard 1 entry: message <script>/).click();
  await dialog(page).getByText("By type").waitFor();
  await assertClean(page);
  await page.keyboard.press("Escape");
  const { key, group } = (await serve.api.all("dlq/entries")).find((entry) => entry.group?.includes("<svg"));
  await open(page, `${serve.url}dlq/entries/${key}`);
  await button(main(page), "Requeue").click();
  await dialog(page).getByText(group).first().waitFor();
  await button(dialog(page), "Requeue").click();
  await page.getByRole("status", { name: "Messages" }).getByText(`Requeued for ${group}`).waitFor();
  await assertClean(page);
  const consumers = `consumers/${encodeURIComponent(group)}`;
  await open(page, serve.url + consumers);
  await until("the title names the group", async () => (await page.title()).includes(group));
  await button(main(page), "Resume").click();
  await button(dialog(page), "Resume").click();
  await page.getByRole("status", { name: "Messages" }).getByText(`${group} reads again`).waitFor();
  await button(main(page), "Pause").click();
  await dialog(page).getByRole("textbox").fill(texts[2]);
  await button(dialog(page), "Pause").click();
  await page.getByRole("status", { name: "Messages" }).getByText(`${group} is paused`).waitFor();
  await main(page).getByText(`: ${texts[2]}`).waitFor();
  await leave(page);
});

test("what other processes and people left in the store shows as text on every other page", async () => {
  const page = await browser.visit(serve.url, { refusals: true }); // of the page that is not there
  const shown = async (path, ...words) => {
    await open(page, serve.url + path);
    for (const word of words) await main(page).getByText(`${word} ${texts[0]}`).first().waitFor();
    await assertClean(page);
  };
  await shown("publishers", "service", "host");
  await shown("routes", "route", "topic", "transport");
  await shown("operations", "actor");
  await shown(`operations/${"0".repeat(16)}`, "actor", "reason");
  await shown(`consumers/${encodeURIComponent(`group ${texts[0]}`)}`, "actor");
  for (const path of [...PAGES, `consumers/${encodeURIComponent(`group ${texts[0]}`)}`, `no/${encodeURIComponent(texts[0])}`,
    `dlq/entries?text=${encodeURIComponent(texts[1])}`, `dlq?topic=${encodeURIComponent(texts[2])}`]) {
    await page.goto(serve.url + path);
    await open(page, page.url());
    await assertClean(page);
  }
  await leave(page);
});

test("names of routes and subscriptions of a host show as text", async (t) => {
  const name = `name ${texts[1]}`;
  const host = await Host.start({
    store,
    config: { routing: { routes: [{ name, pattern: "order.*", transport: "main" }] } },
    subscriptions: [{ pattern: "order.*", name, group: `host ${texts[0]}` }],
  });
  t.after(() => host.stop());
  const page = await browser.visit(`${host.url}routes`);
  await main(page).getByText(name).first().waitFor();
  await open(page, `${host.url}consumers/${encodeURIComponent(`host ${texts[0]}`)}`);
  await main(page).getByText(name).first().waitFor();
  await leave(page);
});
