// SPDX-License-Identifier: MIT
// Who reaches the dashboard, and what its answers carry.
import assert from "node:assert/strict";
import { Agent, createServer } from "node:http";
import { once } from "node:events";
import { after, before, test } from "node:test";

import { basic, call, keyOf } from "./support/api.js";
import { Browser, leave } from "./support/browser.js";
import { Host } from "./support/dashboard.js";
import { Store } from "./support/store.js";

const PAGES = ["", "publishers", "consumers", "routes", "routes/test", "schemas", "dlq", "dlq/entries", "operations", "about"];
const GETS = ["session", "overview", "series?range=60&step=2", "publishers", "groups", "routes", "dlq/groups",
  "dlq/entries", "operations", "dlq/archive", "audit", "about", "openapi.json"];
const KEY = keyOf("order-events", "1763920000000-0");
const CHANGES = [`dlq/entries/${KEY}:requeue`, `dlq/entries/${KEY}:discard`, "groups/billing:pause", "operations"];
const BODIES = { operations: { kind: "requeue", scope: { filter: {} } } };

let store, host, browser;

before(async () => {
  [store, browser] = await Promise.all([Store.start(), Browser.start()]);
  await store.fill("dead", 100);
  host = await Host.start({ store });
});
after(() => Promise.all([host?.stop(), store?.stop(), browser?.stop()]));

const state = async () => [await store.deadLetters(), await store.call("HGETALL", "evs:paused")];

test("without credentials it answers on loopback, and a foreign Host gets 403 with a hint", async () => {
  assert.match(host.url, /^http:\/\/127\.0\.0\.1:\d+\/$/);
  assert.equal((await host.api.get("session")).json.mode, "loopback");
  for (const path of ["", "api/v1/session", "api/v1/dlq/entries"]) {
    const answer = await call(host.url + path, { headers: { host: "dashboard.example.org" } });
    assert.equal(answer.status, 403);
    assert.match(answer.text, /allowedHosts|host/i);
  }
});

test("without credentials it does not start on an address that others reach", async () => {
  await assert.rejects(Host.start({ store, dashboard: { host: "0.0.0.0" } }), /ended.*(auth|credentials|loopback)/is);
});

test("with basic auth everything but /healthz and /readyz is 401, and says no version before login", async (t) => {
  const auth = { users: [{ name: "ana", password: "correct horse", role: "admin" }] };
  const closed = await Host.start({ store, dashboard: { auth } });
  t.after(() => closed.stop());
  const version = (await host.api.get("about")).json.version;
  const paths = [...PAGES, ...GETS.map((path) => `api/v1/${path}`), "metrics", "no/such/page"];
  for (const path of paths) {
    const answer = await call(closed.url + path);
    assert.equal(answer.status, 401, path);
    assert.ok(!`${answer.text}${JSON.stringify(answer.headers)}`.includes(version), `${path} tells the version`);
    assert.ok([200, 404].includes((await call(closed.url + path, { headers: basic("ana", "correct horse") })).status), path);
  }
  assert.equal((await call(`${closed.url}healthz`)).status, 200);
  assert.equal((await call(closed.url, { headers: basic("ana", "wrong") })).status, 401);
});

test("a page of another origin can neither read the API nor finds a permission to", async (t) => {
  const other = createServer((_, answer) => answer.setHeader("content-type", "text/html").end("<title>other</title>"));
  other.listen(0, "127.0.0.1");
  await once(other, "listening");
  t.after(() => other.close());
  for (const path of [...PAGES, ...GETS.map((get) => `api/v1/${get}`), "healthz", "metrics"]) {
    const answer = await call(host.url + path, { headers: { origin: "http://127.0.0.1:1" } });
    assert.equal(answer.headers["access-control-allow-origin"], undefined, path);
  }
  const page = await browser.chromium.newPage();
  await page.goto(`http://127.0.0.1:${other.address().port}/`);
  const read = await page.evaluate((url) => fetch(url).then((answer) => answer.text(), () => "refused"), `${host.url}api/v1/session`);
  assert.equal(read, "refused");
  await page.close();
});

