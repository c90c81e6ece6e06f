// SPDX-License-Identifier: MIT
// The page as a whole: its policy, its size, and that it speaks to nobody else.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Browser, assertClean, leave } from "./support/browser.js";
import { call } from "./support/api.js";
import { Serve } from "./support/dashboard.js";
import { DETAILS, NOT_FOUND, PAGES, open } from "./support/pages.js";
import { Store } from "./support/store.js";

const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
  "form-action 'none'; base-uri 'none'; frame-ancestors 'none'";
const KIB = 1024;

let store, serve, browser;

before(async () => {
  [store, browser] = await Promise.all([Store.start(), Browser.start()]);
  await store.fill("dead", 100);
  await store.call("XGROUP", "CREATE", "stream:{order-events}", "billing", "0", "MKSTREAM");
  serve = await Serve.start(store);
});
after(async () => {
  await serve?.stop();
  await Promise.all([store?.stop(), browser?.stop()]);
});

test("every answer carries the policy and the headers that keep others out", async () => {
  const { assets } = (await serve.api.get("about")).json;
  const paths = [...PAGES, ...DETAILS, NOT_FOUND, "healthz", "metrics", "api/v1/session", "api/v1/no/such", "api/v1/dlq/entries?limit=x",
    ...assets.map((asset) => asset.path)];
  for (const path of paths) {
    const { headers } = await call(serve.url + path.replace(/^\//, ""));
    assert.equal(headers["content-security-policy"], POLICY, path);
    assert.equal(headers["x-content-type-options"], "nosniff", path);
    assert.equal(headers["x-frame-options"], "DENY", path);
    assert.equal(headers["referrer-policy"], "no-referrer", path);
    assert.equal(headers["cross-origin-opener-policy"], "same-origin", path);
    assert.equal(headers["cross-origin-resource-policy"], "same-origin", path);
    if (path.startsWith("api/")) assert.match(headers["cache-control"], /no-store/, path);
  }
});

test("a click through all pages breaks no policy, writes no error and asks no other origin", async () => {
  const page = await browser.visit(serve.url);
  await open(page, serve.url);
  const names = await page.getByRole("navigation").first().getByRole("link").allInnerTexts();
  assert.ok(names.length >= 7, names.join());
  for (let n = 0; n < names.length; n++) {
    await page.getByRole("navigation").first().getByRole("link").nth(n).click();
    await open(page, page.url());
    await assertClean(page);
    for (const opener of await page.getByRole("main").getByRole("link").all()) {
      if (await opener.isVisible().catch(() => false)) await opener.hover().catch(() => {});
    }
  }
  for (const path of DETAILS) {
    await page.goto(serve.url + path);
    await open(page, page.url());
    await assertClean(page);
  }
  await leave(page);
});

test("all assets together are at most 150 KiB, and 50 KiB compressed", async () => {
  const paths = new Set();
  const page = await browser.visit(serve.url);
  page.on("request", (request) => paths.add(request.url()));
  for (const path of PAGES) {
    await page.goto(serve.url + path);
    await open(page, page.url());
  }
  await leave(page);
  const { assets } = (await serve.api.get("about")).json;
  const urls = new Set([...assets.map((asset) => serve.url + asset.path.replace(/^\//, "")),
    ...[...paths].filter((url) => url.includes("/assets/")), serve.url]);
  let raw = 0, packed = 0;
  for (const url of urls) {
    raw += (await call(url)).bytes.length;
    packed += (await call(url, { headers: { "accept-encoding": "gzip" } })).bytes.length;
  }
  assert.ok(urls.size >= 3);
  assert.ok(raw <= 150 * KIB, `${raw} bytes`);
  assert.ok(packed <= 50 * KIB, `${packed} bytes compressed`);
});

test("assets are named by their content and may be kept for ever; an unknown page is 404 with a link to a list", async () => {
  for (const { path } of (await serve.api.get("about")).json.assets.filter((asset) => asset.path.includes("assets/"))) {
    const { status, headers } = await call(serve.url + path.replace(/^\//, ""));
    assert.equal(status, 200);
    assert.match(headers["cache-control"], /immutable/);
  }
  assert.equal((await call(serve.url + NOT_FOUND)).status, 404);
  const page = await browser.visit(serve.url + NOT_FOUND, { refusals: true });
  await page.getByRole("main").getByRole("link").first().waitFor();
  await leave(page);
});
