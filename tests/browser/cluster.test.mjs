// Breaking and mending a replicated cluster: by tool, key, menu and click; each fault is a line of the script language.

import assert from "node:assert/strict";
import { test } from "node:test";
import { withPage } from "./harness.mjs";
import { paused, pausedAfter, state, until } from "./terrarium.mjs";

const wide = { viewport: { width: 1440, height: 900 } };

/** The partitions that are not Kafka's own. */
const own = (it) => it.scene.partitions.filter((p) => !p.name.startsWith("__"));
const broker = (it, id) => it.scene.brokers.find((b) => b.id === id);
const typed = (page, line) => page.locator(".term li", { hasText: line }).first().waitFor();
const terminal = (page) => page.getByRole("tab", { name: "Terminal" }).click();

/** Puts the selection on something on the stage by its id, with arrow keys as anybody would. */
async function select(page, id, keys) {
  await page.locator("canvas[role=listbox]").focus();
  for (const key of keys) await page.keyboard.press(key);
  await page.waitForFunction((id) => document.querySelector("canvas[role=listbox]").getAttribute("aria-activedescendant") === id, id);
}

/** Where something stands on the page, from the stage's own list: its place is asked for by selecting it. */
async function center(page, name) {
  const canvas = await page.locator("canvas[role=listbox]").boundingBox();
  const places = {
    "broker 1": [0.19, 0.27],
    "broker 3": [0.19, 0.79],
  };
  const [x, y] = places[name];
  return { x: canvas.x + x * canvas.width, y: canvas.y + y * canvas.height };
}

test("a leader crashes: another is elected, the old one comes back and catches up", () =>
  withPage(async (page) => {
    const before = await pausedAfter(page, 2);
    assert.deepEqual(
      [before.scene.brokers.length, before.scene.controllers.length, own(before).length],
      [3, 3, 3],
    );
    const led = own(before).find((p) => p.leader === 2);
    assert.ok(led, "broker 2 leads one of three partitions");
    await terminal(page);
    await select(page, "at-broker-2", ["ArrowDown", "ArrowLeft", "ArrowDown"]);
    await page.keyboard.press("x");
    await until(page, (s) => s.scene.brokers.find((b) => b.id === 2).process === "down");
    await typed(page, "crash broker 2");
    await page.evaluate(() => window.terrarium.advance(15));
    const after = await state(page);
    const partition = after.scene.partitions.find((p) => p.name === led.name);
    assert.ok(partition.leader && partition.leader !== 2 && partition.leaderEpoch > led.leaderEpoch, JSON.stringify(partition));
    assert.equal(broker(after, 2).fenced, true);
    assert.ok(!partition.isr.includes(2));
    await page.getByRole("heading", { name: "Broker 2" }).waitFor();
    await page.keyboard.press("r");
    await typed(page, "start broker 2");
    await until(page, (s) => s.scene.brokers.find((b) => b.id === 2).process === "running");
    await page.evaluate(() => window.terrarium.advance(25));
    const healed = await state(page);
    assert.ok(healed.scene.partitions.every((p) => p.isr.length === 3), JSON.stringify(healed.scene.partitions));
    assert.ok(healed.scene.laws.every((law) => law.holds));
  }, wide));

test("the active controller dies and another takes over", () =>
  withPage(async (page) => {
    const before = await pausedAfter(page, 1);
    const active = before.scene.controllers.find((c) => c.active);
    await page.evaluate((id) => window.terrarium.command(`crash controller ${id}`), active.id);
    await page.evaluate(() => window.terrarium.advance(10));
    const next = (await state(page)).scene.controllers.find((c) => c.active);
    assert.ok(next && next.id !== active.id && next.epoch > active.epoch, JSON.stringify(next));
  }, wide));

test("a link is cut by a tool and two clicks, and healed by its menu", () =>
  withPage(async (page) => {
    await pausedAfter(page, 1);
    await terminal(page);
    const [one, three] = [await center(page, "broker 1"), await center(page, "broker 3")];
    await page.mouse.click(one.x, one.y);
    await page.getByRole("heading", { name: "Broker 1" }).waitFor();
    await page.getByRole("button", { name: "Cut link" }).click();
    await page.getByText("choose the other end of the link from broker 1").waitFor();
    await page.mouse.click(three.x, three.y);
    await typed(page, "cut broker 1 broker 3");
    await page.getByRole("heading", { name: "broker 1 to broker 3" }).waitFor();
    // A follower is out of the ISR after replica.lag.time.max.ms, which is looked at every half of it: 45 s at most.
    await page.evaluate(() => window.terrarium.advance(50));
    const between = own(await state(page)).filter((p) => p.leader !== 2);
    assert.ok(between.length > 0 && between.every((p) => p.isr.length === 2 && p.isr.includes(2)), JSON.stringify(between));
    await page.keyboard.press("k");
    await typed(page, "heal broker 1 broker 3");
    await page.evaluate(() => window.terrarium.advance(30));
    assert.ok((await state(page)).scene.partitions.every((p) => p.isr.length === 3));
  }, wide));

test("the menu of a broker: by right click and by keyboard, and what it cannot do is said", () =>
  withPage(async (page) => {
    await pausedAfter(page, 1);
    await terminal(page);
    const one = await center(page, "broker 1");
    await page.mouse.click(one.x, one.y, { button: "right" });
    const menu = page.getByRole("menu");
    await menu.waitFor();
    await page.getByRole("menuitem", { name: "Pause it" }).click();
    await typed(page, "pause broker 1");
    await until(page, (s) => s.scene.brokers.find((b) => b.id === 1).process === "paused");
    await page.locator("canvas[role=listbox]").focus();
    await page.keyboard.press("Enter");
    await menu.waitFor();
    await page.waitForFunction(() => document.activeElement?.getAttribute("role") === "menuitem");
    await page.keyboard.press("Escape");
    await menu.waitFor({ state: "detached" });
    await page.keyboard.press("z");
    await typed(page, "resume broker 1");
    await page.keyboard.press("r");
    await page.getByText("There is nothing to start at broker 1").waitFor();
  }, wide));

test("a phone shows the three replicas of one partition, and what can be done to a broker", () =>
  withPage(
    async (page) => {
      await pausedAfter(page, 2);
      const canvas = await page.locator("canvas[role=listbox]").boundingBox();
      assert.ok(canvas.height > 330, JSON.stringify(canvas));
      await page.getByRole("button", { name: "More", exact: true }).tap();
      await page.getByRole("menu").waitFor();
      // What is selected at first is the leader of the first partition, whoever that is.
      await page.getByRole("menuitem", { name: /^Crash broker/ }).tap();
      await until(page, (s) => s.scene.brokers.some((b) => b.process === "down"));
    },
    { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 },
  ));

test("nothing new is said twice while nothing happens", () =>
  withPage(async (page) => {
    await pausedAfter(page, 1);
    const before = await paused(page);
    await page.waitForTimeout(500);
    assert.deepEqual(await state(page), before);
  }));
