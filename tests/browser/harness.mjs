// What every browser test needs: the served page in a fresh Chromium, and the certainty that nothing went wrong in it
// unseen. `cargo xtask test --only browser` sets the two variables; to run one file by hand against `cargo xtask serve`:
//
//   TERRARIUM_URL=http://127.0.0.1:8080/ CHROME_PATH=/usr/bin/chromium node --test tests/browser/smoke.test.mjs

import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const { TERRARIUM_URL: url, CHROME_PATH: executablePath } = process.env;
assert.ok(url && executablePath, "run this through `cargo xtask test --only browser`, or set the variables above");

// No sandbox, because a container's root has none; nothing that asks the outside world.
const args = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/**
 * Opens the page, hands it to `check` and closes the browser. An uncaught error, an error on the console or a file
 * that is missing fails the test even where `check` is content.
 *
 * @param {(page: import("playwright-core").Page) => Promise<void>} check
 * @param {{ path?: string, allow?: RegExp[] } & import("playwright-core").BrowserContextOptions} [options]
 *   `path`: what follows the page's address; `allow`: complaints that belong to the test; the rest is Playwright's
 *   (viewport, reducedMotion, colorScheme, …).
 */
export async function withPage(check, { path = "", allow = [], ...context } = {}) {
  const browser = await chromium.launch({ executablePath, args });
  try {
    const page = await (await browser.newContext(context)).newPage();
    const complaints = [];
    const complain = (text) => allow.some((pattern) => pattern.test(text)) || complaints.push(text);
    page.on("pageerror", (error) => complain(`uncaught: ${error.message}`));
    page.on("console", (message) => message.type() === "error" && complain(`console: ${message.text()} (${message.location().url})`));
    page.on("response", (answer) => answer.status() >= 400 && complain(`${answer.status()}: ${answer.url()}`));
    await page.goto(new URL(path, url).href);
    await check(page);
    assert.deepEqual(complaints, [], "the page complained");
  } finally {
    await browser.close();
  }
}
