// Playing, pausing, stepping, and what is shown meanwhile.

import assert from "node:assert/strict";
import { test } from "node:test";
import { withPage } from "./harness.mjs";
import { opened, paused, pausedAfter, state, until, written } from "./terrarium.mjs";

test("a new session plays by itself: offsets advance, everything is committed in time, laws hold", () =>
  withPage(async (page) => {
    const first = await opened(page);
    assert.equal(first.playing, true);
    await page.evaluate(() => window.terrarium.speed(16));
    await until(page, (s) => s.scene.partitions.some((p) => p.highWatermark > 5));
    await until(page, (s) => s.scene.consumers.some((c) => c.delivered > 5));
    const later = await state(page);
    assert.ok(later.time > first.time && written(later) > 5);
    assert.ok(later.scene.laws.length > 0 && later.scene.laws.every((law) => law.holds));
    assert.match(await page.locator(".clock").innerText(), /^\d+\.\d{3}\s*s$/);
    await page.getByRole("tab", { name: "Event log" }).click();
    await page.locator(".log li").nth(10).waitFor();
  }));

test("paused, the clock stands; a step is one event", () =>
  withPage(async (page) => {
    await opened(page);
    const before = await paused(page);
    await page.waitForTimeout(400);
    assert.deepEqual(await state(page), before);
    for (let n = 1; n <= 5; n += 1) {
      await page.evaluate(() => window.terrarium.step());
      assert.equal((await state(page)).steps, before.steps + n);
    }
    await page.getByRole("button", { name: "Step one event" }).click();
    await until(page, `(s) => s.steps === ${before.steps + 6}`);
    await page.getByRole("button", { name: "Play", exact: true }).click();
    await until(page, `(s) => s.playing && s.steps > ${before.steps + 6}`);
  }));

test("the same seed gives the same history, at any speed", async () => {
  const hash = (speed) => async (page) => {
    await opened(page);
    await page.evaluate((factor) => window.terrarium.speed(factor), speed);
    await page.waitForTimeout(500);
    const { time } = await paused(page);
    await page.evaluate((span) => window.terrarium.advance(span), 12 - time);
    return (await state(page)).traceHash;
  };
  const seen = [];
  for (const speed of [1, 64]) {
    await withPage(async (page) => seen.push(await hash(speed)(page)), { path: "?seed=11" });
  }
  assert.match(seen[0], /^[0-9a-f]{16}$/);
  assert.equal(seen[0], seen[1]);
});

test("lines of the script language: answers, refusals with their column, and the Add buttons", () =>
  withPage(async (page) => {
    await pausedAfter(page, 1);
    const list = page.evaluate(() => window.terrarium.command("kafka-topics.sh --list"));
    await page.evaluate(() => window.terrarium.advance(1));
    assert.match(await list, /^orders$/m);
    const refused = await page.evaluate(() => window.terrarium.command("producer p9 --topic").catch((e) => e.message));
    assert.match(refused, /^column \d+: /);
    await page.getByRole("alert").filter({ hasText: "column" }).waitFor();
    for (const name of ["topic", "producer", "consumer"]) {
      await page.getByRole("button", { name: `Add ${name}` }).click();
    }
    await page.evaluate(() => window.terrarium.advance(2));
    await until(page, (s) => s.scene.topics.includes("topic-1") && s.scene.producers.length === 3 && s.scene.consumers.length === 4);
    await page.getByRole("tab", { name: "Terminal" }).click();
    await page.getByText("kafka-topics.sh --create --topic topic-1").waitFor();
    await page.getByLabel("Command line").fill("show hw(orders-0)");
    await page.getByRole("button", { name: "Run" }).click();
    await page.locator(".term pre").filter({ hasText: /^\d+$/ }).waitFor();
  }));

test("with reduced motion nothing plays by itself, and stepping shows everything", () =>
  withPage(
    async (page) => {
      const first = await opened(page);
      assert.equal(first.playing, false);
      await page.evaluate(() => window.terrarium.step());
      assert.equal((await state(page)).steps, first.steps + 1);
    },
    { reducedMotion: "reduce" },
  ));
