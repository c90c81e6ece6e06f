// SPDX-License-Identifier: MIT
// Behind a reverse proxy, at the root and below prefixes.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { call } from "./support/api.js";
import { Browser, leave } from "./support/browser.js";
import { Proxy, Serve } from "./support/dashboard.js";
import { DETAILS, PAGES, settled } from "./support/pages.js";
import { Store } from "./support/store.js";

let store, browser;

before(async () => {
  [store, browser] = await Promise.all([Store.start(), Browser.start()]);
  await store.fill("dead", 100);
  await store.call("XGROUP", "CREATE", "stream:{order-events}", "billing", "0", "MKSTREAM");
});
after(() => Promise.all([store?.stop(), browser?.stop()]));

/** One address of each kind is enough: ids, and values in the query, do not make another. */
function kind(url) {
  const { pathname, searchParams } = new URL(url);
  return `${pathname.replace(/[\w-]{16,}|[0-9a-f]{16}/g, "*")}?${[...searchParams.keys()].sort()}`;
}

/** Follows every link from `start` on; the answers that were got, as {url, status}. */
async function crawl(page, start) {
  const answers = [];
  page.on("response", (response) => answers.push({ url: response.url(), status: response.status() }));
  const waiting = [start, ...[...PAGES, ...DETAILS].map((path) => start + path)];
  const seen = new Set();
  while (waiting.length) {
    const url = waiting.pop();
    if (seen.has(kind(url))) continue;
    seen.add(kind(url));
    const { status, headers } = await call(url);
    answers.push({ url, status });
    if (!headers["content-type"].startsWith("text/html")) continue; // a document that the page links to
    await page.goto(url);
    await settled(page);
    waiting.push(...await page.$$eval("a[href]:not([download])", (links) => links.map((link) => link.href.split("#")[0])));
  }
  return answers;
}

async function behind(prefix, t) {
  const serve = await Serve.start(store, { basePath: prefix, behindProxy: true });
  t.after(() => serve.stop());
  const proxy = await Proxy.start(serve.url, prefix);
  t.after(() => proxy.stop());
  return proxy.url;
}

test("below any prefix of a reverse proxy every link, asset and call stays under it", async (t) => {
  for (const prefix of ["", "/libevents", "/a/b"]) {
    const base = await behind(prefix, t);
    const page = await browser.visit(base);
    const answers = await crawl(page, base);
    assert.ok(answers.length > 20);
    for (const { url, status } of answers) {
      assert.ok(url.startsWith(base) || url.startsWith("data:"), `${url} is outside of ${base}`);
      assert.ok(!new URL(url).pathname.includes("//"), url);
      assert.ok(status < 400, `${status} for ${url}`);
    }
    await leave(page);
  }
});
