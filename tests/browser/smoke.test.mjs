// The least that must hold: the page loads, its wasm draws something, and nothing complains.

import assert from "node:assert/strict";
import { test } from "node:test";
import { withPage } from "./harness.mjs";

test("the page loads and draws", () =>
  withPage(async (page) => {
    assert.equal(await page.title(), "Kafka Terrarium");
    await page.waitForFunction(() => document.body.querySelector(":scope > :not(noscript, script)"));
    assert.notEqual((await page.locator("body").innerText()).trim(), "");
  }));

test("the worker's files are where the page looks for them", () =>
  withPage(async (page) => {
    const loader = await page.evaluate(async () => (await fetch("www/worker.js")).text());
    assert.match(loader, /web\.js/);
    const types = await page.evaluate(async () =>
      Promise.all(
        ["web.js", "web_bg.wasm"].map(async (name) => (await fetch(name)).headers.get("content-type").split(";")[0]),
      ),
    );
    assert.deepEqual(types, ["text/javascript", "application/wasm"]);
  }));

test("a complaint of the page fails a test", () =>
  assert.rejects(
    withPage((page) => page.evaluate(() => console.error("planted"))),
    /planted/,
  ));
