// SPDX-License-Identifier: MIT
// Somebody who uses the keyboard only and finds things by what they say.
import { dialog, settled } from "./pages.js";
import { until } from "./process.js";

const TABS_MOST = 200;

export class Visitor {
  steps = 0;

  constructor(page) {
    this.page = page;
  }

  /** What the focused control says: its name if it has one, else its text. */
  focused() {
    return this.page.evaluate(() => {
      const element = document.activeElement;
      if (!element.matches("a, button, input, select, textarea, summary")) return "";
      const name = element.getAttribute("aria-label") || element.innerText || element.labels?.[0]?.innerText || "";
      return name.trim().replace(/\s+/g, " ");
    });
  }

  /** Tabs to what says so. */
  async find(text) {
    for (let n = 0; n < TABS_MOST; n++) {
      if (text.test(await this.focused())) return;
      await this.page.keyboard.press("Tab");
    }
    throw new Error(`${TABS_MOST} times Tab, and nothing that says ${text} at ${this.page.url()}`);
  }

  /** Finds it and presses Enter: a step. */
  async activate(text) {
    await until(`${text} can be reached`, async () => (await this.find(text), true));
    await this.page.keyboard.press("Enter");
    this.steps++;
    await settled(this.page);
  }

  dialog() {
    return dialog(this.page).waitFor();
  }
}
