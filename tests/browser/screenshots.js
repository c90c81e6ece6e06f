// SPDX-License-Identifier: MIT
// Writes a picture of every page, in both themes and two widths, into the folder that is its argument.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import { Browser } from "./support/browser.js";
import { Host } from "./support/dashboard.js";
import { DETAILS, NOT_FOUND, PAGES, open } from "./support/pages.js";
import { Store } from "./support/store.js";

const [folder] = process.argv.slice(2);
const CHART_POINTS = 8; // so that there is something to see in them
const ROUTES = [
  { name: "payments", pattern: "order.paid", transport: "main", topic: "payment-events", priority: 10 },
  { name: "orders", pattern: "order.*", transport: "main" },
  { name: "audit", pattern: "*.audit", transport: "main", topic: "audit-events" },
];

/** A shop in which something goes wrong now and then. */
async function shop(store) {
  await store.fill("dead", 1000);
  const host = await Host.start({
    store,
    config: { routing: { routes: ROUTES } },
    subscriptions: [{ pattern: "order.*", group: "billing" }, { pattern: "invoice.*", group: "mail" }],
    dashboard: { environment: { name: "staging", color: "#8f5a00" } },
  });
  for (let points = 0, n = 0; points < CHART_POINTS; n++) {
    for (const type of ["order.placed", "order.paid", "invoice.sent"]) await host.publish(type, { id: n }, { count: 1 + (n * 7) % 13 });
    points = (await host.api.get("series?range=60&step=2")).json.points.length;
  }
  await host.tell({ do: "fail", on: true });
  await host.publish("order.paid", { error: "card 4711 was refused", class: "CardError" }, { count: 5 });
  const started = await host.api.start("requeue", { group: "warehouse" });
  await host.api.ended(started);
  return { host, operation: started.id };
}

const nameOf = (path) => (path.replace(/\?.*/, "-group").replace(/[0-9a-f]{16}|[\w-]{24,}/, "one").replaceAll("/", "-") || "overview");

const store = await Store.start();
const browser = await Browser.start();
const { host, operation } = await shop(store);
await mkdir(folder, { recursive: true });
try {
  for (const path of [...PAGES, ...DETAILS, `operations/${operation}`, NOT_FOUND]) {
    for (const colorScheme of ["light", "dark"]) {
      for (const width of [1280, 360]) {
        const page = await browser.visit(host.url + path, { colorScheme, viewport: { width, height: 800 } });
        await open(page, page.url());
        await page.screenshot({ path: join(folder, `${nameOf(path)}-${colorScheme}-${width}.png`), fullPage: true });
        await page.context().close();
      }
    }
  }
} finally {
  await browser.stop();
  await host.stop();
  await store.stop();
}
console.log(folder);
