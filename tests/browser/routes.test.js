// SPDX-License-Identifier: MIT
// The route table and its tester.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Browser, leave } from "./support/browser.js";
import { Host } from "./support/dashboard.js";
import { button, main, open } from "./support/pages.js";
import { until } from "./support/process.js";
import { Store } from "./support/store.js";

const ROUTES = ["order.paid", "order.*", "invoice.sent", "*.audit"].map((pattern, n) =>
  ({ name: `route-${n + 1}`, pattern, transport: "main", topic: `topic-${n + 1}` }));

let store, browser;

before(async () => {
  [store, browser] = await Promise.all([Store.start(), Browser.start()]);
});
after(() => Promise.all([store?.stop(), browser?.stop()]));

const start = (routes) => Host.start({ store, config: { routing: { routes } } });

test("the route table has the routes of the configuration in its order, and says when that has changed", async (t) => {
  const host = await start(ROUTES);
  t.after(() => host.stop());
  const page = await browser.visit(`${host.url}routes`, { refusals: true });
  const names = async () => (await main(page).getByRole("row").allInnerTexts())
    .map((row) => /route-\d/.exec(row)?.[0]).filter(Boolean);
  await until("the table is there", async () => (await names()).length === ROUTES.length);
  assert.deepEqual(await names(), ROUTES.map((route) => route.name));
  const changed = await host.reload({ routing: { routes: ROUTES.slice(0, 2).reverse() } });
  assert.deepEqual(changed, { changed: ["/routing/routes"] });
  await page.getByText("The configuration has changed").waitFor();
  await until("the table has the new routes", async () => (await names()).join() === "route-2,route-1");
  await leave(page);
});

test("the tester tells for each route the clause that does not match, and stores nothing", async (t) => {
  const host = await start(ROUTES);
  t.after(() => host.stop());
  await host.publish("order.paid", { id: 1 });
  const lengths = async () => {
    const keys = (await store.call("KEYS", "stream:*")).sort();
    return Promise.all(keys.map(async (key) => [key, await store.call("XLEN", key)]));
  };
  const before = await lengths();
  const page = await browser.visit(`${host.url}routes/test`);
  await open(page, `${host.url}routes/test`);
  await page.getByRole("textbox", { name: "Type" }).fill("invoice.cancelled");
  await button(main(page), "Test").click();
  await main(page).getByText("segment 1: invoice is not order").first().waitFor();
  await main(page).getByText("segment 2: cancelled is not sent").first().waitFor();
  const rows = (await main(page).getByRole("row").allInnerTexts()).filter((row) => /route-\d/.test(row));
  assert.equal(rows.length, ROUTES.length);
  const url = page.url();
  assert.match(url, /invoice\.cancelled/);
  assert.deepEqual(await lengths(), before);
  await leave(page);
  const again = await browser.visit(url);
  await main(again).getByText("segment 2: cancelled is not sent").first().waitFor();
  await leave(again);
});

test("the page tells which routes are never hit, which can never be, which meet, and what none matches", async (t) => {
  const routes = [
    { name: "orders", pattern: "order.*", transport: "main", priority: 5 },
    { name: "paid orders", pattern: "order.paid", transport: "main" },
    { name: "gifts", pattern: "*.gift", transport: "main" },
  ];
  const host = await start(routes);
  t.after(() => host.stop());
  await host.publish("order.paid", { id: 1 });
  await host.publish("stock.moved", { id: 2 });
  const page = await browser.visit(`${host.url}routes`);
  const panel = main(page).getByRole("region", { name: "Coverage" });
  const told = async (name, text) => panel.locator("dl > div", { hasText: name }).first().getByText(text, { exact: true }).waitFor();
  await told("Never hit", "paid orders");
  await told("Never hit", "gifts");
  await told("Can never be hit", "paid orders: all goes to orders (higher priority)");
  await told("Meet", "orders wins over gifts (higher priority)");
  await told("Matched by none", "stock.moved: 1");
  assert.equal(await panel.getByText("orders", { exact: true }).count(), 0);
  await leave(page);
});

test("the tester asks filters of headers, as the consumer does", async (t) => {
  const host = await Host.start({ store, subscriptions: [{ pattern: "order.*", name: "eu only", filter: { region: "eu" } }] });
  t.after(() => host.stop());
  const receivers = async (headers) => {
    const page = await browser.visit(`${host.url}routes/test?type=order.paid${headers}`);
    const text = await main(page).locator("dl > div", { hasText: "Subscriptions" }).innerText();
    await leave(page);
    return text;
  };
  assert.match(await receivers(""), /eu only \(\S+, if its headers fit\)/);
  assert.match(await receivers("&headers=region%3A%20eu"), /eu only \(\S+\)/);
  assert.match(await receivers("&headers=region%3A%20us"), /none/);
});
