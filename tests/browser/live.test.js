// SPDX-License-Identifier: MIT
// A page that is left open.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Browser, leave } from "./support/browser.js";
import { Host } from "./support/dashboard.js";
import { button, dialog, main, open } from "./support/pages.js";
import { freePort, until } from "./support/process.js";
import { Store } from "./support/store.js";

let store, browser;

before(async () => {
  [store, browser] = await Promise.all([Store.start(), Browser.start()]);
  await store.fill("dead", 200);
});
after(() => Promise.all([store?.stop(), browser?.stop()]));

const calls = (page) => page.requested.filter((request) => request.url().includes("/api/v1/"));
const documents = (page) => page.requested.filter((request) => request.isNavigationRequest());

/** Waits until the page asks for nothing more: a call of our own goes and comes meanwhile. */
const quiet = (page) => until("it asks for nothing", async () => {
  const before = calls(page).length;
  await page.evaluate(async () => (await fetch("/healthz")).text());
  return calls(page).length === before;
});

/** Hides or shows the page, as another tab in front of it would. */
const setHidden = (page, isHidden) => page.evaluate((value) => {
  Object.defineProperty(document, "hidden", { value, configurable: true });
  Object.defineProperty(document, "visibilityState", { value: value ? "hidden" : "visible", configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}, isHidden);

test("after events are published the overview changes by itself and its chart gains a point", async (t) => {
  for (const where of [store, undefined]) {
    const host = await Host.start({ store: where, subscriptions: [{ pattern: "order.*" }] });
    t.after(() => host.stop());
    const page = await browser.visit(host.url);
    await open(page, host.url);
    const points = async () => (await host.api.get("series?range=60&step=2")).json.points.length;
    const first = await points();
    await host.publish("order.placed", { id: 1 }, { count: 50 });
    const tile = main(page).getByRole("region", { name: "Published" });
    await until("its tile counts them", async () => /50 in all/.test(await tile.innerText()));
    await until("the chart has a new point", async () => (await points()) > first);
    assert.equal(documents(page).length, 1);
    await leave(page);
  }
});

test("a paused page and a hidden one make no request; shown again, a page reads at once", async (t) => {
  const host = await Host.start({ store });
  t.after(() => host.stop());
  const page = await browser.visit(`${host.url}dlq`, { prepare: (each) => each.clock.install() });
  await open(page, `${host.url}dlq`);
  await page.clock.runFor(5000);
  await quiet(page);
  const seen = calls(page).length;
  await page.clock.runFor(5000);
  await until("it polls", () => calls(page).length > seen);

  await page.getByRole("combobox", { name: "Refresh" }).selectOption("paused");
  await quiet(page);
  const paused = calls(page).length;
  await page.clock.runFor(120_000);
  assert.equal(calls(page).length, paused);

  await page.getByRole("combobox", { name: "Refresh" }).selectOption("2");
  await setHidden(page, true);
  await quiet(page);
  const hidden = calls(page).length;
  await page.clock.runFor(120_000);
  assert.equal(calls(page).length, hidden);
  await setHidden(page, false);
  await until("it reads at once", () => calls(page).length > hidden);
  await leave(page);
});

test("when the server stops a banner tells the age of what is shown, and the page recovers by itself", async (t) => {
  const port = await freePort();
  let host = await Host.start({ store, dashboard: { port } });
  t.after(() => host.stop());
  const page = await browser.visit(`${host.url}dlq`, { refusals: true });
  await open(page, `${host.url}dlq`);
  const row = main(page).getByText("KeyError").first();
  await row.waitFor();
  await host.stop("SIGKILL");
  const banner = page.getByText(/This data is .* old/);
  await banner.first().waitFor();
  assert.ok(await row.isVisible(), "the old data is gone");
  host = await Host.start({ store, dashboard: { port } });
  await banner.first().waitFor({ state: "detached" });
  assert.equal(documents(page).length, 1);
  await leave(page);
});

test("a dialog, a focused field, selected text, selected rows and the scroll position survive ten refreshes", async (t) => {
  const host = await Host.start({ store });
  t.after(() => host.stop());
  const page = await browser.visit(`${host.url}dlq/entries`, { prepare: (each) => each.clock.install() });
  await open(page, `${host.url}dlq/entries`);
  const boxes = main(page).getByRole("row").getByRole("checkbox");
  await boxes.nth(3).check();
  await boxes.nth(5).check();
  const search = page.getByRole("searchbox").first();
  await search.focus();
  await page.evaluate(() => {
    window.scrollTo(0, 200);
    const errors = [...document.querySelectorAll("td")].filter((each) => /SmtpError|KeyError/.test(each.textContent));
    getSelection().selectAllChildren(errors[0]);
  });
  const state = () => page.evaluate(() => ({
    focus: document.activeElement?.tagName, text: String(getSelection()), scroll: window.scrollY,
    checked: document.querySelectorAll("tr input:checked").length,
  }));
  const before = await state();
  assert.ok(before.text && before.checked >= 2);
  const from = calls(page).length;
  await until("ten refreshes", async () => (await page.clock.runFor(2100), calls(page).length >= from + 10));
  assert.deepEqual(await state(), before);

  await button(page, /^Requeue 2/).click();
  await dialog(page).waitFor();
  const title = await dialog(page).getByRole("heading").innerText();
  for (let n = 0; n < 10; n++) await page.clock.runFor(2100);
  assert.equal(await dialog(page).getByRole("heading").innerText(), title);
  await page.keyboard.press("Escape");
  await dialog(page).waitFor({ state: "detached" });
  await leave(page);
});

test("lag and pending of a group on the page are those that the server itself tells", async (t) => {
  const quiet = await Store.start();
  t.after(() => quiet.stop());
  const host = await Host.start({ store: quiet });
  t.after(() => host.stop());
  await host.publish("order.placed", { id: 1 }, { count: 12 });
  const key = "stream:{order-events}";
  await quiet.call("XGROUP", "CREATE", key, "reader", "0");
  await quiet.call("XREADGROUP", "GROUP", "reader", "somebody", "COUNT", 5, "STREAMS", key, ">");
  const told = await quiet.call("XINFO", "GROUPS", key);
  const info = Object.fromEntries(Array.from({ length: told[0].length / 2 }, (_, n) => told[0].slice(2 * n, 2 * n + 2)));
  assert.deepEqual([info.lag, info.pending, (await quiet.call("XPENDING", key, "reader"))[0]], [7, 5, 5]);
  const page = await browser.visit(`${host.url}consumers`);
  const row = main(page).getByRole("row").filter({ hasText: "reader" });
  await row.waitFor();
  const column = async (name) => {
    const headers = await main(page).getByRole("columnheader").allInnerTexts();
    const at = headers.findIndex((header) => header.trim().toLowerCase().startsWith(name));
    return (await row.getByRole("cell").nth(at).innerText()).trim();
  };
  await until("the page shows them", async () => (await column("lag")) === "7" && (await column("pending")) === "5");
  await leave(page);
});
