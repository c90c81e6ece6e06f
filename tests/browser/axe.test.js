// SPDX-License-Identifier: MIT
// Nothing on any page keeps a reader out, in any state, theme and width.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { AxeBuilder } from "@axe-core/playwright";

import { Browser } from "./support/browser.js";
import { Serve } from "./support/dashboard.js";
import { DETAILS, NOT_FOUND, PAGES, open } from "./support/pages.js";
import { count } from "./support/process.js";
import { Store } from "./support/store.js";

const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
const STATES = ["empty", "loaded", "error", "read-only"];
const THEMES = ["light", "dark"];
const WIDTHS = [1280, 360];

let stores = [], serves = {}, browser;

before(async () => {
  browser = await Browser.start();
  stores = await Promise.all([Store.start(), Store.start()]);
  await Promise.all([stores[0].fill("empty"), stores[1].fill("dead", 100)]);
  await stores[1].call("XGROUP", "CREATE", "stream:{order-events}", "billing", "0", "MKSTREAM");
  serves.empty = await Serve.start(stores[0]);
  serves.loaded = serves.error = await Serve.start(stores[1]);
  serves["read-only"] = await Serve.start(stores[1], { readOnly: true, environment: { name: "production", color: "#c0262d" } });
});
after(async () => {
  await Promise.all([...new Set(Object.values(serves))].map((serve) => serve.stop()));
  await Promise.all([...stores.map((store) => store.stop()), browser?.stop()]);
});

/** All views, or a sample in which each page, state, theme and width is met. */
function views() {
  const all = [];
  for (const path of [...PAGES, ...DETAILS, NOT_FOUND]) {
    for (const state of STATES) for (const theme of THEMES) for (const width of WIDTHS) all.push({ path, state, theme, width });
  }
  const most = count("axe_views");
  const step = Math.max(1, Math.round(all.length / most) | 1); // odd: so it meets every theme and width
  return all.filter((_, n) => n % step === 0);
}

const AWAY = {
  status: 503, contentType: "application/problem+json",
  json: { type: "about:blank", status: 503, code: "unavailable", title: "The store is away", detail: "connection refused" },
};

/** Nothing but who is looking can be read. */
const withoutStore = (page) => page.route("**/api/v1/**", (route) =>
  route.request().url().endsWith("/session") ? route.continue() : route.fulfill(AWAY));

async function look({ path, state, theme, width }) {
  const page = await browser.visit(serves[state].url + path, {
    colorScheme: theme, viewport: { width, height: 800 }, refusals: true,
    prepare: state === "error" ? withoutStore : undefined,
  });
  await open(page, page.url());
  const found = await new AxeBuilder({ page }).setLegacyMode().withTags(TAGS).analyze();
  const sideways = await page.evaluate(() => document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth);
  await page.context().close();
  return [
    ...found.violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 120)).join(" ")}`),
    ...(sideways > 0 ? [`the page scrolls sideways by ${sideways} px`] : []),
  ];
}

test("axe finds nothing on any page in any state, theme and width, and no page scrolls sideways", async () => {
  const found = [];
  for (const view of views()) {
    const faults = await look(view);
    found.push(...faults.map((fault) => `${JSON.stringify(view)} ${fault}`));
  }
  assert.deepEqual(found, []);
});
