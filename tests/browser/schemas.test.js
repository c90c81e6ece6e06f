// SPDX-License-Identifier: MIT
// Schemas: what is registered, what changed, and that an edit keeps to them.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { AxeBuilder } from "@axe-core/playwright";

import { keyOf } from "./support/api.js";
import { Browser, leave } from "./support/browser.js";
import { Serve } from "./support/dashboard.js";
import { button, dialog, main, open } from "./support/pages.js";
import { Program, until } from "./support/process.js";
import { Store } from "./support/store.js";

const KEY = keyOf("order-events", "1763920000000-0");
const STREAM = "stream:{order-events}";
const SCHEMA = {
  title: "An order was paid", type: "object", required: ["amount"],
  properties: { amount: { type: "integer", minimum: 1 } },
};

let store, serve, browser;

/** With the command, as an operator does. */
async function register(type, version, schema) {
  const program = new Program("events", ["--redis", store.url, "schema", "register", type, "-", "--version", version]);
  program.child.stdin.end(JSON.stringify(schema));
  await program.ended;
  assert.equal(program.child.exitCode, 0, program.said);
}

before(async () => {
  [store, browser] = await Promise.all([Store.start(), Browser.start()]);
  await store.fill("dead", 10);
  await register("order.paid", "1.0.0", SCHEMA);
  const properties = { ...SCHEMA.properties, note: { type: "string" } };
  await register("order.paid", "1.1.0", { ...SCHEMA, properties });
  serve = await Serve.start(store);
});
after(async () => {
  await serve?.stop();
  await Promise.all([store?.stop(), browser?.stop()]);
});

async function visit(path, options) {
  const page = await browser.visit(serve.url + path, options);
  await open(page, page.url());
  return page;
}

test("a type's page has its versions, the text of each, and what changed between two", async () => {
  const page = await visit("schemas");
  await main(page).getByRole("link", { name: "order.paid" }).click();
  await page.waitForURL(/schemas\/order\.paid/);
  const versions = main(page).getByRole("table", { name: "Versions" });
  await versions.getByRole("link", { name: "1.0.0" }).waitFor();
  await main(page).getByText("An order was paid").first().waitFor();
  await main(page).getByRole("heading", { name: "From 1.0.0 to 1.1.0" }).waitFor();
  await main(page).getByRole("group", { name: "Changed lines" }).getByText(/added: .*"note"/).waitFor();
  await versions.getByRole("link", { name: "1.0.0" }).click();
  await page.waitForURL(/version=1\.0\.0/);
  await main(page).getByRole("heading", { name: "Version 1.0.0" }).waitFor();
  await leave(page);
});

test("axe finds nothing on the page of a schema, and it does not scroll sideways", async () => {
  for (const width of [1280, 360]) {
    const page = await visit("schemas/order.paid", { viewport: { width, height: 800 } });
    const found = await new AxeBuilder({ page }).setLegacyMode().withTags(["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]).analyze();
    assert.deepEqual(found.violations.map(({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 120)}`), []);
    const sideways = await page.evaluate(() => document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth);
    assert.ok(sideways <= 0, `it scrolls sideways by ${sideways} px`);
    await leave(page);
  }
});

test("an edit that breaks the schema is told where and why and cannot be sent; one that keeps it is sent", async () => {
  const page = await visit(`dlq/entries/${KEY}`, { refusals: true }); // the entry is gone at the end
  await button(main(page), "Edit").click();
  const editor = dialog(page).getByRole("textbox", { name: "Body" });
  const text = await editor.inputValue();
  const wrong = text.replace("1250", "-3");
  await editor.fill(wrong);
  await dialog(page).getByText(/\/amount/).first().waitFor();
  await dialog(page).getByText(/minimum/).first().waitFor();
  assert.ok(await button(dialog(page), "Review changes").isDisabled(), "what breaks the schema can be sent");
  const refused = await serve.api.post(`dlq/entries/${KEY}:requeue`, { edit: { bodyText: wrong } });
  assert.equal(refused.status, 422, refused.text);
  assert.match(refused.text, /amount/);
  assert.equal(await store.call("EXISTS", STREAM), 0);
  await editor.fill(text.replace("1250", "1300"));
  await dialog(page).getByText("Valid by its schema").waitFor();
  await button(dialog(page), "Review changes").click();
  await button(dialog(page), "Requeue edited").click();
  await until("it is stored", async () => (await store.call("XLEN", STREAM)) === 1);
  const [copy] = await store.entries(STREAM);
  assert.match(copy.data, /"amount": ?1300/);
  await leave(page);
});