test("a cross-site form, a cross-site fetch and a call from another port change nothing and get 403", async () => {
  const before = await state();
  const foreign = [
    { origin: "http://evil.example.org", "sec-fetch-site": "cross-site" },
    { origin: "http://127.0.0.1:1", "sec-fetch-site": "same-site" },
    { origin: "http://127.0.0.1:1" },
    { origin: "null" },
    { origin: "null", "sec-fetch-site": "cross-site", "content-type": "application/x-www-form-urlencoded" },
    { "sec-fetch-site": "cross-site", "content-type": "text/plain" },
  ];
  for (const path of CHANGES) {
    for (const headers of foreign) {
      const answer = await host.api.post(path, BODIES[path] ?? {}, headers);
      assert.equal(answer.status, 403, `${path} ${JSON.stringify(headers)}: ${answer.text}`);
    }
    const form = await host.api.post(path, "a=b", { "content-type": "application/x-www-form-urlencoded" });
    assert.ok([403, 415].includes(form.status), `${path}: ${form.status}`);
  }
  assert.deepEqual(await state(), before);
});

test("a form on another site cannot change anything, as a browser sends it", async (t) => {
  const action = `${host.url}api/v1/dlq/entries/${KEY}:discard`;
  const other = createServer((_, answer) => answer.setHeader("content-type", "text/html")
    .end(`<form method=post enctype=text/plain action="${action}"><input name='{"reason":"' value='"}'><button>go</button></form>`));
  other.listen(0, "127.0.0.1");
  await once(other, "listening");
  t.after(() => other.close());
  const before = await state();
  const page = await browser.chromium.newPage();
  await page.goto(`http://localhost:${other.address().port}/`);
  const [answer] = await Promise.all([page.waitForResponse(action), page.getByRole("button").click()]);
  assert.equal(answer.status(), 403);
  assert.deepEqual(await state(), before);
  await page.close();
});

test("numbers out of range, negative ones and words in their place are 400 or clamped", async () => {
  const wrong = ["limit=1000000000", "limit=-1", "limit=x", "limit=1e9", "limit=9999999999999999999999", "limit=", "limit=1.5"];
  for (const path of ["dlq/entries", "dlq/archive", "audit"]) {
    for (const query of wrong) {
      const answer = await host.api.get(`${path}?${query}`);
      assert.ok([200, 400].includes(answer.status), `${path}?${query}: ${answer.status}`);
      if (answer.status === 200) assert.ok(answer.json.items.length <= 500);
      else assert.equal(answer.headers["content-type"].split(";")[0], "application/problem+json");
    }
  }
  const spans = ["range=999999d&step=2", "range=60&step=1ms", "range=-60&step=2", "range=1e9&step=1e-9", "range=60&step=0"];
  for (const query of [...spans, "since=x"]) {
    assert.equal((await host.api.get(`series?${query}`)).status, 400, query);
  }
  for (const query of ["since=-1", "minAttempts=x", "requeued=maybe", "cursor=nonsense", "until=1e400"]) {
    assert.equal((await host.api.get(`dlq/entries?${query}`)).status, 400, query);
  }
});

test("60 kept-alive connections that do nothing keep nobody out", async (t) => {
  // Only an agent with a timeout heeds the server's Keep-Alive, and sends nothing on a connection that is ending.
  const idle = new Agent({ keepAlive: true, maxSockets: 60, timeout: 60_000 });
  t.after(() => idle.destroy());
  const answers = await Promise.all(Array.from({ length: 60 }, () => call(`${host.url}api/v1/session`, { agent: idle })));
  assert.deepEqual([...new Set(answers.map((answer) => answer.status))], [200]);
  assert.equal((await call(`${host.url}healthz`)).status, 200);
  const page = await browser.visit(`${host.url}dlq`);
  await page.getByRole("heading", { level: 1 }).waitFor();
  await leave(page);
  const again = await Promise.all(Array.from({ length: 60 }, () => call(`${host.url}api/v1/dlq/groups`, { agent: idle })));
  assert.deepEqual([...new Set(again.map((answer) => answer.status))], [200]);
});
