// The page for everybody: keyboard alone, phone, both themes, screen readers.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { withPage } from "./harness.mjs";
import { opened, paused, pausedAfter, state, until } from "./terrarium.mjs";

const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

async function violations(page) {
  await page.addScriptTag({ path: axe });
  const { violations } = await page.evaluate(() => window.axe.run());
  return violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html.slice(0, 120)).join(" | ")}`);
}

const overflow = (page) =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

test("everything can be done from the keyboard", () =>
  withPage(async (page) => {
    await opened(page);
    await page.keyboard.press("Space");
    await until(page, (s) => !s.playing);
    await page.waitForTimeout(300);
    const before = await paused(page);
    await page.keyboard.press("ArrowRight");
    await until(page, `(s) => s.steps === ${before.steps + 1}`);
    await page.keyboard.press("]");
    await until(page, (s) => s.speed === 4);
    await page.keyboard.press("[");
    await until(page, (s) => s.speed === 1);
    await page.evaluate(() => window.terrarium.advance(1));
    await page.locator("canvas[role=listbox]").focus();
    const active = (id) =>
      page.waitForFunction((id) => document.querySelector("canvas[role=listbox]").getAttribute("aria-activedescendant") === id, id);
    await page.keyboard.press("ArrowDown");
    await active("at-orders-0-on-1");
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowDown");
    await active("at-orders-1-on-2");
    assert.match(await page.locator("#at-orders-1-on-2").textContent(), /orders-1 on broker 2, .*high watermark \d+/);
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("ArrowLeft");
    await active("at-broker-2");
    await page.getByRole("heading", { name: "Broker 2" }).waitFor();
    await page.keyboard.press("ArrowUp");
    await page.keyboard.press("ArrowUp");
    await page.waitForFunction(() => /controller \d+, (leader|follower)/.test(document.querySelector('[aria-selected="true"]').textContent));
    await page.keyboard.press("/");
    await page.waitForFunction(() => document.activeElement?.id === "line");
    await page.keyboard.type("kafka-topics.sh --list");
    const { steps } = await state(page);
    await page.keyboard.press("Enter");
    await page.evaluate(() => window.terrarium.advance(1));
    assert.ok((await state(page)).steps > steps);
    await page.getByRole("tab", { name: "Terminal" }).focus();
    await page.keyboard.press("ArrowRight");
    await page.locator('[role="tab"][aria-selected="true"]', { hasText: "Timeline" }).waitFor();
  }));

test("single letters are shortcuts, and can be switched off", () =>
  withPage(async (page) => {
    await pausedAfter(page, 1);
    await page.keyboard.press("p");
    await until(page, (s) => s.scene.producers.length === 3);
    await page.getByRole("button", { name: "Letters" }).click();
    await page.locator("canvas[role=listbox]").focus();
    await page.keyboard.press("p");
    await page.waitForTimeout(300);
    assert.equal((await state(page)).scene.producers.length, 3);
  }));

test("the tab key reaches every part and the focus is always seen", () =>
  withPage(async (page) => {
    await pausedAfter(page, 1);
    await page.getByRole("tab", { name: "Terminal" }).click();
    await page.locator("h1").click();
    const seen = new Set();
    for (let n = 0; n < 90; n += 1) {
      await page.keyboard.press("Tab");
      seen.add(
        await page.evaluate(() => {
          const element = document.activeElement;
          const style = getComputedStyle(element);
          if (element !== document.body && style.outlineStyle === "none") throw new Error(`no focus ring: ${element.outerHTML}`);
          return element.getAttribute("aria-label") ?? (element.id || element.textContent.trim().replace(/^[A-Z](?=[A-Z])/, ""));
        }),
      );
    }
    for (const name of ["Add Topic", "Crash", "Cut link", "Play", "Step one event", "Speed 1×", "line"]) assert.ok(seen.has(name), `${name} in ${[...seen]}`);
    assert.ok([...seen].some((name) => name.startsWith("Cluster: 3 controllers, 3 brokers")), [...seen].join());
  }));

for (const colorScheme of ["light", "dark"]) {
  test(`no accessibility violations, ${colorScheme}, on every list`, () =>
    withPage(
      async (page) => {
        await pausedAfter(page, 2);
        assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), colorScheme);
        for (const name of ["Timeline", "Event log", "Messages", "Groups", "Records", "Metrics", "Tables", "Terminal"]) {
          await page.getByRole("tab", { name }).click();
          assert.deepEqual(await violations(page), [], name);
        }
        for (const key of ["?", "s", "n"]) {
          await page.keyboard.press("Escape");
          await page.locator("canvas[role=listbox]").focus();
          await page.keyboard.press(key);
          await page.getByRole("dialog").waitFor();
          assert.deepEqual(await violations(page), [], `the dialog of ${key}`);
          await page.keyboard.press("Escape");
          await page.getByRole("dialog").waitFor({ state: "detached" });
        }
      },
      { colorScheme, viewport: { width: 1440, height: 900 } },
    ));
}

test("the theme is changed and stays", () =>
  withPage(async (page) => {
    await opened(page);
    const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
    assert.equal(await theme(), "light");
    await page.getByRole("button", { name: "Dark theme" }).click();
    assert.equal(await theme(), "dark");
    await page.reload();
    await opened(page);
    assert.equal(await theme(), "dark");
    assert.equal(await page.getByRole("button", { name: "Dark theme" }).getAttribute("aria-pressed"), "true");
  }));

test("on a phone: one partition at a time, nothing to scroll sideways, targets large enough", () =>
  withPage(
    async (page) => {
      await pausedAfter(page, 2);
      assert.equal(await overflow(page), 0);
      await page.getByRole("button", { name: "orders-1" }).tap();
      await page.locator('.pseg [aria-pressed="true"]', { hasText: "orders-1" }).waitFor();
      await page.getByRole("tab", { name: "Inspector" }).tap();
      await page.getByRole("heading", { name: "orders-1" }).waitFor();
      for (const name of [/^Play$/, "Step one event", "Add producer"]) {
        const box = await page.getByRole("button", { name }).boundingBox();
        assert.ok(box.width >= 44 && box.height >= 44, `${name}: ${box.width} × ${box.height}`);
      }
      assert.deepEqual(await violations(page), []);
      assert.equal(await overflow(page), 0);
      await page.getByRole("tab", { name: "Groups" }).tap();
      await page.locator(".groups table").first().waitFor();
      assert.deepEqual(await violations(page), [], "groups");
      assert.equal(await overflow(page), 0);
      await page.getByRole("button", { name: "New…" }).tap();
      await page.getByRole("dialog", { name: "Something new" }).waitFor();
      assert.deepEqual(await violations(page), [], "the form");
      assert.equal(await overflow(page), 0);
    },
    { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 },
  ));

for (const width of [360, 768, 1024, 1440, 1920]) {
  test(`nothing to scroll sideways at ${width} pixels`, () =>
    withPage(
      async (page) => {
        await pausedAfter(page, 1);
        assert.equal(await overflow(page), 0);
        const canvas = await page.locator("canvas[role=listbox]").boundingBox();
        assert.ok(canvas.width > 300 && canvas.height > 200, JSON.stringify(canvas));
      },
      { viewport: { width, height: 800 } },
    ));
}

test("what happens is said, and not too often", () =>
  withPage(async (page) => {
    await opened(page);
    await page.evaluate(() => {
      window.said = [];
      new MutationObserver(() => window.said.push([performance.now(), document.querySelector("#narrative").textContent])).observe(
        document.querySelector("#narrative"),
        { childList: true, characterData: true, subtree: true },
      );
    });
    await page.waitForFunction(() => window.said.length >= 3, undefined, { timeout: 20_000 });
    const said = await page.evaluate(() => window.said);
    for (let n = 1; n < said.length; n += 1) assert.ok(said[n][0] - said[n - 1][0] > 1_300, JSON.stringify(said));
  }));
