// SPDX-License-Identifier: MIT
// One Chromium for a test file, and pages that notice what no page may do: speak to another origin, break
// its own policy, write errors, or run what was only text.
import assert from "node:assert/strict";

import { chromium } from "playwright-core";

const WIDE = { width: 1280, height: 800 };
const REFUSED = /Failed to load resource: the server responded with a status of (4\d\d|5\d\d)/;

export class Browser {
  static async start() {
    const browser = new Browser();
    browser.chromium = await chromium.launch({
      executablePath: process.env.EVS_CHROMIUM || "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-dev-shm-usage"],
    });
    return browser;
  }

  stop() {
    return this.chromium.close();
  }

  /** A page of a context of its own. Options: those of a Playwright context; `refusals: true` where the test
   *  makes the server refuse calls, or go away; `prepare`, what is done to the page before it goes there. */
  async visit(url, { refusals = false, prepare, ...options } = {}) {
    const context = await this.chromium.newContext({ viewport: WIDE, reducedMotion: "reduce", ...options });
    const page = await context.newPage();
    page.setDefaultTimeout(30_000);
    page.faults = [];
    page.requested = [];
    const origin = new URL(url).origin;
    await page.addInitScript(() => {
      window.evsViolations = [];
      document.addEventListener("securitypolicyviolation", (event) =>
        window.evsViolations.push(`${event.violatedDirective}: ${event.blockedURI}`));
    });
    page.on("request", (request) => {
      page.requested.push(request);
      const target = request.url();
      if (!target.startsWith(`${origin}/`) && !/^(data|blob):/.test(target)) page.faults.push(`request to ${target}`);
    });
    page.on("pageerror", (error) => page.faults.push(`uncaught ${error.message}`));
    page.on("dialog", (dialog) => page.faults.push(`dialog ${dialog.message()}`));
    page.on("console", (message) => {
      const text = message.text();
      const isRefusal = REFUSED.test(text) || /net::ERR_/.test(text);
      if (message.type() === "error" && !(refusals && isRefusal)) page.faults.push(`console: ${text} ${message.location().url}`);
    });
    await prepare?.(page);
    await page.goto(url);
    return page;
  }
}

/** Closes a page after it has shown that it did nothing that it may not. */
export async function leave(page) {
  await assertClean(page);
  await page.context().close();
}

export async function assertClean(page) {
  const [violations, hasRun, elements] = await page.evaluate(() =>
    [window.evsViolations, window.evsXss ?? null, document.querySelectorAll(".evs-xss").length]);
  assert.deepEqual([...page.faults, ...violations], []);
  assert.equal(hasRun, null, "a text of the corpus ran");
  assert.equal(elements, 0, "a text of the corpus became an element");
}
