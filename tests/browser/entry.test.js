// SPDX-License-Identifier: MIT
// The page of one dead letter shows what the store has.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Browser, leave } from "./support/browser.js";
import { Serve } from "./support/dashboard.js";
import { button, main, open } from "./support/pages.js";
import { until } from "./support/process.js";
import { Store } from "./support/store.js";

let store, serve, browser, keys;

before(async () => {
  [store, browser] = await Promise.all([Store.start(), Browser.start()]);
  await store.fill("bodies");
  serve = await Serve.start(store);
  keys = Object.fromEntries((await serve.api.all("dlq/entries")).map((entry) => [entry.error.message, entry.key]));
});
after(async () => {
  await serve?.stop();
  await Promise.all([store?.stop(), browser?.stop()]);
});

async function visit(name, options) {
  const page = await browser.visit(`${serve.url}dlq/entries/${keys[`body: ${name}`]}`, options);
  await open(page, page.url());
  return page;
}

test("an integer beyond 2^53 is on the page, in every view of the body, and in what it copies", async () => {
  const page = await visit("big integers", { permissions: ["clipboard-read", "clipboard-write"] });
  for (const view of ["tree", "raw"]) {
    await main(page).getByRole("button", { name: view, exact: true }).click();
    const shown = await main(page).getByRole("group", { name: `Body, ${view}` }).innerText();
    for (const number of ["9007199254740993", "18446744073709551615", "-9223372036854775808", "0.1000000000000000055"]) {
      assert.ok(shown.includes(number), `${number} is not in ${view}: ${shown}`);
    }
  }
  await button(main(page), "Copy body").click();
  const copied = await until("it is on the clipboard", () => page.evaluate(() => navigator.clipboard.readText()));
  const [letter] = await store.entries("dlq:{order-events}");
  assert.ok(letter.data.includes(`"body":${copied}`), copied);
  await leave(page);
});

test("bytes that are no text are shown with their offsets, in hexadecimal and ASCII", async () => {
  const page = await visit("not UTF-8");
  const lines = (await main(page).getByRole("group", { name: "Body, hexadecimal" }).innerText()).split("\n");
  assert.equal(lines.length, 3 * 16);
  assert.match(lines[0], /^00000000 {2}00 01 02 03 04 05 06 07 {2}08 09 0a 0b 0c 0d 0e 0f +\.{16}$/);
  assert.match(lines[20], /^00000140 {2}40 41 42 43 44 45 46 47 {2}48 49 4a 4b 4c 4d 4e 4f +@ABCDEFGHIJKLMNO$/);
  await leave(page);
});

test("a body of 20 MB opens its page with the beginning only, and is downloaded whole", async () => {
  const page = await visit("20 MB");
  await main(page).getByRole("group", { name: "Beginning of the body" }).waitFor();
  const sizes = await Promise.all(page.requested.map(async (request) => (await request.sizes()).responseBodySize));
  assert.ok(sizes.every((size) => size < 512 * 1024), `an answer of ${Math.max(...sizes)} bytes`);
  const [download] = await Promise.all([page.waitForEvent("download"), main(page).getByRole("link", { name: "Download" }).click()]);
  let bytes = 0;
  for await (const chunk of await download.createReadStream()) bytes += chunk.length;
  assert.equal(bytes, 20 * 1024 * 1024 + '{"text":""}'.length);
  await leave(page);
});

test("every attempt is on the page, the newest first, with its time, consumer, duration and error", async () => {
  const page = await visit("null");
  const attempts = main(page).getByRole("region", { name: "Attempts, newest first" }).getByRole("listitem");
  assert.equal(await attempts.count(), 3);
  const times = [];
  for (const attempt of await attempts.all()) {
    const text = await attempt.innerText();
    assert.match(text, /after 1[23](\.\d)? ms/);
    assert.match(text, /billing-host1-4711-5c46ee71/);
    assert.match(text, /GatewayTimeout body: null/);
    times.push(await attempt.getByRole("time").or(attempt.locator("time")).first().getAttribute("datetime"));
  }
  assert.deepEqual(times, [...times].sort().reverse());
  assert.equal(new Set(times).size, 3);
  await leave(page);
});

test("what has no body, and what is no event, has a page that says so", async () => {
  for (const name of ["trimmed away", "not an event", "null", "deep", "wide", "a key twice", "a text"]) {
    const page = await visit(name);
    await main(page).getByRole("heading", { name: /^Body/ }).waitFor();
    await leave(page);
  }
});
