// Groups of consumers on the stage: seen, selected by every means, and followed through a rebalance.

import assert from "node:assert/strict";
import { test } from "node:test";
import { withPage } from "./harness.mjs";
import { opened, paused, pausedAfter, state, until } from "./terrarium.mjs";

const wide = { viewport: { width: 1440, height: 900 } };
const billing = (it) => it.scene.groups.find((group) => group.name === "billing");

test("the first session shows a group at work", () =>
  withPage(async (page) => {
    const it = await pausedAfter(page, 6);
    const group = billing(it);
    assert.equal(group.state, "Stable");
    assert.deepEqual(group.members, ["bill-1", "bill-2"]);
    const owned = it.scene.consumers.filter((consumer) => consumer.group === "billing").flatMap((consumer) => consumer.assigned);
    assert.deepEqual(owned.sort(), ["orders-0", "orders-1", "orders-2"]);
    assert.equal(group.committed.length, 3);
    const told = `group billing, stable, generation 1, 2 members, lag ${group.lag}, coordinator broker ${group.coordinator}`;
    await page.locator("[role=option]", { hasText: new RegExp(`^${told}$`) }).waitFor({ state: "attached", timeout: 5_000 });
    assert.equal(await page.locator("[role=option]", { hasText: /^consumer bill-1, in group billing, owns orders-0/ }).count(), 1);
  }, wide));

test("another member makes the group deal anew, and what happens has a mark", () =>
  withPage(async (page) => {
    const before = await pausedAfter(page, 2);
    await page.evaluate(() => window.terrarium.command("consumer bill-3 --topic orders --group billing"));
    const states = new Set();
    for (let n = 0; n < 40; n += 1) {
      await page.evaluate(() => window.terrarium.advance(0.2));
      states.add(billing(await state(page)).state);
    }
    assert.ok(states.has("PreparingRebalance"), [...states].join());
    const after = await state(page);
    assert.equal(billing(after).members.length, 3);
    assert.ok(billing(after).generation > billing(before).generation);
    assert.ok(after.scene.consumers.filter((c) => c.group === "billing").every((c) => c.assigned.length === 1));
    assert.ok((await page.locator(".knot.rebalance").count()) > 0 || after.marks > before.marks);
  }, wide));

test("a group is selected by mouse and by keyboard", () =>
  withPage(async (page) => {
    await pausedAfter(page, 6);
    const canvas = page.getByRole("listbox");
    await canvas.focus();
    // Down to the last row, then to its end, then along it until the group is found.
    const chosen = () => page.locator("[role=option][aria-selected=true]").textContent();
    let found = false;
    for (let row = 0; row < 6 && !found; row += 1) {
      await page.keyboard.press("End");
      await page.keyboard.press("End");
      for (let n = 0; n < 4 && !found; n += 1) {
        found = /^group billing/.test(await chosen().catch(() => ""));
        if (!found) await page.keyboard.press("ArrowLeft");
      }
      if (!found) await page.keyboard.press("ArrowDown");
    }
    assert.ok(found, "the arrows reach the group");
    await page.getByRole("heading", { name: "Group billing" }).waitFor();
    await page.keyboard.press("Escape");
    const box = await canvas.boundingBox();
    // The head of the bracket, at the right edge of the stage: looked for from the top down.
    let hit = false;
    for (let y = 120; y < box.height - 20 && !hit; y += 6) {
      await page.mouse.click(box.x + box.width - 90, box.y + y);
      hit = await page.getByRole("heading", { name: "Group billing" }).isVisible();
    }
    assert.ok(hit, "a press on its bracket selects it");
  }, wide));

test("on a phone a group has its line and its members’ chips", () =>
  withPage(async (page) => {
    const it = await pausedAfter(page, 6);
    assert.equal(billing(it).state, "Stable");
    const box = await page.getByRole("listbox").boundingBox();
    let hit = false;
    for (let y = box.height - 10; y > box.height / 2 && !hit; y -= 8) {
      await page.touchscreen.tap(box.x + 40, box.y + y).catch(() => {});
      hit = await page.locator("[role=option][aria-selected=true]", { hasText: /^group billing/ }).count().then(Boolean);
    }
    assert.ok(hit, "a tap on its line selects it");
  }, { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }));

test("while its coordinator is down nobody knows the group, and its commits are found again", () =>
  withPage(async (page) => {
    const before = await pausedAfter(page, 6);
    const { coordinator, committed } = billing(before);
    await page.evaluate((id) => window.terrarium.command(`crash broker ${id}`), coordinator);
    await page.evaluate(() => window.terrarium.advance(0.5));
    assert.equal(billing(await state(page)).state, "Unknown");
    await page.evaluate(() => window.terrarium.advance(25));
    const after = billing(await state(page));
    assert.notEqual(after.coordinator, coordinator);
    for (const { partition, offset } of committed) {
      const now = after.committed.find((entry) => entry.partition === partition);
      assert.ok(now && now.offset >= offset, `${partition} at ${offset}`);
    }
    await opened(page);
    await paused(page);
    await until(page, (it) => it.scene.laws.every((law) => law.holds));
  }, wide));

test("the timeline says what members had and how fast the picture ran", () =>
  withPage(async (page) => {
    await opened(page);
    assert.equal(await page.locator(".tempo i").count(), 0, "nothing has been watched yet");
    await page.evaluate(() => (window.terrarium.speed(16), window.terrarium.play()));
    await page.waitForFunction(() => document.querySelectorAll(".tempo i").length > 0);
    await paused(page);
    const lanes = await page.locator(".lane .lab").allTextContents();
    assert.ok(lanes.some((lane) => lane.includes("bill-1")) && lanes.some((lane) => lane.includes("bill-2")), lanes.join());
    assert.ok((await page.locator(".spell .part").count()) >= 3);
  }, { ...wide, reducedMotion: "reduce" }));

test("a session begins with a script of one’s own; a wrong one is told of and leaves the session", () =>
  withPage(async (page) => {
    const { seed } = await opened(page);
    await page.evaluate(() => window.terrarium.restart("cluster --brokers two"));
    await page.getByText(/The scenario stops at line 1/).waitFor();
    assert.equal((await state(page)).seed, seed);
    await page.evaluate(() => window.terrarium.restart("cluster --brokers 2 --controllers 1\nrun 1s", 5));
    await until(page, (it) => it.scene.brokers.length === 2 && it.seed === "5");
  }, wide));
