// SPDX-License-Identifier: MIT
// The pages there are, and the names by which a person finds what is on them.
import { keyOf } from "./api.js";

/** Addresses below the base. Those of `dead` need that fixture. */
export const PAGES = ["", "publishers", "consumers", "routes", "routes/test", "schemas", "dlq", "dlq/entries", "operations", "about"];
export const DETAILS = ["consumers/billing", `dlq/entries/${keyOf("order-events", "1763920000000-0")}`,
  "dlq/entries?fingerprint=00000000000000a1"];
export const NOT_FOUND = "no/such/page";

/** Goes to an address below `base` and waits until the page has its heading and nothing loads any more. */
export async function open(page, url) {
  if (page.url() !== url) await page.goto(url);
  await settled(page);
}

export async function settled(page) {
  await page.getByRole("heading", { level: 1 }).first().waitFor().catch((error) => {
    throw new Error(`${page.url()} has no heading: ${page.faults}`, { cause: error });
  });
  await page.locator(".skeleton").first().waitFor({ state: "detached" });
}

export const main = (page) => page.getByRole("main");
export const dialog = (page) => page.getByRole("dialog");
export const button = (scope, name) => scope.getByRole("button", { name });
